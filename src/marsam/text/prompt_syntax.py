"""What users of other programs write into a prompt beside its words.

Weights are those of the Stable Diffusion web UI (``(a cat:1.3)``, ``((cat))``, ``[cat]``), of
compel (``(a cat)1.3``, ``cat++``) and of NovelAI (``{cat}``). A weighted prompt, as the painter
reads and pictures record it, has them as ``(a cat:1.3)`` only, and a backslash before each other
bracket.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

MAX_WEIGHT = 2.0
"""Above it a picture falls apart."""

_NEGATIVE = re.compile(r"(?<!\s)\s*\bNegative prompt:\s*", re.IGNORECASE)
_SETTINGS = re.compile(r"(?<!\s)\s*\bSteps:\s*\d+\b.*", re.IGNORECASE | re.DOTALL)
"""Below a picture in the web UI of AUTOMATIC1111."""
_NO = re.compile(r"\s--no\s+(.+?)(?=\s--[a-z]|$)", re.DOTALL)
_NO_MARK = re.compile(r"\s--no\s+")
_FLAG = re.compile(r"\s--[a-z]+(?:\s+[\d.:/]+|\s+(?:raw|low|high|hot)\b)?")
"""Commands of Midjourney."""
_ADAPTER = re.compile(r"(?<!\s)\s*<(?:lora|lyco|hypernet|embedding|ti):[^<>]*>", re.IGNORECASE)
_BREAK = re.compile(r"(?<!\s)\s*(?:,\s*)?\bBREAK\b\s*(?:,\s*)?")
_AND = re.compile(r"(?<=\S)\s+AND\s+(?=\S)")
_NUMBER = r"(?:\d+[.٫]?\d*|[.٫]\d+)"
_RAISED_WORD = re.compile(r"\b([^\W\d_]{2,})(\+{2,})(?!\w)")
"""``cat++``, but not ``C++``."""
_TOKEN = re.compile(
    rf"""(?P<escaped>\\[()\[\]{{}}\\])
    | (?P<open>[(\[{{])
    | (?!(?<=\d):\s*\d+\s*\)):\s*(?P<weight>-?{_NUMBER})\s*(?=\))  # not 10:30, 16:9
    | (?P<round>\))(?:(?P<suffix>{_NUMBER})|(?P<signs>\++|-+(?=[\s,.]|$)))?
    | (?P<close>[\]}}])
    | (?P<or>[:|])""",
    re.VERBOSE,
)
_OPENED_BY = {")": "(", "]": "[", "}": "{"}
_IMPLICIT = {"(": 1.1, "[": 1 / 1.1, "{": 1.05}
"""The weight of a bracket without a number."""
_WEIGHTED = re.compile(r"\(((?:\\.|[^()\\])+):([012](?:\.\d+)?)\)", re.DOTALL)

MAX_DEPTH = 20
"""Brackets in brackets; those further inside are text."""
Part = tuple[str, float]
"""A part of a prompt, and its weight."""


@dataclass(frozen=True)
class WeightedPhrase:
    """Words of a prompt with a weight other than 1.

    Attributes:
        index: how often the same words stand before them in the prompt.
    """

    text: str
    weight: float
    index: int = 0


@dataclass(frozen=True)
class PlainPrompt:
    """A prompt without the syntax of other programs.

    Attributes:
        words: what to paint.
        negative: what not to paint, as it is written.
        is_changed: whether anything but weights was taken out.
        weights: the words that have a weight.
    """

    words: str
    negative: str = ""
    is_changed: bool = False
    weights: tuple[WeightedPhrase, ...] = ()


def plain_prompt(text: str) -> PlainPrompt:
    """Take out weights, adapters, commands and settings; a word in brackets stays.

    Of alternatives the first counts. What ``--no`` or ``Negative prompt:`` name is negative.
    """
    rest = _SETTINGS.sub("", text)
    rest, *negatives = _NEGATIVE.split(rest)
    rest = f" {rest}"
    negatives += _NO.findall(rest)
    rest = _FLAG.sub("", _NO.sub("", rest))
    without = _AND.sub(" and ", _BREAK.sub(", ", _ADAPTER.sub("", rest)))
    parts, has_alternatives = _read_weights(without)
    words = _tidy("".join(part for part, _ in parts))
    negative = ", ".join(filter(None, map(_tidy, negatives)))
    is_changed = has_alternatives or _tidy(without) != _tidy(text)
    return PlainPrompt(words, negative, is_changed, tuple(_phrases(parts)))


def plain_negative_prompt(text: str) -> PlainPrompt:
    """Read a negative prompt, in which ``Negative prompt:`` and ``--no`` say nothing more."""
    return plain_prompt(_NO_MARK.sub(", ", _NEGATIVE.sub(", ", f" {text}")))


def plain_text(prompt: str) -> str:
    """Return a weighted prompt without its weights."""
    return "".join(part for part, _ in weighted_parts(prompt))


def _phrases(parts: Iterable[Part]) -> Iterable[WeightedPhrase]:
    before = ""
    for part, weight in parts:
        phrase = _tidy(part)
        if weight != 1 and re.search(r"\w", phrase):
            yield WeightedPhrase(phrase, weight, len(_occurrences(phrase, _tidy(before))))
        before += part


@dataclass
class _Bracket:
    """An open bracket: where it stands, and what it holds so far."""

    kind: str = ""
    start: int = 0
    parts: list[Part] = field(default_factory=list)
    weight: float | None = None
    first: list[Part] | None = None  # of alternatives


def _read_weights(text: str) -> tuple[list[Part], bool]:
    """Return the parts of a text with their weights, and whether alternatives were left out.

    Single round brackets without a number are punctuation, unless other weights show that they
    are not.
    """
    text = _RAISED_WORD.sub(r"(\1)\2", text)
    parts, has_weights, has_alternatives = _parse(text, round_is_weight=False)
    if has_weights:
        parts, _, has_alternatives = _parse(text, round_is_weight=True)
    return parts, has_alternatives


def _parse(text: str, *, round_is_weight: bool) -> tuple[list[Part], bool, bool]:
    stack = [_Bracket()]
    has_weights = has_alternatives = False
    position = 0
    for token in _TOKEN.finditer(text):
        top, literal = stack[-1], token[0]
        top.parts.append((text[position : token.start()], 1.0))
        position = token.end()
        closed = token["round"] or token["close"]
        if token["escaped"]:
            literal = literal[1]
        elif token["open"] and len(stack) <= MAX_DEPTH:
            stack.append(_Bracket(literal, token.start()))
            literal = ""
        elif token["weight"] and top.kind == "(":
            top.weight = _number(token["weight"])
            literal = ""
        elif (top.kind == "[" and literal[0] in ":|") or (top.kind == "{" and literal == "|"):
            has_alternatives = True
            if top.first is None and any(part.strip() for part, _ in top.parts):
                top.first = top.parts
            top.parts, literal = [], ""
        elif closed and top.kind == _OPENED_BY[closed]:
            stack.pop()
            if token["suffix"]:
                top.weight = _number(token["suffix"])
            elif token["signs"]:
                top.weight = (1.1 if "+" in token["signs"] else 0.9) ** len(token["signs"])
            inside = text[top.start + 1 : token.start()].strip()
            is_double = inside.startswith("(") and inside.endswith(")")
            if top.first is not None:
                stack[-1].parts += top.first
            elif top.kind == "(" and top.weight is None and not (round_is_weight or is_double):
                stack[-1].parts += [("(", 1.0), *top.parts, (")", 1.0)]
            else:
                has_weights = True
                weight = _IMPLICIT[top.kind] if top.weight is None else top.weight
                stack[-1].parts += [(part, inner * weight) for part, inner in top.parts]
            literal = ""
        stack[-1].parts.append((literal, 1.0))
    stack[-1].parts.append((text[position:], 1.0))
    while len(stack) > 1:  # never closed
        top = stack.pop()
        stack[-1].parts += [(top.kind, 1.0), *(top.first or ()), *top.parts]
    return _merged(stack[0].parts), has_weights, has_alternatives


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Join neighbours of the same weight."""
    merged: list[Part] = []
    for part, weight in parts:
        if part and merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + part, weight)
        elif part:
            merged.append((part, weight))
    return merged


