"""What is written where documents lack alt texts: options, results, and the writing itself."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from marsam.batch.rows import Row
from marsam.documents.check import DRAFT_MARKS, draft_mark, has_bad_text, language_of
from marsam.documents.document import AltText, Document, DocumentImage, Kind
from marsam.errors import DocumentError, MarsamError, OptionError
from marsam.messages import InBothLanguages, Message
from marsam.notices import Notice
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.text.languages import ARABIC, ENGLISH, detect_language, script_of

DECORATION_SIDE_PX = 16
"""An image with a shorter side is probably a line, a bullet or a spacer."""
SEPARATOR = " · "
"""Between the texts in both languages."""
NO_DRAFT = (Notice.CAPTION_EMPTY, Notice.OUT_OF_WORLD)
"""The captioner says that it does not know what the image shows."""


class DocumentLanguage(StrEnum):
    """In which language alt texts are written."""

    SAME = "same"
    """That of the text around the image."""
    ENGLISH = "en"
    ARABIC = "ar"
    BOTH = "both"
    """Both, the language of the document first."""


class Overwrite(StrEnum):
    """Which alt texts a draft may replace."""

    NOTHING = "nothing"
    BAD = "bad"
    """File names and words without content, such as "image"."""
    ALL = "all"
    """A person's words, too; decorative images stay decorative."""


@dataclass(frozen=True, kw_only=True)
class FillOptions:
    """How documents are filled.

    Attributes:
        language: of the alt texts.
        overwrite: which ones a draft may replace.
        mark: begin each draft with words that say that a model wrote it.
        reviewed: write only what a person has approved in the table.
    """

    language: DocumentLanguage = DocumentLanguage.SAME
    overwrite: Overwrite = Overwrite.NOTHING
    mark: bool = False
    reviewed: bool = False


@dataclass(frozen=True, kw_only=True)
class FilledImage:
    """What became of an image that lacked an alt text.

    Attributes:
        image: as it was before.
        row: what is known of the image: its texts, who wrote them, where it is.
        text: the alt text; empty when there is none.
        reason: why there is none; None when there is one, or the image is decorative.
    """

    image: DocumentImage
    row: Row
    text: str = ""
    reason: InBothLanguages | None = None


@dataclass(frozen=True, kw_only=True)
class FilledDocument:
    """A document after filling.

    Attributes:
        path: the document.
        images: those that a draft was wanted for.
        data: the new content of the file; None when nothing changed.
        error: why the document could not be read or written; None otherwise.
    """

    path: Path
    images: Sequence[FilledImage] = ()
    data: bytes | None = None
    error: DocumentError | None = None

    @property
    def fails(self) -> bool:
        """Whether the document or one of its images could not be read or written."""
        failed = (isinstance(one.reason, MarsamError) for one in self.images)
        return self.error is not None or any(failed)


def wants_draft(image: DocumentImage, options: FillOptions, drafts: Collection[str] = ()) -> bool:
    """Whether an image is to be described, and a text to be written for it.

    Args:
        image: of a document.
        options: how the document is filled.
        drafts: texts that a model wrote and a person corrected.
    """
    if image.kind != Kind.IMAGE or image.decorative:
        return False
    text = (image.alt or "").strip()
    if not text or options.overwrite == Overwrite.ALL or _is_draft(text, drafts):
        return True
    return options.overwrite == Overwrite.BAD and has_bad_text(image)


def _is_draft(text: str, drafts: Collection[str]) -> bool:
    parts = text.removeprefix(draft_mark(text)).split(SEPARATOR)
    return all(part.removeprefix(draft_mark(part)) in drafts for part in parts)


