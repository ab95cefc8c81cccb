"""Sentences of HTML with elements inside, such as links: translated whole, and marked up again.

An element finds its place in the translation by its own words: translated alone, they are looked
for in the translated sentence.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

import regex

from marsam.text.languages import Language
from marsam.text.markup import Part, escaped
from marsam.text.protected import has_words
from marsam.text.sentences import split_sentences
from marsam.text.vocabulary import fold

INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "big", "cite", "data", "del", "dfn", "em", "font", "i"),
        *("ins", "mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "time", "tt"),
        "u",
    )
)
"""Elements that are parts of a sentence; all others end it."""
MAX_ELEMENTS, MAX_DEPTH, MAX_WORDS = 10, 4, 30
"""Elements of a sentence that are placed, elements around a word, and words of an element."""
SIMILAR = 0.7
"""How alike forms of one word are: the two genders of an Arabic colour are by 0.75."""
_SPACES = regex.compile(r"[ \t\r\n\f]+")
_WORD = regex.compile(r"\w+(?:['’-]\w+)*")
_ARTICLE = regex.compile(r"[وفبك]?ال(?=\w\w)")
Span = tuple[int, int]


@dataclass(frozen=True)
class Element:
    """An element in a text: its tags, and the span between them."""

    opening: str
    closing: str
    start: int
    end: int


@dataclass(frozen=True)
class MarkedText:
    """One or more sentences and the elements in them, the outer before the inner."""

    text: str
    elements: tuple[Element, ...]

    def words_of(self, element: Element) -> str:
        """The text of an element."""
        return self.text[element.start : element.end].strip()

    def place(self, translation: str, translated: Callable[[str], str]) -> str | None:
        """The translation as HTML with all elements; None when one of them has no clear place.

        Args:
            translation: of the text.
            translated: returns the translation of an element's words.
        """
        spans: list[Span] = []
        for element in self.elements:
            span = self._span(element, spans, translation, translated)
            if span is None:
                return None
            spans.append(span)
        placed = zip(self.elements, spans, strict=True)
        return "".join(part.source for part in _marked_up(translation, placed))

    def _span(
        self,
        element: Element,
        placed: Sequence[Span],
        translation: str,
        translated: Callable[[str], str],
    ) -> Span | None:
        """The place of an element, inside those around it and apart from the others before it."""
        words = self.words_of(element)
        around, around_words, taken = (0, len(translation)), self.text.strip(), []
        for other, span in zip(self.elements, placed, strict=False):
            if other.start <= element.start and element.end <= other.end:
                around, around_words = span, self.words_of(other)
            else:
                taken.append(span)
        if words == around_words:
            return around
        expected = element.start / len(self.text) * len(translation)
        return _find(translated(words), translation, around, taken, expected)

    def pieces(self) -> Iterator[Part]:
        """The tags, and the texts between them."""
        return _marked_up(self.text, ((one, (one.start, one.end)) for one in self.elements))


def marked_texts(parts: Iterable[Part], language: Language) -> Iterator[Part | MarkedText]:
    """Join the parts that are sentences with elements inside; the other parts stay."""
    block: list[Part] = []
    for part in parts:
        if part.text is not None or part.tag.removeprefix("/") in INLINE:
            block.append(part)
            continue
        yield from _block(block, language)
        block = []
        yield part
    yield from _block(block, language)


def _block(parts: Sequence[Part], language: Language) -> Iterable[Part | MarkedText]:
    """The sentences between two ends, or the parts as they are if that is the same, or unclear."""
    with_words = sum(part.text is not None and has_words(part.text) for part in parts)
    marked = _marked(parts) if with_words > 1 else None
    return _sentences(marked, language) if marked and marked.elements else parts


def _marked(parts: Sequence[Part]) -> MarkedText | None:
    """The text of parts with its elements; None when they are not nested, or empty."""
    text, opened = "", []
    elements: list[Element | None] = []
    for part in parts:
        if part.text is not None:
            text += _SPACES.sub(" ", part.text)
        elif not part.tag.startswith("/"):
            opened.append((len(elements), part, len(text)))
            elements.append(None)
        else:
            index, opening, start = opened.pop() if opened else (0, part, 0)
            if part.tag != f"/{opening.tag}" or not text[start:].strip():
                return None
            elements[index] = Element(opening.source, part.source, start, len(text))
            if len(opened) >= MAX_DEPTH:
                return None
    found = tuple(one for one in elements if one is not None)
    return MarkedText(text, found) if len(found) == len(elements) else None


def _sentences(marked: MarkedText, language: Language) -> Iterator[Part | MarkedText]:
    """Split after sentences, where no element is open."""
    start = end = 0
    for sentence in split_sentences(marked.text, language):
        end += len(sentence)
        if any(one.start < end < one.end for one in marked.elements) and end < len(marked.text):
            continue
        inside = [one for one in marked.elements if start <= one.start and one.end <= end]
        text = marked.text[start:end]
        moved = (Element(e.opening, e.closing, e.start - start, e.end - start) for e in inside)
        one = MarkedText(text, tuple(moved))
        if not inside:
            yield _text_part(text)
        elif len(inside) > MAX_ELEMENTS:
            yield from one.pieces()
        else:
            yield one
        start = end


def _text_part(text: str) -> Part:
    return Part(escaped(text), text)


def _find(
    wanted: str, text: str, around: Span, taken: Sequence[Span], expected: float
) -> Span | None:
    """The words of a text that are most like the wanted ones; of equals the nearest to a place."""
    names = [_folded(word) for word in _WORD.findall(wanted)]
    words = [(match.span(), _folded(match[0])) for match in _WORD.finditer(text, *around)]
    if not 0 < len(names) <= MAX_WORDS:
        return None
    alike, found = cache(_alike), []
    for first in range(len(words) - len(names) + 1):
        window = words[first : first + len(names)]
        start, end = window[0][0][0], window[-1][0][1]
        if all(end <= other_start or other_end <= start for other_start, other_end in taken):
            pairs = zip(names, window, strict=True)
            likeness = sum(alike(name, word) for name, (_, word) in pairs) / len(names)
            found.append((likeness, -abs(start - expected), (start, end)))
    best = max(found, default=None)
    return best[2] if best and best[0] >= SIMILAR else None


def _folded(word: str) -> str:
    """A word without what differs in spelling, and without the Arabic article."""
    folded = fold(word)
    article = _ARTICLE.match(folded)
    return folded[article.end() :] if article else folded


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _marked_up(text: str, placed: Iterable[tuple[Element, Span]]) -> Iterator[Part]:
    """The parts of a text with elements, the outer before the inner, around its spans."""
    tags: list[tuple[int, int, str]] = []  # at one place: ends, the inner first, then beginnings
    for index, (element, (start, end)) in enumerate(placed):
        tags += [(start, index, element.opening), (end, -index - 1, element.closing)]
    position = 0
    for place, _, tag in sorted(tags):
        if place > position:
            yield _text_part(text[position:place])
        yield Part(tag)
        position = place
    if position < len(text):
        yield _text_part(text[position:])
