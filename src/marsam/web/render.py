"""Parts of the page as HTML, in both languages and readable by a screen reader."""

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

from markupsafe import Markup
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
from marsam.ui.html import EMPTY, bdi, join, jpeg_data_url, paragraph, progress
from marsam.ui.i18n import ARABIC, Bilingual, duration, pictures
from marsam.web.strings import STRINGS


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
    items = [Markup("<b>{}</b>").format(STRINGS.html(models)), STRINGS.html(models_reason)]
    if studio.device:
        device = STRINGS.html(f"on_{studio.device.kind}")
        items.append(Markup("{} ({})").format(device, bdi(studio.device.dtype)))
    if (seconds := estimator.seconds_per_picture()[Recipe.BALANCED]) is not None:
        items.append(Markup("{}: {}").format(STRINGS.html("per_picture"), _time(seconds)))
    return Markup('<ul class="summary">{}</ul>').format(
        join(Markup("<li>{}</li>").format(item) for item in items)
    )


def about(studio: Studio, estimator: TimeEstimator) -> Markup:
    """The models with their licences, the times, and what the mini models know."""
    rows = [_model_row(studio, stage) for stage in ("captioner", "translator", "painter")]
    for recipe, seconds in estimator.seconds_per_picture().items():
        time = STRINGS.html("unknown") if seconds is None else _time(seconds)
        rows.append((STRINGS.html(recipe), STRINGS.html("per_picture"), time))
    row = Markup("<tr><th scope=row>{}</th><td>{}</td><td>{}</td></tr>")
    table = Markup('<table class="about">{}</table>').format(join(row.format(*r) for r in rows))
    return table + _device_reason(studio) + _known_things(studio)


def _model_row(studio: Studio, stage: str) -> tuple[Markup, Markup, Markup]:
    name, licence = getattr(studio, stage).name, EMPTY
    models = SETS.get(studio.models)
    own = getattr(models, stage) if models is not None else None
    # A custom model may replace one of the set's.
    model = own if models and own and stage_name(models, own) == name else model_of(name)
    if model is not None:
        terms = Bilingual(model.licence.en, model.licence.ar).html
        licence = Markup("{}: {}").format(bdi(model.licence.name), terms)
    return STRINGS.html(stage), bdi(name), licence


def _device_reason(studio: Studio) -> Markup:
    device = studio.device
    if device is None:
        return EMPTY
    arabic = STRINGS.get(f"reason_{device.kind}_{device.dtype}") or STRINGS[f"on_{device.kind}"]
    return paragraph(Bilingual(device.reason, arabic.ar).html, "reason")


def _known_things(studio: Studio) -> Markup:
    if studio.models != MINI.name:
        return EMPTY
    english, arabic = zip(*(line.split("\t") for line in known_things()), strict=True)
    things = Bilingual(", ".join(english), "، ".join(arabic)).html
    return paragraph(STRINGS.html("known_things")) + paragraph(things, "known")


@lru_cache
def known_things() -> tuple[str, ...]:
    """What the mini models know, one thing a line: English, a tab, Arabic."""
    file = resources.files("marsam.mini").joinpath("things.tsv")
    return tuple(file.read_text(encoding="utf-8").splitlines())


def offer() -> Markup:
    """What the full size models are for, and their size."""
    gigabytes = sum(model.gigabytes for model in STANDARD.parts)
    return paragraph(STRINGS.html("offer", f"{gigabytes:.1f}"))


def notices(found: Sequence[Notice], *, stale: bool = False) -> Markup:
    """Warnings about a text; ``stale`` when the text in the other language was changed."""
    lines = [STRINGS.html("stale")] if stale else []
    lines += [Bilingual(notice.en, notice.ar).html for notice in found]
    return join(paragraph(line, "notice") for line in lines)


