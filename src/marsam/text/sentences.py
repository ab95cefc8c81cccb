"""Where sentences end.

``sentencex`` (Wikimedia) knows the marks and the abbreviations of many languages. Added here is
what it lacks: Arabic abbreviations, the numbers of a list, quotation marks and brackets after a
full stop, and the character ``…``.
"""

import re
from collections.abc import Sequence

import sentencex

from marsam.text.languages import Language
from marsam.text.protected import protected_spans

_CLOSERS, _OPENERS = r"\"'”’»›)\]}", r"\"'“‘«‹(\[{"
_ARABIC = "\u0620-\u064a\u066e-\u06d3"

_END = re.compile(
    rf"[.!?؟۔…][{_CLOSERS}]+\s+(?=[{_OPENERS}]*[^\W\d_a-z]|[{_OPENERS}])"  # (A cat.) A dog
    r"|\betc\.\s+(?=[A-Z])"
    r"|(?<=\w)[\"”»]\s+(?=[\"“«]\w)"  # "a cat" "a dog"
    rf"|…\s+(?=\w)|\.\.\.\s+(?=[{_ARABIC}])"
)
"""Ends of sentences, with the spaces after them, that sentencex does not find."""
_AFTER = re.compile(rf"(?<!\s)(?:[{_CLOSERS}]+(?=\s|$))?\s*")
_INITIALS = re.compile(rf"(?<![{_ARABIC}])(?<!\d)(?<!\d )و?(?:[{_ARABIC}]ـ?\.\s*)+$")
"""Arabic initials and titles: "د.", "أ. د.", "ص.ب."; after a number they are units."""
_BEFORE_NUMBER = re.compile(
    r"(?<!\w)(?:approx|art|ca?|cap|ch|chap|cols?|eds?|eq|ext|figs?|lat|long|max|min|nos?|op|para|pp?"
    r"|pt|sect?|tel|ver|vols?|مج|تح|رقم|فقرة|شكل|صفحة|هاتف|تلفون|فاكس|[طجصم])\.\s*$",
    re.IGNORECASE,
)
"""Abbreviations that a number follows."""
_BEFORE_WORD = re.compile(
    r"(?<!\w)(?:m[sx]|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\.\s*$", re.IGNORECASE
)
_LIST_MARK = re.compile(r"\W*(?:\d{1,3}|[^\W\d_])[.)]\s*$")
"""The number of an item: "1. A cat", "(٢) قطة", "b) A dog"."""
_CLAUSES = re.compile(r"(\s*[;؛|；]\s*|\s+[—–]\s+|\s*…\s*|:\s+|(?<=[^\W\d_]{2})[.!?؟](?=\w))(?=\S)")
_LIST_ITEM = re.compile(r"(?:[^\w\s\"'“«‘(\[{<@#%$]+|\(?(?:\d{1,3}[.):-]|[^\W\d_]\)))\s+")
"""What stands before an item of a list: a bullet or a number."""
_TAIL = re.compile(r"\s*(?:[:;,،؛|—–…]|\.{2,})+\.?$")
_PAIRS = {
    "(": ")",
    "[": "]",
    "{": "}",
    "«": "»",
    "“": "”",
    "‘": "’",
    "‹": "›",
    '"': '"',
    "「": "」",
}


def split_sentences(
    text: str, language: Language, keep_whole: Sequence[tuple[int, int]] = ()
) -> list[str]:
    """Split one line into its sentences, each with the spaces after it; joined they are the line.

    The spans ``keep_whole`` (start, end) are not split, such as the name "St. Mary".
    """
    if not text:
        return []
    ends = {match.end() for match in _END.finditer(text)}
    item = _LIST_ITEM.match(text)
    position = item.end() if item else 0
    for part in sentencex.segment(language.tag.partition("-")[0], text[position:]):
        position += len(part)
        after = _AFTER.match(text, position)
        ends.add(after.end() if after else position)
    sentences, start = [], 0
    for end in sorted(ends - {0, len(text)}):
        in_span = any(first < end < last for first, last in keep_whole)
        if not (in_span or _continues(text[start:end], text[end:])):
            sentences.append(text[start:end])
            start = end
    return [*sentences, text[start:]]


def _continues(sentence: str, rest: str) -> bool:
    """Whether a sentence that seems to end goes on."""
    if _LIST_MARK.match(sentence) or _INITIALS.search(sentence):
        return True
    if rest[:1].isdecimal() and _BEFORE_NUMBER.search(sentence):
        return True
    # In 「你好。」他说 the quotation is a part of its sentence.
    return bool(_BEFORE_WORD.search(sentence)) or sentence[-1:] in "」』”"


def split_clauses(sentence: str) -> list[str]:
    """Split a sentence at semicolons, colons, dashes, bars and "…".

    The clauses have even indices, what stands between them odd ones.
    """
    return _CLAUSES.split(sentence)


def count_parts(text: str) -> int:
    """The number of parts with words between marks: clauses, sentences, members of a list."""
    return sum(any(map(str.isalnum, part)) for part in re.split(r"[,;:.!?|…—–،؛؟。，；]", text))


def split_edges(sentence: str) -> tuple[str, str, str]:
    """Split off what stands around the words: a bullet, quotation marks, brackets, "…".

    Returns:
        What is before the words, the words, and what is after them; joined they are the sentence.
    """
    item = _LIST_ITEM.match(sentence)
    start, end = item.end() if item else 0, len(sentence)
    spans = protected_spans(sentence)
    first = min((start for start, _ in spans), default=end)
    last = max((end for _, end in spans), default=0)
    before = None
    while before != (before := (start, end)):
        core = sentence[start:end]
        if tail := _TAIL.search(core):
            end -= len(tail.group())
        elif closer := _PAIRS.get(core[:1]):
            if core.endswith(closer) and not {core[0], closer} & set(core[1:-1]) and len(core) > 2:
                start, end = start + 1, end - 1
            elif closer not in core[1:]:
                start += 1
        elif core[-1:] in _PAIRS.values() and not _is_opened(core):
            end -= 1
        start, end = min(start, first), max(end, last)
    return sentence[:start], sentence[start:end], sentence[end:]


def _is_opened(text: str) -> bool:
    """Whether the bracket or quotation mark at the end of a text was opened in it."""
    closer = text[-1]
    opener = next(one for one, other in _PAIRS.items() if other == closer)
    if opener == closer:
        return text.count(closer) % 2 == 0
    return text.count(opener) >= text.count(closer)
