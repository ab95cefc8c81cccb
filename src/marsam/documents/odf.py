"""OpenDocument (ODF 1.3): ODT, ODP, ODS and their templates.

An image has a title and a description, and screen readers read both; the alt text is the
description, or the title where there is no other. Pictures of a presentation's master pages are not
reported: they are not read on the slides.
"""

import posixpath
from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from marsam.documents.direction import is_right_to_left
from marsam.documents.document import AltText, Kind
from marsam.documents.flow import Block, Flow, Found
from marsam.documents.package import PackageDocument, Parts
from marsam.documents.xml_edit import Edits, XmlPart, as_xml, prefix_in
from marsam.documents.xml_names import (
    attribute,
    child,
    descendants,
    has,
    name_of,
    namespace_like,
    text_of,
)
from marsam.errors import DocumentError
from marsam.messages import Message

_CONTENT, _STYLES, _MANIFEST = "content.xml", "styles.xml", "META-INF/manifest.xml"
_OLD_MANIFEST = (
    b"<manifest:manifest>",
    b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">',
)
"""OpenOffice 2 left the namespace to the DTD, which is not read."""
_SKIPPED = {"text:tracked-changes", "presentation:notes", "office:annotation", "text:note-citation"}
"""What is not in the text: what was deleted, notes for the speaker, comments."""
_SPACES = {"text:s", "text:tab", "text:line-break"}
_HEADERS_AND_FOOTERS = {
    f"style:{place}{pages}" for place in ("header", "footer") for pages in ("", "-left", "-first")
}
_DECORATIVE = ("draw:decorative", "loext:decorative")
"""Of ODF 1.4, and of LibreOffice before it."""
_MAX_PARENTS = 50
"""How many styles may stand on another, one on one."""


def read_odf(data: bytes, *, path: Path, root: Path | None) -> PackageDocument:  # noqa: ARG001
    """Read an OpenDocument file, as :class:`marsam.documents.document.DocumentFormat`."""
    parts = Parts(data)
    objects = _objects(parts)
    if _CONTENT not in parts and _STYLES in parts:  # a template of styles alone
        return PackageDocument(parts, ())
    body = child(parts[_CONTENT].root, "office:body")
    if body is None:
        raise DocumentError("This is not an OpenDocument file.")
    styles = _Styles(parts)
    reader = _Reader(parts, styles, objects, _CONTENT)
    reader.walk(body, None)
    default = styles.language("", "", "")
    places = reader.flow.places(_CONTENT, Message("main text"), default)
    if _STYLES in parts and not has(body, "draw:page"):
        reader = _Reader(parts, styles, objects, _STYLES)
        for one in descendants(parts[_STYLES].root, *_HEADERS_AND_FOOTERS):
            reader.walk(one, None)
        places += reader.flow.places(_STYLES, Message("header or footer"), default)
    return PackageDocument(parts, places)


def _objects(parts: Parts) -> dict[str, str]:
    """Media types of the members, by name."""
    if _MANIFEST not in parts:
        return {}
    content = parts.container.read(_MANIFEST).replace(*_OLD_MANIFEST)
    manifest = XmlPart(content, _MANIFEST).root
    if has(manifest, "manifest:encryption-data"):
        raise DocumentError("The document is protected by a password; save a copy without one.")
    return {
        (attribute(one, "manifest:full-path") or "").rstrip("/"): kind
        for one in descendants(manifest, "manifest:file-entry")
        if (kind := attribute(one, "manifest:media-type"))
    }


