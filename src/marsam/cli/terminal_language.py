"""The language of error messages on the terminal."""

import os
import sys

from marsam import environment
from marsam.messages import InBothLanguages, without_isolates

LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Of the operating system's variables, the first that is set names the language of messages."""
TERMINALS_WITHOUT_ISOLATES = ("dumb", "linux")


def in_terminal_language(text: InBothLanguages) -> str:
    """A text in Arabic where the reader wants that and the terminal can show it, else in English.

    ``MARSAM_LANGUAGE`` decides, or else the locale.
    """
    if not _wants_arabic():
        return text.en
    encoding = sys.stderr.encoding or "ascii"
    plain = without_isolates(text.ar)
    # The line as a whole runs from right to left, also where the terminal expects English.
    isolated = f"\u2067{text.ar}\u2069"
    forms = [isolated, plain, text.en]
    if os.environ.get("TERM") in TERMINALS_WITHOUT_ISOLATES:
        forms.remove(isolated)
    return next((form for form in forms if _can_encode(form, encoding)), text.en)


def _wants_arabic() -> bool:
    locale = next(filter(None, map(os.environ.get, LOCALE_VARIABLES)), "")
    language = (environment.LANGUAGE.get() or locale).lower()
    return language.replace("-", "_").partition("_")[0].partition(".")[0] == "ar"


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
