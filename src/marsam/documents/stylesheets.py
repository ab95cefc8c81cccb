"""Pictures in style sheets."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"/\*.*?(?:\*/|\Z)"
    r"|url\(\s*+(?:\"([^\"\n]*+)\"|'([^'\n]*+)'|([^\s\"'()]*+))\s*+\)"
    r"|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?"
    r"|([-\w]++)\s*+:"
    r"|[-\w]++|[;{}]",
    re.IGNORECASE | re.DOTALL,
)
"""A string without an end goes on to the end of its line."""
_HIDDEN = re.compile(r"(?:\A|;)\s*display\s*:\s*none\b", re.IGNORECASE)


def backgrounds(style: str) -> Iterator[tuple[int, str]]:
    """The addresses of background pictures in declarations or a style sheet, and their places."""
    is_background = False
    for token in _TOKEN.finditer(style):
        if token[4] is not None:
            is_background = token[4].lower() in ("background", "background-image")
        elif token[0] in (";", "{", "}"):
            is_background = False
        elif is_background and token[0][:4].lower() == "url(":
            address = token[1] or token[2] or token[3]
            if address:
                yield token.start(), address


def is_hidden(style: str) -> bool:
    """Whether declarations hide their element."""
    return _HIDDEN.search(style) is not None
