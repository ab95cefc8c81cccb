"""The zip archive that office documents and books are: read within bounds, members replaced.

What is not replaced stays as it is, byte for byte: the compressed data, the order, names, dates,
flags, comments and extra fields. The format is that of PKWARE's APPNOTE 6.3.
"""

import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

from marsam.errors import DocumentError

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 64_000_000
"""Of one member when it is unpacked."""
MAX_TOTAL_BYTES = 1_000_000_000
"""Of all members together that are read from one document."""
MAX_RATIO, FREE_BYTES = 250, 4_000_000
"""How many times larger than its compressed data a member may become, beyond the first 4 MB; the
XML of large tables reaches 100."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream of an OLE file that has the encrypted document (MS-OFFCRYPTO 2.3.4.4)."""
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_AFTER_DIRECTORY = (b"PK\5\6", b"PK\6\6")
"""What follows on the directory: its end, or that of a large archive."""
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
_DESCRIPTOR_FLAG = 0x8
"""The sizes follow the compressed data."""
_UTF8_FLAG = 0x800
_ZIP64 = 1
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    OSError,
    ValueError,  # also UnicodeDecodeError
    LookupError,
    OverflowError,
    NotImplementedError,  # zipfile's, for methods of compression that it does not know
    struct.error,
)


class ZipContainer:
    """A zip archive in memory.

    Args:
        data: the file, which may come from anyone.

    Raises:
        DocumentError: damaged, encrypted, of an old format, or with names or sizes that no program
            for documents writes.
    """

    def __init__(self, data: bytes) -> None:
        _refuse_ole(data)
        self.data = data
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                self._members = {info.filename: info for info in archive.infolist()}
                count, self._directory = len(archive.infolist()), archive.start_dir
                self._comment = archive.comment
            self._records = _central_records(data, self._directory, count)
        except _ZIP_ERRORS as error:
            raise DocumentError("The document is damaged or incomplete.") from error
        if count > MAX_MEMBERS:
            raise DocumentError(
                "The document has {count} files inside; {limit} are allowed.",
                count=count,
                limit=MAX_MEMBERS,
            )
        if count != len(self._members):
            raise DocumentError(
                "The document is damaged: it has two files of the same name inside."
            )
        for info in self._members.values():
            _check(info)
        self._starts = self._data_starts()
        self._read_bytes: Counter[str] = Counter()

    @property
    def names(self) -> Sequence[str]:
        """The members' names, in the order of the directory."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """Unpack a member.

        Raises:
            DocumentError: there is none of this name, or it is damaged or too large.
        """
        info = self._members.get(name)
        if info is None:
            raise DocumentError("The document is damaged: {part} is missing in it.", part=name)
        start = self._starts[name]
        packed = self.data[start : start + info.compress_size]
        if info.compress_type == zipfile.ZIP_STORED:
            content = packed
        else:
            limit = min(MAX_MEMBER_BYTES, max(FREE_BYTES, MAX_RATIO * len(packed)))
            content = _inflated(packed, limit, name)
        self._read_bytes[name] = len(content)
        if len(content) > MAX_MEMBER_BYTES or self._read_bytes.total() > MAX_TOTAL_BYTES:
            raise _too_large(name)
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise _damaged(name)
        return content

    def replaced(self, contents: Mapping[str, bytes]) -> bytes:
        """Return the archive with new contents of some members, all of which exist.

        Each keeps its compression method. Without any the result is the same bytes.
        """
        if not contents:
            return self.data
        written, offsets = io.BytesIO(), {}
        infos = sorted(self._members.values(), key=lambda info: info.header_offset)
        ends = [info.header_offset for info in infos[1:]] + [self._directory]
        written.write(self.data[: infos[0].header_offset])
        packed: dict[str, tuple[int, int, int]] = {}
        for info, end in zip(infos, ends, strict=True):
            offsets[info.filename] = written.tell()
            if info.filename in contents:
                content = contents[info.filename]
                body = _deflated(content, info.compress_type)
                packed[info.filename] = zlib.crc32(content), len(body), len(content)
                written.write(self._local_header(info, packed[info.filename]) + body)
            else:
                written.write(self.data[info.header_offset : end])
        start = written.tell()
        for record, name in zip(self._records, self._members, strict=True):
            written.write(_central_record(record, offsets[name], packed.get(name)))
        count, size = len(self._members), written.tell() - start
        comment = len(self._comment)
        written.write(_END.pack(b"PK\5\6", 0, 0, count, count, size, start, comment))
        written.write(self._comment)
        return written.getvalue()

    def _data_starts(self) -> dict[str, int]:
        """Where each member's compressed data starts; no two members share any bytes."""
        starts, free_from = {}, 0
        for info in sorted(self._members.values(), key=lambda info: info.header_offset):
            offset = info.header_offset
            header = self.data[offset : offset + _LOCAL.size]
            if offset < free_from or len(header) < _LOCAL.size or header[:4] != b"PK\3\4":
                raise DocumentError("The document is damaged or incomplete.")
            *_, name_bytes, extra_bytes = _LOCAL.unpack(header)
            start = offset + _LOCAL.size
            name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8_FLAG else "cp437")
            if self.data[start : start + name_bytes] != name:
                raise _damaged(info.filename)
            starts[info.filename] = start + name_bytes + extra_bytes
            free_from = starts[info.filename] + info.compress_size
        if free_from > self._directory:
            raise DocumentError("The document is damaged or incomplete.")
        return starts

    def _local_header(self, info: zipfile.ZipInfo, sizes: tuple[int, int, int]) -> bytes:
        """The header of a replaced member, with its sizes in it."""
        start = info.header_offset
        fields = list(_LOCAL.unpack_from(self.data, start))
        name_end = start + _LOCAL.size + fields[9]
        extra = _without_zip64(self.data[name_end : self._starts[info.filename]])
        fields[2] &= ~_DESCRIPTOR_FLAG
        fields[6:9], fields[10] = sizes, len(extra)
        return _LOCAL.pack(*fields) + self.data[start + _LOCAL.size : name_end] + extra


