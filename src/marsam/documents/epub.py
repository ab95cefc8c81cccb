"""Books: EPUB 2 and 3.

The chapters are read in the order of the spine. The image of the cover that only the package names
is not reported: it is on no page.
"""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import etree

from marsam.documents.document import AltText, Kind
from marsam.documents.flow import Block, Flow, Found
from marsam.documents.package import PackageDocument, Parts
from marsam.documents.xml_edit import Edits, Namespace, as_xml, prefix_in
from marsam.documents.xml_names import attribute, child, descendants, name_of, text_of
from marsam.errors import DocumentError
from marsam.messages import Sentence

MAX_TITLE = 60
"""Characters of a chapter's title in reports."""
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PACKAGE_TYPE, _CHAPTER_TYPE = "application/oebps-package+xml", "application/xhtml+xml"
_FONT_ALGORITHMS = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
"""They hide fonts, and no text."""
_HEADINGS = {f"html:h{level}" for level in range(1, 7)}
_BLOCKS = _HEADINGS | {
    "html:address", "html:article", "html:aside", "html:blockquote", "html:body", "html:caption",
    "html:center", "html:dd", "html:details", "html:div", "html:dl", "html:dt", "html:fieldset",
    "html:figcaption", "html:figure", "html:footer", "html:form", "html:header", "html:hr",
    "html:li", "html:main", "html:nav", "html:ol", "html:p", "html:pre", "html:section",
    "html:summary", "html:table", "html:td", "html:th", "html:tr", "html:ul",
}  # fmt: skip
_CAPTIONED = {"html:figure", "html:figcaption"}
_SKIPPED = {"html:head", "html:script", "html:style", "html:template", "html:rt", "html:rp"}
_SVG_GROUPS = {"svg:svg", "svg:g", "svg:a", "svg:defs", "svg:title", "svg:desc", "svg:metadata"}
"""What shows nothing itself."""
_NO_ROLES = {"presentation", "none"}


def read_epub(data: bytes, *, path: Path, root: Path | None) -> PackageDocument:  # noqa: ARG001
    """Read a book, as :class:`marsam.documents.document.DocumentFormat`."""
    parts = Parts(data, named_characters=True)
    _refuse_protected(parts)
    package = parts[_package(parts)]
    manifest, spine = (child(package.root, f"opf:{name}") for name in ("manifest", "spine"))
    if manifest is None or spine is None:
        raise DocumentError("The document is damaged: {part} cannot be read.", part=package.name)
    items = {one.get("id"): one for one in manifest}
    languages = descendants(package.root, "dc:language")
    language = next((one.text.strip() for one in languages if one.text), "")
    places = []
    chapters = (items.get(attribute(one, "idref")) for one in spine)
    names = [
        _resolved(package.name, one.get("href", ""))
        for one in chapters
        if one is not None and one.get("media-type") == _CHAPTER_TYPE
    ]
    for name in dict.fromkeys(names):
        if name in parts:
            reader = _Reader(parts, name)
            reader.walk(parts[name].root, _State(language=language))
            places += reader.flow.places(name, _title(parts[name].root, name), language)
    return PackageDocument(parts, places)


def _refuse_protected(parts: Parts) -> None:
    if _ENCRYPTION in parts:
        methods = descendants(parts[_ENCRYPTION].root, "enc:EncryptionMethod")
        if any(one.get("Algorithm") not in _FONT_ALGORITHMS for one in methods):
            raise DocumentError("The book is protected against copying (DRM).")


def _package(parts: Parts) -> str:
    """The name of the package's file."""
    files = descendants(parts[_CONTAINER].root, "container:rootfile")
    names = [one.get("full-path", "") for one in files if one.get("media-type") == _PACKAGE_TYPE]
    if not names:
        raise DocumentError("This is not a book in the format EPUB.")
    return names[0]


