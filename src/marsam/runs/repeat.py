"""Painting a picture again from the record in its metadata."""

from contextlib import suppress

from PIL import Image

from marsam.errors import OptionError, PictureError
from marsam.imaging.image_io import CAPTION_SIDE, ImageSource, open_picture
from marsam.imaging.metadata import Record
from marsam.imaging.start_picture import fit_start, pixels_sha256
from marsam.journal.journal import Journal
from marsam.options import PaintOptions
from marsam.recipes import recipe_named
from marsam.results import Prompt
from marsam.stages.protocols import Painter
from marsam.styles import NO_STYLE, in_style, without_style
from marsam.text.languages import ARABIC, ENGLISH, arabic_parts
from marsam.text.prompt_syntax import plain_text


def repeat_options(record: Record) -> PaintOptions:
    """The options that paint a picture again.

    Raises:
        OptionError: for a recipe that does not exist, or a number out of range.
    """
    _, negative, style = _without_style(record)
    return PaintOptions(
        pictures=1,
        seed=record.seed,
        recipe=recipe_named(record.recipe),
        steps=record.steps,
        guidance_scale=record.guidance_scale,
        negative_prompt=negative,
        style=style,
        width=record.width,
        height=record.height,
        strength=record.strength or None,
        as_written=bool(_written(record)),
    )


def repeat_prompt(record: Record, painter: Painter) -> Prompt:
    """The prompt of a picture, to be painted unchanged: its syntax is not read again."""
    words, _, style = _without_style(record)
    written = _written(record)
    return Prompt(
        english=record.english,
        arabic=record.arabic,
        given=plain_text(written) if written else words,
        language=(ARABIC if written else ENGLISH).code,
        back=None,
        length=painter.measure(plain_text(record.prompt)),
        weighted=words if words != record.english and not written else "",
        written=written,
        style=style,
        warnings=record.notices,
    )


def _written(record: Record) -> str:
    """The prompt of a picture that was painted as it was written in Arabic; empty for others."""
    words, _, _ = _without_style(record)
    has_arabic = any(is_arabic for _, is_arabic in arabic_parts(words))
    return words if has_arabic and words != record.english else ""


def _without_style(record: Record) -> tuple[str, str, str]:
    """The prompt and the negative prompt of a picture, and the style that they were painted in.

    Where an earlier version had other words for the style, they are those that were painted.
    """
    found = without_style(record.prompt, record.negative_prompt, record.style)
    if found is None:
        return record.prompt, record.negative_prompt, NO_STYLE
    words, negative = found
    # The end of a sentence was left out.
    if in_style(record.english, record.style) == record.prompt:
        words = record.english
    return words, negative, record.style


def start_picture(record: Record, given: ImageSource | None) -> Image.Image | None:
    """The start picture of a variation, from a given file or from the runs of this machine.

    Returns:
        The opened picture; None for a picture that was painted from words alone.

    Raises:
        OptionError: there is no such picture, or the given one is another.
        PictureError: the given one cannot be read.
        JournalError: the runs cannot be read.
    """
    if not record.start_sha256:
        if given is not None:
            raise OptionError("This picture was painted from words alone; give no start picture.")
        return None
    if given is not None:
        image = open_picture(given, side=CAPTION_SIDE)
        if not _is_start(image, record):
            raise OptionError("This is not the picture that the other one was painted from.")
        return image
    for path in Journal().images_of_seed(record.seed):
        with suppress(PictureError):
            if _is_start(image := open_picture(path, side=CAPTION_SIDE), record):
                return image
    raise OptionError(
        "This picture is a variation of another one, which is not stored here; give that one, too."
    )


def _is_start(image: Image.Image, record: Record) -> bool:
    return pixels_sha256(fit_start(image, record.width, record.height)) == record.start_sha256


def require_same_sampling(record: Record, painter: Painter) -> None:
    """Refuse a painter that would paint other pixels.

    Raises:
        OptionError: the scheduler or the adapter differs, and so the pixels would.
    """
    sampling = painter.sampling(recipe_named(record.recipe))
    scheduler = (sampling.scheduler or "").removesuffix("Scheduler")
    # Records of earlier versions do not name the adapter, which was always that of drafts.
    adapter = record.adapter or (sampling.adapter if record.scheduler == "LCM" else "")
    if (scheduler, sampling.adapter) == (record.scheduler, adapter):
        return
    then, now = _sampler(record.scheduler, record.adapter), _sampler(scheduler, sampling.adapter)
    raise OptionError(
        "This picture was painted with {then}. The painter here would use {now}, and "
        "the picture would look different. Use the models that painted it, with their "
        "adapter.",
        then=then,
        now=now,
    )


def _sampler(scheduler: str, adapter: str) -> str:
    return f"{scheduler} + {adapter}" if adapter else scheduler
