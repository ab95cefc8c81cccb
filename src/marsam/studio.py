"""The workflow: a picture in; its caption, the caption's Arabic twin, and new pictures out."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from marsam.device import Device, choose_device
from marsam.errors import OptionError
from marsam.hub.catalog import Model
from marsam.hub.selection import (
    choose_set,
    optional_folder,
    source_name,
    stage_folder,
    stage_name,
)
from marsam.imaging.image_io import Source, open_picture
from marsam.notices import Notice
from marsam.options import CaptionOptions, RunOptions, TranslateOptions, checked_text
from marsam.recipes import Recipe, recipe_named
from marsam.results import (
    Caption,
    Captioned,
    Checked,
    Event,
    Finished,
    Painted,
    Picture,
    Prompt,
    Prompted,
    RunResult,
    Translated,
    Translation,
)
from marsam.stages.protocols import Captioner, Painter, Translator
from marsam.text.cleaning import clean
from marsam.text.fidelity import Fidelity, best_indices, compare
from marsam.text.languages import ARABIC, ENGLISH, Language, detect_language, language

DEVICE_VARIABLE = "MARSAM_DEVICE"


@dataclass(frozen=True, kw_only=True)
class Studio:
    """Three stages, working together.

    Attributes:
        models: the name of the model set, or ``custom``.
        reason: why these models, in one sentence.
        device: where they compute, and why.
    """

    captioner: Captioner
    translator: Translator
    painter: Painter
    models: str = "custom"
    reason: str = "the stages were given"
    device: Device | None = None

    @classmethod
    def load(
        cls,
        models: str | None = None,
        *,
        captioner: str | None = None,
        translator: str | None = None,
        painter: str | None = None,
        device: str | None = None,
    ) -> "Studio":
        """A studio on a model set; weights are read when a stage is first used.

        Args:
            models: ``standard`` or ``mini``. None looks at ``MARSAM_MODELS``, then takes
                ``standard`` when it is on this machine, else the bundled ``mini``.
            captioner: a hub id or folder to use instead of the set's captioner.
            translator: likewise.
            painter: likewise.
            device: ``cuda``, ``mps`` or ``cpu``. None looks at ``MARSAM_DEVICE``, then chooses.

        Raises:
            OptionError: for a set or device that does not exist.
            ModelError: when a model is not on this machine, or cannot be used.
        """
        from marsam.stages.captioner import BlipCaptioner
        from marsam.stages.painter import DiffusionPainter
        from marsam.stages.translator import Seq2SeqTranslator

        chosen, reason = choose_set(models)
        place = choose_device(device or os.environ.get(DEVICE_VARIABLE) or None)

        def named(model: Model, other: str | None) -> dict[str, Any]:
            folder = stage_folder(chosen, model, other)
            return {
                "folder": folder,
                "device": place,
                "name": source_name(other) if other else stage_name(chosen, model),
            }

        return cls(
            captioner=BlipCaptioner(**named(chosen.captioner, captioner)),
            translator=Seq2SeqTranslator(**named(chosen.translator, translator)),
            painter=DiffusionPainter(
                **named(chosen.painter, painter),
                guidance_scale=Model.guidance_scale if painter else chosen.painter.guidance_scale,
                adapter=None if painter else optional_folder(chosen.adapter),
                decoder=None if painter else optional_folder(chosen.decoder),
            ),
            models=chosen.name,
            reason=reason,
            device=place,
        )

    @property
    def names(self) -> dict[str, str]:
        """Which models do the work, by stage."""
        return {
            "captioner": self.captioner.name,
            "translator": self.translator.name,
            "painter": self.painter.name,
        }

    def stream(
        self,
        image: Source | None = None,
        options: RunOptions | None = None,
        *,
        prompt: str | Prompt | None = None,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
    ) -> Iterator[Event]:
        """Do the whole job, one event at a time; closing the iterator stops it.

        Args:
            image: a path, the bytes of a file, an open file, or a PIL picture; or
            prompt: what to paint, in English, Arabic or (with ``options.language``) another; or a
                prompt of an earlier run, which is painted as it is.
            options: everything that can be chosen; the three names below are shortcuts into it.
            pictures: how many new pictures, 1 to 10.
            seed: picture i is painted from ``seed + i``.
            recipe: ``draft``, ``balanced`` or ``faithful``.

        Raises:
            InputError: for a picture, prompt or option that cannot be used.
            ModelError: when a model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        options = _with_shortcuts(options or RunOptions(), pictures, seed, recipe)
        if (image is None) == (prompt is None):
            raise OptionError("Give either a picture or a prompt.")
        given: Image.Image | str | Prompt
        if image is not None:
            given = open_picture(image)
        elif isinstance(prompt, Prompt):
            given = prompt
        else:
            given = checked_text(clean(prompt or ""))
        return self._workflow(given, options)

    def describe(
        self, image: Source, options: CaptionOptions | None = None
    ) -> tuple[tuple[Caption, Translation], ...]:
        """A picture in words alone: its captions, the best first, each with its Arabic twin.

        Raises:
            PictureError: when the picture cannot be read.
            ModelError: when a model cannot be loaded.
        """
        captions = self.captioner.caption(open_picture(image), options or CaptionOptions())
        words = [caption.text for caption in captions]
        twins = self.translator.translate_many(words, TranslateOptions())
        return tuple(zip(captions, twins, strict=True))

    def _workflow(self, given: Image.Image | str | Prompt, options: RunOptions) -> Iterator[Event]:
        clock = Clock()
        caption = None
        # 1. A picture becomes English words, and these Arabic ones; or a prompt is understood.
        if isinstance(given, Prompt):
            prompt = given
        elif isinstance(given, str):
            with clock.of("translate"):
                prompt = self._understood(given, options)
        else:
            with clock.of("caption"):
                candidates = self.captioner.caption(given, options.caption)
            caption = candidates[0]
            yield Captioned(caption=caption, candidates=candidates, seconds=clock.last)
            with clock.of("translate"):
                twin = self.translator.translate(caption.text, options.translate)
            yield Translated(translation=twin, seconds=clock.last)
            prompt = self._measured(caption.text, twin.text, warnings=twin.warnings)
        yield Prompted(prompt=prompt, seconds=clock.last if isinstance(given, str) else 0.0)

        # 2. New pictures from the English words; each is described again and compared.
        pictures: list[Picture] = []
        fidelity: list[Fidelity | None] = []
        for event in self.painter.paint(prompt.english, options.paint):
            yield event
            if isinstance(event, Painted):
                clock.add("paint", event.seconds)
                pictures.append(event.picture)
                with clock.of("check"):
                    seen = self._checked(event.picture, options)
                fidelity.append(seen)
                if seen is not None:
                    yield Checked(index=event.picture.index, fidelity=seen, seconds=clock.last)

        # 3. Everything together.
        yield Finished(
            result=RunResult(
                caption=caption,
                prompt=prompt,
                pictures=tuple(pictures),
                fidelity=tuple(fidelity),
                kept=best_indices(fidelity, options.keep_best),
                models=self.names,
                seconds=clock.seconds,
            )
        )

    def run(
        self,
        image: Source | None = None,
        options: RunOptions | None = None,
        *,
        prompt: str | Prompt | None = None,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
    ) -> RunResult:
        """The whole job at once; arguments and errors as in :meth:`stream`."""
        for event in self.stream(
            image, options, prompt=prompt, pictures=pictures, seed=seed, recipe=recipe
        ):
            if isinstance(event, Finished):
                return event.result
        raise AssertionError("a stream ends with Finished")

    def _understood(self, text: str, options: RunOptions) -> Prompt:
        """A typed prompt in English, whatever it was written in, and its Arabic twin."""
        source = language(options.language) if options.language else detect_language(text)
        glossary = options.translate.glossary
        into_arabic = replace(options.translate, source=ENGLISH.code, target=ARABIC.code)
        if source == ENGLISH:
            twin = self.translator.translate(text, into_arabic)
            return self._measured(text, twin.text, warnings=twin.warnings)
        there = TranslateOptions(
            source=source.code, target=ENGLISH.code, back=True, glossary=glossary
        )
        sent = self.translator.translate(text, there)
        # Without English words there is nothing to paint.
        english = checked_text(sent.text, "translated prompt")
        in_arabic = (
            text if source == ARABIC else self.translator.translate(english, into_arabic).text
        )
        return self._measured(
            english, in_arabic, given=text, source=source, back=sent.back, warnings=sent.warnings
        )

    def _measured(
        self,
        english: str,
        arabic: str,
        *,
        given: str | None = None,
        source: Language = ENGLISH,
        back: str | None = None,
        warnings: tuple[Notice, ...] = (),
    ) -> Prompt:
        length = self.painter.measure(english)
        return Prompt(
            english=english,
            arabic=arabic,
            given=given or english,
            language=source.code,
            back=back,
            length=length,
            warnings=(*warnings, Notice.PROMPT_CUT) if length.cut else warnings,
        )

    def _checked(self, picture: Picture, options: RunOptions) -> Fidelity | None:
        if not options.check or picture.image is None:
            return None
        return self.compared(picture.image, picture.prompt)

    def compared(self, image: Image.Image, prompt: str) -> Fidelity:
        """Describe a picture, and compare that with the English prompt it was painted from."""
        seen = self.captioner.caption(image, CaptionOptions(beams=1))[0]

        def in_arabic(words: str) -> str:
            return self.translator.translate(words, TranslateOptions()).text

        return compare(prompt, seen.text, arabic=in_arabic)


@dataclass
class Clock:
    """Seconds a stage took; what a reader of the stream does in between does not count."""

    seconds: dict[str, float] = field(default_factory=dict)
    last: float = 0.0

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time a piece of a stage."""
        started = time.monotonic()
        yield
        self.add(stage, time.monotonic() - started)

    def add(self, stage: str, seconds: float) -> None:
        """Count what somebody else has timed."""
        self.last = seconds
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def _with_shortcuts(
    options: RunOptions, pictures: int | None, seed: int | None, recipe: Recipe | str | None
) -> RunOptions:
    changes: dict[str, Any] = {}
    if pictures is not None:
        changes["pictures"] = pictures
    if seed is not None:
        changes["seed"] = seed
    if recipe is not None:
        changes["recipe"] = recipe_named(recipe)
    return replace(options, paint=replace(options.paint, **changes)) if changes else options