def sent(prompt: Prompt | None) -> Markup:
    """The English prompt for the painter, its Arabic translation, and the tokens it has."""
    line = Markup("<dt>{}</dt><dd{}>{}</dd>")
    if prompt is None:
        nothing = line.format(STRINGS.html("sent"), EMPTY, STRINGS.html("nothing_sent"))
        return Markup('<dl class="sent">{}</dl>').format(nothing)
    english, arabic = Markup(' lang="en" class="words"'), Markup(' lang="ar" class="words"')
    length = prompt.length
    parts = [
        line.format(STRINGS.html("sent"), english, bdi(prompt.english)),
        line.format(STRINGS.html("sent_in_arabic"), arabic, bdi(prompt.back or prompt.arabic)),
    ]
    if length.limit:
        parts.append(
            Markup(
                '<dd class="meter"><meter min="0" max="{limit}" high="{limit}" value="{value}" '
                'aria-label="{tokens} / {limit}"></meter> {text}</dd>'
            ).format(
                limit=length.limit,
                tokens=length.tokens,
                value=min(length.tokens, length.limit),
                text=STRINGS.html("tokens", length.tokens, length.limit),
            )
        )
    if length.cut:
        parts.append(Markup('<dd class="notice">{}</dd>').format(STRINGS.html("cut", length.cut)))
    return Markup('<dl class="sent">{}</dl>').format(join(parts))


def alt_text(english: str, arabic: str) -> Markup:
    """Buttons that copy the captions as plain text, HTML or Markdown."""
    rows = [
        Markup("<div><span>{}</span>{}</div>").format(STRINGS.html(name), _copy_buttons(text, name))
        for name, text in (("english", english), ("arabic", arabic))
        if text
    ]
    if not rows:
        return EMPTY
    return Markup(
        '<div class="copy"><span class="lead">{}</span>{}'
        '<output class="copied" hidden>{}</output></div>'
    ).format(STRINGS.html("copy"), join(rows), STRINGS.html("copied"))


def _copy_buttons(text: str, name: str) -> Markup:
    english, arabic = Markup('lang="en" dir="ltr"'), Markup('lang="ar" dir="rtl"')
    lang = arabic if name == "arabic" else english
    forms = {
        STRINGS.html("copy_text"): text,
        Markup("HTML"): str(Markup('<img src="" alt="{}" {}>').format(text, lang)),
        Markup("Markdown"): f"![{_markdown(text)}]()",
    }
    button = Markup(
        '<button type="button" data-copy="{}">{}<span class="visually-hidden"> {}</span></button>'
    )
    return join(button.format(form, label, STRINGS.html(name)) for label, form in forms.items())


def _markdown(text: str) -> str:
    return "".join("\\" + c if c in "\\[]" else c for c in text)


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
    image, time = EMPTY, EMPTY
    if preview is not None:
        alt = " · ".join(STRINGS["preview"])
        image = Markup('<img class="preview" alt="{}" src="{}">').format(
            alt, jpeg_data_url(preview, quality=80)
        )
    if remaining:
        time = paragraph(STRINGS.html("remaining", duration(remaining, genitive=True)))
    bar = EMPTY if share is None else progress(share)
    return Markup('<div class="status">{}<div><p class="line">{}</p>{}{}</div></div>').format(
        image, line, bar, time
    )


def expected_time(seconds: float | None, count: int) -> Markup:
    """How long the pictures will take; ``seconds`` is None when that is not known."""
    if seconds is None:
        line = STRINGS.html("not_measured")
    else:
        line = STRINGS.html("expected", duration(seconds), pictures(count, genitive=True))
    return paragraph(line, "expected")


def results(painted: Sequence[StoredPicture]) -> Markup:
    """One line for each new picture: its seed, and how well it matches the prompt."""
    return Markup('<ul class="results">{}</ul>').format(join(map(_result, painted)))


def _result(picture: StoredPicture) -> Markup:
    if picture.blocked:
        return Markup(
            '<li class="notice">{} <button type="button" data-press="more">{}</button></li>'
        ).format(STRINGS.html("blocked", picture.seed), STRINGS.html("another_seed"))
    seed, fidelity = STRINGS.html("seed_of", picture.seed), picture.fidelity
    if fidelity is None:
        return Markup("<li><b>{}</b></li>").format(seed)
    return Markup("<li><b>{}:</b> {}</li>").format(seed, Bilingual(fidelity.en, fidelity.ar).html)


def picture_caption(picture: StoredPicture, prompt: Prompt | None, language: str) -> str:
    """The line under a picture, which is also its alt text: caption and seed."""
    caption = "" if prompt is None else prompt.arabic if language == ARABIC else prompt.english
    seed = STRINGS.text("seed_of", language, picture.seed)
    return f"{caption} · {seed}" if caption else seed


def _time(seconds: float) -> Markup:
    if seconds >= 10:
        return duration(seconds).html
    return Bilingual(f"{seconds:.1f} s", f"{seconds:.1f} ثانية").html
