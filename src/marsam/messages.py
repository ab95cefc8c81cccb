"""Sentences for people: in English where they are needed, in Arabic from ``locale/ar.po``.

The catalogue has the format of gettext, by the English sentence, so that translators can use their
tools. In it `` `…` `` marks a command or an option, which is written from left to right.
"""

import re
from functools import cache
from importlib import resources
from typing import NamedTuple, Protocol, runtime_checkable

_LEFT_TO_RIGHT, _FIRST_STRONG, _END = "\u2066", "\u2068", "\u2069"
"""Unicode's isolates: text between them does not disturb the order of the text around it."""
_ISOLATES = re.compile("[\u2066-\u2069]")
ENGLISH, ARABIC = "en", "ar"
MAX_RANGES = 20
"""Languages of an Accept-Language header that are read."""


@runtime_checkable
class InBothLanguages(Protocol):
    """A text in English and Arabic."""

    @property
    def en(self) -> str:
        """The text in English."""

    @property
    def ar(self) -> str:
        """The same in Arabic."""


class Sentence(NamedTuple):
    """A text whose two forms stand side by side."""

    en: str
    ar: str


class Message:
    """A sentence or a phrase in English, and its translation from the catalogue.

    Args:
        template: in English. Without values it is taken as it is.
        values: what is filled in where ``{name}`` stands. A text in both languages takes the form
            of the reader's language; a list gets commas. In Arabic other values are isolated from
            the text around them, which runs from right to left.
    """

    def __init__(self, template: str, /, **values: object) -> None:
        self.template, self.values = template, values

    def __str__(self) -> str:
        return self.en

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.template)

    @property
    def en(self) -> str:
        """In English."""
        if not self.values:
            return self.template
        return self.template.format(**{name: _english(v) for name, v in self.values.items()})

    @property
    def ar(self) -> str:
        """In Arabic, or in English where the catalogue lacks the template."""
        template = _arabic_templates().get(self.template)
        if template is None:
            return self.en
        if not self.values:
            return template
        return template.format(**{name: _arabic(v) for name, v in self.values.items()})


def preferred_language(accept_language: str) -> str:
    """``ar`` when an Accept-Language header prefers Arabic to English, otherwise ``en``."""
    best, language = 0.0, ENGLISH
    for one in accept_language.split(",", MAX_RANGES)[:MAX_RANGES]:
        tag, _, parameter = one.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in (ENGLISH, ARABIC) and (quality := _quality(parameter)) > best:
            best, language = quality, primary
    return language


def in_language(text: InBothLanguages, language: str) -> str:
    """A text in the reader's language."""
    return text.ar if language == ARABIC else text.en


def isolated(text: str) -> str:
    """A text whose direction is found from its letters, isolated from the text around it."""
    return f"{_FIRST_STRONG}{_ISOLATES.sub('', text)}{_END}"


def without_isolates(text: str) -> str:
    """A text for programs that show isolates as boxes, or cannot encode them."""
    return _ISOLATES.sub("", text)


def _quality(parameter: str) -> float:
    """The weight of a language, from ``q=0.8``; 1 without one."""
    name, _, weight = parameter.strip().partition("=")
    try:
        return float(weight) if name == "q" else 1.0
    except ValueError:
        return 0.0


def _english(value: object) -> object:
    if isinstance(value, (list, tuple)) and not isinstance(value, InBothLanguages):
        return ", ".join(str(_english(one)) for one in value)
    return value.en if isinstance(value, InBothLanguages) else value


def _arabic(value: object) -> str:
    if isinstance(value, Message) and value.template not in _arabic_templates():
        return isolated(value.en)  # the name of an option, or what another library says
    if isinstance(value, InBothLanguages):
        return value.ar
    if isinstance(value, (list, tuple)):
        return "، ".join(map(_arabic, value))
    is_plain = isinstance(value, (int, float)) and value >= 0
    return str(value) if is_plain else isolated(str(value))


@cache
def _arabic_templates() -> dict[str, str]:
    from babel.messages.pofile import read_po  # an English reader does not wait for it

    with resources.files("marsam").joinpath("locale/ar.po").open("rb") as file:
        catalogue = read_po(file, locale="ar", abort_invalid=True)
    return {
        str(message.id): re.sub("`([^`]+)`", rf"{_LEFT_TO_RIGHT}\1{_END}", str(message.string))
        for message in catalogue
        if message.id and message.string
    }