def _resolved(base: str, address: str) -> str:
    """The member that a relative address in a part means; empty if it is outside."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or not parts.path:
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(parts.path)))


def _title(chapter: etree._Element, name: str) -> Sentence:
    """The first heading of a chapter, or else its title or the name of its file."""
    headings = descendants(chapter, *_HEADINGS)
    candidates = (*headings, child(chapter, "html:head", "html:title"))
    title = next(filter(None, map(text_of, candidates)), posixpath.basename(name))
    title = title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…"
    return Sentence(title, title)


@dataclass(frozen=True)
class _State:
    """What elements inherit: language, whether they are a heading or a caption, and so on."""

    language: str
    is_of_book: bool = True
    """Whether the language is said for the whole book, or a whole chapter."""
    heading: bool = False
    caption: bool = False
    hidden: bool = False
    link: str = ""
    caption_text: str = ""


class _Reader:
    """Reads one chapter."""

    def __init__(self, parts: Parts, part: str) -> None:
        self.flow = Flow()
        self._parts, self._part = parts, part
        self._block: Block | None = None

    def walk(self, element: etree._Element, state: _State) -> None:
        """Read an element."""
        name = name_of(element)
        if not name or name in _SKIPPED or element.get("hidden") is not None:
            return
        state = _inherited(element, name, state)
        if name in ("html:img", "svg:svg"):
            found = self._image(element) if name == "html:img" else self._drawing(element)
            found.decorative |= state.hidden
            found.link, found.caption = state.link, state.caption_text
            found.language = "" if state.is_of_book else state.language
            self.flow.image(found, self._current(state))
            return
        if name in _BLOCKS:
            self._block = None
        self._add(element.text, state)
        for one in element:
            self.walk(one, state)
            self._add(one.tail, state)
        if name in _BLOCKS:
            self._block = None
        elif name == "html:br":
            self._add(" ", state)

    def _current(self, state: _State) -> Block:
        if self._block is None:
            self._block = self.flow.block(heading=state.heading, caption=state.caption)
        return self._block

    def _add(self, text: str | None, state: _State) -> None:
        if text and (self._block or text.strip()):
            self._current(state).add(text, state.language)

    def _image(self, element: etree._Element) -> Found:
        source, alt = element.get("src", ""), element.get("alt")
        label = element.get("aria-label", "").strip()
        return Found(
            kind=Kind.IMAGE,
            carriers=[element],
            write=_write_image,
            source=source,
            file=_resolved(self._part, source),
            alt=label or alt,
            decorative=alt == "" and not label,
        )

    def _drawing(self, svg: etree._Element) -> Found:
        """SVG; around nothing but a picture, as covers often have it, it is that picture."""
        shown = [one for one in svg.iter("*") if name_of(one) not in _SVG_GROUPS]
        is_picture = len(shown) == 1 and name_of(shown[0]) == "svg:image"
        addresses = [attribute(one, name) for one in shown for name in ("xlink:href", "href")]
        source = next(filter(None, addresses), "") if is_picture else ""
        alt = svg.get("aria-label", "").strip() or text_of(child(svg, "svg:title"))
        return Found(
            kind=Kind.IMAGE if is_picture else Kind.DRAWING,
            carriers=[svg],
            write=_write_drawing,
            source=source,
            file=_resolved(self._part, source),
            alt=alt or None,
        )


def _inherited(element: etree._Element, name: str, state: _State) -> _State:
    """What an element's content inherits."""
    if not element.attrib and name not in _HEADINGS and name not in _CAPTIONED:
        return state
    own = attribute(element, "xml:lang") or element.get("lang")
    is_whole = state.is_of_book if own is None else name in ("html:html", "html:body")
    link, caption_text = state.link, state.caption_text
    if name == "html:a":
        link = "" if text_of(element) else element.get("href", "")
    elif name == "html:figure":
        caption_text = text_of(next(descendants(element, "html:figcaption"), None))
    is_hidden = element.get("aria-hidden") == "true"
    has_no_role = element.get("role") in _NO_ROLES and name in ("html:img", "svg:svg")
    return _State(
        language=own or state.language,
        is_of_book=is_whole,
        heading=state.heading or name in _HEADINGS,
        caption=state.caption or name == "html:figcaption",
        hidden=state.hidden or is_hidden or has_no_role,
        link=link,
        caption_text=caption_text,
    )


def _write_image(edits: Edits, images: Sequence[etree._Element], alt: AltText) -> None:
    for image in images:
        has_label = bool(image.get("aria-label", "").strip())
        edits.set(image, "alt", alt.text)
        if has_label:
            edits.set(image, "aria-label", alt.text or None)
        if alt.text:
            _unhide(edits, image)


def _write_drawing(edits: Edits, drawings: Sequence[etree._Element], alt: AltText) -> None:
    for svg in drawings:
        if alt.decorative:
            edits.set(svg, "aria-hidden", "true")
        else:
            _unhide(edits, svg)
        title = child(svg, "svg:title")
        if svg.get("aria-label", "").strip():
            edits.set(svg, "aria-label", alt.text or None)
        elif title is not None:
            edits.set_text(title, alt.text)
        elif alt.text:
            prefix, declaration = prefix_in(svg, Namespace(str(etree.QName(svg).namespace), "svg"))
            xml = f"<{prefix}title{declaration}>{as_xml(alt.text)}</{prefix}title>"
            edits.insert(svg, xml, first=True)


def _unhide(edits: Edits, element: etree._Element) -> None:
    """Remove what makes an image decorative."""
    if element.get("role") in _NO_ROLES:
        edits.set(element, "role", None)
    edits.set(element, "aria-hidden", None)
