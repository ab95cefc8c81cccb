"""Bounds on the parts of an image file, counted before a decoder reads them.

A small, valid file of few pixels can still occupy a decoder for minutes or fill the memory: with
thousands of scans, frames or comments, or with metadata whose entries all claim the same bytes.
"""

import re
import struct
from contextlib import suppress

MAX_SCANS = 100
"""Scans of a JPEG. Each one updates all pixels; progressive encoders write about ten."""
MAX_SEGMENTS = 2_000
"""Segments of a JPEG; 20 MB of metadata need 306."""
MAX_STRAY_BYTES = 64_000
"""Bytes between the segments of a JPEG's header; encoders write hardly any."""
MAX_CHUNKS = 20_000
"""Chunks of a PNG; encoders put at least 1 KB of pixels into each."""
MAX_BLOCKS = 100_000
"""Data blocks of a GIF; encoders put 255 bytes into each."""
MAX_COMMENT_BLOCKS = 1_000
"""Data blocks of a GIF that are comments."""
MAX_DIRECTORIES, MAX_ENTRIES = 100, 5_000
"""Blocks of metadata (EXIF), and entries of one; cameras write a few blocks of about 100."""

# No escaped byte of the pixels, no restart between them, no fill byte.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_GIF_EXTENSION, _GIF_COMMENT, _GIF_FRAME, _GIF_END = 0x21, 0xFE, 0x2C, 0x3B
_TIFF_HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BEFORE_TIFF = ((b"Exif\0\0", 6), (b"eXIf", 4), (b"EXIF", 8), (b"MPF\0", 4))
"""What precedes metadata in the format of TIFF: EXIF in JPEG, PNG and WebP, and the index of a JPEG
with several pictures; and the distance of its start."""
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)
"""Bytes of a value by the number of its type, as of TIFF 6.0 and BigTIFF."""


def is_excessive(data: bytes) -> bool:
    """Whether a file has far more parts than programs write, and should not be decoded."""
    return (
        (data.startswith(b"\xff\xd8") and _is_excessive_jpeg(data))
        or (data.startswith(b"\x89PNG\r\n\x1a\n") and _is_excessive_png(data))
        or (data.startswith((b"GIF87a", b"GIF89a")) and _is_excessive_gif(data))
        or _has_excessive_metadata(data)
    )


def _is_excessive_jpeg(data: bytes) -> bool:
    position, scans, segments, stray = 2, 0, 0, 0
    while (marker := _JPEG_MARKER.search(data, position)) and marker[0][1] != _END_OF_IMAGE:
        segments += 1
        if scans == 0:  # after the first scan, what precedes a marker is pixels
            stray += marker.start() - position
        scans += marker[0][1] == _START_OF_SCAN
        if scans > MAX_SCANS or segments > MAX_SEGMENTS or stray > MAX_STRAY_BYTES:
            return True
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return False


def _is_excessive_png(data: bytes) -> bool:
    position, chunks = 8, 0
    while position < len(data) and chunks <= MAX_CHUNKS:
        position += 12 + int.from_bytes(data[position : position + 4])
        chunks += 1
    return chunks > MAX_CHUNKS


def _is_excessive_gif(data: bytes) -> bool:
    blocks = comment_blocks = 0
    with suppress(IndexError):  # the end of the file
        position = 13 + _palette_bytes(data[10])
        while data[position] != _GIF_END:
            kind, is_comment = data[position], data[position + 1] == _GIF_COMMENT
            position += 1
            if kind == _GIF_EXTENSION:
                position += 1
            elif kind == _GIF_FRAME:
                position += 10 + _palette_bytes(data[position + 8])
            blocks += 1
            while kind in (_GIF_EXTENSION, _GIF_FRAME):
                size = data[position]
                position += 1 + size
                if size == 0:
                    break
                blocks += 1
                comment_blocks += kind == _GIF_EXTENSION and is_comment
                if blocks > MAX_BLOCKS:
                    return True
            if blocks > MAX_BLOCKS or comment_blocks > MAX_COMMENT_BLOCKS:
                return True
    return False


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _has_excessive_metadata(data: bytes) -> bool:
    if sum(data.count(mark) for mark, _ in _BEFORE_TIFF) > MAX_DIRECTORIES:
        return True
    starts = [0]
    for mark, distance in _BEFORE_TIFF:
        position = -1
        while (position := data.find(mark, position + 1)) >= 0:
            starts.append(position + distance)
    view = memoryview(data)
    return any(
        _is_excessive_directory(view[start:])
        for start in starts
        if view[start : start + 4] in _TIFF_HEADERS
    )


def _is_excessive_directory(data: memoryview) -> bool:
    """Whether the values of the first directory of a TIFF are larger together than the file."""
    order = "<" if data[0] == ord("I") else ">"
    is_big = 43 in (data[2], data[3])
    header, count_format, entry = (8, "Q", "HHQ8x") if is_big else (4, "H", "HHI4x")
    total = 0
    try:
        (offset,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, header)
        (count,) = struct.unpack_from(order + count_format, data, offset)
        if count > MAX_ENTRIES:
            return True
        first = offset + struct.calcsize(order + count_format)
        entries = data[first : first + count * struct.calcsize(order + entry)]
        for _tag, kind, values in struct.iter_unpack(order + entry, entries):
            size = values * (_TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0)
            total += size if size <= len(data) else 0  # decoders skip what the file does not have
    except struct.error:  # the directory is not in the file
        return False
    return total > len(data)
