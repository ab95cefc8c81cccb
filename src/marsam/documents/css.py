"""Style sheets: their background pictures are reported; no alt text can be written in them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path

from marsam.documents.document import AltText, Document, DocumentImage, Kind
from marsam.documents.page_text import MAX_IMAGES, PageText
from marsam.documents.sources import ImageFiles, shown, url
from marsam.documents.stylesheets import backgrounds
from marsam.errors import DocumentError, OptionError, PictureError


class CssDocument:
    """A style sheet.

    Raises:
        DocumentError: larger than 50 MB, or more than 20,000 backgrounds.
    """

    def __init__(self, data: bytes, *, path: Path, root: Path | None) -> None:
        self._data, self._files = data, ImageFiles(path, root)
        self._addresses: dict[str, str] = {}
        self._images: list[DocumentImage] = []
        page = PageText.of_html(data)  # without <meta>, UTF-8 or Windows-1252
        starts = page.line_starts()
        for number, (start, address) in enumerate(backgrounds(page.text), 1):
            if number > MAX_IMAGES:
                raise DocumentError(
                    "The document has more than {limit} pictures.", limit=MAX_IMAGES
                )
            image = DocumentImage(
                key=str(number),
                kind=Kind.BACKGROUND,
                line=bisect_right(starts, start),
                source=shown(address),
            )
            self._images.append(image)
            self._addresses[image.key] = address

    @property
    def images(self) -> Sequence[DocumentImage]:
        """The backgrounds, in their order."""
        return self._images

    def read(self, image: DocumentImage) -> bytes:
        """Return an image's file; PictureError if it cannot be read."""
        if image.key not in self._addresses:
            raise PictureError("There is no picture {key} in the document.", key=image.key)
        return self._files.read(self._addresses[image.key])

    def url(self, image: DocumentImage) -> str:
        """Return the address on the network of an image's file; empty if it has none."""
        return url(self._addresses.get(image.key, ""))

    def with_alt_texts(self, texts: Mapping[str, AltText]) -> bytes:
        """Return the same style sheet; OptionError where a text is to be written."""
        for key in texts:
            raise OptionError("No alt text can be written for picture {key}.", key=key)
        return self._data


def read_css(data: bytes, *, path: Path, root: Path | None) -> Document:
    """Read a style sheet: see :class:`marsam.documents.document.DocumentFormat`."""
    return CssDocument(data, path=path, root=root)
