"""Web pages. Only the attribute with the alt text changes; all else stays byte for byte."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from marsam.documents.document import AltText, Document, DocumentImage
from marsam.documents.html_reading import read_page
from marsam.documents.html_tags import edited
from marsam.documents.page_text import PageText
from marsam.documents.server_code import without_code
from marsam.documents.sources import ImageFiles, url
from marsam.errors import OptionError, PictureError

_EMPTY = re.compile(
    r"<[a-z](?=[^<>]*/>)(cript|tyle|itle|extarea|frame|oscript|elect)(?=[\t\n\r />])"
)
"""Elements of XHTML that end where they begin, and whose text would be taken for more."""


class HtmlDocument:
    """A web page.

    Images are ``<img>``, ``<input type="image">`` and ``<object type="image/…">``; drawings are
    ``<svg>``, elements with ``role="img"``, and the parts of an image map.

    Raises:
        DocumentError: larger than 50 MB, more than 20,000 images, or an encoding in which the page
            cannot be kept as it is.
    """

    def __init__(self, data: bytes, *, path: Path, root: Path | None) -> None:
        self._data, self._files = data, ImageFiles(path, root)
        self._text = PageText.of_html(data)
        source = self._text.text
        markup = without_code(source)
        if path.suffix.lower() == ".xhtml" or source.startswith("<?xml"):
            markup = _EMPTY.sub(r"<x\1", markup)
        page = read_page(source, self._text.line_starts(), markup=markup)
        self._base = page.base
        self._places = {place.image.key: place for place in page.places}

    @property
    def images(self) -> Sequence[DocumentImage]:
        """The images, in reading order."""
        return [place.image for place in self._places.values()]

    def read(self, image: DocumentImage) -> bytes:
        """Return an image's file; PictureError if it cannot be read."""
        if image.key not in self._places:
            raise PictureError("There is no picture {key} in the document.", key=image.key)
        return self._files.read(self._places[image.key].address, base=self._base)

    def url(self, image: DocumentImage) -> str:
        """Return the address on the network of an image's file; empty if it has none."""
        known = image.key in self._places
        return url(self._places[image.key].address, base=self._base) if known else ""

    def with_alt_texts(self, texts: Mapping[str, AltText]) -> bytes:
        """Return the page with these alt texts, by key.

        Raises:
            DocumentError: they would move the declaration of the encoding too far from the
                beginning.
        """
        edits = []
        for key, alt in texts.items():
            if key not in self._places:
                raise OptionError("There is no picture {key} in the document.", key=key)
            edit = self._places[key].edit(alt, self._text.with_references)
            edits += [edit] if edit else []
        return self._text.encoded_page(edited(self._text.text, edits)) if edits else self._data


def read_html(data: bytes, *, path: Path, root: Path | None) -> Document:
    """Read a web page: see :class:`marsam.documents.document.DocumentFormat`."""
    return HtmlDocument(data, path=path, root=root)
