"""Texts before and after the models: cleaned, split, checked, mended. Strings in, strings out."""

import re
import unicodedata
from collections.abc import Sequence

TATWEEL = "\u0640"
_BIDI = {
    *"\u061c\u200e\u200f",  # marks
    *"\u202a\u202b\u202c\u202d\u202e",  # embeddings and overrides
    *"\u2066\u2067\u2068\u2069",  # isolates
}
_TASHKEEL = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]")
_SPACE = re.compile(r"[^\S\n]+")
_SENTENCE_END = re.compile(r"(?<=[.!?؟۔।։።။།])\s+|(?<=[。！？។])\s*(?=[\w「『“‘（《])|\n+")
_CLAUSE_END = re.compile(r"(?<=[,،;؛:])\s+|(?<=[、，；])")
_WORD = re.compile(r"\w+", re.UNICODE)
MAX_REPEATED_WORDS = 6
"""Words of the longest phrase whose repetition is noticed."""


def clean(text: str) -> str:
    """NFC, without control characters or bidirectional marks, with single spaces.

    Line breaks stay. Cleaning what is clean changes nothing.
    """
    kept = "".join(
        character
        for character in unicodedata.normalize(
            "NFC", text.replace("\r\n", "\n").replace("\r", "\n")
        )
        if character == "\n"
        or character == "\t"
        or (character not in _BIDI and unicodedata.category(character) not in ("Cc", "Cs", "Co"))
    )
    lines = (_SPACE.sub(" ", line).strip() for line in kept.split("\n"))
    # Dropping a character can bring a letter and its accent together.
    return unicodedata.normalize("NFC", "\n".join(lines).strip())


def strip_diacritics(text: str) -> str:
    """The cleaned text as models know Arabic: without tatweel and tashkeel.

    Only what a model reads is changed in this way; the reader's own text keeps its marks.
    """
    return clean(_TASHKEEL.sub("", clean(text).replace(TATWEEL, "")))


def lower_if_all_caps(sentence: str) -> str:
    """``A CAT ON A MAT.`` → ``A cat on a mat.``: capitals throughout confuse translation models.

    One word alone may be an abbreviation and stays.
    """
    if len(sentence.split()) > 1 and sentence.isupper():
        return sentence[:1] + sentence[1:].lower()
    return sentence


def split_sentences(text: str, whole: Sequence[tuple[int, int]] = ()) -> list[str]:
    """The split_sentences of a cleaned text, with their punctuation; lines are split_sentences too.

    Args:
        text: in any language.
        whole: from where to where it has names that no sentence ends in ("St. Mary").
    """
    found, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        if not any(first < end.start() < last for first, last in whole):
            found.append(text[start : end.start()])
            start = end.end()
    return [part for part in (*found, text[start:]) if part]


def split_in_two(sentence: str) -> tuple[str, str]:
    """A sentence that is too long in two: where a clause ends, else between words, else anywhere.

    Of several such places the one nearest to its middle.
    """
    middle = len(sentence) // 2
    for ends in (_CLAUSE_END, re.compile(r"\s+"), re.compile(r"(?=.)")):
        places = [
            m.span() for m in ends.finditer(sentence) if m.start() > 0 and m.end() < len(sentence)
        ]
        if places:
            first, last = min(places, key=lambda place: abs(place[0] - middle))
            return sentence[:first], sentence[last:]
    return sentence, ""


def collapse_repetitions(text: str) -> str:
    """``bald bald bald man`` → ``bald man``; likewise for phrases up to six words.

    A phrase counts as a loop when it stands three times in a row, or twice when it has two words or
    more; a single doubled word may be meant ("very very").
    """
    before, words = [""], text.split()
    while words != before:  # removing one loop can bring the parts of another together
        before = list(words)
        for length in range(1, MAX_REPEATED_WORDS + 1):
            _collapse(words, length, least=3 if length == 1 else 2)
    return " ".join(words)


def _collapse(words: list[str], length: int, *, least: int) -> None:
    """Leave one of each phrase of ``length`` words that stands ``least`` times in a row."""
    start = 0
    while start + length * least <= len(words):

        def phrase(number: int, start: int = start) -> list[str]:
            first = start + number * length
            return [word.casefold() for word in words[first : first + length]]

        times = 1
        while phrase(times) == phrase(0):
            times += 1
        if times >= least:
            del words[start + length : start + times * length]
        start += 1


def has_repetitions(text: str) -> bool:
    """Whether a phrase is repeated in a way no writer means."""
    plain = " ".join(_WORD.findall(text))
    return collapse_repetitions(plain) != plain


def fix_arabic_punctuation(text: str) -> str:
    """Arabic punctuation where Arabic wants it, once.

    Commas, semicolons and question marks become Arabic ones beside Arabic letters; doubled marks
    (``؟?``) become one; no space stands before them. Numbers keep their separators.
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
    """The words of two letters or more written in Latin letters, casefolded."""
    return {word.casefold() for word in re.findall(r"[A-Za-zÀ-ÖØ-öø-ɏ]{2,}", text)}
