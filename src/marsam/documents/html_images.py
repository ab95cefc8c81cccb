"""Which elements of a page are images, and what they say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from marsam.documents.document import Kind
from marsam.documents.html_tags import Tag, tag_at
from marsam.documents.server_code import FILLER

if TYPE_CHECKING:
    from justhtml import Element

_CANDIDATE = re.compile(r"[\s,]*+(\S*[^\s,])(?:\s([^,]*+))?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)[wx]")
_BOUND = re.compile(r"[^\w-]alt\]?\Z")
"""An alt text that a program fills in: ``:alt``, ``v-bind:alt``, ``[alt]``."""
_ALT = re.compile(r"\balt\b")
_MAX_SOURCES = 50
"""Of a picture: more than any page offers."""
_HIDING_ROLES = ("presentation", "none")


class Attributes:
    """The attributes of an element, with the code that a server runs in them.

    Args:
        element: as the page was read, without the code.
        text: the page's source.
        markup: the same without the code.
    """

    def __init__(self, element: "Element", text: str, markup: str) -> None:
        self._element, self._text, self._markup = element, text, markup

    @cached_property
    def tag(self) -> Tag | None:
        """The start tag in the source; None for an element without one."""
        start = self._element.origin_offset
        return None if start is None else tag_at(self._markup, start)

    def __getitem__(self, name: str) -> str:
        """A value; nothing if there is none."""
        value = self._element.attrs.get(name) or ""
        if FILLER in value and self.tag:
            return self.tag.value(self._text, name) or ""
        return value

    def __contains__(self, name: str) -> bool:
        return name in self._element.attrs

    def can_write(self, name: str) -> bool:
        """Whether the tag in the source decides about an attribute."""
        return self.tag is not None and (self.tag.attribute(name) is not None) == (name in self)

    @property
    def bound_alt(self) -> str | None:
        """What a program fills in as the alt text; None if it does not."""
        for one in self.tag.attributes if self.tag else ():
            source = self._text[one.name_end - len(one.name) : one.after]
            if _BOUND.search(one.name) or (FILLER in one.name and _ALT.search(source)):
                return self._text[one.start : one.end] or source
        return None


@dataclass(frozen=True)
class Found:
    """An image in a page.

    Attributes:
        kind: what it is.
        source: its address; nothing for drawings.
        target: where it leads, for a part of an image map.
        alt: its alt text; None where there is none.
        labelled_by: ids of the elements whose text is its alt text, if there are such elements.
        attribute: that the alt text is written in; None if it cannot be written.
        can_be_decorative: by an empty alt text.
        is_hidden: marked as decorative by its role, or hidden from screen readers.
    """

    kind: Kind
    source: str = ""
    target: str = ""
    alt: str | None = None
    labelled_by: tuple[str, ...] = ()
    attribute: str | None = None
    can_be_decorative: bool = False
    is_hidden: bool = False


def found(element: "Element", attributes: Attributes) -> Found | None:
    """What an element shows; None if it is no image."""
    name, target = element.name, ""
    if name == "img":
        kind, source, written = Kind.IMAGE, _source(element, attributes), "alt"
    elif name == "input" and attributes["type"].strip().lower() == "image":
        kind, source, written = Kind.IMAGE, attributes["src"], "alt"
    elif name == "area" and "href" in attributes:
        kind, source, written = Kind.DRAWING, "", "alt"
        target = attributes["href"].strip()
    elif name == "object" and attributes["type"].strip().lower().startswith("image/"):
        kind, source, written = Kind.IMAGE, attributes["data"], "aria-label"
    elif name == "svg" or has_image_role(attributes):
        kind, source, written = Kind.DRAWING, "", "aria-label"
    else:
        return None
    is_hidden = is_hidden_from_readers(attributes) or _role(attributes) in _HIDING_ROLES
    shown: dict[str, Any] = {
        "kind": kind,
        "source": source,
        "target": target,
        "is_hidden": is_hidden,
    }
    shown["labelled_by"] = tuple(attributes["aria-labelledby"].split()[:10])
    if attributes["aria-label"].strip():
        return Found(alt=attributes["aria-label"], attribute="aria-label", **shown)
    if written == "alt":
        bound = None if "alt" in attributes else attributes.bound_alt
        if bound is not None:
            return Found(alt=bound, **shown)
        # A control without a name is of no use, so that it has an alt text or lacks one.
        is_control = name != "img"
        is_missing = "alt" not in attributes or (is_control and not attributes["alt"])
        return Found(
            alt=None if is_missing else attributes["alt"],
            attribute="alt",
            can_be_decorative=not is_control,
            **shown,
        )
    title = _title(element) if name == "svg" else attributes["title"]
    return Found(alt=title.strip() or None, attribute="aria-label", **shown)


def has_image_role(attributes: Attributes) -> bool:
    """Whether an element is one picture, whatever is in it."""
    return _role(attributes) in ("img", "image")


def _role(attributes: Attributes) -> str:
    """The first role of an element."""
    return (attributes["role"].lower().split() or [""])[0]


def is_hidden_from_readers(attributes: Attributes) -> bool:
    """Whether screen readers skip an element and all that is in it."""
    return attributes["aria-hidden"].strip().lower() == "true"


def _source(image: "Element", attributes: Attributes) -> str:
    """The address of an image: of its largest file if there are several."""
    is_placeholder = "data-src" in attributes and attributes["src"].lower().startswith("data:")
    if attributes["src"].strip() and not is_placeholder:
        return attributes["src"]
    sets = [attributes["srcset"], attributes["data-srcset"]]
    if image.parent and image.parent.name == "picture":
        sources = islice(image.parent.children or (), _MAX_SOURCES)
        sets += [one.attrs.get("srcset") or "" for one in sources if one.name == "source"]
    lazy = attributes["data-src"].strip()
    return lazy or next(filter(None, map(_largest, sets)), "") or attributes["src"]


def _largest(srcset: str) -> str:
    return max(_candidates(srcset), default=(0.0, ""), key=lambda candidate: candidate[0])[1]


def _candidates(srcset: str) -> Iterator[tuple[float, str]]:
    position = 0
    while candidate := _CANDIDATE.match(srcset, position):
        size = _SIZE.fullmatch((candidate[2] or "").strip())
        yield float(size[1]) if size else 1.0, candidate[1]
        position = candidate.end()


def _title(svg: "Element") -> str:
    """The title that an SVG begins with."""
    title = next((one for one in svg.children if one.name == "title"), None)
    return " ".join(title.to_text(separator="").split()) if title else ""