class _Styles:
    """The styles of all parts: automatic ones belong to their part, the others to all."""

    def __init__(self, parts: Parts) -> None:
        self._by_name: dict[tuple[str, str, str], etree._Element] = {}
        self._chains: dict[tuple[str, str, str], list[etree._Element]] = {}
        for part in (_STYLES, _CONTENT):
            root = parts[part].root if part in parts else None
            for group in () if root is None else root:
                owner = part if name_of(group) == "office:automatic-styles" else ""
                if name_of(group) in ("office:styles", "office:automatic-styles"):
                    for style in group:
                        family = attribute(style, "style:family") or ""
                        name = attribute(style, "style:name") or ""
                        self._by_name[owner, family, name] = style

    def chain(self, part: str, family: str, name: str) -> list[etree._Element]:
        """A style, those it is based on, and the default of its family."""
        key = part, family, name
        if key not in self._chains:
            found: list[etree._Element] = []
            while name and len(found) < _MAX_PARENTS:
                style = self._by_name.get((part, family, name), self._common(family, name))
                if style is None:
                    break
                found.append(style)
                name = attribute(style, "style:parent-style-name") or ""
            default = self._common(family, "")
            self._chains[key] = found if default is None else [*found, default]
        return self._chains[key]

    def _common(self, family: str, name: str) -> etree._Element | None:
        return self._by_name.get(("", family, name))

    def names(self, part: str, name: str) -> set[str]:
        """The names, in lower case, of a paragraph's style and those it is based on."""
        chain = self.chain(part, "paragraph", name)
        return {(attribute(style, "style:name") or "").lower() for style in chain}

    def language(self, part: str, paragraph: str, text: str, span: str = "") -> str:
        """The language of a text in a paragraph and a span of these styles.

        The script decides which of two is meant; without text the direction of the paragraph.
        """
        paragraphs = self.chain(part, "paragraph", paragraph)
        modes = (
            attribute(child(style, "style:paragraph-properties"), "style:writing-mode")
            for style in paragraphs
        )
        mode = "" if text else next((mode for mode in modes if mode and mode != "page"), "")
        is_complex = is_right_to_left(text) or mode.startswith("rl")
        names = ("style:language-complex", "style:country-complex")
        names = names if is_complex else ("fo:language", "fo:country")
        spans = self.chain(part, "text", span) if span else []
        for style in [*spans, *paragraphs, *self.chain(part, "graphic", "")]:
            properties = child(style, "style:text-properties")
            tag, country = (attribute(properties, name) or "none" for name in names)
            if tag not in ("none", "zxx"):
                return tag if country == "none" else f"{tag}-{country}"
        return ""


class _Reader:
    """Reads one part."""

    def __init__(self, parts: Parts, styles: _Styles, objects: dict[str, str], part: str) -> None:
        self.flow = Flow()
        self._parts, self._styles, self._objects, self._part = parts, styles, objects, part
        self._paragraph = self._span = self._link = ""
        self._slides = 0

    def walk(self, element: etree._Element, block: Block | None) -> None:
        """Read what is in an element, which is in a block."""
        for one in element:
            name = name_of(one)
            if name in ("text:p", "text:h"):
                self._read_paragraph(one)
            elif name == "draw:page":
                self._read_slide(one)
            elif name == "table:table" and name_of(element) == "office:spreadsheet":
                self._read_sheet(one)
            elif name == "draw:frame":
                self._read_frame(one, block)
            elif name == "draw:g":
                self._read_group(one, block)
            elif name in ("draw:a", "text:a"):
                has_text = name == "text:a" and _shows_text(one)
                address = "" if has_text else attribute(one, "xlink:href") or ""
                before, self._link = self._link, address
                self._read_inline(one, block)
                self._link = before
            elif name in _SPACES and block:
                block.add(" ")
            elif name == "text:span":
                before, self._span = self._span, attribute(one, "text:style-name") or ""
                self._read_inline(one, block)
                self._span = before
            elif name and name not in _SKIPPED:
                if block:
                    block.caption |= name == "text:sequence"
                self._read_inline(one, block)
            self._add_text(one.tail, block)

    def _read_inline(self, element: etree._Element, block: Block | None) -> None:
        self._add_text(element.text, block)
        self.walk(element, block)

    def _add_text(self, text: str | None, block: Block | None) -> None:
        if block and text:
            language = self._styles.language(self._part, self._paragraph, text, self._span)
            block.add(text, language)

    def _read_paragraph(self, paragraph: etree._Element) -> None:
        before = self._paragraph, self._span, self._link
        self._paragraph = attribute(paragraph, "text:style-name") or ""
        self._span = ""
        names = self._styles.names(self._part, self._paragraph)
        is_heading = name_of(paragraph) == "text:h" or "title" in names
        block = self.flow.block(heading=is_heading, caption="caption" in names)
        self._read_inline(paragraph, block)
        self._paragraph, self._span, self._link = before

    def _read_sheet(self, sheet: etree._Element) -> None:
        count = len(self.flow.found)
        self.walk(sheet, None)
        for found in self.flow.found[count:]:
            found.part_name = Message("sheet {name}", name=attribute(sheet, "table:name") or "")

    def _read_slide(self, slide: etree._Element) -> None:
        """Read the title, which is the heading wherever it stands, then all else."""
        self._slides += 1
        count = len(self.flow.found)
        heading = self.flow.block(heading=True)
        titles = [one for one in descendants(slide, "draw:frame") if _is_title(one)]
        for paragraph in [one for title in titles[:1] for one in descendants(title, "text:p")]:
            style = attribute(paragraph, "text:style-name") or ""
            text = text_of(paragraph)
            heading.add(text + " ", self._styles.language(self._part, style, text))
        self.walk(slide, None)
        for found in self.flow.found[count:]:
            found.part_name = Message("slide {number}", number=self._slides)

    def _read_group(self, group: etree._Element, block: Block | None) -> None:
        """Read the shapes of a group; a group with an alt text is one image."""
        own = _described(group, Kind.DRAWING)
        # LibreOffice gives every shape a paragraph, which is empty in most.
        has_content = has(group, "draw:frame") or _shows_text(group)
        if own.alt or own.decorative or not has_content:
            self.flow.image(own, block)
        else:
            self.walk(group, block)

    def _read_frame(self, frame: etree._Element, block: Block | None) -> None:
        """Read an image, or the text in a frame."""
        if _is_title(frame):
            return
        found = self._image(frame)
        if found:
            found.link = self._link
            language = self._styles.language(self._part, self._paragraph, "", self._span)
            if language != self._styles.language("", "", ""):
                found.language = language
            self.flow.image(found, block)
        else:
            self.walk(frame, None)

    def _image(self, frame: etree._Element) -> Found | None:
        contents = [child(frame, f"draw:{kind}") for kind in ("object", "object-ole")]
        content = next((one for one in contents if one is not None), None)
        kind = Kind.IMAGE
        if content is not None:
            href = posixpath.normpath(attribute(content, "xlink:href") or "")
            media_type = self._objects.get(href, "")
            if media_type.endswith(".formula"):
                return None  # it is read as text
            kind = Kind.CHART if media_type.endswith(".chart") else Kind.IMAGE
        pictures = [one for one in frame if name_of(one) == "draw:image"]
        if not pictures and content is None:
            return None
        found = _described(frame, kind)
        addresses = [attribute(one, "xlink:href") or "" for one in pictures]
        addresses.sort(key=lambda one: one.endswith(".svg"))  # others are for all programs
        found.source = next(iter(addresses), "")
        file = posixpath.normpath(found.source)
        found.file = file if kind is Kind.IMAGE and file in self._parts else ""
        return found


