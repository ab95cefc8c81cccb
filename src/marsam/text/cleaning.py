"""Normalise, split and repair the texts that go into the models and come out of them."""

import re
import unicodedata

import regex

from marsam.text.languages import Language
from marsam.text.protected import change_outside_protected, protected_spans, without_protected

_BIDI = {
    *"\u061c\u200e\u200f",  # marks
    *"\u202a\u202b\u202c\u202d\u202e",  # embeddings and overrides
    *"\u2066\u2067\u2068\u2069",  # isolates
    "\ufeff",  # the byte order mark of a file
}
# Tatweel; tashkeel, which a text in most languages may leave out.
_TATWEEL = "\u0640"
_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]")
_ARABIC = {
    *("arb_Arab", "acm_Arab", "acq_Arab", "aeb_Arab", "ajp_Arab", "apc_Arab", "ars_Arab"),
    *("ary_Arab", "arz_Arab"),
}
_MARKS_OPTIONAL = _ARABIC | {
    *("pes_Arab", "prs_Arab", "urd_Arab", "ckb_Arab", "pbt_Arab", "snd_Arab", "azb_Arab")
}
# Letters of another language's keyboard that look the same.
_LETTERS = {
    **dict.fromkeys(_ARABIC, str.maketrans("یکہھەۀۃٱ", "يكههههةا")),
    **dict.fromkeys(("pes_Arab", "prs_Arab"), str.maketrans("يىك", "ییک")),
    "urd_Arab": str.maketrans("يىكهة", "ییکہۃ"),
    "ckb_Arab": str.maketrans("يك", "یک"),
}
# Presentation forms, ligatures, full-width and mathematical letters and digits.
_COMPATIBILITY = re.compile(
    "[\u2100-\u214f\ufb00-\ufdfb\ufe70-\ufefc\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc"
    "\U0001d400-\U0001d7ff\U0001ee00-\U0001eeff]+"
)
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_MARK_RUN = regex.compile(r"(\p{M}{30})\p{M}+")
"""More marks on one letter than any language writes; 30 is the limit of Unicode's Annex 15."""
_IGNORABLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}--[\u200c\u200d]]", regex.V1)
# Between two words, where the first ends in a letter that only ends words.
_ZERO_WIDTH_SPACE = re.compile("(?<=[ةى])\u200b(?=\\w)")
_JOINERS = re.compile("[\u200c\u200d]")
_WITHOUT_JOINERS = {
    *("Latn", "Cyrl", "Grek", "Hans", "Hant", "Jpan", "Hang", "Hebr", "Armn", "Geor", "Ethi")
}
_LETTER = "\u0620-\u065f\u066e-\u06d3\u06d5\u06fa-\u06ff\u0750-\u077f\u08a0-\u08c9"
_CLOSERS, _OPENERS = r"»›”’\"')\]}", r"«‹“‘\"'(\[{"
_SPACES = re.compile(r"[^\S\n]+")
_CLAUSE_END = re.compile(r"(?<=[,،;؛:])\s+|(?<=[、，；])")
MAX_REPEATED_WORDS = 6  # in the longest phrase whose repetition is detected


def clean(text: str) -> str:
    """Normalise a text: NFC, single spaces, no control characters, no bidirectional controls.

    Line breaks stay. The function is idempotent.
    """
    # Sorting a long run of marks takes quadratic time.
    text = _MARK_RUN.sub(r"\1", text)
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


def normalize(text: str, language: Language) -> str:
    """Clean a text and fold what looks the same, so that a model and a glossary read one spelling.

    Only for the input of a model; what the user sees keeps its marks. The function is idempotent.
    """
    text = _COMPATIBILITY.sub(_compatible, clean(text))
    text = (
        _IGNORABLE.sub("", _ZERO_WIDTH_SPACE.sub(" ", text))
        .replace(_TATWEEL, "")
        .translate(_DIGITS)
    )
    if language.script in _WITHOUT_JOINERS or language.code in _ARABIC:
        text = _JOINERS.sub("", text)
    if language.code in _MARKS_OPTIONAL:
        text = _MARKS.sub("", text)
    return clean(text.translate(_LETTERS.get(language.code, {})))


def _compatible(match: re.Match[str]) -> str:
    return "".join(
        unicodedata.normalize("NFKC", character) if character.isalnum() else character
        for character in match.group()
    )


