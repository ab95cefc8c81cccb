"""XML parts of documents: parsed safely, and edited so that all else stays byte for byte.

lxml parses a part; expat then says at which bytes an element stands. Tags are written anew where
an attribute changes, and nowhere else.
"""

import codecs
import re
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from html.entities import html5
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

from lxml import etree

from marsam.errors import DocumentError

MAX_TAGS = 1_000_000
"""Of a document. Each of them costs time and memory, however short it is."""

_DECLARED = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
_ENCODINGS = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-?8859-\d+|latin-?1|windows-\d+|cp\d+|koi8-[ru]|shift_jis|big5"
    r"|gb(?:2312|k|18030)|euc-(?:jp|kr|cn)",
    re.IGNORECASE,
)
_BOMS = {codecs.BOM_UTF8: "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_FIRST_BYTES = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_NAMED = re.compile(rb"&(?!amp;|lt;|gt;|quot;|apos;)([A-Za-z][A-Za-z0-9]{1,30};)")
_NAME = re.compile(rb"<([^\s/>]+)")
_ATTRIBUTE = re.compile(rb"(\s+)([^\s=/>]+)(\s*=\s*)(\"[^\"]*\"|'[^']*')")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_AS_REFERENCE = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


class Namespace(NamedTuple):
    """A namespace, and the prefix to declare where it has none."""

    uri: str
    prefix: str


class XmlPart:
    """An XML file of a document.

    Args:
        data: the file.
        name: its name in the document, for errors.
        named_characters: whether HTML's names of characters (``&nbsp;``) are known, as in XHTML,
            whose DTD is not read.

    Raises:
        DocumentError: not well-formed, too large, or with entities of its own, which might refer
            to other files or grow without bounds.
    """

    def __init__(self, data: bytes, name: str, *, named_characters: bool = False) -> None:
        self.name = name
        self.data = data
        self._bom, self._codec, self._utf8 = _decoded(data, name)
        self.tags = self._utf8.count(b"<")
        if self.tags > MAX_TAGS:
            raise DocumentError("The document is too large: it has too many tags.")
        self._named_characters = named_characters
        _refuse_entities(self._utf8, name)
        text = _NAMED.sub(_character, self._utf8) if named_characters else self._utf8
        try:
            self.root = etree.fromstring(text, _parser())
        except (etree.LxmlError, ValueError) as error:
            raise DocumentError(
                "The document is damaged: {part} is not correct XML.", part=name
            ) from error

    def edited(self, edits: "Edits") -> bytes:
        """Return the file with some changes made; the same bytes if nothing changes.

        Raises:
            DocumentError: the file's encoding does not allow to keep the rest as it is.
        """
        changes = sorted(
            change for span in self._spans(edits.elements) for change in edits.changes(span)
        )
        if not changes:
            return self.data
        written, position = bytearray(), 0
        for start, end, new in changes:
            written += self._utf8[position:start] + new
            position = end
        written += self._utf8[position:]
        if self._codec == "utf-8":
            return self._bom + bytes(written)
        if self._bom + self._utf8.decode().encode(self._codec, "replace") != self.data:
            raise _unreadable(self.name)
        return self._bom + written.decode().encode(self._codec, "xmlcharrefreplace")

    def _spans(self, elements: Container[etree._Element]) -> Iterator["Span"]:
        wanted = {i: one for i, one in enumerate(self.root.iter("*")) if one in elements}
        found: list[Span] = []
        open_elements: list[int] = []
        count = 0

        def start(name: str, _attributes: object) -> None:
            nonlocal count
            open_elements.append(count if count in wanted else -1)
            if count in wanted:
                element = wanted[count]
                if name.rpartition(":")[2] != etree.QName(element).localname:
                    raise _unreadable(self.name)
                found.append(Span(self._utf8, element, parser.CurrentByteIndex))
                open_elements[-1] = len(found) - 1
            count += 1

        def end(_name: str) -> None:
            index = open_elements.pop()
            if index >= 0:
                found[index].close(parser.CurrentByteIndex)

        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler, parser.EndElementHandler = start, end
        text = self._utf8
        if self._named_characters:
            text = _NAMED.sub(lambda match: b"." * len(match[0]), text)
        try:
            parser.Parse(text, True)
        except expat.ExpatError as error:
            raise _unreadable(self.name) from error
        return iter(found)


class Span:
    """Where an element stands in the UTF-8 text of its part.

    Attributes:
        start, tag_end: of its start tag.
        attributes: by name as it is written: where the space before it, its value with the
            quotation marks, and its end are.
        is_empty: written as one tag (``<br/>``).
        content_end, end: of its content, and of its end tag.
    """

    def __init__(self, text: bytes, element: etree._Element, start: int) -> None:
        self._text, self.element, self.start = text, element, start
        name = _NAME.match(text, start)
        if name is None:
            raise ValueError("expat gave no start of a tag")
        self.name, position = name[1], name.end()
        self.attributes: dict[bytes, tuple[int, int, int]] = {}
        while match := _ATTRIBUTE.match(text, position):
            self.attributes[match[2]] = match.start(), match.start(4), match.end()
            position = match.end()
        self.attributes_end = position
        self.tag_end = text.index(b">", position) + 1
        self.is_empty = text[self.tag_end - 2 : self.tag_end - 1] == b"/"
        self.content_end = self.end = self.tag_end

    def close(self, content_end: int) -> None:
        """Note where the content ends."""
        if not self.is_empty:
            self.content_end = content_end
            self.end = self._text.index(b">", content_end) + 1


Change = tuple[int, int, bytes]
"""Start, end, and what to write there."""


class Edits:
    """Changes of elements of one part."""

    def __init__(self) -> None:
        self.elements: dict[etree._Element, list[Callable[[Span], Iterator[Change]]]] = {}

    def changes(self, span: Span) -> Iterator[Change]:
        """What changes at an element."""
        for edit in self.elements[span.element]:
            yield from edit(span)

    def set(
        self,
        element: etree._Element,
        name: str,
        value: str | None,
        namespace: Namespace | None = None,
    ) -> None:
        """Set an attribute; None removes it."""
        key = f"{{{namespace.uri}}}{name}" if namespace else name
        value = None if value is None else _ILLEGAL.sub(" ", value)
        if element.get(key) == value:
            return
        names, declaration = [name], ""
        if namespace:
            prefixes = [one for one, uri in element.nsmap.items() if one and uri == namespace.uri]
            if not prefixes:
                prefixes = [namespace.prefix]
                declaration = f' xmlns:{namespace.prefix}="{namespace.uri}"'
            names = [f"{prefix}:{name}" for prefix in prefixes]

        def edit(span: Span) -> Iterator[Change]:
            quoted = None if value is None else f'"{escape(value, _AS_REFERENCE)}"'
            for written in names:
                if written.encode() in span.attributes:
                    start, value_start, end = span.attributes[written.encode()]
                    if quoted is None:
                        yield start, end, b""
                    else:
                        yield value_start, end, quoted.encode()
                    return
            if quoted is not None:
                new = f"{declaration} {names[0]}={quoted}"
                yield span.attributes_end, span.attributes_end, new.encode()

        self._add(element, edit)

    def insert(self, element: etree._Element, xml: str, *, first: bool = False) -> None:
        """Insert XML into an element: as its last content, or as the first."""

        def edit(span: Span) -> Iterator[Change]:
            if span.is_empty:
                slash = span.tag_end - 2
                new = b">" + xml.encode() + b"</" + span.name + b">"
                yield slash, span.tag_end, new
            else:
                position = span.tag_end if first else span.content_end
                yield position, position, xml.encode()

        self._add(element, edit)

    def insert_before(self, element: etree._Element, xml: str) -> None:
        """Insert XML before an element."""
        self._add(element, lambda span: iter([(span.start, span.start, xml.encode())]))

    def set_text(self, element: etree._Element, text: str) -> None:
        """Replace an element's content by a text."""
        if len(element) == 0 and (element.text or "") == text:
            return

        def edit(span: Span) -> Iterator[Change]:
            if span.is_empty:
                new = f">{as_xml(text)}</".encode() + span.name + b">"
                yield span.tag_end - 2, span.tag_end, new
            else:
                yield span.tag_end, span.content_end, as_xml(text).encode()

        self._add(element, edit)

    def _add(self, element: etree._Element, edit: Callable[[Span], Iterator[Change]]) -> None:
        self.elements.setdefault(element, []).append(edit)


def prefix_in(parent: etree._Element, namespace: Namespace) -> tuple[str, str]:
    """The prefix (``a:``) of a new element in another one, and its declaration where needed."""
    prefixes = [one for one, uri in parent.nsmap.items() if uri == namespace.uri]
    if prefixes:
        return f"{prefixes[0]}:" if prefixes[0] else "", ""
    return f"{namespace.prefix}:", f' xmlns:{namespace.prefix}="{namespace.uri}"'


def as_xml(text: str) -> str:
    """A text as the content of an element."""
    return escape(_ILLEGAL.sub(" ", text))


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, encoding="utf-8"
    )


