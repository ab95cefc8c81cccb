"""Split texts and HTML into parts of a length that the translator accepts, and join them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from marsam.options import MAX_TEXT_CHARACTERS, TranslateOptions
from marsam.results import Translation
from marsam.stages.protocols import Translator
from marsam.text.inline_markup import MarkedText, marked_texts
from marsam.text.languages import Language
from marsam.text.markup import Part, escaped, html_parts
from marsam.text.protected import has_words, without_protected
from marsam.text.sentences import split_sentences

ENDINGS = {".txt": "text/plain", ".html": "text/html", ".htm": "text/html"}
"""Files that are translated, and their media types."""
BATCH_SIZE = 32
"""Pieces that are translated in one call; others have a turn between two calls."""
_HTML_SPACES = re.compile(r"[ \t\r\n\f]+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Piece:
    """A part of a document: ``source`` stays as it is, unless there is a text to translate.

    Attributes:
        marked: the text with its elements, if it has some.
    """

    source: str
    text: str = ""
    before: str = ""
    after: str = ""
    marked: MarkedText | None = None

    @property
    def texts(self) -> Iterator[str]:
        """What is to be translated: the text, and the words of each element alone."""
        if self.text:
            yield self.text
        if self.marked:
            words = (self.marked.words_of(element) for element in self.marked.elements)
            yield from filter(has_words, words)


Document = tuple[Sequence[Piece], Language]
"""The pieces of a document, and its language."""


def translate_documents(
    translator: Translator,
    documents: Sequence[tuple[str, Language]],
    target: Language,
    *,
    is_html: bool,
) -> list[str]:
    """Translate documents, each with its language; spaces around texts, and markup, stay.

    A document in the target language stays as it is; so does what is not in the script of its
    document's language, such as names.

    Raises:
        MarsamError: as :meth:`marsam.stages.Translator.translate`; UnknownWords where the model
            does not know all words.
    """
    split = [
        (
            [Piece(text)] if source == target else list(_pieces(text, source, is_html=is_html)),
            source,
        )
        for text, source in documents
    ]
    translations = Translations(translator, target)
    translations.add(split)
    if is_html:  # where an element has no place, the texts between the tags are translated
        split = [
            ([one for piece in pieces for one in translations.place(piece, source)], source)
            for pieces, source in split
        ]
        translations.add(split)
    return [
        "".join(translations.join(piece, source, is_html=is_html) for piece in pieces)
        for pieces, source in split
    ]


@dataclass
class Translations:
    """Translations into a language, by the language and the text; each is made once."""

    translator: Translator
    target: Language
    _done: dict[tuple[Language, str], Translation] = field(default_factory=dict)

    def add(self, documents: Iterable[Document]) -> None:
        """Translate what is new in documents, and in the script of its language."""
        wanted: dict[Language, dict[str, None]] = {}
        for pieces, source in documents:
            texts = [text for piece in pieces for text in piece.texts]
            fitting = [one for one in texts if source.matches_script(without_protected(one))]
            wanted.setdefault(source, {}).update(dict.fromkeys(fitting or texts))
        for source, unique in wanted.items():
            options = TranslateOptions(source=source.code, target=self.target.code)
            new = [text for text in unique if (source, text) not in self._done]
            for start in range(0, len(new), BATCH_SIZE):
                batch = new[start : start + BATCH_SIZE]
                results = self.translator.translate_many(batch, options)
                keys = ((source, text) for text in batch)
                self._done.update(zip(keys, results, strict=True))

    def place(self, piece: Piece, source: Language) -> Iterable[Piece]:
        """A piece with its elements in the translation; else the texts between its tags."""
        result = self._done.get((source, piece.text))
        if piece.marked is None or result is None:
            return [piece]

        def translated(words: str) -> str:
            alone = self._done.get((source, words))
            return alone.text if alone else words

        placed = piece.marked.place(result.checked().text, translated)
        if placed is None:
            return [one for part in piece.marked.pieces() for one in _part_pieces(part, source)]
        return [Piece(f"{escaped(piece.before)}{placed}{escaped(piece.after)}")]

    def join(self, piece: Piece, source: Language, *, is_html: bool) -> str:
        """A piece, translated if it is to be."""
        result = self._done.get((source, piece.text))
        if result is None:
            return piece.source
        text = f"{piece.before}{result.checked().text}{piece.after}"
        return escaped(text) if is_html else text


def _pieces(text: str, language: Language, *, is_html: bool) -> Iterator[Piece]:
    if not is_html:
        yield from (_piece(chunk, chunk) for chunk in _chunks(text, language))
        return
    for one in marked_texts(html_parts(text), language):
        if isinstance(one, Part):
            yield from _part_pieces(one, language)
        elif len(one.text) > MAX_TEXT_CHARACTERS:
            for part in one.pieces():
                yield from _part_pieces(part, language)
        else:
            source = "".join(part.source for part in one.pieces())
            yield _piece(one.text, source, one)


def _part_pieces(part: Part, language: Language) -> Iterator[Piece]:
    if part.text is None:
        yield Piece(part.source)
        return
    chunks = _chunks(_HTML_SPACES.sub(" ", part.text), language)
    for chunk in chunks:
        yield _piece(chunk, part.source if len(chunks) == 1 else escaped(chunk))


def _piece(text: str, source: str, marked: MarkedText | None = None) -> Piece:
    words = text.strip()
    if not words or not has_words(words):
        return Piece(source)
    start = text.index(words)
    return Piece(source, words, text[:start], text[start + len(words) :], marked)


def _chunks(text: str, language: Language) -> list[str]:
    """Split what is too long for the translator after lines, and long lines after sentences."""
    if len(text) <= MAX_TEXT_CHARACTERS:
        return [text]
    chunks = [""]
    for line in _LINE.findall(text):
        fits = len(line) <= MAX_TEXT_CHARACTERS
        for part in [line] if fits else split_sentences(line, language):
            if len(chunks[-1]) + len(part) > MAX_TEXT_CHARACTERS:
                chunks.append("")
            chunks[-1] += part
    return chunks
