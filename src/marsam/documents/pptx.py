"""PowerPoint: PPTX, with macros (PPTM), shows (PPSX) and templates (POTX).

Pictures of layouts and masters are not reported: screen readers do not read them on the slides.
"""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from marsam.documents.direction import is_written_in
from marsam.documents.document import Kind
from marsam.documents.flow import Block, Flow
from marsam.documents.office import (
    Relationships,
    described,
    is_hidden,
    join_alternatives,
    kind_of_drawing,
    main_part,
    pictures_in,
)
from marsam.documents.package import PackageDocument, Parts
from marsam.documents.xml_names import attribute, child, descendants, has, name_of
from marsam.errors import DocumentError
from marsam.messages import Message

_PROPERTIES = {"p:pic": "p:nvPicPr", "p:sp": "p:nvSpPr", "p:graphicFrame": "p:nvGraphicFramePr"}
_GROUP, _GROUP_PROPERTIES = "p:grpSp", "p:nvGrpSpPr"
_TITLES = ("title", "ctrTitle")


def read_pptx(data: bytes, *, path: Path, root: Path | None) -> PackageDocument:  # noqa: ARG001
    """Read a presentation, as :class:`marsam.documents.document.DocumentFormat`."""
    parts = Parts(data)
    main, root_name = main_part(parts)
    if root_name != "p:presentation":
        raise DocumentError("This is not a presentation of PowerPoint.")
    presentation = parts[main].root
    default = child(presentation, "p:defaultTextStyle", "a:defPPr", "a:defRPr")
    language = attribute(default, "lang") or ""
    relationships = Relationships(parts, main)
    places = []
    slides = child(presentation, "p:sldIdLst")
    first = presentation.get("firstSlideNum", "")
    start = int(first) if first.isdecimal() else 1
    for number, entry in enumerate(() if slides is None else slides, start):
        slide = relationships.get(attribute(entry, "r:id"))
        if slide is not None and slide.target in parts:
            reader = _Reader(Relationships(parts, slide.target), language)
            tree = child(parts[slide.target].root, "p:cSld", "p:spTree")
            if tree is not None:
                reader.read_slide(tree)
            places += reader.flow.places(
                slide.target, Message("slide {number}", number=number), language
            )
    return PackageDocument(parts, places)


class _Reader:
    """Reads one slide."""

    def __init__(self, relationships: Relationships, language: str) -> None:
        self.flow = Flow()
        self._relationships, self._language = relationships, language

    def read_slide(self, tree: etree._Element) -> None:
        """Read the title, which is the heading wherever it stands, then all else."""
        titles = [shape for shape in descendants(tree, "p:sp") if _is_title(shape)]
        for title in titles[:1]:
            self._add_text(title, self.flow.block(heading=True))
        self.walk(tree)

    def walk(self, shapes: etree._Element) -> None:
        """Read shapes from the one at the back to the one in front, as screen readers do."""
        for shape in shapes:
            name = name_of(shape)
            if name == "mc:AlternateContent":
                self._read_alternatives(shape)
            elif name == _GROUP:
                self._read_group(shape)
            elif name in _PROPERTIES:
                self._read_shape(shape, _PROPERTIES[name])

    def _read_shape(self, shape: etree._Element, properties: str) -> None:
        carrier = child(shape, properties, "p:cNvPr")
        if carrier is None or is_hidden(carrier) or _is_title(shape):
            return
        for paragraph in descendants(shape, "a:p"):
            self._add_text(paragraph, self.flow.block())
        content = _content(shape)
        is_text = name_of(content) == "a:tbl" or (content is shape and any(_texts(shape)))
        kind = Kind.IMAGE if name_of(shape) == "p:pic" else kind_of_drawing(content)
        if kind and not is_text:  # a picture may be the background of a text
            self._add(carrier, kind, content)

    def _read_group(self, group: etree._Element) -> None:
        """Read the shapes of a group; a group with an alt text is one image."""
        carrier = child(group, _GROUP_PROPERTIES, "p:cNvPr")
        if carrier is None or is_hidden(carrier):
            return
        own = described(carrier, Kind.DRAWING, self._relationships, group)
        has_pictures_or_text = bool(pictures_in(group)) or any(_texts(group))
        has_objects = has(group, "p:graphicFrame")
        if own.alt or own.decorative or not (has_pictures_or_text or has_objects):
            self.flow.image(own, None)
        else:
            self.walk(group)

    def _read_alternatives(self, element: etree._Element) -> None:
        """Read what new programs show; what old ones show instead is the same image."""
        choice, fallback = child(element, "mc:Choice"), child(element, "mc:Fallback")
        count = len(self.flow.found)
        if choice is None:
            self.walk(element if fallback is None else fallback)
            return
        self.walk(choice)
        if fallback is not None:
            old = _Reader(self._relationships, self._language)
            old.walk(fallback)
            carrier = next(descendants(choice, "p:cNvPr"), None)
            if carrier is not None and len(self.flow.found) == count and len(old.flow.found) == 1:
                self._add(carrier, Kind.IMAGE, fallback)  # a 3D model
            join_alternatives(self.flow.found[count:], old.flow.found)

    def _add_text(self, element: etree._Element, block: Block) -> None:
        """Add the text of a paragraph or a shape."""
        for one in descendants(element, "a:t", "a:br"):
            text = one.text or " "
            language = attribute(child(one.getparent(), "a:rPr"), "lang") or self._language
            block.add(text, language if is_written_in(text, language) else "")

    def _add(self, carrier: etree._Element, kind: Kind, shape: etree._Element) -> None:
        self.flow.image(described(carrier, kind, self._relationships, shape), None)


def _content(shape: etree._Element) -> etree._Element:
    """What a frame shows: a chart, a table, an object with its picture; or the shape itself."""
    data = child(shape, "a:graphic", "a:graphicData")
    content = None if data is None else next(data.iterchildren("*"), None)
    if content is None:
        return shape
    fallback = child(content, "mc:Fallback")  # has the picture of an object
    return content if fallback is None else fallback


def _is_title(shape: etree._Element) -> bool:
    placeholder = child(shape, "p:nvSpPr", "p:nvPr", "p:ph")
    return placeholder is not None and placeholder.get("type") in _TITLES


def _texts(element: etree._Element) -> Iterator[str]:
    return (one.text for one in descendants(element, "a:t") if one.text and one.text.strip())
