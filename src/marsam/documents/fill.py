"""Drafts of the alt texts that documents lack."""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from marsam.atomic import atomic_path
from marsam.batch.cache import FileInfo, ScannedFile
from marsam.batch.discovery import IMAGE_SUFFIXES
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.rows import Row
from marsam.documents.check import DRAFT_MARKS, draft_mark, has_bad_text, language_of
from marsam.documents.document import AltText, Document, DocumentImage, Kind
from marsam.documents.formats import open_document
from marsam.errors import DocumentError, MarsamError, OptionError, PictureError
from marsam.imaging.image_io import CAPTION_SIDE, map_save_errors, open_picture, upright_size
from marsam.messages import InBothLanguages, Message
from marsam.notices import Notice
from marsam.options import MAX_CONTEXT_CHARACTERS, MAX_TEXT_CHARACTERS
from marsam.text.languages import ARABIC, ENGLISH, detect_language, script_of

DECORATION_SIDE_PX = 16
"""An image with a shorter side is probably a line, a bullet or a spacer."""
SEPARATOR = " · "
"""Between the texts in both languages."""
UNNAMED = "image"
"""The path of rows whose image was not copied."""
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


@dataclass(kw_only=True)
class _Pending:
    """A document whose images are being described."""

    path: Path
    document: Document | None = None
    wanted: Sequence[DocumentImage] = ()
    rows: list[Row] = field(default_factory=list)
    error: DocumentError | None = None