def filled(
    path: Path,
    document: Document,
    wanted: Iterable[tuple[DocumentImage, Row]],
    options: FillOptions,
) -> FilledDocument:
    """Return a document with the texts of rows.

    Args:
        path: where the document is.
        document: it is not changed.
        wanted: its images that want a draft, and what is known of them.
        options: how it is filled.
    """
    images = [_filled_image(image, row, options) for image, row in wanted]
    texts = {
        one.image.key: AltText(text=one.text, decorative=not one.text)
        for one in images
        if one.reason is None and one.text != one.image.alt
    }
    if not texts:
        return FilledDocument(path=path, images=images)
    try:
        data, refused = _written(document, texts)
    except DocumentError as error:
        return FilledDocument(path=path, images=images, error=error)
    images = [
        replace(one, text="", reason=refused[one.image.key]) if one.image.key in refused else one
        for one in images
    ]
    return FilledDocument(path=path, images=images, data=data)


def _filled_image(image: DocumentImage, row: Row, options: FillOptions) -> FilledImage:
    reason = _reason_for_none(image, row, options)
    if reason is not None or row.decorative:
        return FilledImage(image=image, row=row, reason=reason)
    mark = options.mark and not row.is_kept
    texts = [_text(row, language, mark=mark) for language in languages_of(image, options.language)]
    text = SEPARATOR.join(filter(None, texts))[:MAX_TEXT_CHARACTERS]
    reason = None if text else Notice.CAPTION_EMPTY
    return FilledImage(image=image, row=row, text=text, reason=reason)


def _reason_for_none(
    image: DocumentImage, row: Row, options: FillOptions
) -> InBothLanguages | None:
    if row.failure is not None:
        return row.failure
    if options.reviewed and not row.reviewed:
        return Message("not reviewed yet")
    if row.decorative:
        return None
    if row.is_kept:
        return _reason_of_language(image, options.language)
    if min(row.width, row.height) < DECORATION_SIDE_PX or _has(row, Notice.NOTHING_TO_SEE):
        return Message("perhaps decorative: a person decides")
    for notice in NO_DRAFT:
        if _has(row, notice):
            return notice
    return _reason_of_language(image, options.language)


def _reason_of_language(image: DocumentImage, wanted: DocumentLanguage) -> InBothLanguages | None:
    if not languages_of(image, wanted):
        language = language_of(image.language)
        return Message(
            "the text around it is in {language}; choose the language of the alt text",
            language=language or image.language,
        )
    return None


def languages_of(image: DocumentImage, wanted: DocumentLanguage) -> tuple[str, ...]:
    """NLLB codes of the languages to write in; none where the document has another one."""
    own = own_language(image)
    match wanted:
        case DocumentLanguage.SAME:
            return (own,) if own in (ENGLISH.code, ARABIC.code) else ()
        case DocumentLanguage.BOTH:
            both = (ENGLISH.code, ARABIC.code)
            return both[::-1] if own == ARABIC.code else both
        case DocumentLanguage.ARABIC:
            return (ARABIC.code,)
    return (ENGLISH.code,)


def _written(
    document: Document, texts: Mapping[str, AltText]
) -> tuple[bytes | None, dict[str, OptionError]]:
    """Write alt texts into a document; those that its format cannot hold are left out.

    Such as a decorative image in Markdown.

    Returns:
        The document, None when nothing could be written; and why, by key.
    """
    try:
        return document.with_alt_texts(texts), {}
    except OptionError:
        refused = {}
    for key, text in texts.items():
        try:
            document.with_alt_texts({key: text})
        except OptionError as error:
            refused[key] = error
    fitting = {key: text for key, text in texts.items() if key not in refused}
    return document.with_alt_texts(fitting) if fitting else None, refused


def own_language(image: DocumentImage) -> str:
    """NLLB code of the text around an image, as the document says, or else by its letters."""
    if image.language:
        language = language_of(image.language)
        return language.code if language else ""
    context = image.context
    around = " ".join((context.before, context.after, context.caption, context.heading))
    return detect_language(around).code if script_of(around) else ENGLISH.code


def _text(row: Row, code: str, *, mark: bool) -> str:
    text = row.texts.get(code, "")
    prefix = DRAFT_MARKS["ar" if code == ARABIC.code else "en"] if mark else ""
    is_own = _has(row, Notice.ALT_TEXT_KEPT)  # a person wrote it into the image's metadata
    return f"{prefix}{text}" if text and not is_own else text


def _has(row: Row, notice: Notice) -> bool:
    return str(notice) in row.warnings
