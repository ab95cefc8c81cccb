"""Which formats of documents there are, and how their files are found and read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from marsam.batch.discovery import find_files
from marsam.documents.document import Document, DocumentFormat
from marsam.errors import DocumentError, reason_of

MAX_DOCUMENT_BYTES = 200_000_000
"""More than books and slides with many photographs have."""
HTML_SUFFIXES, MARKDOWN_SUFFIXES = (".html", ".htm", ".xhtml"), (".md", ".markdown")
STYLE_SUFFIX = ".css"
MARKUP_SUFFIXES = (*HTML_SUFFIXES, *MARKDOWN_SUFFIXES, STYLE_SUFFIX)
READERS: Mapping[str, str] = {
    **dict.fromkeys(HTML_SUFFIXES, "marsam.documents.html:read_html"),
    **dict.fromkeys(MARKDOWN_SUFFIXES, "marsam.documents.markdown:read_markdown"),
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), "marsam.documents.docx:read_docx"),
    **dict.fromkeys(
        (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), "marsam.documents.pptx:read_pptx"
    ),
    **dict.fromkeys((".odt", ".ott", ".odp", ".otp", ".ods"), "marsam.documents.odf:read_odf"),
    ".epub": "marsam.documents.epub:read_epub",
    STYLE_SUFFIX: "marsam.documents.css:read_css",
}
"""By suffix: the module and function that reads the format, imported when it is needed."""
WRITABLE = tuple(suffix for suffix in READERS if suffix != STYLE_SUFFIX)
"""Suffixes of the formats that an alt text can be written in."""
READABLE = "HTML, Markdown, DOCX, PPTX, ODT, ODP, EPUB"


class FoundDocument(NamedTuple):
    """A document, and the folder that it was found in: its own, or the one that was searched."""

    path: Path
    folder: Path


def find_documents(
    paths: Sequence[Path], *, exclude: Sequence[Path] = (), suffixes: Collection[str] = READERS
) -> Iterator[FoundDocument]:
    """Yield the documents among the paths and below the folders among them, each once.

    Args:
        paths: files and folders.
        exclude: folders that are not searched.
        suffixes: of the files that are wanted in folders.

    Raises:
        OptionError: while iterating, when a folder does not exist or cannot be read.
    """
    seen = set()
    for path in paths:
        is_file = path.is_file() or path.suffix.lower() in READERS
        for found in [path] if is_file else find_files(path, suffixes, exclude=exclude):
            if (resolved := found.resolve()) not in seen:
                seen.add(resolved)
                yield FoundDocument(found, path.parent if is_file else path)


def open_document(path: Path, *, root: Path | None = None) -> Document:
    """Read a document.

    Args:
        path: its file; the suffix tells the format.
        root: see :class:`marsam.documents.document.DocumentFormat`.

    Raises:
        DocumentError: it is of no format that Marsam reads, damaged, encrypted, or too large.
    """
    reader = _reader(path)
    return reader(read_document_bytes(path), path=path, root=root)


def read_document(data: bytes, *, path: Path, root: Path | None = None) -> Document:
    """Read a document whose content is at hand; otherwise as :func:`open_document`."""
    return _reader(path)(data, path=path, root=root)


def _reader(path: Path) -> DocumentFormat:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DocumentError(
            "{file} is no document that Marsam reads; it reads {formats}.",
            file=path.name,
            formats=READABLE,
        )
    module, _, function = reader.partition(":")
    read: DocumentFormat = getattr(import_module(module), function)
    return read


def read_document_bytes(path: Path) -> bytes:
    """Return a document's file; raise DocumentError if it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise DocumentError(
            "Cannot read {file}: {reason}.", file=path.name, reason=reason_of(error)
        ) from error
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(
            "{file} is larger than {megabytes} MB.",
            file=path.name,
            megabytes=MAX_DOCUMENT_BYTES // 1_000_000,
        )
    return data
