"""Pieces of the review page as HTML: escaped, in both languages, readable by a screen reader."""

from collections.abc import Mapping
from html import escape

from marsam.batch.rows import Row
from marsam.notices import Notice
from marsam.review.images import Lost
from marsam.review.strings import both, name_of, progress
from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.web import strings
from marsam.web.render import bdi
from marsam.web.strings import Word, spans

ADDRESS = "picture/{}.jpg"
"""Where the page finds the picture of a hash."""


def masthead(table: str) -> str:
    """The wordmark, and which table this is."""
    return (
        '<header class="masthead"><h1><span lang="en">Marsam</span> '
        f'<span lang="ar" dir="rtl">مرسم</span></h1><p>{both("title", table)}</p></header>'
    )


def count(done: int, total: int) -> str:
    """How far the review has come."""
    word = progress(done, total)
    label = escape(f"{word.ar} · {word.en}")
    return (
        f'<div class="count"><p>{spans(Word(*map(escape, word)))}</p>'
        f'<progress max="{total}" value="{done}" aria-label="{label}"></progress></div>'
    )


def picture(row: Row, lost: Lost | None, speech: str, following: str) -> str:
    """The picture, large, with its name and size; or why it is not there.

    ``following`` is the hash of the picture that is likely wanted next.
    """
    size = f" · <bdi>{row.width} × {row.height}</bdi>" if row.width else ""
    about = f"<figcaption>{bdi(row.path)}{size}</figcaption>"
    if row.error and not row.sha256:
        return f'<figure class="look">{about}</figure>'
    if lost is not None:
        return f'<figure class="look"><p class="notice">{both(lost.value)}</p>{about}</figure>'
    source = ADDRESS.format(row.sha256)
    text, tag = _alt(row, speech)
    ahead = ADDRESS.format(following)
    link = f'<link rel="prefetch" as="image" href="{ahead}">' if following else ""
    return (
        f'<figure class="look"><a href="{source}" target="_blank">'
        f'<img src="{source}" alt="{escape(text)}" lang="{tag}"></a>{about}{link}</figure>'
    )


def _alt(row: Row, speech: str) -> tuple[str, str]:
    """The words in the reader's language if there are any, and the tag of their language."""
    wanted = (ARABIC, ENGLISH) if speech == strings.ARABIC else (ENGLISH, ARABIC)
    for one in wanted:
        if text := row.texts.get(one.code):
            return text, one.short
    return row.path, "und"


def remarks(row: Row, *, unsaved: bool, elsewhere: Mapping[str, str] | None = None) -> str:
    """What should be known about the words: remarks, errors, what was changed and not saved."""
    lines = []
    if row.error:
        lines.append(f'{both("failed")} <span class="always" lang="en">{bdi(row.error)}</span>')
    for name in row.warnings:
        try:
            notice = Notice[name.upper()]
        except KeyError:  # of a newer Marsam
            lines.append(bdi(name))
        else:
            lines.append(spans(Word(escape(notice.en), escape(notice.ar))))
    if elsewhere is not None:
        lines.append(f"{both('elsewhere')}{_listed(elsewhere)}")
    elif unsaved:
        lines.append(f"<span data-unsaved>{both('unsaved')}</span>")
    if row.reviewed:
        lines.insert(0, f"<b>{both('reviewed')}</b>")
    return "".join(f'<div class="notice">{line}</div>' for line in lines)


def _listed(texts: Mapping[str, str]) -> str:
    items = []
    for code, text in texts.items():
        one, names = language(code), (name_of(code, strings.ENGLISH), name_of(code, strings.ARABIC))
        items.append(
            f"<li>{spans(Word(*map(escape, names)))}: "
            f'<span class="always" lang="{one.short}">{bdi(text)}</span></li>'
        )
    return f"<ul>{''.join(items)}</ul>"
