"""The workflow: image to English caption, Arabic caption, and new pictures."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from marsam import environment
from marsam.device import Device, choose_device
from marsam.errors import OptionError
from marsam.hub.catalog import Model
from marsam.hub.selection import choose_set, optional_folder, source_name, stage_folder, stage_name
from marsam.imaging.image_io import CAPTION_SIDE, ImageSource, open_picture
from marsam.notices import Notice
from marsam.options import CaptionOptions, RunOptions, TranslateOptions, checked_text
from marsam.prompts import PromptBuilder
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
from marsam.text.fidelity import Fidelity, best_indices, compare
from marsam.text.languages import ENGLISH
from marsam.text.prompt_syntax import weighted_prompt


@dataclass(frozen=True, kw_only=True)
class Studio:
    """The three stages and the workflow that connects them.

    Attributes:
        models: name of the model set, or ``custom``.
        reason: why these models were chosen, in one phrase.
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
        """Create a studio on a model set; weights are loaded when a stage is first used.

        Args:
            models: ``standard`` or ``mini``. None uses ``MARSAM_MODELS``, or ``standard`` when it
                is downloaded, or the bundled ``mini``.
            captioner: a hub id or folder to use instead of the set's captioner.
            translator: the same for the translator.
            painter: the same for the painter.
            device: ``cuda``, ``mps`` or ``cpu``. None uses ``MARSAM_DEVICE``, or the best device.

        Raises:
            OptionError: for a set or device that does not exist.
            ModelError: when a model is not downloaded or cannot be used.
        """
        from marsam.stages.captioner import BlipCaptioner
        from marsam.stages.painter import DiffusionPainter
        from marsam.stages.translator import Seq2SeqTranslator

        chosen, reason = choose_set(models)
        chosen_device = choose_device(device or environment.DEVICE.get())

        def named(model: Model, other: str | None) -> dict[str, Any]:
            return {
                "folder": stage_folder(chosen, model, other),
                "device": chosen_device,
                "name": source_name(other) if other else stage_name(chosen, model),
            }

        return cls(
            captioner=BlipCaptioner(**named(chosen.captioner, captioner)),
            translator=Seq2SeqTranslator(**named(chosen.translator, translator)),
            painter=DiffusionPainter(
                **named(chosen.painter, painter),
                guidance_scale=Model.guidance_scale if painter else chosen.painter.guidance_scale,
                adapter=None if painter else optional_folder(chosen.adapter),
                adapter_name=chosen.adapter.source if chosen.adapter else None,
                decoder=None if painter else optional_folder(chosen.decoder),
            ),
            models=chosen.name,
            reason=reason,
            device=chosen_device,
        )

    @property
    def names(self) -> dict[str, str]:
        """Name of each stage's model."""
        return {
            "captioner": self.captioner.name,
            "translator": self.translator.name,
            "painter": self.painter.name,
        }

    @property
    def prompts(self) -> PromptBuilder:
        """What makes prompts for the painter."""
        return PromptBuilder(translator=self.translator, painter=self.painter)

    def stream(
        self,
        image: ImageSource | None = None,
        options: RunOptions | None = None,
        *,
        prompt: str | Prompt | None = None,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
    ) -> Iterator[Event]:
        """Run the workflow and yield its events; closing the iterator cancels it.

        Args:
            image: a path, the bytes of a file, an open file, or a PIL image; or
            prompt: what to paint, in English, Arabic or (with ``options.language``) another
                language; or the prompt of an earlier run, which is painted unchanged.
            options: all options; the three arguments below are shortcuts into them.
            pictures: number of new pictures, 1 to 10.
            seed: picture i uses ``seed + i``.
            recipe: ``draft``, ``balanced`` or ``faithful``.

        Raises:
            InputError: for an image, prompt or option that cannot be used.
            ModelError: when a model cannot be loaded.
            OutOfMemory: when the device has too little memory.
        """
        options = _with_shortcuts(options or RunOptions(), pictures, seed, recipe)
        if (image is None) == (prompt is None):
            raise OptionError("Give either an image or a prompt.")
        if image is not None:
            return self._workflow(open_picture(image, side=CAPTION_SIDE), options)
        if isinstance(prompt, Prompt):
            return self._workflow(prompt, options)
        return self._workflow(checked_text(prompt or ""), options)

    def describe(
        self,
        image: ImageSource,
        options: CaptionOptions | None = None,
        translate: TranslateOptions | None = None,
    ) -> tuple[tuple[Caption, Translation], ...]:
        """Caption an image without painting: the best caption first, each with its translation.

        Args:
            image: as in :meth:`stream`.
            options: how it is captioned.
            translate: how the captions are translated; into Arabic by default.

        Raises:
            PictureError: when the picture cannot be read.
            LanguageError: when the translator does not know the language.
            ModelError: when a model cannot be loaded.
        """
        picture = open_picture(image, side=CAPTION_SIDE)
        captions = self.caption(picture, options)
        translate = translate or TranslateOptions()
        best = self._translated(captions[0], translate, picture)
        others = ((one, self._translated(one, translate)) for one in captions[1:])
        return ((captions[0], best), *others)

    def caption(
        self, image: Image.Image, options: CaptionOptions | None = None
    ) -> tuple[Caption, ...]:
        """Caption an opened image in English; an alt text that it carries comes first."""
        options = options or CaptionOptions()
        kept = image.info.get("alt_texts", {}).get(ENGLISH.code)
        if not kept:
            return self.captioner.caption(image, options)
        own = Caption(text=kept, warnings=(Notice.ALT_TEXT_KEPT,))
        if options.candidates == 1:
            return (own,)
        others = replace(options, candidates=options.candidates - 1)
        return (own, *self.captioner.caption(image, others))

    def _translated(
        self, caption: Caption, options: TranslateOptions, image: Image.Image | None = None
    ) -> Translation:
        """Translate a caption; an alt text that the image carries in that language is kept.

        Of an empty caption the translation is empty, too.
        """
        kept = image.info.get("alt_texts", {}).get(options.target) if image else None
        if kept or not caption.text:
            warnings = (Notice.ALT_TEXT_KEPT,) if kept else ()
            return Translation(
                text=kept or "", source=ENGLISH.code, target=options.target, warnings=warnings
            )
        return self.translator.translate(caption.text, options)

    def _workflow(self, start: Image.Image | str | Prompt, options: RunOptions) -> Iterator[Event]:
        timer = StageTimer()
        caption = None
        # 1. Image -> English caption -> Arabic; or a typed prompt -> English and Arabic.
        if isinstance(start, Prompt):
            prompt = start
        elif isinstance(start, str):
            with timer.measure("translate"):
                prompt = self.prompts.bilingual(start, options)
        else:
            with timer.measure("caption"):
                candidates = self.caption(start, options.caption)
            caption = candidates[0]
            yield Captioned(caption=caption, candidates=candidates, seconds=timer.last)
            with timer.measure("translate"):
                arabic = self._translated(caption, options.translate, start)
            yield Translated(translation=arabic, seconds=timer.last)
            prompt = self.prompts.measured(caption.text, arabic, warnings=caption.warnings)
            # What looks like a weight in a caption is text.
            prompt = replace(prompt, weighted=weighted_prompt(caption.text, ())[0])
        with timer.measure("translate"):
            paint, warnings = self.prompts.prepare_painting(options, prompt.negative)
            # The prompt of an earlier run may say what had no effect there.
            earlier = (one for one in prompt.warnings if one is not Notice.NO_GUIDANCE)
            prompt = replace(prompt, warnings=tuple(dict.fromkeys((*earlier, *warnings))))
        yield Prompted(
            prompt=prompt, seconds=timer.seconds["translate"] if isinstance(start, str) else 0.0
        )

        # 2. English -> new pictures; each is captioned and compared with the prompt.
        pictures: list[Picture] = []
        fidelity: list[Fidelity | None] = []
        # Of a picture in which there is nothing to see, nothing is painted.
        events = self.painter.paint(prompt.for_painter, paint) if prompt.english else ()
        for event in events:
            yield event
            if isinstance(event, Painted):
                timer.add("paint", event.seconds)
                pictures.append(event.picture)
                with timer.measure("check"):
                    check = self._check(event.picture, prompt, options)
                fidelity.append(check)
                if check is not None:
                    yield Checked(index=event.picture.index, fidelity=check, seconds=timer.last)

        # 3. The result.
        yield Finished(
            result=RunResult(
                caption=caption,
                prompt=prompt,
                pictures=tuple(pictures),
                fidelity=tuple(fidelity),
                kept=best_indices(fidelity, options.keep_best),
                models=self.names,
                seconds=timer.seconds,
            )
        )

    def run(
        self,
        image: ImageSource | None = None,
        options: RunOptions | None = None,
        *,
        prompt: str | Prompt | None = None,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
    ) -> RunResult:
        """Run the workflow to its end; arguments and errors as in :meth:`stream`."""
        for event in self.stream(
            image, options, prompt=prompt, pictures=pictures, seed=seed, recipe=recipe
        ):
            if isinstance(event, Finished):
                return event.result
        raise AssertionError("a stream ends with Finished")

    def _check(self, picture: Picture, prompt: Prompt, options: RunOptions) -> Fidelity | None:
        if not options.check or picture.image is None:
            return None
        return self.check_fidelity(picture.image, prompt)

    def check_fidelity(self, image: Image.Image, prompt: Prompt) -> Fidelity | None:
        """Caption a generated picture, and compare the caption with its prompt.

        None where the models do not know what the prompt or the picture shows.
        """
        if prompt.unknown_words:
            return None
        caption = self.captioner.caption(image, CaptionOptions(beams=1))[0]

        def in_arabic(text: str) -> str:
            return self.translator.translate(text, TranslateOptions()).text

        fidelity = compare(prompt.english, caption.text, arabic=in_arabic)
        # A captioner that does not know the picture may confirm its prompt, but not deny it.
        is_denied = fidelity.score < 1 and Notice.OUT_OF_WORLD in caption.warnings
        return None if is_denied else fidelity


@dataclass
class StageTimer:
    """Seconds of each stage, without the time that the reader of the stream takes."""

    seconds: dict[str, float] = field(default_factory=dict)
    last: float = 0.0

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure a part of a stage."""
        started = time.monotonic()
        yield
        self.add(stage, time.monotonic() - started)

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self.last = seconds
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def _with_shortcuts(
    options: RunOptions, pictures: int | None, seed: int | None, recipe: Recipe | str | None
) -> RunOptions:
    given = {"pictures": pictures, "seed": seed, "recipe": recipe and recipe_named(recipe)}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(options, paint=replace(options.paint, **changes)) if changes else options
