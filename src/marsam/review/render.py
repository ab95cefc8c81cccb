"""Parts of the review page as HTML, in both languages and readable by a screen reader."""

from collections.abc import Mapping

from markupsafe import Markup

from marsam.batch.rows import Row
from marsam.notices import Notice
from marsam.review.images import MissingImage
from marsam.review.strings import STRINGS, language_name, progress
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.ui import i18n
from marsam.ui.html import EMPTY, bdi, join, paragraph
from marsam.ui.i18n import Bilingual

ADDRESS = "picture/{}.jpg"
"""Address of the picture with a SHA-256."""


def count(done: int, total: int) -> Markup:
    """How many of the pictures are reviewed, with a progress bar."""
    text = progress(done, total)
    return Markup(
        '<div class="count"><p>{}</p>'
        '<progress max="{}" value="{}" aria-label="{}"></progress></div>'
    ).format(text.html, total, done, f"{text.ar} · {text.en}")


def picture(row: Row, missing: MissingImage | None, page_language: str, following: str) -> Markup:
    """The picture with its name and size, or why it is not shown.

    ``following`` is the SHA-256 of the picture that is likely to be shown next.
    """
    size = EMPTY
    if row.width:
        size = Markup(" · <bdi>{} × {}</bdi>").format(row.width, row.height)
    about = Markup("<figcaption>{}{}</figcaption>").format(bdi(row.path), size)
    figure = Markup('<figure class="image">{}{}</figure>')
    if row.error and not row.sha256:
        return figure.format(EMPTY, about)
    if missing is not None:
        return figure.format(paragraph(STRINGS.html(missing.value), "notice"), about)
    alt, tag = _alt(row, page_language)
    image = Markup(
        '<a href="{src}" target="_blank"><img src="{src}" alt="{alt}" lang="{tag}"></a>'
    ).format(src=ADDRESS.format(row.sha256), alt=alt, tag=tag)
    if following:
        about += Markup('<link rel="prefetch" as="image" href="{}">').format(
            ADDRESS.format(following)
        )
    return figure.format(image, about)


def _alt(row: Row, page_language: str) -> tuple[str, str]:
    """The caption in the reader's language if there is one, and the tag of its language."""
    wanted = (ARABIC, ENGLISH) if page_language == i18n.ARABIC else (ENGLISH, ARABIC)
    for one in wanted:
        if text := row.texts.get(one.code):
            return text, one.tag
    return row.path, "und"


def notices(row: Row, *, unsaved: bool, elsewhere: Mapping[str, str] | None = None) -> Markup:
    """Warnings and errors of a row, and what was changed and not saved."""
    lines = [Markup("<b>{}</b>").format(STRINGS.html("reviewed"))] if row.reviewed else []
    if row.error:
        lines.append(
            Markup('{} <span class="always" lang="en">{}</span>').format(
                STRINGS.html("failed"), bdi(row.error)
            )
        )
    for name in row.warnings:
        try:
            notice = Notice[name.upper()]
        except KeyError:  # of a newer Marsam
            lines.append(bdi(name))
        else:
            lines.append(Bilingual(notice.en, notice.ar).html)
    if elsewhere is not None:
        lines.append(STRINGS.html("elsewhere") + _list(elsewhere))
    elif unsaved:
        lines.append(Markup("<span data-unsaved>{}</span>").format(STRINGS.html("unsaved")))
    return join(Markup('<div class="notice">{}</div>').format(line) for line in lines)


def _list(texts: Mapping[str, str]) -> Markup:
    item = Markup('<li>{}: <span class="always" lang="{}">{}</span></li>')
    return Markup("<ul>{}</ul>").format(
        join(
            item.format(language_name(code).html, language(code).tag, bdi(text))
            for code, text in texts.items()
        )
    )