def _decoded(data: bytes, name: str) -> tuple[bytes, str, bytes]:
    """The byte order mark, the codec of the rest, and the rest in UTF-8."""
    bom = next((one for one in _BOMS if data.startswith(one)), b"")
    codec = _BOMS.get(bom) or _FIRST_BYTES.get(data[:2])
    if codec is None:
        match = _DECLARED.match(data)
        codec = match[1].decode().lower() if match else "utf-8"
        if codec.startswith("utf-16") or codec in ("utf8", "ascii", "us-ascii"):
            codec = "utf-8"  # it is not in UTF-16, or it would not have been readable so far
        if not _ENCODINGS.fullmatch(codec):
            raise _unreadable(name)
    rest = data[len(bom) :]
    try:
        return bom, codec, rest if codec == "utf-8" else rest.decode(codec).encode()
    except (UnicodeError, LookupError) as error:
        raise _unreadable(name) from error


class _FirstTag(Exception):
    """The root element was reached."""


def _refuse_entities(text: bytes, name: str) -> None:
    """Raise DocumentError where entities are declared, before any parser might use them."""

    def first_tag(*_tag: object) -> None:
        raise _FirstTag

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = first_tag
    prolog = text
    with suppress(expat.ExpatError):  # lxml says what is wrong
        try:
            parser.Parse(text, True)
        except _FirstTag:
            prolog = text[: parser.CurrentByteIndex]
    if b"<!ENTITY" in prolog:
        raise DocumentError(
            "The document defines XML entities in {part}, which is not allowed.", part=name
        )


def _character(match: re.Match[bytes]) -> bytes:
    return html5.get(match[1].decode(), match[0].decode()).encode()


def _unreadable(name: str) -> DocumentError:
    return DocumentError("The document is damaged: {part} cannot be read.", part=name)
