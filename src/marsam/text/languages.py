"""The languages of NLLB-200: codes, names in English and in Arabic, direction, script.

They live in ``languages.tsv``, one row per code, read when first asked for.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib import resources
from typing import Literal, cast

from marsam.errors import LanguageError

Direction = Literal["ltr", "rtl"]

# NLLB's one mislabelled script: its Santali is Ol Chiki (facebookresearch/flores issue 52).
_REAL_SCRIPTS = {"sat_Beng": "Olck"}

# Unicode does not tell Chinese from Japanese ideographs, nor the two ways to write Chinese.
_LOOKS_LIKE = {"Hans": {"Hani"}, "Hant": {"Hani"}, "Jpan": {"Jpan", "Hani"}}

# The first word of a letter's Unicode name, and its script as ISO 15924 writes it.
_SCRIPTS = {
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "BENGALI": "Beng",
    "CJK": "Hani",
    "CYRILLIC": "Cyrl",
    "DEVANAGARI": "Deva",
    "ETHIOPIC": "Ethi",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "GUJARATI": "Gujr",
    "GURMUKHI": "Guru",
    "HANGUL": "Hang",
    "HEBREW": "Hebr",
    "HIRAGANA": "Kana",
    "IDEOGRAPHIC": "Hani",
    "KANNADA": "Knda",
    "KATAKANA": "Kana",
    "KHMER": "Khmr",
    "LAO": "Laoo",
    "LATIN": "Latn",
    "MALAYALAM": "Mlym",
    "MYANMAR": "Mymr",
    "OL": "Olck",
    "ORIYA": "Orya",
    "SINHALA": "Sinh",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "THAI": "Thai",
    "TIBETAN": "Tibt",
    "TIFINAGH": "Tfng",
}

# What people type for a language whose row has a longer or another name.
_ALSO = {
    "Arabic": "arb_Arab",
    "العربية": "arb_Arab",
    "العربية الفصحى الحديثة": "arb_Arab",
    "Chinese": "zho_Hans",
    "الصينية": "zho_Hans",
    "zh": "zho_Hans",
    "zh-CN": "zho_Hans",
    "zh-TW": "zho_Hant",
    "Bangla": "ben_Beng",
    "Farsi": "pes_Arab",
    "Filipino": "tgl_Latn",
    "الفلبينية": "tgl_Latn",
    "fil": "tgl_Latn",
    "Iraqi Arabic": "acm_Arab",
    "Norwegian": "nob_Latn",
    "النرويجية": "nob_Latn",
    "no": "nob_Latn",
}


@dataclass(frozen=True)
class Language:
    """One language as NLLB-200 knows it.

    Attributes:
        code: NLLB's own, such as ``arb_Arab``.
        tag: its short BCP 47 tag, such as ``ar`` or ``zh-Hans``.
        en: its name in English.
        ar: its name in Arabic.
        direction: ``ltr`` or ``rtl``.
        experimental: offered, but its quality is not vouched for.
    """

    code: str
    tag: str
    en: str
    ar: str
    direction: Direction = "ltr"
    experimental: bool = False

    @property
    def script(self) -> str:
        """The script it is written in, by ISO 15924: ``Arab``, ``Latn``, …."""
        return _REAL_SCRIPTS.get(self.code, self.code[4:])

    def matches_script(self, text: str) -> bool:
        """Whether the text could be in this language, going by its script alone."""
        script = script_of(text)
        return script is None or script in _LOOKS_LIKE.get(self.script, {self.script})


ENGLISH = Language("eng_Latn", "en", "English", "الإنجليزية")
ARABIC = Language("arb_Arab", "ar", "Modern Standard Arabic", "العربية الفصحى", "rtl")


@cache
def languages() -> tuple[Language, ...]:
    """All the languages of NLLB-200, ordered by code."""
    table = resources.files("marsam.text").joinpath("languages.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return tuple(
        Language(code, tag, en, ar, cast("Direction", direction), experimental == "yes")
        for code, tag, en, ar, direction, experimental in rows
    )


def language(name: str) -> Language:
    """The language of an NLLB code, a short tag, or a name in English or in Arabic.

    Case, accents and vowel marks do not matter, nor does the choice between ``-`` and ``_``.

    Raises:
        LanguageError: for anything else, with up to three near misses.
    """
    known, wanted = _by_name(), _folded(name)
    if wanted in known:
        return known[wanted]
    hint = "give its name, a tag such as en, or an NLLB code such as arb_Arab."
    if near := [f"{one.code} ({one.en.replace(' (', ', ').rstrip(')')})" for one in _near(wanted)]:
        hint = f"did you mean {' or '.join(filter(None, (', '.join(near[:-1]), near[-1])))}?"
    raise LanguageError(f"There is no language {name!r}; {hint}")


def script_of(text: str) -> str | None:
    """The script most letters of a text are in, by ISO 15924; None when it has no letters.

    Chinese is ``Hani``, ideographs among kana are ``Jpan``, a script NLLB has not is ``Zzzz``.
    """
    counts: Counter[str] = Counter()
    for letter in filter(str.isalpha, unicodedata.normalize("NFKC", text)):
        word = unicodedata.name(letter, "").replace("-", " ").partition(" ")[0]
        if word != "MODIFIER":  # apostrophes and the like, at home in many scripts
            counts[_SCRIPTS.get(word, "Zzzz")] += 1
    if counts["Kana"]:
        counts["Jpan"] = counts.pop("Kana") + counts.pop("Hani", 0)
    return counts.most_common(1)[0][0] if counts else None


def detect_language(text: str) -> Language:
    """Arabic for a text mostly in Arabic script, otherwise English."""
    return ARABIC if script_of(text) == "Arab" else ENGLISH


@cache
def _by_name() -> dict[str, Language]:
    by_code = {one.code: one for one in languages()}
    names = {_folded(also): by_code[code] for also, code in _ALSO.items()}
    for one in languages():
        names |= dict.fromkeys(map(_folded, (one.code, one.tag, one.en, one.ar)), one)
    return names


def _folded(name: str) -> str:
    """Without case, accents, vowel marks and hamzas, which people leave out when they type."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("_", "-"))
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def _near(wanted: str) -> list[Language]:
    """Up to three languages whose names resemble a folded one, the nearest first."""
    scores: dict[Language, float] = {}
    for name, one in _by_name().items():
        scores[one] = max(_likeness(wanted, name), scores.get(one, 0))
    # The floor is what a made-up language with a right script reaches: xyz_Latn.
    floor = max(0.75, max(scores.values()) - 0.2)
    near = [one for one, score in scores.items() if score > floor]
    # Of equals, the standard language goes before its varieties: ara_Arab is meant as arb_Arab.
    return sorted(near, key=lambda one: (-scores[one], one.experimental, one.code))[:3]


def _likeness(wanted: str, name: str) -> float:
    """From 0 to 1; the same beginning or a part in common counts more than single letters."""
    if len(wanted) > 1 and (name.startswith(wanted) or _head(wanted) == _head(name)):
        return 1
    if len(wanted) > 3 and wanted in name:
        return 0.8 + 0.2 * len(wanted) / len(name)
    return SequenceMatcher(None, wanted, name, autojunk=False).ratio()


def _head(name: str) -> str:
    """The language of a code or a tag: en of en-US, kas of kas_Deva."""
    return name.partition("-")[0]