@dataclass(frozen=True, kw_only=True)
class DocumentFiller:
    """Fills documents with drafts by the models of a batch.

    Attributes:
        pipeline: describes the images. Its cache describes equal images once, and resumes.
        options: how they are filled.
        roots: the root of each document, see :class:`marsam.documents.document.DocumentFormat`.
        drafts: texts that a model wrote and a person corrected, which the corrections replace.
        images_folder: where the images are copied to, so that a review page can show them; it is
            below the pipeline's folder. None copies none.
        open_document: reads a document.
    """

    pipeline: BatchPipeline
    options: FillOptions
    roots: Mapping[Path, Path] = field(default_factory=dict)
    drafts: Collection[str] = ()
    images_folder: Path | None = None
    open_document: Callable[..., Document] = open_document

    def fill(self, paths: Iterable[Path]) -> Generator[FilledDocument]:
        """Yield each document with its drafts, in order; no file is changed.

        Raises:
            ModelError, LanguageError, JournalError: as :meth:`BatchPipeline.rows`.
        """
        pending: deque[_Pending] = deque()
        with closing(self.pipeline.rows_of(self._scan(paths, pending))) as rows:
            for row in rows:
                while not pending[0].wanted:
                    yield self._filled(pending.popleft())
                pending[0].rows.append(row)
                if len(pending[0].rows) == len(pending[0].wanted):
                    yield self._filled(pending.popleft())
        while pending:
            yield self._filled(pending.popleft())

    def _scan(self, paths: Iterable[Path], pending: deque[_Pending]) -> Iterator[ScannedFile]:
        """Read the documents, and the images that want a draft."""
        for path in paths:
            try:
                document = self.open_document(path, root=self.roots.get(path))
                wanted = [image for image in document.images if self.wants_draft(image)]
            except DocumentError as error:
                pending.append(_Pending(path=path, error=error))
                continue
            keep = document if wanted else None
            pending.append(_Pending(path=path, document=keep, wanted=wanted))
            for image in wanted:
                yield self._scan_image(document, image)

    def wants_draft(self, image: DocumentImage) -> bool:
        """Whether an image is to be described, and a text to be written for it."""
        if image.kind != Kind.IMAGE or image.decorative:
            return False
        text = (image.alt or "").strip()
        if not text or self.options.overwrite == Overwrite.ALL or self._is_draft(text):
            return True
        return self.options.overwrite == Overwrite.BAD and has_bad_text(image)

    def _is_draft(self, text: str) -> bool:
        parts = text.removeprefix(draft_mark(text)).split(SEPARATOR)
        return all(part.removeprefix(draft_mark(part)) in self.drafts for part in parts)

    def _scan_image(self, document: Document, image: DocumentImage) -> ScannedFile:
        context = self.pipeline.context
        path = self.pipeline.folder / UNNAMED
        try:
            data = document.read(image)
            checksum = sha256(data).hexdigest()
            is_known = context.english(checksum) is not None and not context.needs_native(checksum)
            picture = None if is_known else open_picture(data, side=CAPTION_SIDE)
            info = FileInfo(checksum, *upright_size(data))
            if self.images_folder is not None:
                path = _copied(data, self.images_folder / checksum[:16], image.source)
        except PictureError as error:
            return ScannedFile(path=path, error=error)
        alt_texts = picture.info.get("alt_texts", {}) if picture else {}
        around = str(image.context)[:MAX_CONTEXT_CHARACTERS] if context.has_contexts else ""
        return ScannedFile(path=path, info=info, image=picture, alt_texts=alt_texts, context=around)

    def _filled(self, one: _Pending) -> FilledDocument:
        images = [
            self._filled_image(image, row) for image, row in zip(one.wanted, one.rows, strict=True)
        ]
        texts = {
            filled.image.key: AltText(text=filled.text, decorative=not filled.text)
            for filled in images
            if filled.reason is None and filled.text != filled.image.alt
        }
        if one.document is None or not texts:
            return FilledDocument(path=one.path, images=images, error=one.error)
        try:
            data, refused = _written(one.document, texts)
        except DocumentError as error:
            return FilledDocument(path=one.path, images=images, error=error)
        images = [
            replace(filled, text="", reason=refused[filled.image.key])
            if filled.image.key in refused
            else filled
            for filled in images
        ]
        return FilledDocument(path=one.path, images=images, data=data)

    def _filled_image(self, image: DocumentImage, row: Row) -> FilledImage:
        reason = self._reason_for_none(image, row)
        if reason is not None or row.decorative:
            return FilledImage(image=image, row=row, reason=reason)
        mark = self.options.mark and not row.is_kept
        texts = [_text(row, language, mark=mark) for language in self._languages(image)]
        text = SEPARATOR.join(filter(None, texts))[:MAX_TEXT_CHARACTERS]
        reason = None if text else Notice.CAPTION_EMPTY
        return FilledImage(image=image, row=row, text=text, reason=reason)

    def _reason_for_none(self, image: DocumentImage, row: Row) -> InBothLanguages | None:
        if row.failure is not None:
            return row.failure
        if self.options.reviewed and not row.reviewed:
            return Message("not reviewed yet")
        if row.decorative:
            return None
        if row.is_kept:
            return self._reason_of_language(image)
        if min(row.width, row.height) < DECORATION_SIDE_PX or _has(row, Notice.NOTHING_TO_SEE):
            return Message("perhaps decorative: a person decides")
        for notice in NO_DRAFT:
            if _has(row, notice):
                return notice
        return self._reason_of_language(image)

    def _reason_of_language(self, image: DocumentImage) -> InBothLanguages | None:
        if not self._languages(image):
            language = language_of(image.language)
            return Message(
                "the text around it is in {language}; choose the language of the alt text",
                language=language or image.language,
            )
        return None

    def _languages(self, image: DocumentImage) -> tuple[str, ...]:
        """NLLB codes of the languages to write in; none where the document has another one."""
        own = _own_language(image)
        match self.options.language:
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


def _copied(data: bytes, path: Path, source: str) -> Path:
    """Write an image's file where it is not yet, with the suffix of its source."""
    suffix = Path(source).suffix.lower()
    path = path.with_suffix(suffix) if suffix in IMAGE_SUFFIXES else path
    if not path.exists():
        with map_save_errors(path.parent), atomic_path(path) as partial:
            partial.write_bytes(data)
    return path


def _own_language(image: DocumentImage) -> str:
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
