"""Parts of the page as HTML, in both languages and readable by a screen reader."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from marsam.hub.catalog import MINI, SETS, STANDARD, Licence, model_of
from marsam.hub.locate import is_present
from marsam.hub.selection import stage_name
from marsam.journal.records import StoredPicture
from marsam.notices import NoticeSentence
from marsam.recipes import Recipe
from marsam.results import Prompt
from marsam.runs.eta import TimeEstimator
from marsam.studio import Studio
from marsam.ui.html import EMPTY, jpeg_data_url, macros, paragraph, progress
from marsam.ui.i18n import Bilingual, both, duration, pictures
from marsam.web.strings import STRINGS

_MARKDOWN_ESCAPES = str.maketrans({character: f"\\{character}" for character in "\\[]"})


def _time(seconds: float) -> Markup:
    if seconds >= 10:
        return duration(seconds).html
    return Bilingual(f"{seconds:.1f} s", f"{seconds:.1f} ثانية").html


_part = macros(
    Path(__file__).with_name("render.html"),
    strings=STRINGS,
    both=both,
    time=_time,
    progress=progress,
)
notices: Callable[[Sequence[NoticeSentence], bool], Markup] = partial(_part, "notices")
"""Warnings about a text; the second value is whether the text in the other language was changed."""
sent: Callable[[Prompt | None], Markup] = partial(_part, "sent")
"""The English prompt for the painter, its Arabic translation, and the tokens it has."""
results: Callable[[Sequence[StoredPicture]], Markup] = partial(_part, "results")
"""One line for each new picture: its seed, and how well it matches the prompt."""


def full_models_downloaded() -> bool:
    """Whether every model of the full size set is on this machine."""
    return all(is_present(model) for model in STANDARD.models)


def summary_line(studio: Studio, estimator: TimeEstimator, models_reason: str) -> Markup:
    """The models in use and why, the device, and the time per picture.

    Args:
        studio: the models and the device.
        estimator: knows the time per picture.
        models_reason: key of the string that says why these models are used.
    """
    models = f"set_{studio.models}" if studio.models in SETS else "set_custom"
    seconds = estimator.seconds_per_picture()[Recipe.BALANCED]
    return _part("summary", models, models_reason, studio.device, seconds)


def about(studio: Studio, estimator: TimeEstimator) -> Markup:
    """The models with their licences, the times, and what the mini models know."""
    names = {stage: getattr(studio, stage).name for stage in ("captioner", "translator", "painter")}
    models = [(stage, name, _licence(studio, stage, name)) for stage, name in names.items()]
    times, device, reason, things = estimator.seconds_per_picture(), studio.device, None, None
    if device is not None:
        known = STRINGS.get(f"reason_{device.kind}_{device.dtype}") or STRINGS[f"on_{device.kind}"]
        reason = Bilingual(device.reason, known.ar)
    if studio.models == MINI.name:
        english, arabic = zip(*(line.split("\t") for line in known_things()), strict=True)
        things = Bilingual(", ".join(english), "، ".join(arabic))
    return _part("about", models, times.items(), reason, things)


def _licence(studio: Studio, stage: str, name: str) -> Licence | None:
    model, chosen = model_of(name), SETS.get(studio.models)
    # A custom model may replace one of the set's.
    if chosen and stage_name(chosen, own := getattr(chosen, stage)) == name:
        model = own
    return model.licence if model else None


@lru_cache
def known_things() -> tuple[str, ...]:
    """What the mini models know, one thing a line: English, a tab, Arabic."""
    file = resources.files("marsam.mini").joinpath("things.tsv")
    return tuple(file.read_text(encoding="utf-8").splitlines())


def offer() -> Markup:
    """What the full size models are for, and their size."""
    gigabytes = sum(model.gigabytes for model in STANDARD.parts)
    return paragraph(STRINGS.html("offer", f"{gigabytes:.1f}"))


def alt_text(english: str, arabic: str) -> Markup:
    """Buttons that copy the captions as plain text, HTML or Markdown."""
    image = Markup('<img src="" alt="{}" lang="{}" dir="{}">')
    captions = {
        name: {
            STRINGS.html("copy_text"): text,
            "HTML": str(image.format(text, language, direction)),
            "Markdown": f"![{text.translate(_MARKDOWN_ESCAPES)}]()",
        }
        for name, text, language, direction in (
            ("english", english, "en", "ltr"),
            ("arabic", arabic, "ar", "rtl"),
        )
        if text
    }
    return _part("alt_text", captions) if captions else EMPTY


def status_panel(
    line: str,
    *,
    preview: Image.Image | None = None,
    share: float | None = None,
    remaining: float | None = None,
) -> Markup:
    """The state of the work.

    Args:
        line: one sentence.
        preview: the unfinished picture.
        share: how much is done, 0 to 1; shown as a progress bar.
        remaining: seconds.
    """
    image = preview and jpeg_data_url(preview, quality=80)
    time = remaining and duration(remaining, genitive=True)
    return _part("status", line, image, share, time)


def expected_time(seconds: float | None, count: int) -> Markup:
    """How long the pictures will take; ``seconds`` is None when that is not known."""
    if seconds is None:
        line = STRINGS.html("not_measured")
    else:
        line = STRINGS.html("expected", duration(seconds), pictures(count, genitive=True))
    return paragraph(line, "expected")


def picture_caption(picture: StoredPicture, prompt: Prompt | None, language: str) -> str:
    """The line under a picture, which is also its alt text: caption and seed."""
    caption = prompt.texts[language] if prompt else ""
    seed = STRINGS.text("seed_of", language, picture.seed)
    return f"{caption} · {seed}" if caption else seed
