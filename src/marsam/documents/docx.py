"""Word: DOCX, with macros (DOCM), and templates (DOTX, DOTM)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from marsam.documents.direction import is_right_to_left
from marsam.documents.docx_fields import Fields, link_of
from marsam.documents.flow import Block, Flow
from marsam.documents.office import (
    TRUE,
    Relationships,
    described,
    is_hidden,
    is_on,
    join_alternatives,
    kind_of_drawing,
    main_part,
)
from marsam.documents.package import PackageDocument, Parts
from marsam.documents.xml_names import attribute, child, descendants, name_of
from marsam.errors import DocumentError
from marsam.messages import Message

_OTHER_PARTS: Mapping[str, Message] = {
    "header": Message("header"),
    "footer": Message("footer"),
    "footnotes": Message("footnotes"),
    "endnotes": Message("endnotes"),
}
"""Types of relationships to parts with text beside the main one, and their names."""
_SKIPPED = {"w:del", "w:moveFrom", "w:rPr", "w:pPr", "w:sectPr", "w:delText", "v:shapetype"}
"""What is not in the text: deleted, moved away, or properties."""
_SPACES = {"w:tab", "w:br", "w:cr"}
_VML_SHAPES = {"v:shape", "v:rect", "v:roundrect", "v:oval", "v:group", "v:image"}


def read_docx(data: bytes, *, path: Path, root: Path | None) -> PackageDocument:  # noqa: ARG001
    """Read a document of Word, as :class:`marsam.documents.document.DocumentFormat`."""
    parts = Parts(data)
    main, root_name = main_part(parts)
    if root_name != "w:document":
        raise DocumentError("This is not a document of Word.")
    relationships = Relationships(parts, main)
    styles = Styles(parts, relationships)
    names = {main: Message("main text")}
    for kind, part_name in _OTHER_PARTS.items():
        for name in relationships.of_type(kind):
            names.setdefault(name, part_name)
    places = []
    for name, part_name in names.items():
        if name in parts:
            reader = _Reader(styles, Relationships(parts, name))
            reader.walk(parts[name].root, None)
            places += reader.flow.places(name, part_name, styles.language(None, None, ""))
    return PackageDocument(parts, places)


@dataclass
class Style:
    """What a style says, with those it is based on.

    Attributes:
        names: of all of them, in lower case; those of built-in styles are English.
        level: in the outline, from 0; None if it is not said, 9 for text.
        languages: by ``w:val`` and ``w:bidi``, for text from left to right and from right to left.
        is_right_to_left: whether runs are.
        bidi: whether paragraphs are; None if it is not said.
    """

    names: set[str] = field(default_factory=set)
    level: str | None = None
    languages: dict[str, str] = field(default_factory=dict)
    is_right_to_left: bool = False
    bidi: bool | None = None


_NO_STYLE = Style()


class Styles:
    """The styles of a document, and its default language."""

    def __init__(self, parts: Parts, relationships: Relationships) -> None:
        self._elements: dict[str, etree._Element] = {}
        self._resolved: dict[str, Style] = {}
        self._default_style = ""
        defaults: list[etree._Element | None] = []
        for part in relationships.of_type("styles"):
            root = parts[part].root
            self._elements |= {attribute(one, "w:styleId") or "": one for one in root}
            for one in root:
                is_default = (attribute(one, "w:default") or "0") in TRUE
                if is_default and attribute(one, "w:type") == "paragraph":
                    self._default_style = attribute(one, "w:styleId") or ""
            defaults.append(child(root, "w:docDefaults", "w:rPrDefault", "w:rPr", "w:lang"))
        for part in relationships.of_type("settings"):
            defaults.append(child(parts[part].root, "w:themeFontLang"))
        self._defaults = {
            name: tag
            for one in reversed(defaults)
            for name in ("w:val", "w:bidi")
            if (tag := attribute(one, name))
        }

    def of_paragraph(self, properties: etree._Element | None) -> Style:
        """The style of a paragraph with these properties."""
        named = attribute(child(properties, "w:pStyle"), "w:val")
        return self._style(named if named in self._elements else self._default_style)

    def is_heading(self, properties: etree._Element | None) -> bool:
        """Whether a paragraph is in the outline, or is the document's title."""
        style = self.of_paragraph(properties)
        level = attribute(child(properties, "w:outlineLvl"), "w:val") or style.level
        if level is not None:
            return level in set("012345678")
        return any(name.startswith("heading ") or name == "title" for name in style.names)

    def language(
        self, run: etree._Element | None, paragraph: etree._Element | None, text: str
    ) -> str:
        """The language of a run with these properties in a paragraph with those.

        The run's direction decides which of two is meant; without text the paragraph's.
        """
        of_run = self._style(attribute(child(run, "w:rStyle"), "w:val"))
        of_paragraph = self.of_paragraph(paragraph)
        if text:
            is_rtl = of_run.is_right_to_left or of_paragraph.is_right_to_left
            is_rtl = is_rtl or is_on(child(run, "w:rtl")) or is_right_to_left(text)
        else:
            bidi = child(paragraph, "w:bidi")
            is_rtl = bool(of_paragraph.bidi) if bidi is None else is_on(bidi)
        name = "w:bidi" if is_rtl else "w:val"
        return (
            attribute(child(run, "w:lang"), name)
            or of_run.languages.get(name)
            or of_paragraph.languages.get(name)
            or self._defaults.get(name, "")
        )

    def _style(self, identifier: str | None) -> Style:
        if identifier is None or identifier not in self._elements:
            return _NO_STYLE
        if identifier not in self._resolved:
            style, seen = Style(), set()
            base: str | None = identifier
            while base in self._elements and base not in seen:
                seen.add(base)
                _complete(style, self._elements[base])
                base = attribute(child(self._elements[base], "w:basedOn"), "w:val")
            self._resolved[identifier] = style
        return self._resolved[identifier]


