"""What the page offers to download of a list: tables, a page, and text files for the pictures."""

import shutil
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from marsam.atomic import atomic_path
from marsam.batch.contact_sheet import ContactSheetWriter
from marsam.batch.rows import Row, optional_columns
from marsam.batch.sidecars import FORMATS, Sidecars
from marsam.batch.tables import CsvWriter, Writer, XlsxWriter, map_write_errors
from marsam.imaging.image_io import open_picture
from marsam.ui.html import jpeg_data_url
from marsam.web.many.picture_list import CODES, PictureList

EMBEDDED_SIDE_PX = 480
"""Longer side of a picture in the downloaded page."""
JPEG_QUALITY = 80


def write_file(one: PictureList, kind: str, version: int) -> Path | None:
    """Write a file of a list, in a folder that the page can load; None for an unknown kind.

    ``version`` of the list makes its address new, as browsers keep what they have loaded.

    Raises:
        OptionError, DiskFull: when it cannot be written.
        DocumentError: when a document cannot.
    """
    if (write := WRITERS.get(kind)) is None:
        return None
    folder = one.copies / "files"
    shutil.rmtree(folder, ignore_errors=True)
    path = folder / str(version) / _NAMES.get(kind, f"captions.{kind}")
    with map_write_errors(path.name), atomic_path(path) as partial:
        write(one, [row for row in one.rows if row.sha256 or row.error], partial)
    return path


def _write_rows(writer: Writer, rows: list[Row]) -> None:
    with closing(writer):
        for row in rows:
            writer.write(row)


def _write_csv(_: PictureList, rows: list[Row], path: Path) -> None:
    _write_rows(CsvWriter(path, CODES, optional_columns(rows)), rows)


def _write_xlsx(_: PictureList, rows: list[Row], path: Path) -> None:
    _write_rows(XlsxWriter(path, CODES, optional_columns(rows)), rows)


def _write_page(one: PictureList, rows: list[Row], path: Path) -> None:
    def embed(row: Row) -> str:
        if (file := one.image(row)) is None:
            return ""
        image = open_picture(file)
        image.thumbnail((EMBEDDED_SIDE_PX, EMBEDDED_SIDE_PX))
        return jpeg_data_url(image, quality=JPEG_QUALITY)

    # No pictures were painted from the rows.
    writer = ContactSheetWriter(path, folder=one.pictures, pictures_folder=path.parent, embed=embed)
    _write_rows(writer, rows)


def _write_sidecars(_: PictureList, rows: list[Row], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            for kind in FORMATS if row.texts else ():
                for file, content in Sidecars.parse(kind).files(Path(row.path), row):
                    archive.writestr(file.as_posix(), content)


def _write_documents(one: PictureList, _: list[Row], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in one.documents.filled(one.rows_by_checksum):
            archive.writestr(name, content)


WRITERS: dict[str, Callable[[PictureList, list[Row], Path], None]] = {
    "csv": _write_csv,
    "xlsx": _write_xlsx,
    "html": _write_page,
    "sidecars": _write_sidecars,
    "documents": _write_documents,
}
"""By kind, which is also the key of its label."""
_NAMES = {"sidecars": "captions-sidecars.zip", "documents": "documents.zip"}
