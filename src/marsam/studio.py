"""The workflow: a picture in; its caption, the caption's Arabic twin, and new pictures out."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marsam.catalog import MINI, STANDARD, Model, ModelSet, bundled_folder, model_set
from marsam.device import Device, choose_device
from marsam.errors import OptionError
from marsam.images import Source, open_picture
from marsam.options import PaintOptions, Recipe, RunOptions
from marsam.results import (
    Captioned,
    Event,
    Finished,
    Painted,
    Picture,
    Previewed,
    RunResult,
    Translated,
)
from marsam.stages import Captioner, Painter, Translator

MODELS_VARIABLE = "MARSAM_MODELS"
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
        from marsam.captioner import BlipCaptioner
        from marsam.painter import DiffusionPainter
        from marsam.translator import Seq2SeqTranslator

        chosen, reason = choose_set(models)
        place = choose_device(device or os.environ.get(DEVICE_VARIABLE) or None)

        def named(model: Model, other: str | None) -> dict[str, Any]:
            folder = _folder(chosen, model, other)
            return {"folder": folder, "device": place, "name": other or _name(chosen, model)}

        return cls(
            captioner=BlipCaptioner(**named(chosen.captioner, captioner)),
            translator=Seq2SeqTranslator(**named(chosen.translator, translator)),
            painter=DiffusionPainter(
                **named(chosen.painter, painter),
                guidance_scale=Model.guidance_scale if painter else chosen.painter.guidance_scale,
            ),
            models=chosen.name,
            reason=reason,
            device=place,
        )

    def stream(
        self,
        image: Source,
        options: RunOptions | None = None,
        *,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
    ) -> Iterator[Event]:
        """Do the whole job, one event at a time; closing the iterator stops it.

        Args:
            image: a path, the bytes of a file, an open file, or a PIL picture.
            options: everything that can be chosen; the three names below are shortcuts into it.
            pictures: how many new pictures, 1 to 10.
            seed: picture i is painted from ``seed + i``.
            recipe: ``draft``, ``balanced`` or ``faithful``.

        Raises:
            InputError: for a picture or option that cannot be used.
            ModelError: when a model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        options = _with_shortcuts(options or RunOptions(), pictures, seed, recipe)
        return self._workflow(open_picture(image), options)

    def _workflow(self, image: Any, options: RunOptions) -> Iterator[Event]:
        # 1. The picture in English words.
        started = time.monotonic()
        candidates = self.captioner.caption(image, options.caption)
        caption = candidates[0]
        captioning = time.monotonic() - started
        yield Captioned(caption=caption, candidates=candidates, seconds=captioning)

        # 2. The same in Arabic.
        started = time.monotonic()
        translation = self.translator.translate(caption.text, options.translate)
        translating = time.monotonic() - started
        yield Translated(translation=translation, seconds=translating)

        # 3. New pictures from the English words.
        pictures: list[Picture] = []
        painting = 0.0
        for event in self.painter.paint(caption.text, options.paint):
            yield event
            if isinstance(event, Painted):
                pictures.append(event.picture)
                painting += event.seconds

        # 4. Everything together.
        yield Finished(
            result=RunResult(
                caption=caption,
                translation=translation,
                pictures=tuple(pictures),
                models={
                    "captioner": self.captioner.name,
                    "translator": self.translator.name,
                    "painter": self.painter.name,
                },
                seconds={"caption": captioning, "translate": translating, "paint": painting},
            )
        )

    def run(
        self,
        image: Source,
        options: RunOptions | None = None,
        *,
        pictures: int | None = None,
        seed: int | None = None,
        recipe: Recipe | str | None = None,
    ) -> RunResult:
        """The whole job at once; arguments and errors as in :meth:`stream`."""
        for event in self.stream(image, options, pictures=pictures, seed=seed, recipe=recipe):
            if isinstance(event, Finished):
                return event.result
        raise AssertionError("a stream ends with Finished")

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Only the last stage: pictures from a prompt."""
        return self.painter.paint(prompt, options)


def choose_set(name: str | None) -> tuple[ModelSet, str]:
    """The model set to use and, in one sentence, why.

    Argument, then ``MARSAM_MODELS``, then what is on this machine.
    """
    if name is not None:
        return model_set(name), f"{name} was asked for"
    if variable := os.environ.get(MODELS_VARIABLE):
        return model_set(variable), f"{MODELS_VARIABLE} says {variable}"
    from marsam.hub import is_present

    if all(is_present(model) for model in STANDARD.models):
        return STANDARD, "the standard set is on this machine"
    return (
        MINI,
        "the standard set is not on this machine; fetch it with: marsam models pull standard",
    )


def _folder(chosen: ModelSet, model: Model, other: str | None) -> Path:
    if other is None and chosen.bundled:
        return bundled_folder(model)
    from marsam.hub import locate

    if other is not None:
        return locate(other, stage=model.stage)
    return locate(model.source, stage=model.stage, files=model.files)


def _name(chosen: ModelSet, model: Model) -> str:
    return f"marsam/mini-{model.stage}" if chosen.bundled else model.source


def _with_shortcuts(
    options: RunOptions, pictures: int | None, seed: int | None, recipe: Recipe | str | None
) -> RunOptions:
    changes: dict[str, Any] = {}
    if pictures is not None:
        changes["pictures"] = pictures
    if seed is not None:
        changes["seed"] = seed
    if recipe is not None:
        try:
            changes["recipe"] = Recipe(recipe)
        except ValueError as error:
            names = ", ".join(Recipe)
            raise OptionError(f"There is no recipe {recipe!r}; there are {names}.") from error
    return replace(options, paint=replace(options.paint, **changes)) if changes else options
