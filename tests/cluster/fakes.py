"""Stages for replicas: slow fakes that record their work in a file."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Previewed, Studio, TranslateOptions
from marsam.errors import PictureError, QuotaExceeded
from marsam.results import Caption, Translation
from marsam.testing import TRANSLATIONS, FakeCaptioner, FakePainter, FakeTranslator

RECORD = "MARSAM_TEST_RECORD"
"""Environment variable with the file in which replicas record their work."""
DAMAGED, DEFECT, QUOTA = (13, 13), (14, 14), (15, 15)
"""Sizes of pictures that fail with different errors."""


def record(*words: object) -> None:
    with Path(os.environ[RECORD]).open("a", encoding="utf-8") as file:
        file.write("\t".join(map(str, (*words, os.getpid()))) + "\n")


@dataclass
class SlowCaptioner(FakeCaptioner):
    """Takes the same time for any batch size; captions name the size of the picture."""

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        record("captions", len(images))
        time.sleep(0.2)
        for image in images:
            if image.size == DAMAGED:
                raise PictureError("This picture is damaged.")
            if image.size == DEFECT:
                raise ValueError("a defect")
            if image.size == QUOTA:
                raise QuotaExceeded("Enough for today.", seconds=77)
        return [(Caption(text=f"{image.width} by {image.height}"),) for image in images]


@dataclass
class SlowTranslator(FakeTranslator):
    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        record("texts", len(texts))
        time.sleep(0.05)
        return super().translate_many(texts, options)


@dataclass
class SlowPainter(FakePainter):
    """Slow steps, a preview at every step, and a recorded line at the start and the end."""

    steps: int = 8

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        record("begin", prompt, options.seed)
        try:
            for event in super().paint(prompt, options, start):
                time.sleep(0.06)
                if isinstance(event, Previewed) and options.preview_every:
                    preview = Image.new("RGB", (16, 16), (event.step, 0, 0))
                    event = Previewed(
                        index=event.index, step=event.step, steps=event.steps, image=preview
                    )
                if isinstance(event, Painted):
                    record("done", prompt, options.seed)
                yield event
        except GeneratorExit:
            record("closed", prompt, options.seed)
            raise


def studio() -> Studio:
    return Studio(
        captioner=SlowCaptioner(),
        translator=SlowTranslator(),
        painter=SlowPainter(),
        models="fake",
        reason="tests need no models",
    )


def broken() -> Studio:
    raise PictureError("Nothing can be made of this.")


@dataclass
class RecordingCaptioner(FakeCaptioner):
    """Captions name the backbackground of the picture; each caption is recorded."""

    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        time.sleep(0.2)
        if any(image.size == DAMAGED for image in images):
            raise PictureError("This picture cannot be described.")
        captions: list[tuple[Caption, ...]] = []
        for image in images:
            background = bytes(image.crop((0, 0, 1, 1)).tobytes()).hex()
            record("described", background)
            captions.append((Caption(text=f"a picture on {background}"),))
        return captions


def speaking() -> Studio:
    """A captioner that writes Arabic, too; each caption is recorded with its language."""
    arabic = "قطة تجلس أمام خلفية زرقاء"
    back = {arabic: "a cat sitting before a blue background"}
    translator = FakeTranslator(translations={**TRANSLATIONS, **back})
    captioner = SpeakingCaptioner(arabic=arabic)
    return Studio(captioner=captioner, translator=translator, painter=FakePainter())


@dataclass
class SpeakingCaptioner(FakeCaptioner):
    def caption_many(
        self, images: Sequence[Image.Image], options: CaptionOptions
    ) -> list[tuple[Caption, ...]]:
        for image in images:
            record("captioned", hashlib.sha256(image.tobytes()).hexdigest(), options.language)
        return super().caption_many(images, options)


def recording() -> Studio:
    """For batches: captions differ, and each is recorded."""
    return Studio(
        captioner=RecordingCaptioner(), translator=SlowTranslator(), painter=FakePainter()
    )
