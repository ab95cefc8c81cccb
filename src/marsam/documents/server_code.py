"""Code in a page that a server runs before a browser sees the page: PHP, ASP, templates."""

import re

FILLER = "\ufdd0"
"""Stands for each character of code; no text has this one."""
_FILLERS = re.compile(f"{FILLER}+")
_EXPRESSION = re.compile(
    r"\{\{(?:(?!\{\{|\}\})[^\r\n]){0,500}+\}\}|\{%(?:(?!\{%|%\})[^\r\n]){0,500}+%\}"
    r"|\{#(?:(?!\{#|#\})[^\r\n]){0,500}+#\}"
)
_BEGINNING = 1000
"""Code before the document's type is read as if it were not there."""
_BLOCKS = (("<?", "?>"), ("<%", "%>"))


def without_code(text: str) -> str:
    """Replace code, so that what looks like HTML in it is not read as HTML.

    The text keeps its length. At its beginning there are spaces in place of the code.
    """
    text = text.replace(FILLER, "\ufffd")
    for start_mark, end_mark in _BLOCKS:
        text = _without_blocks(text, start_mark, end_mark)
    return without_expressions(text)


def without_expressions(text: str) -> str:
    """Replace ``{{ … }}``, ``{% … %}`` and ``{# … #}`` of templates, each on one line."""
    parts, position = [], 0
    for code in _EXPRESSION.finditer(text):
        parts += [text[position : code.start()], _filler(text, *code.span())]
        position = code.end()
    return "".join([*parts, text[position:]]) if parts else text


def without_filler(text: str) -> str:
    """A text for people, without the code in it."""
    return _FILLERS.sub(" ", text)


def _without_blocks(text: str, start_mark: str, end_mark: str) -> str:
    parts, position = [], 0
    while (start := text.find(start_mark, position)) >= 0:
        end = text.find(end_mark, start)
        if end < 0:
            break
        end += len(end_mark)
        is_xml = start_mark == "<?" and text[start + 2 : start + 5].lower() == "xml"
        code = text[start:end] if is_xml else _filler(text, start, end)
        parts += [text[position:start], code]
        position = end
    return "".join([*parts, text[position:]]) if parts else text


def _filler(text: str, start: int, end: int) -> str:
    is_first = start < _BEGINNING and not text[:start].strip()
    return (" " if is_first else FILLER) * (end - start)