def title_case_if_all_caps(sentence: str) -> str:
    """``AHMED FROM CAIRO`` → ``Ahmed from Cairo``, as translation models handle capitals badly.

    Nobody can tell the names from the other words, so words begin with a capital, as in a headline.
    A single word may be an abbreviation and stays; so do known abbreviations, and words without
    vowels.
    """
    words = without_protected(sentence)
    if len(words.split()) < 2 or not words.isupper():
        return sentence
    changed = change_outside_protected(
        sentence, lambda part: re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)*", _in_title_case, part)
    )
    return changed[:1].upper() + changed[1:]


def _in_title_case(word: re.Match[str]) -> str:
    text = word[0]
    has_no_vowel = text.isascii() and not re.search("[AEIOUY]", text)
    if text in _ABBREVIATIONS or (len(text) > 1 and has_no_vowel):
        return text
    return text.lower() if text.lower() in _SMALL_WORDS else text.capitalize()


_SMALL_WORDS = {
    *("a", "an", "and", "as", "at", "but", "by", "for", "from", "in", "into", "is", "it"),
    *("its", "of", "on", "or", "over", "the", "to", "under", "with"),
}
_ABBREVIATIONS = {
    *("AI", "ATM", "COVID", "EU", "FIFA", "GCC", "ID", "IMF", "IOT", "IQ", "KSA", "NASA"),
    *("NATO", "OPEC", "PIN", "RAM", "SIM", "UAE", "UEFA", "UFO", "UK", "UN", "UNESCO"),
    *("UNHCR", "UNICEF", "USA", "USB"),
}


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
    """Replace commas, semicolons and question marks beside Arabic letters with the Arabic marks.

    Doubled marks (``؟?``) become one, and spaces before a mark are removed. Numbers keep their
    separators, and protected spans stay as they are.
    """
    spans = protected_spans(text)
    if not spans:
        return _fix_marks(text)
    holes, hidden, position = {}, "", 0
    for index, (start, end) in enumerate(spans):
        hole = chr(0xE000 + index)  # a character of no text: ``clean`` drops private use
        holes[hole] = text[start:end]
        hidden += text[position:start] + hole
        position = end
    fixed = _fix_marks(hidden + text[position:])
    return "".join(holes.get(character, character) for character in fixed)


def _fix_marks(text: str) -> str:
    for mark, arabic in ((",", "،"), (";", "؛")):
        text = re.sub(rf"(?<=[{_LETTER}])([{_CLOSERS}]*\s*){mark}(?!\d)", rf"\1{arabic}", text)
        text = re.sub(rf"{mark}(?=\s+[{_OPENERS}]*[{_LETTER}])", arabic, text)
    text = re.sub(rf"(?<=[{_LETTER}])([{_CLOSERS}]*\s*)\?", r"\1؟", text)
    # Also after a Latin name, where the sentence is Arabic.
    text = re.sub(rf"([{_LETTER}][^.!?؟\n]*)\?(?=[{_CLOSERS}]*(?:\s|$))", r"\1؟", text)
    text = re.sub(r"[^\S\n]+([،؛؟])", r"\1", text)
    text = re.sub(r"([،؛؟])(?:\1|(?<=؟)\?)+", r"\1", text)
    return re.sub(rf"([،؛])(?=[^\s\d،؛؟.!{_CLOSERS}])", r"\1 ", text)


_LATIN_NAME = re.compile(
    r"(?!\d+(?:st|nd|rd|th|s|am|pm|[cm]?m|k[gm])$)"
    r"(?:[A-Z]{2,}|[A-Za-z]*[a-z][A-Z]|[A-Za-z]+-?\d|\d+[A-Za-z])[A-Za-z0-9-]*"
)
"""An abbreviation, capitals within a word, or letters and digits: BBC, iPhone, COVID-19, 3D; but
no ordinal, time or measure such as 2nd and 5pm."""


def latin_names(text: str, language: Language) -> set[str]:
    """Return the Latin words of a text that languages of other scripts often leave as they are.

    In a text of another script these are all of them.
    """
    if language.script != "Latn":
        return latin_words(text)
    words = (word.strip(".,;:!?()[]\"'«»“”") for word in without_protected(text).split())
    names = {word.casefold() for word in words if _LATIN_NAME.fullmatch(word)}
    return names | latin_words(" ".join(names))


def latin_words(text: str) -> set[str]:
    """The words of two or more Latin letters, casefolded."""
    return {word.casefold() for word in re.findall(r"[A-Za-zÀ-ÖØ-öø-ɏ]{2,}", text)}
