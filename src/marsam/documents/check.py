"""What is wrong with the alt texts of a document."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from marsam.documents.document import DocumentImage, Kind
from marsam.messages import Message
from marsam.text.detection import detect
from marsam.text.languages import Language, known_language, languages, script_of

LONG_ALT_TEXT = 125
"""Characters after which some screen readers pause, so that longer texts are hard to follow."""
DRAFT_MARKS: Mapping[str, str] = {"en": "Described by a model: ", "ar": "وصف آلي: "}
"""How a draft begins that says so, by language."""
MIN_WORDS_OF_SCRIPT = 3
"""A shorter alt text in another script may be a name."""
MIN_WORDS_OF_LANGUAGE, MIN_PERCENT = 5, 90.0
"""Within one script, shorter texts and less likely languages are not reported."""
_PICTURE_FILE = re.compile(
    r"\S+\.(?:jpe?g|jfif|png|gif|webp|avif|svg|bmp|tiff?|heic|heif|emf|wmf|eps)", re.IGNORECASE
)
_CAMERA_NAME = re.compile(
    r"(?:img|dsc[fn]?|dcim|pxl|screenshot|whatsapp image|صورة واتساب|لقطة شاشة)"
    r"[ _-]*[\d٠-٩][\d٠-٩ _.:at()-]*",
    re.IGNORECASE,
)
_QUERY = re.compile("[?#].*", re.DOTALL)
_WORDS_WITHOUT_CONTENT = frozenset(
    """image|img|picture|pic|photo|photograph|graphic|graphics|figure|illustration|icon|banner
    |thumbnail|screenshot|drawing|placeholder|spacer|untitled|alt|alt text|alternative text
    |description|image description|null|none|undefined|n/a|todo|tbd|an image|a picture|a photo
    |this image|image of|picture of|photo of
    |صوره|الصوره|صور|رسم|رسمه|رسم توضيحي|شكل|ايقونه|لقطه شاشه|صوره فوتوغرافيه|صوره توضيحيه|وصف|الوصف
    |وصف الصوره|نص بديل|النص البديل|بدون عنوان|بلا عنوان|لا شيء|هذه صوره""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)
"""Compared after :func:`_plain`."""
_AUTOMATIC = re.compile(
    "(?:description automatically generated|ai-generated content may be incorrect)", re.IGNORECASE
)
"""What office programs add to their own drafts."""
_LETTERS = str.maketrans("أإآٱةى", "ااااهي", "ـ")