def _shows_text(element: etree._Element) -> bool:
    """Whether there is a text in an element, beside those that describe what is in it."""
    return any(
        (name_of(one) not in ("svg:title", "svg:desc") and (one.text or "").strip())
        or (one is not element and (one.tail or "").strip())
        for one in element.iter("*")
    )


def _is_title(frame: etree._Element) -> bool:
    return attribute(frame, "presentation:class") == "title"


def _described(frame: etree._Element, kind: Kind) -> Found:
    is_decorative = any(attribute(frame, name) == "true" for name in _DECORATIVE)
    alt = text_of(child(frame, "svg:desc")) or text_of(child(frame, "svg:title"))
    return Found(
        kind=kind,
        carriers=[frame],
        write=_write,
        alt=alt if alt and not is_decorative else None,
        decorative=is_decorative,
    )


def _write(edits: Edits, frames: Sequence[etree._Element], alt: AltText) -> None:
    """Write the text where it was read from; a new one as the description."""
    for frame in frames:
        name = "draw" if attribute(frame, _DECORATIVE[0]) is not None else "loext"
        is_decorative = attribute(frame, f"{name}:decorative") == "true"
        if alt.decorative != is_decorative:
            value = "true" if alt.decorative else None
            edits.set(frame, "decorative", value, namespace_like(frame, name))
        title, description = child(frame, "svg:title"), child(frame, "svg:desc")
        if not alt.text:
            for one in (title, description):
                if one is not None:
                    edits.set_text(one, "")
        elif description is not None and (text_of(description) or not text_of(title)):
            edits.set_text(description, alt.text)
        elif title is not None and text_of(title):
            edits.set_text(title, alt.text)
        else:
            _insert_description(edits, frame, alt.text)


def _insert_description(edits: Edits, frame: etree._Element, text: str) -> None:
    """Insert it where the schema has it: after the content, before the contour."""
    prefix, declaration = prefix_in(frame, namespace_like(frame, "svg"))
    xml = f"<{prefix}desc{declaration}>{as_xml(text)}</{prefix}desc>"
    contours = (child(frame, f"draw:contour-{kind}") for kind in ("polygon", "path"))
    contour = next((one for one in contours if one is not None), None)
    if contour is None:
        edits.insert(frame, xml)
    else:
        edits.insert_before(contour, xml)