def _complete(style: Style, element: etree._Element) -> None:
    """Add what the next style of the chain says."""
    paragraph, run = child(element, "w:pPr"), child(element, "w:rPr")
    style.names.add((attribute(child(element, "w:name"), "w:val") or "").lower())
    style.level = style.level or attribute(child(paragraph, "w:outlineLvl"), "w:val")
    style.is_right_to_left |= is_on(child(run, "w:rtl"))
    if style.bidi is None and (bidi := child(paragraph, "w:bidi")) is not None:
        style.bidi = is_on(bidi)
    for name in ("w:val", "w:bidi"):
        if tag := attribute(child(run, "w:lang"), name):
            style.languages.setdefault(name, tag)


class _Reader:
    """Reads one part."""

    def __init__(self, styles: Styles, relationships: Relationships) -> None:
        self.flow = Flow()
        self._styles, self._relationships = styles, relationships
        self._paragraph: etree._Element | None = None
        self._run: etree._Element | None = None
        """Properties of the paragraph and of the run."""
        self._link = ""
        self._fields = Fields(self.flow.found)

    def walk(self, element: etree._Element, block: Block | None) -> None:
        """Read what is in an element, which is in a block."""
        for one in element:
            name = name_of(one)
            if name == "w:p":
                self._read_paragraph(one)
            elif name == "w:r":
                self._run = child(one, "w:rPr")
                self.walk(one, block)
                self._run = None
            elif name == "w:t" and block:
                text = one.text or ""
                self._fields.add(text)
                block.add(text, self._styles.language(self._run, self._paragraph, text))
            elif name in _SPACES and block:
                block.add(" ")
            elif name == "w:fldChar":
                self._fields.read(attribute(one, "w:fldCharType"))
            elif name == "w:instrText" and block:
                self._fields.add(one.text or "")
                block.caption |= "SEQ" in (one.text or "").split()
            elif name == "w:fldSimple":
                instruction = attribute(one, "w:instr") or ""
                if block:
                    block.caption |= "SEQ" in instruction.split()
                self._read_link(one, link_of(instruction), block)
            elif name == "w:hyperlink":
                target = self._relationships.get(attribute(one, "r:id"))
                anchor = attribute(one, "w:anchor")
                address = (target.target if target else "") + (f"#{anchor}" if anchor else "")
                self._read_link(one, address, block)
            elif name == "mc:AlternateContent":
                self._read_alternatives(one, block)
            elif name in ("wp:inline", "wp:anchor"):
                data = child(one, "a:graphic", "a:graphicData")
                content = None if data is None else next(data.iterchildren("*"), None)
                self._add(child(one, "wp:docPr"), content, block)
                self.walk(one, block)
            elif name in _VML_SHAPES:
                self._add(one, one, block)
                self.walk_text_boxes(one, block)
            elif name and name not in _SKIPPED:
                self.walk(one, block)

    def walk_text_boxes(self, shape: etree._Element, block: Block | None) -> None:
        """Read the texts in a shape, but no shapes in it: those of a group are one image."""
        for one in shape:
            if name_of(one) == "w:txbxContent":
                self.walk(one, block)
            else:
                self.walk_text_boxes(one, block)

    def _read_paragraph(self, paragraph: etree._Element) -> None:
        before = self._paragraph, self._run, self._link
        properties = self._paragraph = child(paragraph, "w:pPr")
        self._run, self._link = None, ""
        block = self.flow.block(
            heading=self._styles.is_heading(properties),
            caption="caption" in self._styles.of_paragraph(properties).names,
        )
        self.walk(paragraph, block)
        self._paragraph, self._run, self._link = before

    def _read_link(self, link: etree._Element, address: str, block: Block | None) -> None:
        """Read an element whose content leads to an address, if that is not empty."""
        before = self._link
        if address:
            has_text = any((one.text or "").strip() for one in descendants(link, "w:t"))
            self._link = "" if has_text else address
        self.walk(link, block)
        self._link = before

    def _read_alternatives(self, element: etree._Element, block: Block | None) -> None:
        """Read what new programs show; what old ones show instead is the same image."""
        choice, fallback = child(element, "mc:Choice"), child(element, "mc:Fallback")
        count = len(self.flow.found)
        if choice is None:
            self.walk(element if fallback is None else fallback, block)
            return
        self.walk(choice, block)
        if fallback is not None:
            old = _Reader(self._styles, self._relationships)
            old.walk(fallback, None)
            if len(self.flow.found) == count and len(old.flow.found) == 1:  # a 3D model
                self._add(next(descendants(choice, "wp:docPr"), None), fallback, block)
            join_alternatives(self.flow.found[count:], old.flow.found)

    def _add(
        self, carrier: etree._Element | None, content: etree._Element | None, block: Block | None
    ) -> None:
        """Add an image if there is one."""
        if carrier is None or content is None or is_hidden(carrier):
            return
        kind = kind_of_drawing(content)
        if kind is None:
            return
        found = described(carrier, kind, self._relationships, content)
        found.link = found.link or self._link
        language = self._styles.language(self._run, self._paragraph, "")
        if language != self._styles.language(None, None, ""):
            found.language = language
        self.flow.image(found, block)