def _central_records(data: bytes, position: int, count: int) -> list[bytes]:
    """The records of the directory, after which it must end."""
    records = []
    for _ in range(count):
        fields = _CENTRAL.unpack_from(data, position)
        end = position + _CENTRAL.size + sum(fields[10:13])
        records.append(data[position:end])
        position = end
    if not data.startswith(_AFTER_DIRECTORY, position):
        raise zipfile.BadZipFile
    return records


def _refuse_ole(data: bytes) -> None:
    if data.startswith(_OLE):
        raise DocumentError(
            "The document is protected by a password; save a copy without one."
            if _ENCRYPTED_PACKAGE in data
            else "The document has the format of Office 97 to 2003; save it as DOCX or PPTX."
        )


def _check(info: zipfile.ZipInfo) -> None:
    """Refuse a member that no program for documents writes."""
    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED_FLAGS:
        raise DocumentError("The document is protected by a password; save a copy without one.")
    parts = name.rstrip("/").split("/")
    if "\\" in name or "\0" in name or ":" in parts[0] or {"", ".", ".."} & set(parts):
        raise DocumentError(
            "The document has a file inside whose name is not allowed: {name}",
            name=ascii(name)[1:101],
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _damaged(info.filename)
    if info.file_size > MAX_MEMBER_BYTES:
        raise _too_large(info.filename)


def _inflated(packed: bytes, limit: int, name: str) -> bytes:
    """Unpack raw deflated data; stop at the limit, whatever size the archive declares."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(packed, limit + 1)
    except zlib.error as error:
        raise _damaged(name) from error
    if len(content) > limit:
        raise _too_large(name)
    if not inflater.eof:
        raise _damaged(name)
    return content


def _deflated(content: bytes, compress_type: int) -> bytes:
    if compress_type == zipfile.ZIP_STORED:
        return content
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


def _central_record(record: bytes, offset: int, sizes: tuple[int, int, int] | None) -> bytes:
    """A record of the directory with a new offset, and new sizes if the member was replaced."""
    fields = list(_CENTRAL.unpack_from(record))
    name_end = _CENTRAL.size + fields[10]
    extra_end = name_end + fields[11]
    extra = record[name_end:extra_end]
    if sizes is not None:
        fields[3] &= ~_DESCRIPTOR_FLAG
        fields[7:10], extra = sizes, _without_zip64(extra)
    fields[11], fields[16] = len(extra), offset
    return _CENTRAL.pack(*fields) + record[_CENTRAL.size : name_end] + extra + record[extra_end:]


def _without_zip64(extra: bytes) -> bytes:
    """Extra fields without the sizes of 64 bits, which a document never needs."""
    kept, position = b"", 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, position)
        if kind != _ZIP64:
            kept += extra[position : position + 4 + size]
        position += 4 + size
    return kept


def _damaged(name: str) -> DocumentError:
    return DocumentError("The document is damaged: {part} cannot be unpacked.", part=name)


def _too_large(name: str) -> DocumentError:
    return DocumentError("The document is too large when it is unpacked: {part}.", part=name)
