"""Pieces of the page as HTML: escaped, in both languages, readable by a screen reader."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path

from PIL import Image

from marsam.hub.catalog import MINI, SETS, STANDARD, model_of
from marsam.hub.locate import is_present
from marsam.hub.selection import stage_name
from marsam.journal.records import StoredPicture
from marsam.notices import Notice
from marsam.recipes import Recipe
from marsam.results import Prompt
from marsam.runs.eta import TimeEstimator
from marsam.studio import Studio
from marsam.web.strings import ARABIC, ENGLISH, Word, both, duration, of_duration, say, spans

HERE = Path(__file__).parent


def bdi(text: str) -> str:
    """Words of the user or of a model: escaped, with a direction of their own."""
    return f'<bdi dir="auto">{escape(text)}</bdi>'


def masthead() -> str:
    """The wordmark and what this is."""
    return (
        '<header class="masthead"><h1><span lang="en">Marsam</span> '
        f'<span lang="ar" dir="rtl">مرسم</span></h1><p>{both("tagline")}</p></header>'
    )


def strip(studio: Studio, estimator: TimeEstimator) -> str:
    """One line: which models and why, on what, how fast."""
    which = f"set_{studio.models}" if studio.models in SETS else "set_custom"
    parts = [f"<b>{both(which)}</b>"]
    if studio.models == MINI.name and not _is_here():
        parts.append(both("why_missing"))
    elif studio.models == STANDARD.name:
        parts.append(both("why_here"))
    else:
        parts.append(both("why_asked"))
    if studio.device:
        parts.append(f"{both(f'on_{studio.device.kind}')} ({bdi(studio.device.dtype)})")
    if (seconds := estimator.seconds_per_picture()[Recipe.BALANCED]) is not None:
        parts.append(f"{both('per_picture')}: {_time(seconds)}")
    items = "".join(f"<li>{part}</li>" for part in parts)
    return f'<ul class="strip">{items}</ul>'


@lru_cache
def _is_here() -> bool:
    return all(is_present(model) for model in STANDARD.models)


def about(studio: Studio, estimator: TimeEstimator) -> str:
    """Everything about what does the work: licences, times, what the mini set knows."""
    rows = []
    chosen = SETS.get(studio.models)
    for stage in ("captioner", "translator", "painter"):
        name, licence = getattr(studio, stage).name, ""
        own = getattr(chosen, stage) if chosen is not None else None
        # Another model may stand in for one of the set's.
        model = own if chosen and own and stage_name(chosen, own) == name else model_of(name)
        if model is not None:
            told = model.licence
            licence = f"{bdi(told.name)}: {spans(Word(escape(told.en), escape(told.ar)))}"
        rows.append(
            f"<tr><th scope=row>{both(stage)}</th><td>{bdi(name)}</td><td>{licence}</td></tr>"
        )
    for recipe, seconds in estimator.seconds_per_picture().items():
        time = _time(seconds) if seconds is not None else both("unknown")
        rows.append(
            f"<tr><th scope=row>{both(recipe)}</th><td>{both('per_picture')}</td>"
            f"<td>{time}</td></tr>"
        )
    reason = f'<p class="reason">{bdi(studio.device.reason)}</p>' if studio.device else ""
    return f'<table class="about">{"".join(rows)}</table>{reason}{_known(studio)}'


def _known(studio: Studio) -> str:
    if studio.models != MINI.name:
        return ""
    things = [line.split("\t") for line in known_things()]
    lists = spans(
        Word(
            ", ".join(escape(english) for english, _ in things),
            "، ".join(escape(arabic) for _, arabic in things),
        )
    )
    return f"<p>{both('knows')}</p><p class=known>{lists}</p>"


@lru_cache
def known_things() -> tuple[str, ...]:
    """What the mini set knows, a line a thing: English, a tab, Arabic."""
    path = HERE.parent / "mini" / "things.tsv"
    return tuple(path.read_text(encoding="utf-8").splitlines())


def offer() -> str:
    """What the full models are, and how large."""
    gigabytes = sum(model.gigabytes for model in STANDARD.parts)
    return f"<p>{both('offer', f'{gigabytes:.1f}')}</p>"


def notices(found: Sequence[Notice], *, stale: bool = False) -> str:
    """What a reader should know about the line above."""
    lines = [spans(Word(escape(notice.en), escape(notice.ar))) for notice in found]
    if stale:
        lines.insert(0, both("stale"))
    return "".join(f'<p class="notice">{line}</p>' for line in lines)


def sent(prompt: Prompt | None) -> str:
    """The English the painter gets, what it means in Arabic, and how much of it fits."""
    if prompt is None:
        return f'<dl class="sent"><dt>{both("sent")}</dt><dd>{both("nothing_sent")}</dd></dl>'
    back = prompt.back or prompt.arabic
    length = prompt.length
    meter = ""
    if length.limit:
        meter = (
            f'<dd class="meter"><meter min="0" max="{length.limit}" '
            f'high="{length.limit}" value="{min(length.tokens, length.limit)}" '
            f'aria-label="{length.tokens} / {length.limit}"></meter> '
            f"{both('tokens', length.tokens, length.limit)}</dd>"
        )
    cut = f'<dd class="notice">{both("cut", length.cut)}</dd>' if length.cut else ""
    return (
        f'<dl class="sent"><dt>{both("sent")}</dt>'
        f'<dd lang="en" class="words">{bdi(prompt.english)}</dd>'
        f'<dt>{both("back")}</dt><dd lang="ar" class="words">{bdi(back)}</dd>{meter}{cut}</dl>'
    )


def alt_text(english: str, arabic: str) -> str:
    """Buttons that copy the words for a web page, a document, or anything else."""
    if not english and not arabic:
        return ""
    rows = []
    for code, direction, text, name in (
        ("en", "ltr", english, "english"),
        ("ar", "rtl", arabic, "arabic"),
    ):
        if not text:
            continue
        forms = {
            both("copy_text"): text,
            "HTML": f'<img src="" alt="{escape(text)}" lang="{code}" dir="{direction}">',
            "Markdown": f"![{_markdown(text)}]()",
        }
        buttons = "".join(
            f'<button type="button" data-copy="{escape(form)}">{label}'
            f'<span class="unseen"> {both(name)}</span></button>'
            for label, form in forms.items()
        )
        rows.append(f"<div><span>{both(name)}</span>{buttons}</div>")
    return (
        f'<div class="copy"><span class="lead">{both("copy")}</span>{"".join(rows)}'
        f'<output class="copied" hidden>{both("copied")}</output></div>'
    )


def _markdown(text: str) -> str:
    return "".join("\\" + c if c in "\\[]" else c for c in text)


def easel(
    line: str,
    *,
    sketch: Image.Image | None = None,
    share: float | None = None,
    remaining: float | None = None,
) -> str:
    """How the work stands: a line, a bar, the time left, the picture so far."""
    bar = f'<progress max="1" value="{share:.3f}"></progress>' if share is not None else ""
    left = f"<p>{both('remaining', of_duration(remaining))}</p>" if remaining else ""
    shown = ""
    if sketch is not None:
        buffer = io.BytesIO()
        sketch.save(buffer, "JPEG", quality=80)
        data = base64.b64encode(buffer.getvalue()).decode()
        alt = escape(f"{say('preview', ENGLISH)} · {say('preview', ARABIC)}")
        shown = f'<img class="sketch" alt="{alt}" src="data:image/jpeg;base64,{data}">'
    return f'<div class="easel">{shown}<div><p class="line">{line}</p>{bar}{left}</div></div>'


def expected(seconds: float | None, count: Word) -> str:
    """How long the pictures will take."""
    if seconds is None:
        line = both("not_measured")
    else:
        line = both("expected", of_duration(seconds), count)
    return f'<p class="expected">{line}</p>'


def results(pictures: Sequence[StoredPicture]) -> str:
    """A line for each new picture: its seed, and what was found in it."""
    lines = []
    for picture in pictures:
        seen = picture.fidelity
        if picture.path is None:
            lines.append(
                f'<li class="notice">{both("blocked", picture.seed)} '
                f'<button type="button" data-press="more">{both("another_seed")}</button></li>'
            )
        else:
            hint = spans(Word(escape(seen.en), escape(seen.ar))) if seen else ""
            lines.append(f"<li><b>{both('seed_of', picture.seed)}</b> {hint}</li>")
    return f'<ul class="results">{"".join(lines)}</ul>' if lines else ""


def caption_of(picture: StoredPicture, prompt: Prompt | None, language: str) -> str:
    """What stands under a picture, and is its alt text: the words and the seed."""
    words = "" if prompt is None else prompt.arabic if language == ARABIC else prompt.english
    seed = say("seed_of", language, picture.seed)
    return f"{words} · {seed}" if words else seed


def _time(seconds: float) -> str:
    if seconds >= 10:
        return spans(Word(*(escape(form) for form in duration(seconds))))
    exact = f"{seconds:.1f}"
    return spans(Word(f"{exact} s", f"{exact} ث"))
