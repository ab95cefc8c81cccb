"""Parts of the page as HTML, in both languages and readable by a screen reader."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from marsam.documents.check import LONG_ALT_TEXT
from marsam.errors import MarsamError, OptionError
from marsam.hub.catalog import MINI, SETS, Licence, ModelSet, model_of
from marsam.hub.locate import is_present
from marsam.hub.selection import split_sources, stage_name
from marsam.journal.records import StoredPicture
from marsam.messages import InBothLanguages
from marsam.recipes import Recipe
from marsam.results import Picture, Prompt
from marsam.runs.eta import TimeEstimator
from marsam.studio import Studio
from marsam.styles import STYLES
from marsam.ui.html import EMPTY, jpeg_data_url, macros, paragraph, progress
from marsam.ui.i18n import ARABIC, ENGLISH, Bilingual, both, characters, duration, pictures
from marsam.web.settings import BOXES
from marsam.web.strings import STRINGS


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
notices: Callable[[Sequence[InBothLanguages], bool], Markup] = partial(_part, "notices")
"""Warnings about a text; the second value is whether the text in the other language was changed."""
results: Callable[[Sequence[StoredPicture]], Markup] = partial(_part, "results")
"""One line for each new picture: its seed, and how well it matches the prompt."""


def sent(prompt: Prompt | None) -> Markup:
    """The prompt for the painter, its translation into the other language, and its tokens."""
    return _part("sent", prompt, STYLES.get(prompt.style) if prompt else None)


def is_downloaded(one: ModelSet) -> bool:
    """Whether every model of a set is on this machine."""
    return all(is_present(model) for model in one.models)


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
    names = studio.names
    stages = (one for one in ("captioner", "translator", "painter", "lora") if one in names)
    parts = [(stage, one) for stage in stages for one in split_sources(names[stage])]
    models = [(stage, one, _licence(one)) for stage, one in parts]
    times, device, reason, things = estimator.seconds_per_picture(), studio.device, None, None
    if device is not None:
        keys = (f"reason_{device.kind}_{device.dtype}", f"reason_{device.kind}")
        known = next((STRINGS[k] for k in keys if k in STRINGS), STRINGS[f"on_{device.kind}"])
        reason = Bilingual(device.reason, known.ar)
    if studio.models == MINI.name:
        english, arabic = zip(*(line.split("\t") for line in known_things()), strict=True)
        things = Bilingual(", ".join(english), "، ".join(arabic))
    return _part("about", models, times.items(), reason, things)


def _licence(name: str) -> Licence | None:
    bundled = (model for model in MINI.models if stage_name(model) == name)
    model = model_of(name) or next(bundled, None)
    return model.licence if model else None


@lru_cache
def known_things() -> tuple[str, ...]:
    """What the mini models know, one thing a line: English, a tab, Arabic."""
    file = resources.files("marsam.mini").joinpath("things.tsv")
    return tuple(file.read_text(encoding="utf-8").splitlines())


def offered_set(one: ModelSet, language: str) -> str:
    """A set in one line: what it is for, its size and what its licences demand."""
    arabic = language == ARABIC
    size = STRINGS.text("set_size", language, f"{one.gigabytes:.1f}")
    terms = one.strictest.ar if arabic else one.strictest.en
    facts = [one.description.ar if arabic else one.description.en, size, terms]
    return f"{one.name}: {' · '.join(facts)}"


def alt_text(texts: Mapping[str, str], file_name: str = "") -> Markup:
    """Buttons that copy the text boxes as plain text, HTML or Markdown; none for an empty one.

    Args:
        texts: by language.
        file_name: of the picture, for the copied HTML and Markdown.
    """
    names = {ENGLISH: "english", ARABIC: "arabic"}
    lengths = [
        (names[language], characters(len(text.strip())).html, len(text.strip()) > LONG_ALT_TEXT)
        for language, text in texts.items()
        if text.strip()
    ]
    return _part("alt_text", lengths, LONG_ALT_TEXT, file_name) if lengths else EMPTY


def copy_link(fragment: str) -> Markup:
    """The button that copies a link to this page, with a fragment."""
    return _part("copy_link", fragment)


def status_panel(
    line: str,
    *,
    preview: Image.Image | None = None,
    share: float | None = None,
    remaining: float | None = None,
    title: str = "",
    fills_texts: bool = False,
) -> Markup:
    """The state of the work.

    Args:
        line: one sentence.
        preview: the unfinished picture.
        share: how much is done, 0 to 1; shown as a progress bar.
        remaining: seconds.
        title: for the title of the tab, such as 3/10; while it stays the same, a screen reader
            announces nothing new.
        fills_texts: whether the work fills the text boxes: until it has, nobody types there.
    """
    image = preview and jpeg_data_url(preview, quality=80)
    time = remaining and duration(remaining, genitive=True)
    return _part("status", line, image, share, time, title, fills_texts)


def live_picture(picture: Picture | None = None, prompt: Prompt | None = None) -> Markup:
    """The picture that follows what is typed, or the place for it."""
    image = picture and picture.image and jpeg_data_url(picture.image, quality=90)
    blocked = picture.seed if picture and picture.blocked else None
    return _part("live", image, blocked, _in_both(prompt) if prompt else None)


def live_said(prompt: Prompt) -> Markup:
    """What a screen reader says of such a picture."""
    return STRINGS.html("live_said", _in_both(prompt))


def _in_both(prompt: Prompt) -> Bilingual:
    return Bilingual(prompt.english or prompt.arabic, prompt.arabic or prompt.english)


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


def about_box(error: MarsamError, sentence: Markup) -> Markup:
    """A sentence about an error; the page marks the box whose value is wrong."""
    if isinstance(error, OptionError) and (box := BOXES.get(error.option)):
        return Markup('<output for="{}">{}</output>').format(box, sentence)
    return sentence
