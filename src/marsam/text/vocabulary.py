"""The closed vocabulary of a small model: which words of a text it knows.

The bundled models know a few hundred words. Such a model answers any other word with a wrong one,
so its folder lists what it knows (``vocabulary.tsv``), and a text is compared with the list first.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from marsam.text.cleaning import normalize
from marsam.text.languages import ARABIC
from marsam.text.protected import without_protected

FILE_NAME = "vocabulary.tsv"
"""One phrase a line, after its language: ``eng_Latn<TAB>palm tree``; all folded."""

_FOLDED = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        "ة": "ه",
        "ى": "ي",
        "ئ": "ي",
        "ؤ": "و",
        "ء": "",
        "-": " ",
        "’": "'",
        **dict.fromkeys('‑"“”«»()[]', " "),
    }
)
_LONE_WAW = re.compile(r"(?<!\w)و (?=\w)")
_WORD = re.compile(r"\w+(?:'\w+)*")
_CONJUNCTIONS = ("", "و")
_PREFIXES = ("", "ال", "ل", "لل", "ب", "بال")


def fold(text: str) -> str:
    """Remove what people spell in different ways: case, hamza, taa marbuta, digits, "و " apart.

    A model with a closed vocabulary is trained on folded text, and reads nothing else.
    """
    text = normalize(text, ARABIC).casefold().translate(_FOLDED)
    return _LONE_WAW.sub("و", " ".join(text.split()))


class ClosedVocabulary:
    """The phrases that a model knows in each language.

    Args:
        phrases: of each language (NLLB code), folded. A phrase that begins with ``=`` is known only
            as a whole text: "red" alone, but not in "a red car".
    """

    def __init__(self, phrases: Mapping[str, Iterable[str]]) -> None:
        self._phrases = {
            code: frozenset(" ".join(_without_articles(phrase.split())) for phrase in known)
            for code, known in phrases.items()
        }
        self._longest = max(
            (phrase.count(" ") + 1 for known in self._phrases.values() for phrase in known),
            default=1,
        )

    @classmethod
    def in_folder(cls, folder: Path) -> "ClosedVocabulary | None":
        """Read the file of a model; None when its vocabulary is open."""
        path = folder / FILE_NAME
        if not path.is_file():
            return None
        phrases: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            code, phrase = line.split("\t")
            phrases.setdefault(code, []).append(phrase)
        return cls(phrases)

    def unknown_words(self, text: str, language: str) -> tuple[str, ...]:
        """The words of a text that are in no known phrase, as they are written, each once.

        Addresses, emoji and the like are no words: a translation keeps them.
        Of a language that the vocabulary does not have, nothing is said.
        """
        known = self._phrases.get(language)
        if known is None:
            return ()
        text = normalize(without_protected(text), ARABIC)
        plain = text.replace("-", " ").replace("‑", " ")
        written = _WORD.findall(_LONE_WAW.sub("و", plain))
        words = [fold(word) for word in written]
        if f"={' '.join(_without_articles(words))}" in known:
            return ()
        unknown: dict[str, None] = {}
        start = 0
        while start < len(words):
            length = self._known_at(words, start, known)
            if not length:
                unknown[written[start]] = None
            start += length or 1
        return tuple(unknown)

    def _known_at(self, words: list[str], start: int, known: frozenset[str]) -> int:
        """The number of words of the longest known phrase at a position, or 0."""
        for length in range(min(self._longest, len(words) - start), 0, -1):
            first, *rest = _without_articles(words[start : start + length])
            if any(" ".join((form, *rest)) in known for form in _without_prefixes(first)):
                return length
        return 0


def _without_articles(words: list[str]) -> list[str]:
    """The words of a phrase; in Arabic each but the first may have an article, which is removed."""
    return [*words[:1], *(word.removeprefix("ال") for word in words[1:])]


def _without_prefixes(word: str) -> list[str]:
    """An Arabic word without its one-letter conjunction, preposition and article, in every way."""
    return [
        word[len(prefix) :]
        for conjunction in _CONJUNCTIONS
        for ending in _PREFIXES
        if word.startswith(prefix := conjunction + ending) and len(word) > len(prefix)
    ]
