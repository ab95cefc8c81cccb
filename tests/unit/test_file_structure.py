"""Files that are small and valid, and would occupy a decoder for minutes or fill the memory."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from marsam.errors import PictureError
from marsam.imaging.file_structure import is_excessive
from marsam.imaging.image_io import open_picture

PICTURE = Image.effect_noise((16, 16), 80).convert("RGB")


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    PICTURE.save(file, kind, **options)
    return file.getvalue()


def jpeg_with(segments: bytes) -> bytes:
    data = saved("JPEG")
    return data[:2] + segments + data[2:]


def progressive_jpeg(more_scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated, as encoders may do."""
    data = saved("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * more_scans + data[-2:]


def png_with(count: int, kind: bytes = b"teSt", body: bytes = b"") -> bytes:
    data = saved("PNG")
    chunk = struct.pack(">I", len(body)) + kind + body
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    pixels = data.index(b"IDAT") - 4
    return data[:pixels] + chunk * count + data[pixels:]


def gif_with(extensions: bytes = b"", frames: int = 1) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + extensions + frame * frames + b";"


def tiff(entries: int, size: int = 100_000, *, big: bool = False) -> bytes:
    """A grey TIFF of 8x8 pixels with more entries, which all have the same bytes as their value."""
    start = 16 if big else 8
    fields = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    fields += [(273, 4, 1, start), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]
    fields += [(40_000 + i, 7, size, start) for i in range(entries)]
    entry, count, header = ("<HHQQ", "<Q", b"II+\0\x08\0\0\0") if big else ("<HHII", "<H", b"II*\0")
    directory = struct.pack(count, len(fields)) + b"".join(struct.pack(entry, *f) for f in fields)
    offset = struct.pack("<Q" if big else "<I", start + size)
    return header + offset + bytes(size) + directory + bytes(8)


EXCESSIVE: dict[str, Callable[[], bytes]] = {
    "a JPEG with 20,000 scans": lambda: progressive_jpeg(20_000),
    "a JPEG with 101 scans": lambda: progressive_jpeg(101),
    "a JPEG with 100,000 comments": lambda: jpeg_with(b"\xff\xfe\0\2" * 100_000),
    "a JPEG with 3 MB of fill bytes": lambda: jpeg_with(b"\xff" * 3_000_000),
    "a JPEG with 3 MB between segments": lambda: jpeg_with(b"\xff\xfe\0\2" + bytes(3_000_000)),
    "a PNG with 100,000 chunks": lambda: png_with(100_000),
    "a GIF with 500,000 blocks in a comment": lambda: gif_with(b"!\xfe" + b"\1a" * 500_000 + b"\0"),
    "a GIF with 100,000 comments": lambda: gif_with(b"!\xfe\1a\0" * 100_000),
    "a GIF with 500,000 blocks of an application": lambda: gif_with(
        b"!\xff" + b"\1a" * 500_000 + b"\0"
    ),
    "a GIF with 300,000 frames": lambda: gif_with(frames=300_000),
    "a GIF with 1 MB between blocks": lambda: gif_with(b"\1" * 1_000_000),
    "a TIFF whose entries share their bytes": lambda: tiff(50),
    "a BigTIFF whose entries share their bytes": lambda: tiff(50, big=True),
    "a TIFF with 60,000 entries": lambda: tiff(60_000 - 40_000, size=64),
    "EXIF in a PNG whose entries share their bytes": lambda: png_with(1, b"eXIf", tiff(50)),
    "EXIF in a JPEG whose entries share their bytes": lambda: jpeg_with(
        b"\xff\xe1"
        + struct.pack(">H", 2 + 6 + len(tiff(50, 60_000)))
        + b"Exif\0\0"
        + tiff(50, 60_000)
    ),
    "a JPEG with 1,000 EXIF segments": lambda: jpeg_with(b"\xff\xe1\0\x08Exif\0\0" * 1_000),
}


@pytest.mark.parametrize("name", EXCESSIVE)
def test_files_with_far_too_many_parts_are_refused(name: str) -> None:
    data = EXCESSIVE[name]()
    assert len(data) < 20_000_000
    with pytest.raises(PictureError, match="damaged"):
        open_picture(data)


@pytest.mark.parametrize(
    "data",
    [
        progressive_jpeg(20),
        saved("JPEG", exif=Image.Exif(), comment=b"words" * 1000, icc_profile=b"x" * 300_000),
        jpeg_with(b"\xff\xe2\xff\xff" + bytes(65_533)),
        png_with(10_000),
        gif_with(b"!\xfe" + (b"\xff" + b"a" * 255) * 500 + b"\0", frames=3_000),
        tiff(1),
        tiff(1, big=True),
    ],
    ids=["progressive", "metadata", "segment", "chunks", "animation", "TIFF", "BigTIFF"],
)
def test_unusual_files_are_read(data: bytes) -> None:
    assert min(open_picture(data).size) >= 4


def test_compressed_exif_of_a_png_is_checked_before_it_is_read() -> None:
    """Its entries would take 50 MB from a file of a few KB."""
    profile = f"\nexif\n{len(tiff(50)):8}\n{(b'Exif' + bytes(2) + tiff(50)).hex()}\n"
    body = b"Raw profile type exif\0\0" + zlib.compress(profile.encode())
    data = png_with(1, b"zTXt", body)
    assert open_picture(data).size == (16, 16)
    assert not is_excessive(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_are_turned_upright_by_their_exif(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(file, kind, exif=exif)
    assert open_picture(file.getvalue()).size == (20, 30)
