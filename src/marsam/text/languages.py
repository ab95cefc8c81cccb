"""The languages of NLLB-200: codes, names in English and Arabic, direction and script.

The table is ``languages.tsv``, one row per code; it is read on first use. Lengths were measured on
the Universal Declaration of Human Rights; where it is not at hand, the median of the script stands.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib import resources
from typing import Literal, cast

from marsam.errors import LanguageError
from marsam.messages import Message

Direction = Literal["ltr", "rtl"]

# NLLB labels one script wrongly: its Santali is Ol Chiki (facebookresearch/flores issue 52).
_CORRECTED_SCRIPTS = {"sat_Beng": "Olck"}

# What script_of returns for these scripts: Chinese and Japanese share ideographs in Unicode.
_DETECTED_AS = {"Hans": {"Hani"}, "Hant": {"Hani"}, "Jpan": {"Jpan", "Hani"}}

# First word of a letter's Unicode name: ISO 15924 code of its script.
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

MAX_NAME_CHARACTERS = 100
"""Of the name of a language; what is longer is none."""
MAX_SAMPLE_CHARACTERS = 2_000
"""How much of a text shows its script."""

# Other names and tags that users type.
_ALIASES = {
    "arb_Arab": ("Arabic", "العربية", "العربية الفصحى الحديثة"),
    "zho_Hans": ("Chinese", "الصينية", "zh", "zh-CN"),
    "zho_Hant": ("zh-TW",),
    "ben_Beng": ("Bangla",),
    "pes_Arab": ("Farsi",),
    "tgl_Latn": ("Filipino", "الفلبينية", "fil"),
    "acm_Arab": ("Iraqi Arabic",),
    "ory_Orya": ("Oriya", "الأوديا"),
    "nob_Latn": ("Norwegian", "النرويجية", "no"),
}


@dataclass(frozen=True)
class Language:
    """One language of NLLB-200.

    Attributes:
        code: NLLB's code, such as ``arb_Arab``.
        tag: its short BCP 47 tag, such as ``ar`` or ``zh-Hans``.
        en: its name in English.
        ar: its name in Arabic.
        direction: ``ltr`` or ``rtl``.
        experimental: the quality of its translations is not evaluated.
        length: characters of a text for each character of the same text in English.
    """

    code: str
    tag: str
    en: str
    ar: str
    direction: Direction = "ltr"
    experimental: bool = False
    length: float = 1.0

    @property
    def script(self) -> str:
        """ISO 15924 code of its script: ``Arab``, ``Latn``, …."""
        return _CORRECTED_SCRIPTS.get(self.code, self.code[4:])

    def matches_script(self, text: str) -> bool:
        """Whether the text is in the script of this language; True if it has no letters."""
        script = script_of(text)
        return script is None or self.has_script(script)

    def has_script(self, script: str) -> bool:
        """Whether :func:`script_of` may return this script for a text in this language."""
        return script in _DETECTED_AS.get(self.script, {self.script})


ENGLISH = Language("eng_Latn", "en", "English", "الإنجليزية")
ARABIC = Language("arb_Arab", "ar", "Modern Standard Arabic", "العربية الفصحى", "rtl", length=0.7)


@cache
def languages() -> tuple[Language, ...]:
    """All languages of NLLB-200, sorted by code."""
    table = resources.files("marsam.text").joinpath("languages.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return tuple(
        Language(
            code, tag, en, ar, cast("Direction", direction), experimental == "yes", float(length)
        )
        for code, tag, en, ar, direction, experimental, length in rows
    )


def language(name: str) -> Language:
    """Find a language by NLLB code, tag, or name in English or Arabic.

    Case, accents and vowel marks are ignored; ``-`` and ``_`` are the same.

    Raises:
        LanguageError: the name is unknown; the message suggests up to three similar languages.
    """
    if found := known_language(name):
        return found
    key = _normalise(name)
    names = [f"{one.code} ({one.en.replace(' (', ', ').rstrip(')')})" for one in _similar(key)]
    name = name[:MAX_NAME_CHARACTERS]
    if not names:
        raise LanguageError(
            "Unknown language {name!r}; give its name, a tag such as en, or an NLLB code such as "
            "arb_Arab.",
            name=name,
        )
    *others, last = names
    similar = Message("{others} or {last}", others=others, last=last) if others else last
    raise LanguageError(
        "Unknown language {name!r}; did you mean {similar}?", name=name, similar=similar
    )


def known_language(name: str) -> Language | None:
    """Find a language as :func:`language` does; None, at once, when the name is unknown."""
    return _by_name().get(_normalise(name))


def script_of(text: str) -> str | None:
    """ISO 15924 code of the script of most letters; None for a text without letters.

    Chinese is ``Hani``, ideographs with kana are ``Jpan``, a script that NLLB lacks is ``Zzzz``.
    """
    counts: Counter[str] = Counter()
    for letter in filter(str.isalpha, unicodedata.normalize("NFKC", text[:MAX_SAMPLE_CHARACTERS])):
        word = unicodedata.name(letter, "").replace("-", " ").partition(" ")[0]
        if word != "MODIFIER":  # such as apostrophes, which many scripts share
            counts[_SCRIPTS.get(word, "Zzzz")] += 1
    if counts["Kana"]:
        counts["Jpan"] = counts.pop("Kana") + counts.pop("Hani", 0)
    return counts.most_common(1)[0][0] if counts else None


def detect_language(text: str) -> Language:
    """Arabic for a text mostly in Arabic script, otherwise English."""
    return ARABIC if script_of(text) == "Arab" else ENGLISH


_ARABIC_LETTER = "\u0620-\u065f\u066e-\u06d3\u06fa-\u06ff"
_ARABIC_RUN = re.compile(
    rf"(?:\d+\s+)?[{_ARABIC_LETTER}](?:[{_ARABIC_LETTER}\s\d]*[{_ARABIC_LETTER}])?"
)


def arabic_parts(text: str) -> list[tuple[str, bool]]:
    """Split a text into its Arabic parts and the others; joined they are the text.

    A part between commas that is mostly Arabic, with its Latin names, is one part.
    """
    parts = []
    for index, clause in enumerate(re.split(r"(\s*[,،]\s*)", text)):
        if index % 2 == 0 and script_of(clause) == ARABIC.script:
            parts.append((clause, True))
            continue
        position = 0
        for run in _ARABIC_RUN.finditer(clause):
            parts += [(clause[position : run.start()], False), (run.group(), True)]
            position = run.end()
        parts.append((clause[position:].replace("،", ","), False))
    return [(part, is_arabic) for part, is_arabic in parts if part]


@cache
def _by_name() -> dict[str, Language]:
    names = {}
    for one in languages():
        for name in (*_ALIASES.get(one.code, ()), one.code, one.tag, one.en, one.ar):
            names[_normalise(name)] = one
    return names


def _normalise(name: str) -> str:
    """Remove case, accents, vowel marks and hamzas, which are often left out in typing."""
    name = name[:MAX_NAME_CHARACTERS].casefold().replace("_", "-")
    letters = unicodedata.normalize("NFKD", name)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def _similar(key: str) -> list[Language]:
    """Up to three languages with a similar normalised name, the most similar first."""
    scores: dict[Language, float] = {}
    for name, one in _by_name().items():
        scores[one] = max(_similarity(key, name), scores.get(one, 0))
    # 0.75 is what an invented code with a valid script reaches, such as xyz_Latn.
    threshold = max(0.75, max(scores.values()) - 0.2)
    similar = [one for one, score in scores.items() if score > threshold]
    # At equal scores the standard language precedes its varieties: ara_Arab means arb_Arab.
    return sorted(similar, key=lambda one: (-scores[one], one.experimental, one.code))[:3]


def _similarity(key: str, name: str) -> float:
    """From 0 to 1; a common prefix or substring counts more than single letters in common."""
    if len(key) > 1 and (name.startswith(key) or _base(key) == _base(name)):
        return 1
    if len(key) > 3 and key in name:
        return 0.8 + 0.2 * len(key) / len(name)
    return SequenceMatcher(None, key, name, autojunk=False).ratio()


def _base(name: str) -> str:
    """The language subtag of a tag or code: en of en-US, kas of kas_Deva."""
    return name.partition("-")[0]
