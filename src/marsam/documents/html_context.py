"""What surrounds the images of a page: headings, captions, links, sentences."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from marsam.documents.document import Context
from marsam.documents.words import readable
from marsam.text.languages import detect_language
from marsam.text.sentences import split_sentences

MAX_CHARACTERS = 300
"""Of a sentence, a caption or a heading."""
_NEAR_CHARACTERS = 400
"""Of a paragraph that are looked at for the nearest sentence."""


class Mark(Enum):
    """What ends a text: a block's border, or a heading, which begins a section."""

    BLOCK = "block"
    SECTION = "section"


@dataclass
class Collected:
    """The text of an element, collected while a page is read."""

    parts: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, text: str) -> None:
        """Add a piece of text, as long as it will be shown."""
        if self.length <= 2 * MAX_CHARACTERS:
            self.parts.append(text)
            self.length += len(text)

    def text(self) -> str:
        """The text on one line, at most 300 characters."""
        return beginning("".join(self.parts))


@dataclass
class Link:
    """A link while a page is read."""

    target: str
    has_name: bool = False
    images: int = 0


@dataclass(frozen=True)
class Surroundings:
    """The elements that an image is in, or after."""

    heading: Collected | None
    caption: Collected | None
    link: Link | None


class ContextReader:
    """Collects what surrounds images, in reading order."""

    def __init__(self) -> None:
        self._stream: list[str | int | Mark] = []
        self._images: list[Surroundings] = []

    def text(self, text: str) -> None:
        """A piece of running text."""
        self._stream.append(text)

    def mark(self, mark: Mark) -> None:
        """The border of a block or of a section."""
        self._stream.append(mark)

    def image(self, surroundings: Surroundings) -> None:
        """The place of the next image."""
        self._stream.append(len(self._images))
        self._images.append(surroundings)

    def contexts(self) -> list[Context]:
        """The context of each image."""
        count = len(self._images)
        before = _nearest(self._stream, count, is_before=True)
        after = _nearest(reversed(self._stream), count, is_before=False)
        return [
            Context(
                heading=around.heading.text() if around.heading else "",
                caption=around.caption.text() if around.caption else "",
                link=_only_content(around.link),
                before=before[index],
                after=after[index],
            )
            for index, around in enumerate(self._images)
        ]


def _only_content(link: Link | None) -> str:
    return beginning(link.target) if link and link.images == 1 and not link.has_name else ""


def _nearest(stream: Iterable[str | int | Mark], images: int, *, is_before: bool) -> list[str]:
    """The nearest sentence of the same section before or after each image."""
    sentences, block, earlier = [""] * images, "", ""
    for item in stream:
        if isinstance(item, int):
            text = block if block.strip() else earlier
            sentences[item] = _last_sentence(text) if is_before else _first_sentence(text)
        elif item is Mark.SECTION:
            block = earlier = ""
        elif item is Mark.BLOCK:
            block, earlier = "", block if block.strip() else earlier
        elif is_before:
            block = (block + item)[-_NEAR_CHARACTERS:]
        else:
            block = (item + block)[:_NEAR_CHARACTERS]
    return sentences


def _last_sentence(text: str) -> str:
    sentences = _sentences(text)
    if not sentences:
        return ""
    sentence = sentences[-1]
    return sentence if len(sentence) <= MAX_CHARACTERS else beginning(sentence[::-1])[::-1]


def _first_sentence(text: str) -> str:
    sentences = _sentences(text)
    return beginning(sentences[0]) if sentences else ""


def _sentences(text: str) -> list[str]:
    text = " ".join(readable(text).split())
    parts = split_sentences(text, detect_language(text))
    return [part.strip() for part in parts if part.strip()]


def beginning(text: str) -> str:
    """A text on one line, cut after a word to 300 characters."""
    text = " ".join(readable(text).split())
    if len(text) <= MAX_CHARACTERS:
        return text
    cut = text[: MAX_CHARACTERS - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"
