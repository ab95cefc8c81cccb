"""XMP metadata in images: parsed as untrusted input, and the alt text in it."""

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from xml.etree import ElementTree

from marsam.text.cleaning import clean
from marsam.text.languages import detect_language, known_language

MAX_XMP_BYTES = 250_000
"""Several times what the longest prompts and captions need."""
XMP_NAMESPACE = "urn:marsam:1.0"
"""The namespace of Marsam's own properties."""
MAX_ALT_TEXT_CHARACTERS = 2000
MAX_LANGUAGES = 250
"""More than there are."""
MAX_TAG_CHARACTERS = 35
"""Of a language, by RFC 5646."""
_CAPTION_WRITER = "{http://ns.adobe.com/photoshop/1.0/}CaptionWriter"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_ALT_TEXT = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}AltTextAccessibility"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_DEFAULT = "x-default"


def parse_xmp(data: bytes) -> ElementTree.Element:
    """Parse an XMP packet; ValueError when it is too large or not XML."""
    # Without a document type there are no entities to expand (XML bombs, external files).
    if len(data) > MAX_XMP_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("This is no XMP packet that programs write.")
    try:
        # Decoded here, so that the parser ignores the encoding that the file declares.
        return ElementTree.fromstring(data.decode("utf-8-sig").strip("\0 \n"))  # noqa: S314
    except (ElementTree.ParseError, RecursionError) as error:
        raise ValueError("The XMP packet is damaged.") from error


def alt_texts(xmp: object) -> dict[str, str]:
    """Return the alt text that an image carries (IPTC, AltTextAccessibility), by NLLB code.

    There is none where Marsam wrote it: in images that it painted, and in copies with captions by
    the models. Languages that Marsam does not know are left out, and so is metadata that cannot be
    read.
    """
    # Pillow returns a PNG text chunk named "xmp" as a str.
    if not isinstance(xmp, bytes) or _ALT_TEXT.partition("}")[2].encode() not in xmp:
        return {}
    try:
        root = parse_xmp(xmp)
    except ValueError:
        return {}
    if xmp_property(root, f"{{{XMP_NAMESPACE}}}record") is not None:
        return {}
    found: dict[str, str] = {}
    default = ""
    items = root.iterfind(f".//{_ALT_TEXT}/{_RDF}Alt/{_RDF}li")
    for item in islice(items, MAX_LANGUAGES):
        text = " ".join(clean(item.text or "").split())[:MAX_ALT_TEXT_CHARACTERS]
        tag = item.get(_LANGUAGE, _DEFAULT)
        if text and tag.lower() == _DEFAULT:
            default = text
        elif text and (code := _code(tag)):
            found.setdefault(code, text)
    if default and default not in found.values():
        found.setdefault(detect_language(default).code, default)
    return {} if xmp_property(root, _CAPTION_WRITER) == writer_mark(found) else found


def xmp_property(root: ElementTree.Element, name: str) -> str | None:
    """A simple property, which tools that rewrite XMP may write as an attribute."""
    for element in root.iter():
        text = element.text if element.tag == name else element.get(name)
        if text is not None:
            return text
    return None


def _code(tag: str) -> str:
    """The NLLB code of a language tag such as ``en-US``; nothing for an unknown language."""
    if len(tag) > MAX_TAG_CHARACTERS:
        return ""
    found = known_language(tag) or known_language(tag.partition("-")[0])
    return found.code if found else ""


def writer_mark(texts: Mapping[str, str]) -> str:
    """The caption writer of texts that models wrote, by NLLB code.

    It has a checksum of the texts, so that it is not valid any more when a person changes one.
    """
    written = sorted((code, " ".join(text.split())) for code, text in texts.items() if text)
    return f"Marsam {hashlib.sha256(json.dumps(written).encode()).hexdigest()[:16]}"
