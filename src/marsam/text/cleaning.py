"""Normalise, split and repair the texts that go into the models and come out of them."""

import re
import unicodedata
from collections.abc import Sequence

_BIDI = {
    *"\u061c\u200e\u200f",  # marks
    *"\u202a\u202b\u202c\u202d\u202e",  # embeddings and overrides
    *"\u2066\u2067\u2068\u2069",  # isolates
}
# Tatweel and tashkeel.
_MARKS = re.compile(
    "[\u0640\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]"
)
_SPACES = re.compile(r"[^\S\n]+")
_SENTENCE_END = re.compile(r"(?<=[.!?؟۔।։።။།])\s+|(?<=[。！？។])\s*(?=[\w「『“‘（《])|\n+")
_CLAUSE_END = re.compile(r"(?<=[,،;؛:])\s+|(?<=[、，；])")
MAX_REPEATED_WORDS = 6  # in the longest phrase whose repetition is detected


def clean(text: str) -> str:
    """Normalise a text: NFC, single spaces, no control characters, no bidirectional controls.

    Line breaks stay. The function is idempotent.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(
        character
        for character in text
        if character in "\n\t"
        or (character not in _BIDI and unicodedata.category(character) not in ("Cc", "Cs", "Co"))
    )
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    # Dropping a character can put a letter and its combining accent side by side.
    return unicodedata.normalize("NFC", "\n".join(lines).strip())


def strip_diacritics(text: str) -> str:
    """Clean a text and remove tatweel and tashkeel: the Arabic that the models were trained on.

    Only for the input of a model; the text that the user sees keeps its marks.
    """
    return clean(_MARKS.sub("", clean(text)))


def lower_if_all_caps(sentence: str) -> str:
    """``A CAT ON A MAT.`` → ``A cat on a mat.``, as translation models handle capitals badly.

    A single word may be an abbreviation and stays.
    """
    if len(sentence.split()) > 1 and sentence.isupper():
        return sentence[:1] + sentence[1:].lower()
    return sentence


def split_sentences(text: str, keep_whole: Sequence[tuple[int, int]] = ()) -> list[str]:
    """Split a cleaned text at line breaks and after the punctuation that ends a sentence.

    The spans ``keep_whole`` (start, end) are not split, such as the name "St. Mary".
    """
    sentences, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        if not any(first < end.start() < last for first, last in keep_whole):
            sentences.append(text[start : end.start()])
            start = end.end()
    return [part for part in (*sentences, text[start:]) if part]


def split_in_two(sentence: str) -> tuple[str, str]:
    """Split a long sentence near its middle: after a clause, else between words, else anywhere."""
    middle = len(sentence) // 2
    for boundary in (_CLAUSE_END, re.compile(r"\s+"), re.compile(r"(?=.)")):
        spans = [match.span() for match in boundary.finditer(sentence)]
        spans = [(start, end) for start, end in spans if start > 0 and end < len(sentence)]
        if spans:
            start, end = min(spans, key=lambda span: abs(span[0] - middle))
            return sentence[:start], sentence[end:]
    return sentence, ""


def collapse_repetitions(text: str) -> str:
    """``bald bald bald man`` → ``bald man``; the same for phrases of up to six words.

    A word is collapsed when it occurs three times in a row ("very very" may be intended), a longer
    phrase when it occurs twice.
    """
    before, words = [""], text.split()
    while words != before:  # collapsing one repetition can create another
        before = list(words)
        for length in range(1, MAX_REPEATED_WORDS + 1):
            _collapse(words, length, min_times=3 if length == 1 else 2)
    return " ".join(words)


def _collapse(words: list[str], length: int, *, min_times: int) -> None:
    """Keep one of each phrase of ``length`` words that occurs ``min_times`` or more in a row."""
    folded = [word.casefold() for word in words]
    start = 0
    while start + length * min_times <= len(words):
        end = start + length
        while folded[end : end + length] == folded[start : start + length]:
            end += length
        if end - start >= length * min_times:
            del words[start + length : end], folded[start + length : end]
        start += 1


def has_repetitions(text: str) -> bool:
    """Whether :func:`collapse_repetitions` would change the words of a text."""
    words = " ".join(re.findall(r"\w+", text))
    return collapse_repetitions(words) != words


def fix_arabic_punctuation(text: str) -> str:
    """Replace commas, semicolons and question marks in Arabic text with the Arabic marks.

    Doubled marks (``؟?``) become one, and spaces before a mark are removed. Numbers keep their
    separators.
    """
    arabic = "\u0621-\u064a"
    text = re.sub(rf"(?<=[{arabic}\u064b-\u0652»”\"') ]),(?!\d)", "،", text)
    text = re.sub(rf"(?<=[{arabic}\u064b-\u0652»”\"') ]);", "؛", text)
    if re.search(rf"[{arabic}]", text):
        text = text.replace("?", "؟")
    text = re.sub(r"\s+([،؛؟])", r"\1", text)
    text = re.sub(r"([،؛؟])\1+", r"\1", text)
    return re.sub(r"([،؛])(?=[^\s\d،؛؟.!»”\"')])", r"\1 ", text)


def latin_words(text: str) -> set[str]:
    """The words of two or more Latin letters, casefolded."""
    return {word.casefold() for word in re.findall(r"[A-Za-zÀ-ÖØ-öø-ɏ]{2,}", text)}
