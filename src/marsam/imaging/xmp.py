"""XMP metadata in images: parsed as untrusted input, and the alt text in it."""

from xml.etree import ElementTree

from marsam.errors import LanguageError
from marsam.text.cleaning import clean
from marsam.text.languages import detect_language, language

MAX_XMP_BYTES = 250_000
"""Several times what the longest prompts and captions need."""
XMP_NAMESPACE = "urn:marsam:1.0"
"""The namespace of Marsam's own properties."""
MAX_ALT_TEXT_CHARACTERS = 2000
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

    There is none in images that Marsam painted: their alt text is their prompt. Languages that
    Marsam does not know are left out, and so is metadata that cannot be read.
    """
    # Pillow returns a PNG text chunk named "xmp" as a str.
    if not isinstance(xmp, bytes) or _ALT_TEXT.partition("}")[2].encode() not in xmp:
        return {}
    try:
        root = parse_xmp(xmp)
    except ValueError:
        return {}
    if any(element.tag == f"{{{XMP_NAMESPACE}}}record" for element in root.iter()):
        return {}
    found: dict[str, str] = {}
    default = ""
    for item in root.iterfind(f".//{_ALT_TEXT}/{_RDF}Alt/{_RDF}li"):
        text = " ".join(clean(item.text or "").split())[:MAX_ALT_TEXT_CHARACTERS]
        tag = item.get(_LANGUAGE, _DEFAULT)
        if text and tag.lower() == _DEFAULT:
            default = text
        elif text and (code := _code(tag)):
            found.setdefault(code, text)
    if default and default not in found.values():
        found.setdefault(detect_language(default).code, default)
    return found


def _code(tag: str) -> str:
    """The NLLB code of a language tag such as ``en-US``; nothing for an unknown language."""
    for name in (tag, tag.partition("-")[0]):
        try:
            return language(name).code
        except LanguageError:
            continue
    return ""
