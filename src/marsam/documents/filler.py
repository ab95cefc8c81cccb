"""Describes the images of documents by a batch, and fills the documents."""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from marsam.atomic import atomic_path
from marsam.batch.cache import FileInfo, ScannedFile
from marsam.batch.discovery import IMAGE_SUFFIXES
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.rows import Row
from marsam.documents.document import Document, DocumentImage
from marsam.documents.fetching import ImageFetcher
from marsam.documents.fill import FilledDocument, FillOptions, filled, wants_draft
from marsam.documents.formats import open_document
from marsam.errors import DocumentError, PictureError
from marsam.imaging.image_io import CAPTION_SIDE, map_save_errors, open_picture, upright_size
from marsam.options import MAX_CONTEXT_CHARACTERS

UNNAMED = "image"
"""The path of rows whose image was not copied."""


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
        fetcher: fetches images on the network; without one, nothing is fetched.
    """

    pipeline: BatchPipeline
    options: FillOptions
    roots: Mapping[Path, Path] = field(default_factory=dict)
    drafts: Collection[str] = ()
    images_folder: Path | None = None
    open_document: Callable[..., Document] = open_document
    fetcher: ImageFetcher | None = None

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
                wanted = [
                    image
                    for image in document.images
                    if wants_draft(image, self.options, self.drafts)
                ]
            except DocumentError as error:
                pending.append(_Pending(path=path, error=error))
                continue
            keep = document if wanted else None
            pending.append(_Pending(path=path, document=keep, wanted=wanted))
            for image in wanted:
                yield self._scan_image(document, image)

    def _scan_image(self, document: Document, image: DocumentImage) -> ScannedFile:
        context = self.pipeline.context
        path = self.pipeline.folder / UNNAMED
        try:
            data = self._read(document, image)
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

    def _read(self, document: Document, image: DocumentImage) -> bytes:
        try:
            return document.read(image)
        except PictureError:
            if self.fetcher is None or not (address := document.url(image)):
                raise
            return self.fetcher.fetch(address)

    def _filled(self, one: _Pending) -> FilledDocument:
        if one.document is None:
            return FilledDocument(path=one.path, error=one.error)
        wanted = zip(one.wanted, one.rows, strict=True)
        return filled(one.path, one.document, wanted, self.options)


def _copied(data: bytes, path: Path, source: str) -> Path:
    """Write an image's file where it is not yet, with the suffix of its source."""
    suffix = Path(source).suffix.lower()
    path = path.with_suffix(suffix) if suffix in IMAGE_SUFFIXES else path
    if not path.exists():
        with map_save_errors(path.parent), atomic_path(path) as partial:
            partial.write_bytes(data)
    return path
