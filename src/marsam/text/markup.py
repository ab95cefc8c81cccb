"""HTML as a sequence of markup and texts, so that the texts alone can be translated.

The standard library's parser takes minutes for some short inputs; this one reads each character a
fixed number of times. It changes nothing but the texts: joined, the parts are the input.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

UNTRANSLATED = frozenset(
    ("code", "kbd", "math", "pre", "samp", "script", "style", "svg", "template", "var")
)
"""Elements whose text is not for people, or not in their language."""
_VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr"),
    )
)
_RAW = frozenset({"script", "style"})
_MARKUP = re.compile(r"<(?=[a-zA-Z/!?])")
# Attributes in quotes may contain ">". A quote that is never closed is a character like others.
_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/>]*+)(?:=\s*+"[^"]*+"|=\s*+'[^']*+'|[^>])*+>""")
_OPEN_TAG = re.compile(r"</?[a-zA-Z]")
_NOT_TRANSLATED = re.compile(
    r"""\stranslate\s*+=\s*+["']?no\b|\sclass\s*+=\s*+(?:"[^"]*?\bnotranslate\b|'[^']*?\bnotranslate\b)""",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Part:
    """A piece of HTML.

    Attributes:
        source: as it is in the document.
        text: what a reader sees; None for markup and what is to stay.
        tag: name of the element that the markup begins, or ends (``/name``); nothing for other
            markup and for elements whose text stays.
    """

    source: str
    text: str | None = None
    tag: str = ""


def html_parts(source: str) -> list[Part]:
    """Split HTML into markup and texts; joined, the sources are the input."""
    inside, depth = "", 0  # the element whose text stays, and how many of its name are open
    parts = []
    for token in _tokens(source):
        tag = _TAG.fullmatch(token)
        if tag is None:
            is_text = not depth and not _MARKUP.match(token)
            parts.append(Part(token, html.unescape(token) if is_text else None))
            continue
        is_end, name = bool(tag[1]), tag[2].lower()
        if depth:
            if name == inside:
                depth += -1 if is_end else 1
        elif not (is_end or name in _VOID or token.endswith("/>")) and (
            name in UNTRANSLATED or _NOT_TRANSLATED.search(token)
        ):
            inside, depth = name, 1
        else:
            parts.append(Part(token, tag=f"{tag[1]}{name}"))
            continue
        parts.append(Part(token))
    return parts


def visible_text(source: str) -> str:
    """What a reader sees of HTML, but for what stays untranslated."""
    return " ".join(part.text or "" for part in html_parts(source))


def escaped(text: str) -> str:
    """A text as HTML."""
    return html.escape(text, quote=False).replace("\u00a0", "&nbsp;")


def _tokens(source: str) -> Iterator[str]:
    """Texts, tags, comments and declarations, in order."""
    position = 0
    while markup := _MARKUP.search(source, position):
        start = markup.start()
        if start > position:
            yield source[position:start]
        tag = _TAG.match(source, start)
        if tag is not None:
            end = tag.end()
        elif _OPEN_TAG.match(source, start):
            end = len(source)
        elif source.startswith("<!--", start):
            end = _after(source, "-->", start + 2)
        else:
            end = _after(source, ">", start)
        yield source[start:end]
        position = end
        if tag is not None and not tag[1] and tag[2].lower() in _RAW:
            close = re.compile(f"</{re.escape(tag[2])}", re.IGNORECASE).search(source, end)
            position = close.start() if close else len(source)
            if position > end:
                yield source[end:position]
    if position < len(source):
        yield source[position:]


def _after(source: str, end: str, start: int) -> int:
    """Where markup ends; an open end takes the rest, as browsers do."""
    found = source.find(end, start)
    return found + len(end) if found >= 0 else len(source)