class Severity(StrEnum):
    """How bad a finding is, by the names of SARIF's levels."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Rule(StrEnum):
    """What is checked; the values are names for programs."""

    MISSING = "missing"
    LINK = "link-without-text"
    DRAWING = "drawing-without-text"
    FILE_NAME = "file-name"
    NO_CONTENT = "no-content"
    LONG = "too-long"
    LANGUAGE = "other-language"
    DRAFT = "not-reviewed"
    DECORATIVE = "decorative"
    BACKGROUND = "background"


SEVERITIES: Mapping[Rule, Severity] = {
    Rule.MISSING: Severity.ERROR,
    Rule.LINK: Severity.ERROR,
    Rule.DRAWING: Severity.WARNING,
    Rule.FILE_NAME: Severity.WARNING,
    Rule.NO_CONTENT: Severity.WARNING,
    Rule.LONG: Severity.WARNING,
    Rule.LANGUAGE: Severity.WARNING,
    Rule.DRAFT: Severity.NOTE,
    Rule.DECORATIVE: Severity.NOTE,
    Rule.BACKGROUND: Severity.NOTE,
}
BAD_TEXTS = frozenset({Rule.FILE_NAME, Rule.NO_CONTENT})
"""Rules whose texts say nothing about the image."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know about an image's alt text.

    Attributes:
        rule: which rule found it.
        image: the image.
        message: a phrase about it, in both languages.
    """

    rule: Rule
    image: DocumentImage
    message: Message

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.rule]


def check_images(
    images: Iterable[DocumentImage], *, max_characters: int = LONG_ALT_TEXT
) -> Iterator[Finding]:
    """Yield what is wrong with the alt texts of images, in their order.

    Args:
        images: of one document.
        max_characters: longer alt texts are reported.
    """
    for image in images:
        for rule, message in _check(image, max_characters):
            yield Finding(rule=rule, image=image, message=message)


def has_bad_text(image: DocumentImage) -> bool:
    """Whether the alt text says nothing about the image: a file name, or "image"."""
    return any(finding.rule in BAD_TEXTS for finding in check_images([image]))


def draft_mark(text: str) -> str:
    """Return the mark that an alt text begins with; empty if it has none."""
    return next((mark for mark in DRAFT_MARKS.values() if text.startswith(mark.strip())), "")


def _check(image: DocumentImage, max_characters: int) -> Iterator[tuple[Rule, Message]]:
    text = " ".join((image.alt or "").split())
    if image.kind == Kind.BACKGROUND:
        yield Rule.BACKGROUND, Message("a background, which cannot have an alt text")
    elif not text and image.context.link:
        yield (Rule.LINK, Message("a link whose only content is this image, which has no alt text"))
    elif image.decorative:
        yield Rule.DECORATIVE, Message("decorative: screen readers leave it out")
    elif not text and image.kind == Kind.DRAWING:
        yield Rule.DRAWING, Message("a drawing without a text, which is not hidden either")
    elif not text:
        yield Rule.MISSING, Message("no alt text")
    else:
        yield from _check_text(text, image, max_characters)


def _check_text(
    text: str, image: DocumentImage, max_characters: int
) -> Iterator[tuple[Rule, Message]]:
    if _is_file_name(text, image.source):
        yield Rule.FILE_NAME, Message("the alt text is a file name: {text}", text=text[:80])
    elif _plain(text) in _WORDS_WITHOUT_CONTENT:
        yield (
            Rule.NO_CONTENT,
            Message("the alt text does not say what is shown: {text}", text=text[:80]),
        )
    elif found := _other_language(text, image.language):
        expected, actual = found
        yield (
            Rule.LANGUAGE,
            Message(
                "the text around it is in {expected}, the alt text in {actual}",
                expected=expected,
                actual=actual,
            ),
        )
    if len(text) > max_characters:
        yield (
            Rule.LONG,
            Message(
                "the alt text has {characters} characters, more than {limit}",
                characters=len(text),
                limit=max_characters,
            ),
        )
    if draft_mark(text) or _AUTOMATIC.search(text):
        yield Rule.DRAFT, Message("written by a model, and not reviewed yet")


def _is_file_name(text: str, source: str) -> bool:
    address = _QUERY.sub("", source)
    path = address.partition("://")[2].partition("/")[2] if "://" in address else address
    name = unquote(path).replace("\\", "/").rpartition("/")[2].casefold()
    stem, folded = name.rpartition(".")[0], text.casefold()
    if _PICTURE_FILE.fullmatch(text) or _CAMERA_NAME.fullmatch(text):
        return True
    # A file may be named with good words: only names that nobody would write count.
    return folded == name or (folded == stem and bool(re.search(r"[\d_-]", stem)))


def _plain(text: str) -> str:
    """A text in lower case, without vowel marks, punctuation and numbers."""
    letters = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    kept = (
        character if character.isalpha() or character in " /" else " "
        for character in letters
        if not unicodedata.combining(character)
    )
    return " ".join("".join(kept).split())


def language_of(tag: str) -> Language | None:
    """Return the language of a BCP 47 tag such as ``ar-EG``; None if it is unknown or empty."""
    return known_language(tag) or known_language(tag.replace("_", "-").partition("-")[0])


def _other_language(text: str, tag: str) -> tuple[Language, Language] | None:
    """The language of the tag and that of the text, where they differ for certain."""
    expected, words = language_of(tag) if tag else None, len(text.split())
    script = script_of(text)
    if expected is None or script is None or words < MIN_WORDS_OF_SCRIPT:
        return None
    in_its_script = expected.has_script(script)
    if in_its_script and words < MIN_WORDS_OF_LANGUAGE:
        return None
    found = detect(text, {one.code for one in languages()})
    percent = dict(found.shares).get(found.best, 0.0) if found.best else 0.0
    is_certain = found.best is not None and (not in_its_script or percent >= MIN_PERCENT)
    if not is_certain or found.best is None or _macro(found.best) == _macro(expected):
        return None
    return expected, found.best


def _macro(language: Language) -> str:
    """The language without its script and region; varieties of Arabic are one."""
    is_arabic = language.script == "Arab" and language.en.endswith("Arabic")
    return "ar" if is_arabic else language.tag.partition("-")[0]
