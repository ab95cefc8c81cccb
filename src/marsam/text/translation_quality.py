"""Signs that a translation is not what its text says."""

import re
from collections import Counter
from collections.abc import Set as AbstractSet

from marsam.notices import Notice
from marsam.text.cleaning import has_repetitions, latin_words, normalize
from marsam.text.languages import ARABIC, Language
from marsam.text.protected import without_protected
from marsam.text.sentences import count_parts, split_clauses

MIN_CHECKED_LENGTH = 24
"""Characters of a text whose translation's length is checked."""
MIN_LENGTH, MAX_LENGTH = 0.45, 2.4
"""Least and greatest length of a translation, relative to what the two languages let expect."""


def quality_issues(
    text: str, output: str, source: Language, target: Language, allowed: AbstractSet[str]
) -> list[Notice]:
    """Return the issues found in ``output``, the translation of one sentence.

    ``allowed`` are casefolded Latin words that may stay untranslated (terms of a glossary).
    """
    if not any(character.isalnum() for character in text):
        return []
    if not any(character.isalnum() for character in output):
        return [Notice.EMPTY]
    expected = len(text) * target.length / source.length
    clauses = len(split_clauses(text)) // 2 + 1
    untranslated = latin_words(output) & latin_words(text) - allowed
    others = " ".join(
        word for word in without_protected(output).split() if not latin_words(word) & allowed
    )
    issues = {
        Notice.LOOPING: has_repetitions(output) and not has_repetitions(text),
        Notice.LENGTH: (
            len(text) >= MIN_CHECKED_LENGTH
            and not MIN_LENGTH * expected <= len(output) <= MAX_LENGTH * expected
        )
        or (len(output) < 0.85 * expected and count_parts(output) < clauses),
        Notice.NUMBERS: not _long_numbers(text) <= _long_numbers(output),
        Notice.UNTRANSLATED: target.script != "Latn" and bool(untranslated),
        Notice.WRONG_SCRIPT: not target.matches_script(others),
    }
    return [notice for notice, is_found in issues.items() if is_found]


def _long_numbers(text: str) -> Counter[str]:
    """The numbers of three and more digits, which no translation writes in words."""
    return Counter(re.findall(r"\d{3,}", normalize(text, ARABIC)))
