"""What users of other programs write into a prompt beside its words."""

import re
from dataclasses import dataclass

_NEGATIVE = re.compile(r"\s*\bNegative prompt:\s*", re.IGNORECASE)
_SETTINGS = re.compile(r"\s*\bSteps:\s*\d+\b.*", re.IGNORECASE | re.DOTALL)
"""Below a picture in the web UI of AUTOMATIC1111."""
_NO = re.compile(r"\s--no\s+(.+?)(?=\s--[a-z]|$)", re.DOTALL)
_FLAG = re.compile(r"\s--[a-z]+(?:\s+[\d.:/]+|\s+(?:raw|low|high|hot)\b)?")
"""Commands of Midjourney."""
_ADAPTER = re.compile(r"\s*<(?:lora|lyco|hypernet|embedding|ti):[^<>]*>", re.IGNORECASE)
_BREAK, _AND = re.compile(r"\s*,?\s*\bBREAK\b\s*,?\s*"), re.compile(r"(?<=\S)\s+AND\s+(?=\S)")
_NUMBER = r"\s*-?(?:\d+\.?\d*|\.\d+)\s*"
_PATTERNS = (
    (re.compile(r"\[([^\[\]:|]*)(?:[:|][^\[\]]*)?\]"), r"\1"),  # [cat], [cat:dog:0.5], [cat|dog]
    (re.compile(r"\{([^{}|]*)(?:\|[^{}]*)?\}"), r"\1"),  # {cat|dog}, {{cat}}
    (re.compile(rf"\(([^()]*?):{_NUMBER}\)"), r"\1"),  # (cat:1.3)
    (re.compile(r"\((\s*\([^()]*\)\s*)\)"), r"\1"),  # ((cat)) → (cat)
    (re.compile(r"\(([^()]*)\)(?:\d\.?\d*|[+-]+)"), r"\1"),  # (cat)1.3, (cat)++
    (re.compile(r"(?<=\w)\+{2,}"), ""),  # cat++
)


@dataclass(frozen=True)
class PlainPrompt:
    """A prompt without the syntax of other programs.

    Attributes:
        words: what to paint.
        negative: what not to paint.
        is_changed: whether anything was taken out.
    """

    words: str
    negative: str = ""
    is_changed: bool = False


def plain_prompt(text: str) -> PlainPrompt:
    """Take out weights, adapters, commands and settings; a word in brackets stays.

    Of alternatives the first counts. What ``--no`` or ``Negative prompt:`` name is negative.
    """
    positive = _SETTINGS.sub("", text)
    positive, *negatives = _NEGATIVE.split(positive)
    positive = f" {positive}"
    negatives += _NO.findall(positive)
    words = _words(_FLAG.sub("", _NO.sub("", positive)))
    negative = ", ".join(filter(None, map(_words, negatives)))
    return PlainPrompt(words, negative, is_changed=words != _tidy(text))


def _words(text: str) -> str:
    text = _AND.sub(" and ", _BREAK.sub(", ", _ADAPTER.sub("", text)))
    # A bracket with a backslash is a bracket.
    text = text.replace(r"\(", "\ue000").replace(r"\)", "\ue001")
    before = None
    emphasised = False
    while before != text:
        before = text
        for index, (pattern, words) in enumerate(_PATTERNS):
            changed = pattern.sub(words, text)
            emphasised |= index == 3 and changed != text
            text = changed
    if emphasised:
        text = re.sub(r"\(([^()]*)\)", r"\1", text)
    text = text.replace("\ue000", "(").replace("\ue001", ")")
    return _tidy(text)


def _tidy(text: str) -> str:
    """Remove spaces and commas that separate nothing."""
    text = re.sub(r"\s+([,.])", r"\1", re.sub(r"[^\S\n]+", " ", text))
    return re.sub(r"(?:,\s*){2,}", ", ", text).strip(" ,\n")
