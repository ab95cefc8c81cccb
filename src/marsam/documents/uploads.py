"""Documents whose content is at hand, such as those that clients upload.

Nothing but the document itself is read: images beside it are not there, and those on the network
are fetched only where a program asks for it.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from marsam.batch.cache import BatchContext, ResultCache, models_of
from marsam.batch.engine import LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.documents.check import LONG_ALT_TEXT, check_images
from marsam.documents.document import Document, DocumentImage
from marsam.documents.fetching import fetching
from marsam.documents.fill import FilledDocument, FillOptions, wants_draft
from marsam.documents.filler import DocumentFiller
from marsam.documents.formats import MARKUP_SUFFIXES, read_document
from marsam.documents.report import DocumentCheck
from marsam.errors import DocumentError, OptionError
from marsam.options import BatchOptions
from marsam.studio import Studio

MAX_MARKUP_BYTES, MAX_MARKS = 2_000_000, 50_000
"""Of a page or a Markdown text, without the images in it, and characters that begin its markup: the
parsers are written in Python, and take up to five seconds for so much."""
MAX_IMAGES = 200
"""Images of one document that are described at once; a folder of larger ones has a command."""
_MARKS = (b"<", b"[", b"`", b"*", b"\n")
_IMAGE_DATA = re.compile(rb"data:[^\s\"'<>)]*", re.IGNORECASE)


def check_upload(data: bytes, name: str, *, max_characters: int = LONG_ALT_TEXT) -> DocumentCheck:
    """Check the alt texts of a document.

    Args:
        data: the file's content.
        name: the file's name, whose suffix tells the format.
        max_characters: longer alt texts are reported.

    Raises:
        DocumentError: it is of no format that Marsam reads, damaged, encrypted, or too large.
    """
    with _opened(data, name) as (_, document):
        images = document.images
        findings = tuple(check_images(images, max_characters=max_characters))
    return DocumentCheck(path=Path(_plain(name)), images=len(images), findings=findings)


def fill_upload(
    studio: Studio,
    data: bytes,
    name: str,
    *,
    options: FillOptions | None = None,
    batch: BatchOptions | None = None,
    fetch_from: Sequence[str] = (),
) -> FilledDocument:
    """Write drafts where a document lacks alt texts.

    Args:
        studio: describes the images.
        data: the file's content.
        name: the file's name, whose suffix tells the format.
        options: how the document is filled.
        batch: how the images are described.
        fetch_from: origins on the network, such as ``https://example.org``, that images are fetched
            from. Not for clients to choose.

    Raises:
        DocumentError: it cannot be read or written, or has more than ``MAX_IMAGES`` images that
            want a draft.
        ModelError: a model cannot be used.
        OptionError: the captioner cannot do what is asked, or an origin is none.
    """
    options, batch = options or FillOptions(), batch or BatchOptions()
    if options.reviewed:
        raise OptionError("--reviewed needs --table.")
    studio.captioner.abilities.check(batch.caption, studio.captioner.name)
    with (
        _opened(data, name) as (folder, document),
        closing(ResultCache(folder / "captions.db")) as cache,
        fetching(fetch_from) as fetcher,
    ):
        context = BatchContext(
            cache=cache,
            options=batch,
            models=models_of(studio),
            has_contexts=studio.captioner.abilities.requests,
        )
        pipeline = BatchPipeline(
            engine=LocalEngine(studio=studio, context=context),
            context=context,
            painter=studio.painter,
            folder=folder,
            pictures_folder=folder,
        )
        filler = DocumentFiller(
            pipeline=pipeline,
            options=options,
            open_document=lambda *_, **__: document,
            fetcher=fetcher,
        )
        wanted_images(document, name, options)
        (filled,) = filler.fill([Path(_plain(name))])
    if filled.error is not None:
        raise filled.error
    return filled


def wanted_images(document: Document, name: str, options: FillOptions) -> list[DocumentImage]:
    """Return the images that want a draft; DocumentError if there are more than ``MAX_IMAGES``."""
    wanted = [image for image in document.images if wants_draft(image, options)]
    if len(wanted) > MAX_IMAGES:
        raise DocumentError(
            "{file} has {count} images without alt text; at most {limit} are described at "
            "once. For more, use: marsam alt fill",
            file=_plain(name),
            count=len(wanted),
            limit=MAX_IMAGES,
        )
    return wanted


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[tuple[Path, Document]]:
    """An empty folder, in which the document finds no files, and the document."""
    with TemporaryDirectory() as folder:
        site = Path(folder, "site")
        site.mkdir()
        path = site / f"document{PurePosixPath(_plain(name)).suffix.lower()}"
        check_markup(data, name)
        yield Path(folder), read_document(data, path=path, root=site)


def check_markup(data: bytes, name: str) -> None:
    """Raise DocumentError for a page or a Markdown text that would take long to parse."""
    if PurePosixPath(_plain(name)).suffix.lower() not in MARKUP_SUFFIXES:
        return
    text = _IMAGE_DATA.sub(b"", data)
    if len(text) > MAX_MARKUP_BYTES or sum(map(text.count, _MARKS)) > MAX_MARKS:
        raise DocumentError(
            "{file} has too much markup to be read here; in a terminal, use: marsam alt check",
            file=_plain(name),
        )


def _plain(name: str) -> str:
    """The name of a file without its folders, as any system writes them."""
    return PurePosixPath(name.replace("\\", "/")).name[-200:] or "document"
