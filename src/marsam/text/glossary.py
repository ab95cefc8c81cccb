"""Names and terms a translation must get right, from a small TOML file.

::

    [[term]]
    term = "Marsam"
    arabic = "مرسم"

    [[term]]
    term = "Gradio"
    protect = true      # stays as it is
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
    """A term and what stands for it in Arabic; ``protect`` keeps it as it is in any language."""

    term: str
    arabic: str | None = None
    protect: bool = False

    def pair(self, source: str, target: str) -> tuple[str, str] | None:
        """What to look for in a text and what its translation must hold; None if out of reach."""
        if self.protect:
            return self.term, self.term
        if self.arabic and target.endswith("_Arab"):
            return self.term, self.arabic
        if self.arabic and source.endswith("_Arab"):
            return self.arabic, self.term
        return None


@dataclass(frozen=True)
class Glossary:
    """The terms of a file, longest first, so that "red rose" is found before "rose"."""

    terms: tuple[Term, ...] = ()

    def required_terms(self, text: str, source: str, target: str) -> list[tuple[str, str]]:
        """The terms that stand in the text, each with what its translation must hold."""
        found = []
        left = text
        for term in self.terms:
            pair = term.pair(source, target)
            if pair and (pattern := _whole(pair[0])).search(left):
                found.append(pair)
                left = pattern.sub(" ", left)
        return found

    def term_spans(self, text: str, source: str, target: str) -> list[tuple[int, int]]:
        """From where to where the terms stand in the text."""
        pairs = (term.pair(source, target) for term in self.terms)
        patterns = (_whole(pair[0]) for pair in pairs if pair)
        return [found.span() for pattern in patterns for found in pattern.finditer(text)]


def _whole(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(term)}(?!\w)", re.IGNORECASE)


def split_around(text: str, terms: list[str]) -> list[str]:
    """The text in pieces, with the terms at the odd spans."""
    if not terms:
        return [text]
    ordered = sorted(terms, key=len, reverse=True)
    choice = "|".join(re.escape(term) for term in ordered)
    return re.split(rf"(?<!\w)({choice})(?!\w)", text, flags=re.IGNORECASE)


def load_glossary(path: Path) -> Glossary:
    """Read a glossary.

    Raises:
        OptionError: when the file is missing, is not TOML, or a term is not as it should be.
    """
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except FileNotFoundError as error:
        raise OptionError(f"There is no glossary {path.name}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"The glossary {path.name} cannot be read: {error}.") from error
    rows = data.get("term", [])
    if not isinstance(rows, list) or len(rows) > MAX_TERMS:
        raise OptionError(f"The glossary {path.name} needs [[term]] tables, {MAX_TERMS} at most.")
    terms = [_term(row, path.name) for row in rows]
    return Glossary(tuple(sorted(terms, key=lambda term: -len(term.term))))


def _term(row: object, name: str) -> Term:
    if not isinstance(row, dict):
        raise OptionError(f"The glossary {name} needs [[term]] tables.")
    term, arabic, protect = row.get("term"), row.get("arabic"), row.get("protect", False)
    if not (isinstance(term, str) and clean(term)):
        raise OptionError(f"A term of the glossary {name} has no text.")
    if not isinstance(protect, bool) or not (arabic is None or isinstance(arabic, str)):
        raise OptionError(f"The term {term!r} of the glossary {name} is not written correctly.")
    if not protect and not (arabic and clean(arabic)):
        raise OptionError(f"The term {term!r} of the glossary {name} needs arabic, or protect.")
    return Term(clean(term), clean(arabic) if arabic else None, protect)
