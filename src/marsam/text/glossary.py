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

    def required_terms(self, text: str, source: str, target: str) -> list[tuple[str, str]]:
        """Pairs of a term that occurs in the text and its required translation."""
        required = []
        remaining = text
        for term in self.terms:
            pair = term.pair(source, target)
            if pair and (pattern := _whole_word(pair[0])).search(remaining):
                required.append(pair)
                remaining = pattern.sub(" ", remaining)
        return required

    def term_spans(self, text: str, source: str, target: str) -> list[tuple[int, int]]:
        """Spans (start, end) of the terms in the text."""
        pairs = (term.pair(source, target) for term in self.terms)
        patterns = (_whole_word(pair[0]) for pair in pairs if pair)
        return [match.span() for pattern in patterns for match in pattern.finditer(text)]


def _whole_word(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(term)}(?!\w)", re.IGNORECASE)


def split_around(text: str, terms: list[str]) -> list[str]:
    """Split a text at the given terms; the terms are at the odd indices."""
    if not terms:
        return [text]
    longest_first = sorted(terms, key=len, reverse=True)
    alternatives = "|".join(map(re.escape, longest_first))
    return re.split(rf"(?<!\w)({alternatives})(?!\w)", text, flags=re.IGNORECASE)


def load_glossary(path: Path) -> Glossary:
    """Read a glossary from a TOML file.

    Raises:
        OptionError: the file is missing or not TOML, or a term is not valid.
    """
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except FileNotFoundError as error:
        raise OptionError(f"Glossary not found: {path.name}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"Cannot read the glossary {path.name}: {error}.") from error
    rows = data.get("term", [])
    if not isinstance(rows, list) or len(rows) > MAX_TERMS:
        raise OptionError(f"{path.name} must have [[term]] tables, {MAX_TERMS} at most.")
    terms = [_term(row, path.name) for row in rows]
    return Glossary(tuple(sorted(terms, key=lambda term: -len(term.term))))


def _term(row: object, name: str) -> Term:
    if not isinstance(row, dict):
        raise OptionError(f"{name} must have [[term]] tables.")
    term, arabic, protect = row.get("term"), row.get("arabic"), row.get("protect", False)
    if not (isinstance(term, str) and clean(term)):
        raise OptionError(f"{name}: a [[term]] table has no term.")
    if not isinstance(protect, bool) or not (arabic is None or isinstance(arabic, str)):
        raise OptionError(
            f"{name}: arabic of {term!r} must be a string, and protect true or false."
        )
    if not protect and not (arabic and clean(arabic)):
        raise OptionError(
            f"{name}: {term!r} needs an Arabic translation (arabic) or protect = true."
        )
    return Term(clean(term), clean(arabic) if arabic else None, protect)
