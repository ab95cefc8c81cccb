"""Markdown: images of CommonMark, and ``<img>`` in the HTML in it.

Only the alt texts change; all else stays byte for byte.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from marsam.documents.document import AltText, Document, DocumentImage
from marsam.documents.html_reading import Place, read_page
from marsam.documents.html_tags import Edit, edited
from marsam.documents.markdown_parts import Part, SourceLines, rendered
from marsam.documents.page_text import PageText
from marsam.documents.server_code import FILLER, without_expressions
from marsam.documents.sources import ImageFiles, url
from marsam.documents.words import checked
from marsam.errors import DocumentError, OptionError, PictureError

_FRONT_MATTER = re.compile(
    r"(---|\+\+\+)[ \t]*+(?:\r\n?|\n)(?=[#\[]|[\"']?[\w.-]+[\"']?[ \t]*[:=])"
    r".*?(?:\r\n?|\n)(?:\1|\.\.\.)[ \t]*(?=[\r\n]|\Z)",
    re.DOTALL,
)
"""YAML or TOML at the beginning, as generators of websites have it."""
_LANGUAGE = re.compile(
    r"^(?:lang|language|locale)[ \t]*[:=][ \t]*[\"']?"
    r"([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*)[\"']?[ \t]*\r?$",
    re.MULTILINE | re.IGNORECASE,
)
_NOT_LINE_END = re.compile(r"[^\r\n]")
_CODE = re.compile(f"{FILLER}+")


class MarkdownDocument:
    """A text in Markdown, in UTF-8.

    ``![](a.png)`` has no alt text, since Markdown cannot say that a picture is decorative;
    ``<img alt="">`` in it can.

    Raises:
        DocumentError: larger than 50 MB, more than 20,000 images, or not in UTF-8.
    """

    def __init__(self, data: bytes, *, path: Path, root: Path | None) -> None:
        self._data, self._files = data, ImageFiles(path, root)
        self._text = PageText.of_utf8(data)
        text, starts = self._text.text, self._text.line_starts()
        front = _FRONT_MATTER.match(text)
        start = front.end() if front else 0
        language = _LANGUAGE.search(text, 0, start)
        code_free = without_expressions(text[start:].replace(FILLER, "\ufffd"))
        self._lines = SourceLines(_NOT_LINE_END.sub(" ", text[:start]) + code_free, starts)
        try:
            page, parts = rendered(self._lines)
        except Exception as error:  # for a text that it does not expect
            raise DocumentError("The page cannot be read.") from error
        html = read_page(page, [0], language=language[1].replace("_", "-") if language else "")
        self._base = _with_marks(html.base)
        self._places = dict(self._in_source(html.places, parts))

    def _in_source(
        self, places: Sequence[Place], parts: Sequence[tuple[int, int, Part]]
    ) -> Iterator[tuple[str, tuple[Place, Part, int]]]:
        """The images of the rendered page with the parts of the source that they are from."""
        starts = [start for start, _, _ in parts]
        for place in places:
            start, end, part = parts[bisect_right(starts, place.start) - 1]
            if (place.tag.end if place.tag else place.start) > end:
                continue  # a tag with an empty line in it, which is none
            in_source = part.text.place(part.start + place.start - start)
            line = None if in_source is None else self._lines.number(in_source)
            image = replace(place.image, line=line, source=_with_marks(place.image.source))
            if part.label:
                alt = image.alt if (image.alt or "").strip() else None
                image = replace(image, alt=alt, decorative=place.is_hidden)
            address = _with_marks(place.address)
            yield image.key, (replace(place, image=image, address=address), part, start)

    @property
    def images(self) -> Sequence[DocumentImage]:
        """The images, in reading order."""
        return [place.image for place, _, _ in self._places.values()]

    def read(self, image: DocumentImage) -> bytes:
        """Return an image's file; PictureError if it cannot be read."""
        if image.key not in self._places:
            raise PictureError("There is no picture {key} in the document.", key=image.key)
        return self._files.read(self._places[image.key][0].address, base=self._base)

    def url(self, image: DocumentImage) -> str:
        """Return the address on the network of an image's file; empty if it has none."""
        known = image.key in self._places
        return url(self._places[image.key][0].address, base=self._base) if known else ""

    def with_alt_texts(self, texts: Mapping[str, AltText]) -> bytes:
        """Return the text with these alt texts, by key."""
        edits = [edit for key, alt in texts.items() for edit in self._edits(key, alt)]
        return self._text.encoded(edited(self._text.text, edits)) if edits else self._data

    def _edits(self, key: str, alt: AltText) -> list[Edit]:
        """The edits that write an alt text; none if the document says the same already."""
        if key not in self._places:
            raise OptionError("There is no picture {key} in the document.", key=key)
        place, part, start = self._places[key]
        if part.label:
            if alt.decorative:
                raise OptionError(
                    "Markdown cannot mark picture {key} as decorative; write it as <img> with an"
                    " empty alt text.",
                    key=key,
                )
            text = checked(alt)
            edits = [] if text == place.image.alt else part.with_alt(text)
        elif edit := place.edit(alt, _without_marks):
            edits = part.in_source(edit, start)
        else:
            edits = []
        if edits is None:
            raise OptionError("No alt text can be written for picture {key}.", key=key)
        return edits


def _with_marks(address: str) -> str:
    """An address in which a template fills in something."""
    return _CODE.sub("{{…}}", address)


def _without_marks(text: str) -> str:
    """A value in HTML without what ends code spans and cells of tables in Markdown."""
    return text.replace("`", "&#96;").replace("|", "&#124;")


def read_markdown(data: bytes, *, path: Path, root: Path | None) -> Document:
    """Read a text in Markdown: see :class:`marsam.documents.document.DocumentFormat`."""
    return MarkdownDocument(data, path=path, root=root)
