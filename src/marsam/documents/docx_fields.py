"""Fields of Word, some of which are links (ECMA-376, part 1, 17.16)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from marsam.documents.flow import Found

_WORD = re.compile(r'"((?:[^"\\]|\\.)*+)"?|(\S++)')
_ESCAPED = re.compile(r"\\(.)")
_WITH_VALUE = {"\\l", "\\o", "\\t"}
"""Switches of HYPERLINK that a value follows: a bookmark, a tip, a window."""

_MAX_DEPTH = 20
"""As many fields may be in one another in Word."""


def link_of(instruction: str) -> str:
    """Where a field leads, by its instruction; empty if it is no link."""
    words = iter(_WORD.finditer(instruction))
    name = next(words, None)
    if name is None or name[0].upper() != "HYPERLINK":
        return ""
    address = anchor = ""
    for word in words:
        switch = (word[2] or "").lower()
        if switch in _WITH_VALUE:
            value = _value(next(words, None))
            anchor = value if switch == "\\l" else anchor
        elif not switch.startswith("\\"):
            address = address or _value(word)
    return address + (f"#{anchor}" if anchor else "")


def _value(word: re.Match[str] | None) -> str:
    return "" if word is None else _ESCAPED.sub(r"\1", word[1] or word[2] or "")


@dataclass
class _Field:
    """A field whose end was not read yet; ``start`` counts the images before its result."""

    instruction: list[str] = field(default_factory=list)
    start: int | None = None
    has_text: bool = False


class Fields:
    """The fields that are open where a part is being read; they may be in one another.

    Args:
        found: the images of the part, to which more are added while it is read.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        self._found = found
        self._open: list[_Field] = []
        self._begun: list[_Field] = []
        """Those whose instruction is being read."""

    def read(self, kind: str | None) -> None:
        """Read a ``w:fldChar`` of this type."""
        if kind == "begin":
            self._open.append(_Field())
            self._begun.append(self._open[-1])
        elif kind == "separate" and self._open and self._open[-1].start is None:
            self._begun.pop().start = len(self._found)
        elif kind == "end" and self._open:
            self._end(self._open.pop())

    def add(self, text: str) -> None:
        """Add a text: it is in the results of fields, or in an instruction."""
        if self._begun:
            self._begun[-1].instruction.append(text)
        for one in reversed(self._open):
            if one.start is None or one.has_text or not text.strip():
                break  # the fields around it have a text already
            one.has_text = True

    def _end(self, one: _Field) -> None:
        """Give the images of a link without text its target."""
        if one.start is None:
            self._begun.pop()
        elif not one.has_text and len(self._open) < _MAX_DEPTH:
            link = link_of("".join(one.instruction))
            for image in self._found[one.start :]:
                image.link = image.link or link
