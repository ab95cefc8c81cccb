"""Names in XML documents, written with the usual prefixes: ``w:p`` is a paragraph of Word.

A document may choose other prefixes, and OOXML has two addresses for most of its namespaces.
"""

from collections.abc import Iterator
from functools import cache

from lxml import etree

from marsam.documents.xml_edit import Namespace

_OPEN, _STRICT = "http://schemas.openxmlformats.org/", "http://purl.oclc.org/ooxml/"
_MICROSOFT = "http://schemas.microsoft.com/office/"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_OOXML = {
    "a": "drawingml/2006/main",
    "c": "drawingml/2006/chart",
    "dgm": "drawingml/2006/diagram",
    "lc": "drawingml/2006/lockedCanvas",
    "p": "presentationml/2006/main",
    "pic": "drawingml/2006/picture",
    "r": "officeDocument/2006/relationships",
    "w": "wordprocessingml/2006/main",
    "wp": "drawingml/2006/wordprocessingDrawing",
}
_PREFIXES = {
    **{_OPEN + uri: prefix for prefix, uri in _OOXML.items()},
    **{_STRICT + uri.replace("/2006/", "/"): prefix for prefix, uri in _OOXML.items()},
    _OPEN + "markup-compatibility/2006": "mc",
    _OPEN + "package/2006/relationships": "rels",
    _MICROSOFT + "word/2010/wordprocessingShape": "wps",
    _MICROSOFT + "word/2010/wordprocessingGroup": "wpg",
    _MICROSOFT + "word/2010/wordprocessingCanvas": "wpc",
    _MICROSOFT + "drawing/2014/chartex": "cx",
    _MICROSOFT + "drawing/2017/decorative": "adec",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
    _OASIS + "drawing:1.0": "draw",
    _OASIS + "manifest:1.0": "manifest",
    _OASIS + "office:1.0": "office",
    _OASIS + "presentation:1.0": "presentation",
    _OASIS + "style:1.0": "style",
    _OASIS + "svg-compatible:1.0": "svg",
    _OASIS + "table:1.0": "table",
    _OASIS + "text:1.0": "text",
    _OASIS + "xsl-fo-compatible:1.0": "fo",
    "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0": "loext",
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.w3.org/1999/xhtml": "html",
    "http://www.w3.org/2000/svg": "svg",
    "http://www.w3.org/2001/04/xmlenc#": "enc",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "http://www.idpf.org/2007/opf": "opf",
    "http://purl.org/dc/elements/1.1/": "dc",
    _OASIS + "container": "container",
}
_URIS: dict[str, list[str]] = {
    prefix: [uri for uri, other in _PREFIXES.items() if other == prefix]
    for prefix in _PREFIXES.values()
}


def namespace_like(element: etree._Element, prefix: str) -> Namespace:
    """The namespace of a prefix; for OOXML's strict documents the strict one."""
    is_strict = (etree.QName(element).namespace or "").startswith(_STRICT)
    uris = [uri for uri in _URIS[prefix] if uri.startswith(_STRICT) == is_strict] or _URIS[prefix]
    return Namespace(uris[0], prefix)


@cache
def _prefixed(tag: str) -> str:
    uri, _, name = tag[1:].rpartition("}")
    return f"{_PREFIXES.get(uri, '')}:{name}"


def name_of(element: etree._Element) -> str:
    """An element's name; empty for a comment."""
    return _prefixed(element.tag) if isinstance(element.tag, str) else ""


@cache
def _keys(name: str) -> tuple[str, ...]:
    """The names of an attribute as lxml has them."""
    prefix, _, local = name.rpartition(":")
    return tuple(f"{{{uri}}}{local}" for uri in _URIS[prefix]) if prefix else (local,)


def attribute(element: etree._Element | None, name: str) -> str | None:
    """An attribute's value; None if it, or the element, is not there."""
    if element is not None:
        for key in _keys(name):
            if (value := element.get(key)) is not None:
                return value
    return None


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The element at the end of a path of names; None where one is missing."""
    for name in path:
        if element is None:
            return None
        for one in element:
            if name_of(one) == name:
                element = one
                break
        else:
            return None
    return element


def descendants(
    element: etree._Element, *names: str, outside: str = "mc:Fallback"
) -> Iterator[etree._Element]:
    """Elements of these names within an element, without those within elements ``outside``.

    What Office writes for old programs alone (``mc:Fallback``) is left out, too.
    """
    for one in element:
        name = name_of(one)
        if name in names:
            yield one
        if name not in ("mc:Fallback", outside):
            yield from descendants(one, *names, outside=outside)


def text_of(element: etree._Element | None) -> str:
    """All text within an element, with single spaces."""
    return "" if element is None else " ".join("".join(map(str, element.itertext("*"))).split())


def has(element: etree._Element, *names: str) -> bool:
    """Whether there are :func:`descendants` of these names."""
    return next(descendants(element, *names), None) is not None
