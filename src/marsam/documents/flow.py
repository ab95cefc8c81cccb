"""The text of a document in reading order, with the images at their places in it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from lxml import etree

from marsam.documents.direction import fitting
from marsam.documents.document import AltText, Context, DocumentImage, Kind
from marsam.documents.page_text import MAX_IMAGES
from marsam.documents.sources import shown
from marsam.documents.xml_edit import Edits
from marsam.errors import DocumentError
from marsam.messages import InBothLanguages
from marsam.text.languages import Language, known_language, language
from marsam.text.sentences import split_sentences

MAX_SENTENCE_CHARACTERS = 300
"""Of a neighbouring sentence."""
_SEARCHED_BLOCKS, _SEARCHED_CHARACTERS = 50, 2_000
"""How much text beside an image is searched for the nearest sentence."""

Write = Callable[[Edits, Sequence[etree._Element], AltText], None]
"""Writes an alt text to the elements that carry it."""


class Block:
    """A paragraph, a heading, a cell.

    Attributes:
        heading: of a section.
        caption: of an image beside it.
        has_image: whether an image is in it.
    """

    __slots__ = ("_languages", "_pieces", "caption", "has_image", "heading")

    def __init__(self, *, heading: bool = False, caption: bool = False) -> None:
        self.heading, self.caption, self.has_image = heading, caption, False
        self._pieces: list[str] = []
        self._languages: dict[str, int] = {}

    def add(self, text: str, language: str = "") -> None:
        """Add text; ``language`` is a BCP 47 tag, empty if the document does not say it."""
        self._pieces.append(text)
        characters = self._languages.get(language, 0) + len(text.strip())
        self._languages[language] = characters

    @property
    def pieces(self) -> int:
        """How many pieces of text were added."""
        return len(self._pieces)

    def text(self, start: int = 0, end: int | None = None) -> str:
        """The text of some pieces, with single spaces."""
        return " ".join("".join(self._pieces[start:end]).split())

    @property
    def language(self) -> str | None:
        """That of most of the text, empty if it is not said; None if there is no text."""
        language = max(self._languages, key=lambda one: self._languages[one], default=None)
        return None if language is None or not self._languages[language] else language


@dataclass(kw_only=True)
class Found:
    """An image that was found while a part was read.

    Attributes:
        kind, alt, decorative: as of :class:`DocumentImage`.
        source: the whole address, as the document has it.
        carriers: the elements that have the alt text.
        write: writes an alt text to them.
        file: the member of the container that is the picture; empty if there is none.
        language: of the place itself, where another one than the document's is said.
        caption, link: where the format says them.
        part_name: where the file has several parts in it, such as slides.
    """

    kind: Kind
    carriers: list[etree._Element]
    write: Write
    source: str = ""
    file: str = ""
    alt: str | None = None
    decorative: bool = False
    language: str = ""
    caption: str = ""
    link: str = ""
    part_name: InBothLanguages | None = None


@dataclass(frozen=True)
class Place:
    """A place of an image: what is known about it, where its file is, and how it is written."""

    image: DocumentImage
    file: str
    address: str
    write: Callable[[Edits, AltText], None]


class Flow:
    """Collects the text and the images of one part."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._heading: Block | None = None
        self.found: list[Found] = []
        self._places: list[tuple[int, int, Block | None]] = []
        """Of each image: index of its block, number of pieces before it, heading."""

    def block(self, *, heading: bool = False, caption: bool = False) -> Block:
        """Begin a block."""
        self._blocks.append(Block(heading=heading, caption=caption))
        if heading:
            self._heading = self._blocks[-1]
        return self._blocks[-1]

    def image(self, found: Found, block: Block | None) -> None:
        """Add an image at the end of a block, or between blocks."""
        block = block or self.block()
        block.has_image = True
        index = next(i for i in reversed(range(len(self._blocks))) if self._blocks[i] is block)
        self.found.append(found)
        self._places.append((index, block.pieces, self._heading))

    def places(
        self, part: str, part_name: InBothLanguages, default_language: str = ""
    ) -> list[Place]:
        """Return the images with what surrounds them.

        Args:
            part: the file within the document that was read.
            part_name: what people call it.
            default_language: BCP 47 tag where the text around an image does not say it.

        Raises:
            DocumentError: there are far too many.
        """
        if len(self.found) > MAX_IMAGES:
            raise DocumentError("The document has more than {limit} pictures.", limit=MAX_IMAGES)
        places = []
        for number, (found, place) in enumerate(zip(self.found, self._places, strict=True), 1):
            index, pieces, heading = place
            block = self._blocks[index]
            above, below = self._section(index, -1), self._section(index, 1)
            near = [block, *above, *below, *([heading] if heading else [])]
            around = (one.language for one in near if one.language is not None)
            tag = found.language or next(around, default_language)
            context = Context(
                heading=heading.text() if heading else "",
                caption=found.caption or _caption(block, above, below),
                link=found.link,
                before=_neighbour(block.text(0, pieces), block, above, tag, -1),
                after=_neighbour(block.text(pieces), block, below, tag, 0),
            )
            tag = tag if found.language else fitting(tag, context)
            image = DocumentImage(
                key=f"{part}#{number}",
                kind=found.kind,
                part=part,
                part_name=found.part_name or part_name,
                source=shown(found.source),
                alt=found.alt,
                decorative=found.decorative,
                language=tag,
                context=context,
            )
            write = partial(_write, found)
            places.append(Place(image, found.file, found.source, write))
        return places

    def _section(self, index: int, step: int) -> list[Block]:
        """The blocks beside one up to the next heading, the nearest first; a few of them."""
        blocks: list[Block] = []
        index += step
        while 0 <= index < len(self._blocks) and len(blocks) < _SEARCHED_BLOCKS:
            if self._blocks[index].heading:
                break
            blocks.append(self._blocks[index])
            index += step
        return blocks


def _caption(block: Block, above: Iterable[Block], below: Iterable[Block]) -> str:
    """A caption in the same block, below it, or above it if no other image is above that."""
    if block.caption and block.text():
        return block.text()
    before, after = ((b for b in some if b.has_image or b.text()) for some in (above, below))
    first = next(after, None)
    if first and first.caption and not first.has_image:
        return first.text()
    first, second = next(before, None), next(before, None)
    is_above = first and first.caption and not (first.has_image or (second and second.has_image))
    return first.text() if first and is_above else ""


def _neighbour(text: str, block: Block, section: Iterable[Block], tag: str, index: int) -> str:
    """The nearest sentence in a block itself or in the section: its last (-1) or first (0)."""
    if block.heading or block.caption or not text:
        text = next(filter(None, (one.text() for one in section if not one.caption)), "")
    part = text[-_SEARCHED_CHARACTERS:] if index else text[:_SEARCHED_CHARACTERS]
    return _sentence(part, tag, index)


def _write(found: Found, edits: Edits, text: AltText) -> None:
    found.write(edits, found.carriers, text)


def _sentence(text: str, tag: str, index: int) -> str:
    """The first or the last sentence of a text, shortened at a space on the side away from it."""
    if not text:
        return ""
    sentence = split_sentences(text, _language(tag))[index].strip()
    if len(sentence) <= MAX_SENTENCE_CHARACTERS:
        return sentence
    if index == 0:
        return sentence[:MAX_SENTENCE_CHARACTERS].rpartition(" ")[0] or sentence[:300]
    return sentence[-MAX_SENTENCE_CHARACTERS:].partition(" ")[2] or sentence[-300:]


def _language(tag: str) -> Language:
    return known_language(tag.partition("-")[0]) or language("en")
