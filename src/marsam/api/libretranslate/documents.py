"""Split texts and HTML into parts of a length that the translator accepts, and join them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from marsam.options import MAX_TEXT_CHARACTERS, TranslateOptions
from marsam.stages.protocols import Translator
from marsam.text.languages import Language
from marsam.text.markup import html_parts
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
    """A part of a document: ``source`` stays as it is, unless there is a text to translate."""

    source: str
    text: str = ""
    before: str = ""
    after: str = ""


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
        (list(_pieces(text, source, is_html=is_html)), source)
        if source != target
        else ([Piece(text)], source)
        for text, source in documents
    ]
    wanted: dict[Language, dict[str, str]] = {}
    for pieces, source in split:
        texts = [piece.text for piece in pieces if piece.text]
        fitting = [one for one in texts if source.matches_script(without_protected(one))]
        wanted.setdefault(source, {}).update(dict.fromkeys(fitting or texts, ""))
    for source, translated in wanted.items():
        _translate(translator, translated, TranslateOptions(source=source.code, target=target.code))
    return [
        "".join(_joined(piece, wanted[source], is_html=is_html) for piece in pieces)
        for pieces, source in split
    ]


def _translate(translator: Translator, texts: dict[str, str], options: TranslateOptions) -> None:
    """Fill in the translation of each text."""
    keys = list(texts)
    for start in range(0, len(keys), BATCH_SIZE):
        batch = keys[start : start + BATCH_SIZE]
        results = translator.translate_many(batch, options)
        texts.update(zip(batch, (one.checked().text for one in results), strict=True))


def _joined(piece: Piece, translated: dict[str, str], *, is_html: bool) -> str:
    if piece.text not in translated:
        return piece.source
    text = f"{piece.before}{translated[piece.text]}{piece.after}"
    return _escaped(text) if is_html else text


def _escaped(text: str) -> str:
    return escape(text).replace("\u00a0", "&nbsp;")


def _pieces(text: str, language: Language, *, is_html: bool) -> Iterator[Piece]:
    if not is_html:
        yield from (_piece(chunk, chunk) for chunk in _chunks(text, language))
        return
    for part in html_parts(text):
        if part.text is None:
            yield Piece(part.source)
            continue
        chunks = _chunks(_HTML_SPACES.sub(" ", part.text), language)
        for chunk in chunks:
            yield _piece(chunk, part.source if len(chunks) == 1 else _escaped(chunk))


def _piece(text: str, source: str) -> Piece:
    words = text.strip()
    if not words or not has_words(words):
        return Piece(source)
    start = text.index(words)
    return Piece(source, words, text[:start], text[start + len(words) :])


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
