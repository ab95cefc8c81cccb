"""What the formats of documents have in common: images at their places, and their alt texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from marsam.messages import InBothLanguages


class Kind(StrEnum):
    """What stands at a place."""

    IMAGE = "image"
    """A picture file; the only kind that gets drafts."""
    DRAWING = "drawing"
    """SVG in the document itself, or shapes; a person describes them."""
    CHART = "chart"
    DIAGRAM = "diagram"
    """SmartArt."""
    BACKGROUND = "background"
    """Of a style sheet, where no alt text can be written; only reported."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What surrounds an image, as plain text; empty where there is nothing of the kind.

    Attributes:
        heading: that of the section which it is in.
        caption: written below it in the document, for readers who see the image.
        link: target of the link whose only content is the image.
        before: the sentence before it in the same section, at most 300 characters.
        after: the sentence after it, likewise.
    """

    heading: str = ""
    caption: str = ""
    link: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        """All of it on one line."""
        parts = (
            self.heading,
            self.caption,
            f"→ {self.link}" if self.link else "",
            f"… {self.before}" if self.before else "",
            f"{self.after} …" if self.after else "",
        )
        return " | ".join(filter(None, parts))


@dataclass(frozen=True, kw_only=True)
class DocumentImage:
    """An image at one place of a document.

    Attributes:
        key: identifies the place within the document; the same for an unchanged document.
        kind: what it is.
        line: in a text file, counted from 1; None in others.
        part: the file within the document that it is in; empty for text files.
        part_name: what people call its part, such as a slide; None for text files.
        source: its path or address as the document has it; ``data:`` addresses are cut.
        alt: its alt text; None where there is none.
        decorative: marked as needing no text: by an empty alt text, or as the format does it.
        language: BCP 47 tag of the text around it; empty if the document does not say.
        context: what surrounds it.
    """

    key: str
    kind: Kind
    line: int | None = None
    part: str = ""
    part_name: InBothLanguages | None = None
    source: str = ""
    alt: str | None = None
    decorative: bool = False
    language: str = ""
    context: Context = Context()


@dataclass(frozen=True, kw_only=True)
class AltText:
    """An alt text for an image; ``decorative`` says that it needs none, and ``text`` is empty."""

    text: str = ""
    decorative: bool = False


class Document(Protocol):
    """A document that was read; reading and writing never change the file."""

    @property
    def images(self) -> Sequence[DocumentImage]:
        """The images, in reading order."""

    def read(self, image: DocumentImage) -> bytes:
        """Return an image's file.

        Raises:
            PictureError: it is not in the document, not beside it (below the root), or too large.
                Nothing is fetched from the network.
        """

    def url(self, image: DocumentImage) -> str:
        """Return the address on the network of an image's file; empty if it has none."""

    def with_alt_texts(self, texts: Mapping[str, AltText]) -> bytes:
        """Return the document with these alt texts, by key; all else is as it was.

        An empty mapping returns the same bytes.

        Raises:
            OptionError: a key is unknown, or nothing can be written at its place.
        """


class DocumentFormat(Protocol):
    """Reads documents of a format."""

    def __call__(self, data: bytes, *, path: Path, root: Path | None) -> Document:
        """Read a document.

        Args:
            data: the file's content.
            path: where the file is; relative paths of images start beside it.
            root: the folder that a website's absolute paths (``/pictures/a.png``) start from, and
                that no path may leave; the document's own folder by default.

        Raises:
            DocumentError: damaged, encrypted, signed, or larger than is allowed.
        """
