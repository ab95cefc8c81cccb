"""Languages by their NLLB code, with their names in English and in Arabic, and their direction."""

from dataclasses import dataclass
from difflib import get_close_matches

from marsam.errors import LanguageError


@dataclass(frozen=True)
class Language:
    """One language as NLLB-200 knows it."""

    code: str
    short: str
    en: str
    ar: str
    direction: str = "ltr"


ENGLISH = Language("eng_Latn", "en", "English", "الإنجليزية")
ARABIC = Language("arb_Arab", "ar", "Arabic", "العربية", "rtl")

LANGUAGES = (ENGLISH, ARABIC)


def language(name: str) -> Language:
    """The language of an NLLB code (``arb_Arab``) or a short one (``ar``).

    Raises:
        LanguageError: for anything else, with the nearest known code.
    """
    known = {key: lang for lang in LANGUAGES for key in (lang.code, lang.short)}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
    raise LanguageError(f"There is no language {name!r}; {hint}")
