"""Painting a picture again from the record in its metadata."""

from marsam.errors import OptionError
from marsam.imaging.metadata import Record
from marsam.options import PaintOptions
from marsam.recipes import recipe_named
from marsam.results import Prompt
from marsam.stages.protocols import Painter
from marsam.text.languages import ENGLISH


def repeat_options(record: Record) -> PaintOptions:
    """The options that paint a picture again.

    Raises:
        OptionError: for a recipe that does not exist, or a number out of range.
    """
    return PaintOptions(
        pictures=1,
        seed=record.seed,
        recipe=recipe_named(record.recipe),
        steps=record.steps,
        guidance_scale=record.guidance_scale,
        negative_prompt=record.negative_prompt,
        width=record.width,
        height=record.height,
    )


def repeat_prompt(record: Record, painter: Painter) -> Prompt:
    """The prompt of a picture, to be painted unchanged: its syntax is not read again."""
    return Prompt(
        english=record.english,
        arabic=record.arabic,
        given=record.prompt,
        language=ENGLISH.code,
        back=None,
        length=painter.measure(record.english),
        weighted=record.prompt if record.prompt != record.english else "",
        warnings=record.notices,
    )


def require_same_sampling(record: Record, painter: Painter) -> None:
    """Refuse a painter that would paint other pixels.

    Raises:
        OptionError: the scheduler or the adapter differs, and so the pixels would.
    """
    sampling = painter.sampling(recipe_named(record.recipe))
    scheduler = (sampling.scheduler or "").removesuffix("Scheduler")
    # Records of earlier versions do not name the adapter.
    if scheduler == record.scheduler and record.adapter in ("", sampling.adapter):
        return
    then, now = _sampler(record.scheduler, record.adapter), _sampler(scheduler, sampling.adapter)
    raise OptionError(
        f"This picture was painted with {then}. The painter here would use {now}, and the picture "
        "would look different. Use the models that painted it, with their adapter.",
        arabic=f"رُسمت هذه الصورة باستخدام \u2068{then}\u2069، والرسام هنا يستخدم "
        f"\u2068{now}\u2069، فلن تتكرر كما هي.",
    )


def _sampler(scheduler: str, adapter: str) -> str:
    return f"{scheduler} + {adapter}" if adapter else scheduler