def weighted_prompt(
    words: str,
    weights: Iterable[WeightedPhrase],
    translate: Callable[[str], str] = lambda text: text,
) -> tuple[str, bool]:
    """Put weights into a prompt again.

    Args:
        words: the prompt in English.
        weights: of phrases in it, or in the prompt that it was translated from.
        translate: translates a phrase into English.

    Returns:
        The weighted prompt, or an empty text where no weight counts; and whether each weight counts
        in full. A phrase that is not found has no weight.
    """
    spans: list[tuple[int, int, float]] = []
    complete = True
    for phrase in weights:
        weight = round(min(max(phrase.weight, 0.0), MAX_WEIGHT), 2)
        complete &= abs(weight - phrase.weight) < 0.01
        found = _find(words, translate(phrase.text), phrase.index)
        if found is None or any(found[0] < end and start < found[1] for start, end, _ in spans):
            complete = False
        elif weight != 1:
            spans.append((*found, weight))
    if not spans and not _WEIGHTED.search(words):
        return "", complete
    text, position = "", 0
    for start, end, weight in sorted(spans):
        text += f"{_escaped(words[position:start])}({_escaped(words[start:end])}:{weight:g})"
        position = end
    return text + _escaped(words[position:]), complete


def _find(words: str, phrase: str, index: int) -> tuple[int, int] | None:
    """Where a phrase stands in a text, also without its article."""
    for wanted in (phrase, re.sub(r"^(?:an?|the)\s+", "", phrase, flags=re.IGNORECASE)):
        if found := _occurrences(wanted, words):
            return found[min(index, len(found) - 1)]
    return None


def _occurrences(phrase: str, text: str) -> list[tuple[int, int]]:
    pattern = rf"(?<!\w){re.escape(phrase)}(?!\w)" if phrase else r"(?!)"
    return [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]


def _number(text: str) -> float:
    return float(text.replace("٫", "."))


def weighted_parts(prompt: str) -> tuple[Part, ...]:
    """Return the parts of a weighted prompt, or any other prompt as one part of weight 1."""
    parts: list[Part] = []
    position = 0
    for match in _WEIGHTED.finditer(prompt):
        parts += [(prompt[position : match.start()], 1.0), (match[1], float(match[2]))]
        position = match.end()
    if not parts and not _is_escaped(prompt):
        return ((prompt, 1.0),)
    parts.append((prompt[position:], 1.0))
    return tuple((_unescaped(part), weight) for part, weight in parts if part)


def _escaped(text: str) -> str:
    return re.sub(r"([\\()\[\]{}])", r"\\\1", text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([\\()\[\]{}])", r"\1", text)


def _is_escaped(prompt: str) -> bool:
    """Whether :func:`weighted_prompt` wrote it: each bracket has a backslash."""
    return _escaped(_unescaped(prompt)) == prompt and bool(_WEIGHTED.search(_unescaped(prompt)))


def _tidy(text: str) -> str:
    """Remove spaces and commas that separate nothing."""
    text = re.sub(r"(?<!\s)\s+([,.،])", r"\1", re.sub(r"[^\S\n]+", " ", text))
    return re.sub(r"([,،])\s*(?:[,،]\s*)+", r"\1 ", text).strip(" ,،\n")
