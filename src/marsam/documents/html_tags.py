"""Tags of HTML in their source: where their attributes are, and how one is written.

Read as the HTML standard's tokenizer reads them (section 13.2.5).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

_NAME = re.compile(r"<[A-Za-z][^\t\n\f\r />]*+")
_ATTRIBUTE = re.compile(r"[\t\n\f\r /]*+(=?[^\t\n\f\r />=]*+)")
_VALUE = re.compile(
    r"[\t\n\f\r ]*+=[\t\n\f\r ]*+"
    r"""(?:"(?P<double>[^"]*+)"|'(?P<single>[^']*+)'|(?P<bare>(?!["'])[^\t\n\f\r >]*+))"""
)
_EQUALS = re.compile(r"[\t\n\f\r ]*+=")
_TEMPLATE = re.compile(r"\{(?=[{%])")
"""What a template engine would take for its own."""


class Edit(NamedTuple):
    """A replacement in a text."""

    start: int
    end: int
    text: str


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Make replacements that do not overlap."""
    parts, position = [], 0
    for edit in sorted(edits):
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


@dataclass(frozen=True)
class Attribute:
    """An attribute in its source.

    Attributes:
        name: in lower case.
        name_end: where the name ends.
        start, end: of the value without quotes; both ``name_end`` if there is none.
        quote: the quotation mark, or nothing.
    """

    name: str
    name_end: int
    start: int
    end: int
    quote: str

    @property
    def after(self) -> int:
        """Where the attribute ends."""
        return self.end + len(self.quote)


@dataclass(frozen=True)
class Tag:
    """A start tag in its source.

    Attributes:
        start, name_end, end: of the tag and of its name.
        attributes: all, in order; of two with one name the first counts.
    """

    start: int
    name_end: int
    end: int
    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> Attribute | None:
        """The attribute that counts."""
        return next((one for one in self.attributes if one.name == name), None)

    def value(self, text: str, name: str) -> str | None:
        """An attribute's value as it is written; None if there is no such attribute."""
        found = self.attribute(name)
        return None if found is None else text[found.start : found.end]

    def with_value(self, name: str, value: str, encode: Callable[[str], str] = str) -> Edit:
        """The edit that gives an attribute a value.

        Args:
            name: the attribute's name.
            value: plain text.
            encode: what writes characters that the page's encoding lacks.
        """
        found = self.attribute(name)
        if found and found.quote:
            return Edit(found.start, found.end, encode(_escaped(value, found.quote)))
        quoted = f'"{encode(_escaped(value, chr(34)))}"'
        if found:
            equals = "" if found.start > found.name_end else "="
            return Edit(found.start, found.end, equals + quoted)
        last = self.attributes[-1] if self.attributes else None
        # After `src=` the new attribute would be its value.
        is_open = last and not last.quote and last.start == last.end > last.name_end
        place = last.after if last and not is_open else self.name_end
        return Edit(place, place, f" {name}={quoted}")


def tag_at(text: str, start: int) -> Tag | None:
    """Read the start tag at a position; None if there is none, or it does not end."""
    name = _NAME.match(text, start)
    if name is None:
        return None
    attributes: list[Attribute] = []
    position = name.end()
    while True:
        found = _ATTRIBUTE.match(text, position)
        if found is None or found.end() >= len(text):
            return None
        position = found.end()
        if not found[1]:
            return Tag(start, name.end(), position + 1, tuple(attributes))
        value = _VALUE.match(text, position)
        if value is None:
            if _EQUALS.match(text, position):
                return None  # an open quotation
            place, quote = (position, position), ""
        else:
            group = value.lastgroup or "bare"
            place, quote = value.span(group), {"double": '"', "single": "'"}.get(group, "")
        attributes.append(Attribute(found[1].lower(), position, *place, quote))
        position = attributes[-1].after


def _escaped(text: str, quote: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace(quote, "&quot;" if quote == '"' else "&#39;")
    return _TEMPLATE.sub("&#123;", text)
