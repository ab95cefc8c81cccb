"""The documents of a list: their images are pictures of the list, and get its texts."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from marsam.atomic import atomic_path
from marsam.batch.discovery import IMAGE_SUFFIXES
from marsam.batch.rows import Row
from marsam.documents.document import Document, DocumentImage
from marsam.documents.fill import DocumentLanguage, FillOptions, filled, languages_of, wants_draft
from marsam.documents.formats import MARKUP_SUFFIXES, WRITABLE, read_document
from marsam.documents.table import place_of
from marsam.documents.uploads import check_markup, wanted_images
from marsam.errors import DocumentError, PictureError
from marsam.options import MAX_CONTEXT_CHARACTERS

MAX_DOCUMENTS = 50
"""Of one list."""
MAX_IMAGE_BYTES = 500_000_000
"""Of the images of one document together, each counted as often as it is shown."""
OPTIONS = FillOptions(language=DocumentLanguage.SAME, mark=True)
"""How the documents are filled: texts that nobody has reviewed begin with the mark."""
_DATA_SUFFIX = re.compile(r"data:image/(png|jpeg|gif|webp|avif|bmp|tiff)\b", re.IGNORECASE)


def is_document(name: str) -> bool:
    """Whether a file is a document that Marsam reads, by its name."""
    return PurePosixPath(name).suffix.lower() in WRITABLE


@dataclass(frozen=True, kw_only=True)
class ListedImage:
    """An image that lacks an alt text.

    Attributes:
        sha256: checksum of its file.
        place: where it is and what is around it, for a reviewer.
        around: what is around it, for a captioner.
    """

    sha256: str
    place: str
    around: str


@dataclass(frozen=True, kw_only=True)
class ListedDocument:
    """A document of a list.

    Attributes:
        name: as the visitor's machine has it, with its folders.
        images: those that lack an alt text and can be described.
        unreadable: number of images that are elsewhere, or damaged.
        foreign: number of images in text that is neither English nor Arabic.
    """

    name: str
    images: tuple[ListedImage, ...] = ()
    unreadable: int = 0
    foreign: int = 0

    def described(self, rows: Mapping[str, Row]) -> int:
        """How many of its images have a text, or need none; ``rows`` are by checksum."""
        found = (rows.get(image.sha256) for image in self.images)
        return sum(row is not None and (row.decorative or bool(row.english)) for row in found)


@dataclass(frozen=True, kw_only=True)
class ReadDocument:
    """A document that was read, before it is in the list.

    Attributes:
        listed: what the list keeps of it.
        document: the document itself.
        embedded: the images within its file, by their checksums.
    """

    listed: ListedDocument
    document: Document
    embedded: Mapping[str, DocumentImage]

    def pictures(self, known: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the images in its file, without those that are ``known``."""
        for number, (checksum, image) in enumerate(self.embedded.items(), 1):
            if checksum not in known:
                suffix = _suffix(image.source)
                yield f"{self.listed.name}/{number}{suffix}", self.document.read(image)


class ListDocuments:
    """The documents of one list, in its folder.

    Args:
        folder: of the list.
        pictures: folder of its pictures, among which a page finds the images beside it.
    """

    def __init__(self, folder: Path, pictures: Path) -> None:
        self._folder, self._pictures = folder / "documents", pictures
        self._index = folder / "documents.json"
        self._all: dict[str, ListedDocument] = {}
        if self._index.is_file():
            for one in json.loads(self._index.read_text(encoding="utf-8")):
                images = tuple(ListedImage(**image) for image in one.pop("images"))
                self._all[one["name"]] = ListedDocument(images=images, **one)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[ListedDocument]:
        return iter(list(self._all.values()))

    @property
    def size_bytes(self) -> int:
        """The size of their files."""
        return sum(self._file(name).stat().st_size for name in list(self._all))

    def image(self, checksum: str) -> ListedImage | None:
        """The first place of an image, by its file's checksum."""
        found = (image for one in self for image in one.images)
        return next((image for image in found if image.sha256 == checksum), None)

    def has(self, name: str, data: bytes) -> bool:
        """Whether there is a document with this name and content."""
        return name in self._all and self._file(name).read_bytes() == data

    def read(self, data: bytes, name: str) -> ReadDocument:
        """Read an uploaded document, and the images that lack an alt text.

        Raises:
            DocumentError: it is damaged, encrypted, signed or too large, or has too many images.
        """
        check_markup(data, name)
        document = self._open(data, name)
        images: list[ListedImage] = []
        embedded: dict[str, DocumentImage] = {}
        unreadable = foreign = 0
        is_markup = PurePosixPath(name).suffix.lower() in MARKUP_SUFFIXES
        left = MAX_IMAGE_BYTES
        for image in wanted_images(document, name, OPTIONS):
            if not languages_of(image, OPTIONS.language):
                foreign += 1
                continue
            try:
                content = document.read(image)
            except PictureError:
                unreadable += 1
                continue
            if (left := left - len(content)) < 0:
                raise DocumentError(
                    "{file} is larger than {megabytes} MB.",
                    file=name,
                    megabytes=MAX_IMAGE_BYTES // 1_000_000,
                )
            checksum = sha256(content).hexdigest()
            around = str(image.context)[:MAX_CONTEXT_CHARACTERS]
            place = place_of(Path(name), image)
            images.append(ListedImage(sha256=checksum, place=place, around=around))
            if not is_markup or image.source.startswith("data:"):
                embedded.setdefault(checksum, image)
        listed = ListedDocument(
            name=name, images=tuple(images), unreadable=unreadable, foreign=foreign
        )
        return ReadDocument(listed=listed, document=document, embedded=embedded)

    def add(self, listed: ListedDocument, data: bytes) -> None:
        """Keep a document; it takes the place of one with the same name."""
        file = self._file(listed.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as partial:
            partial.write_bytes(data)
        self._all[listed.name] = listed
        self._save()

    def remove(self, name: str) -> None:
        """Remove a document; the pictures of the list stay."""
        if self._all.pop(name, None) is not None:
            self._save()
            self._file(name).unlink(missing_ok=True)

    def filled(self, rows: Mapping[str, Row]) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the new content of each document; ``rows`` are by checksum.

        Raises:
            DocumentError: one cannot be written.
        """
        for one in self:
            data = self._file(one.name).read_bytes()
            document = self._open(data, one.name)
            wanted = []
            for image in document.images:
                if wants_draft(image, OPTIONS) and (row := _row(document, image, rows)):
                    wanted.append((image, row))
            result = filled(Path(one.name), document, wanted, OPTIONS)
            if result.error is not None:
                raise result.error
            yield one.name, result.data or data

    def _open(self, data: bytes, name: str) -> Document:
        folder, _, rest = name.partition("/")
        root = self._pictures / folder if rest else self._pictures
        return read_document(data, path=self._pictures / name, root=root)

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _save(self) -> None:
        with atomic_path(self._index) as partial:
            text = json.dumps([asdict(one) for one in self], ensure_ascii=False)
            partial.write_text(text, encoding="utf-8")


def _row(document: Document, image: DocumentImage, rows: Mapping[str, Row]) -> Row | None:
    try:
        return rows.get(sha256(document.read(image)).hexdigest())
    except PictureError:
        return None


def _suffix(source: str) -> str:
    """The suffix of an image's file, from its path or ``data:`` address; empty if unknown."""
    if data := _DATA_SUFFIX.match(source):
        return f".{data[1].lower()}"
    suffix = PurePosixPath(source).suffix.lower()
    return suffix if suffix in IMAGE_SUFFIXES else ""
