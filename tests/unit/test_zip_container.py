"""Archives of documents: what may be read of them, and what stays when a file is replaced."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, cast

import pytest

from marsam.documents.zip_container import MAX_MEMBERS, ZipContainer
from marsam.errors import DocumentError
from tests.helpers.packages import members, packed

FIELDS = (
    "filename",
    "date_time",
    "compress_type",
    "comment",
    "extra",
    "create_system",
    "create_version",
    "external_attr",
    "flag_bits",
)


class Stream(io.BytesIO):
    """A file that cannot be rewound, so that sizes are written after the data."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


def _archive(file: io.BytesIO | None = None) -> bytes:
    file = file or io.BytesIO()
    with zipfile.ZipFile(cast("IO[bytes]", file), "w") as archive:
        for name, method in (("mimetype", 0), ("b.xml", 8), ("folder/", 0), ("صورة.xml", 8)):
            info = zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 6))
            info.compress_type, info.comment = method, b"a comment"
            info.extra = struct.pack("<HH4s", 0x7777, 4, b"more")
            info.external_attr = 0o640 << 16
            archive.writestr(info, b"" if name.endswith("/") else f"the text of {name}" * 9)
        archive.comment = b"of the archive"
    return file.getvalue()


@pytest.mark.parametrize("make", [_archive, lambda: _archive(Stream())])
@pytest.mark.parametrize("name", ["mimetype", "b.xml", "صورة.xml"])
def test_only_the_replaced_file_changes(make: Callable[[], bytes], name: str) -> None:
    data = make()
    written = ZipContainer(data).replaced({name: b"new"})
    assert members(written) == {**members(data), name: b"new"}
    before, after = (zipfile.ZipFile(io.BytesIO(one)) for one in (data, written))
    assert after.comment == b"of the archive"
    for old, new in zip(before.infolist(), after.infolist(), strict=True):
        without_sizes_after = old.flag_bits & ~8 if old.filename == name else old.flag_bits
        assert new.flag_bits == without_sizes_after
        assert [getattr(new, field) for field in FIELDS[:-1]] == [
            getattr(old, field) for field in FIELDS[:-1]
        ]
    start, end = (before.getinfo("folder/").header_offset, before.start_dir)
    assert name == "صورة.xml" or data[start:end] in written


def test_without_a_change_the_archive_is_the_same() -> None:
    data = _archive()
    assert ZipContainer(data).replaced({}) is data


def test_the_archive_may_follow_other_bytes() -> None:
    data = b"#!program\n" + _archive()
    written = ZipContainer(data).replaced({"b.xml": b"new"})
    assert written.startswith(b"#!program\n")
    assert members(written) == {**members(data), "b.xml": b"new"}


def _patched(data: bytes, find: bytes, put: bytes) -> bytes:
    assert find in data
    return data.replace(find, put)


def _bomb() -> bytes:
    return packed({"a.xml": b" " * 70_000_000})


def _lying_bomb() -> bytes:
    """Small by what it declares, in both places."""
    size = struct.pack("<L", 70_000_000)
    return _patched(_bomb(), size, struct.pack("<L", 1000))


def _steep_bomb() -> bytes:
    return packed({"a.xml": b" " * 30_000_000})


def _two_of_a_name() -> bytes:
    return _patched(packed({"a.xml": b"1", "b.xml": b"2"}), b"b.xml", b"a.xml")


def _overlapping() -> bytes:
    """Two entries of the directory for the same data."""
    data = bytearray(packed({"a.xml": b"1", "b.xml": b"2"}))
    start = data.rindex(b"PK\1\2")
    data[start + 42 : start + 46] = struct.pack("<L", 0)
    return bytes(data)


def _directory_too_long(field: int) -> bytes:
    """The last entry of the directory says that more belongs to it than there is."""
    data = bytearray(packed({"a.xml": b"1", "b.xml": b"2"}))
    data[data.rindex(b"PK\1\2") + field] += 9
    return bytes(data)


def _encrypted() -> bytes:
    data = bytearray(packed({"a.xml": b"secret"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def _other_method() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.xml", b"text")
    return file.getvalue()


def _many() -> bytes:
    return packed({f"{number}.xml": b"" for number in range(MAX_MEMBERS + 1)})


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no archive": (lambda: b"text", "damaged"),
    "empty": (lambda: b"", "damaged"),
    "cut": (lambda: _archive()[:-30], "damaged"),
    "old format": (lambda: OLE, "Office 97"),
    "password": (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "password"),
    "encrypted": (_encrypted, "password"),
    "bomb": (_bomb, "too large"),
    "lying bomb": (_lying_bomb, "too large"),
    "steep bomb": (_steep_bomb, "too large"),
    "many": (_many, "20001 files"),
    "same name": (_two_of_a_name, "same name"),
    "overlap": (_overlapping, "damaged"),
    "long name": (lambda: _directory_too_long(28), "damaged"),
    "long fields": (lambda: _directory_too_long(30), "damaged"),
    "long comment": (lambda: _directory_too_long(32), "damaged"),
    "longer than all": (lambda: _directory_too_long(33), "damaged"),
    "other method": (_other_method, "cannot be unpacked"),
    "wrong check sum": (
        lambda: _patched(
            _archive(), zlib.crc32(b"the text of b.xml" * 9).to_bytes(4, "little"), b"0000"
        ),
        "cannot be unpacked",
    ),
    "up": (lambda: packed({"../a.xml": b""}), "not allowed: ../a.xml"),
    "within up": (lambda: packed({"a/../../b.xml": b""}), "not allowed"),
    "absolute": (lambda: packed({"/a.xml": b""}), "not allowed"),
    "drive": (lambda: packed({"C:/a.xml": b""}), "not allowed"),
    "backslash": (lambda: packed({"..\\a.xml": b""}), "not allowed"),
    "zero": (lambda: _patched(packed({"a.xml": b""}), b"a.xml", b"a.x\0l"), "not allowed"),
}


def _read_all(data: bytes) -> None:
    container = ZipContainer(data)
    for name in container.names:
        container.read(name)


@pytest.mark.parametrize(("make", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_no_document_has_is_refused_with_one_sentence(
    make: Callable[[], bytes], sentence: str
) -> None:
    data = make()
    with pytest.raises(DocumentError, match=sentence) as raised:
        _read_all(data)
    assert "\n" not in str(raised.value)
    assert raised.value.ar != raised.value.en


def test_a_file_that_is_missing_is_named() -> None:
    with pytest.raises(DocumentError, match=r"content\.xml is missing"):
        ZipContainer(_archive()).read("content.xml")
