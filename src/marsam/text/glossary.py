"""Glossary of terms with fixed translations, read from a TOML file.

::

    [[term]]
    term = "Marsam"
    arabic = "مرسم"

    [[term]]
    term = "Gradio"
    protect = true      # not translated
"""

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marsam.errors import OptionError
from marsam.text.cleaning import clean

MAX_TERMS = 1000


@dataclass(frozen=True)
class Term:
    """A term and its Arabic translation; with ``protect`` it stays untranslated in any language."""

    term: str
    arabic: str | None = None
    protect: bool = False

    def pair(self, source: str, target: str) -> tuple[str, str] | None:
        """The text to find in the source, and its translation; None for other language pairs."""
        if self.protect:
            return self.term, self.term
        if self.arabic and target.endswith("_Arab"):
            return self.term, self.arabic
        if self.arabic and source.endswith("_Arab"):
            return self.arabic, self.term
        return None


@dataclass(frozen=True)
class Glossary:
    """Terms, the longest first, so that "red rose" is found before "rose"."""

    terms: tuple[Term, ...] = ()

    def required(self, text: str, source: str, target: str) -> list["Required"]:
        """What the translation of a text must contain: an entry for each place of a term."""
        found: list[Required] = []
        for term in self.terms:
            if not (pair := term.pair(source, target)):
                continue
            for match in _pattern(pair[0], source).finditer(text):
                start, end = match.span("term")
                if all(end <= one.start or one.end <= start for one in found):
                    found.append(Required(start, end, text[start:end], pair[1], is_term=True))
        return sorted(found, key=lambda one: one.start)

    def has_plural(self, text: str, source: str, target: str) -> bool:
        """Whether a term occurs in the plural, whose translation no glossary gives."""
        if source != "eng_Latn":
            return False
        pairs = filter(None, (t.pair(source, target) for t in self.terms if not t.protect))
        patterns = (rf"(?<!\w){_plural(word)}(?!\w)" for word, _ in pairs)
        return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


@dataclass(frozen=True)
class Required:
    """A part of a text, and what stands for it in the translation.

    Attributes:
        start: index of its first character.
        end: index after its last character.
        text: as it is in the source.
        translation: as it must be in the translation.
        is_term: whether it is of the glossary; otherwise it is protected.
    """

    start: int
    end: int
    text: str
    translation: str
    is_term: bool = False


def missing(required: Sequence[Required], output: str) -> list[Required]:
    """What a translation lacks, or contains less often than required."""
    counts = Counter(one.translation for one in required)
    return [one for one in required if output.count(one.translation) < counts[one.translation]]


def replace_word(text: str, word: str, replacement: str, language: str) -> str:
    """Put a term in the place of the model's own word for it, which may be inflected.

    In Arabic the conjunction, the preposition and the article before it stay.
    """
    if language.endswith("_Arab"):
        stem = re.escape(word.strip(" .؟!").removeprefix("ال"))
        own = replacement.removeprefix("ال")

        def with_prefix(match: re.Match[str]) -> str:
            prefix, article = match["prefix"], match["article"]
            return f"{prefix}{article}{own}" if article else f"{prefix}{replacement}"

        return (
            re.sub(
                rf"(?<!\w)(?P<prefix>[وف]?[بك]?)(?P<article>ال|لل|)ل?{stem}(?!\w)",
                with_prefix,
                text,
            )
            if stem
            else text
        )
    stem = re.escape(re.sub(r"^(?:an?|the) |[.?!]$", "", word.strip(), flags=re.IGNORECASE))
    return re.sub(rf"(?<!\w){stem}(?!\w)", replacement, text, flags=re.IGNORECASE) if stem else text


def _pattern(term: str, language: str) -> re.Pattern[str]:
    """The term as a whole word; in Arabic also after conjunction, preposition and article."""
    before = r"(?<!\w)(?:[وف]?(?:[بكل]|[بك]?ال|لل)?)" if language.endswith("_Arab") else r"(?<!\w)"
    return re.compile(rf"{before}(?P<term>{re.escape(term)})(?!\w)", re.IGNORECASE)


def _plural(term: str) -> str:
    """A pattern of the English plural of a term."""
    if re.search(r"[^aeiou]y$", term):
        return re.escape(term[:-1]) + "ies"
    return re.escape(term) + ("es" if re.search(r"(?:s|x|z|ch|sh)$", term) else "s")


def load_glossary(path: Path) -> Glossary:
    """Read a glossary from a TOML file.

    Raises:
        OptionError: the file is missing or not TOML, or a term is not valid.
    """
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except FileNotFoundError as error:
        raise OptionError("Glossary not found: {file}.", file=path.name) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(
            "Cannot read the glossary {file}: {reason}.", file=path.name, reason=error
        ) from error
    rows = data.get("term", [])
    if not isinstance(rows, list) or len(rows) > MAX_TERMS:
        raise OptionError(
            "{file} must have [[term]] tables, {limit} at most.", file=path.name, limit=MAX_TERMS
        )
    terms = [_term(row, path.name) for row in rows]
    return Glossary(tuple(sorted(terms, key=lambda term: -len(term.term))))


def _term(row: object, name: str) -> Term:
    if not isinstance(row, dict):
        raise OptionError("{name} must have [[term]] tables.", name=name)
    term, arabic, protect = row.get("term"), row.get("arabic"), row.get("protect", False)
    if not (isinstance(term, str) and clean(term)):
        raise OptionError("{name}: a [[term]] table has no term.", name=name)
    if not isinstance(protect, bool) or not (arabic is None or isinstance(arabic, str)):
        raise OptionError(
            "{name}: arabic of {term!r} must be a string, and protect true or false.",
            name=name,
            term=term,
        )
    if not protect and not (arabic and clean(arabic)):
        raise OptionError(
            "{name}: {term!r} needs an Arabic translation (arabic) or protect = true.",
            name=name,
            term=term,
        )
    return Term(clean(term), clean(arabic) if arabic else None, protect)
