import contextlib
import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, features
from PIL.PngImagePlugin import PngImageFile

from marsam import PictureError, open_picture
from marsam.imaging.image_io import MAX_BYTES, save_picture
from marsam.imaging.metadata import read_record


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_formats_are_detected_by_content(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.txt"
    path.write_bytes(encoded(Image.new("RGB", (30, 20), "red"), kind))
    picture = open_picture(path)
    assert picture.size == (30, 20)
    assert picture.mode == "RGB"
    red, green, blue = picture.getpixel((5, 5))  # type: ignore[misc]
    assert red > 240
    assert green < 12
    assert blue < 12


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_rejected(kind: str) -> None:
    with pytest.raises(PictureError, match="Not a supported image: use JPEG, PNG or WebP"):
        open_picture(encoded(Image.new("RGB", (8, 8)), kind))


def test_data_without_an_image_is_rejected() -> None:
    for data in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" + bytes(40)):
        with pytest.raises(PictureError):
            open_picture(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_truncated_files_are_rejected(kind: str) -> None:
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    data = encoded(noise, kind)
    with pytest.raises(PictureError):
        open_picture(data[: len(data) // 2])


def test_a_decompression_bomb_is_rejected_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(header))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 0)
        + b"IDAT"
    )
    with pytest.raises(PictureError, match="25 megapixels"):
        open_picture(data)


def test_25_megapixels_are_the_limit() -> None:
    assert open_picture(encoded(Image.new("1", (5000, 5000)), "PNG")).size == (5000, 5000)
    with pytest.raises(PictureError, match="megapixels"):
        open_picture(encoded(Image.new("1", (5000, 5001)), "PNG"))


def test_files_over_20_mb_are_rejected() -> None:
    with pytest.raises(PictureError, match="20 MB"):
        open_picture(io.BytesIO(bytes(MAX_BYTES + 1)))


def test_exif_orientation_is_applied() -> None:
    rotated = Image.new("RGB", (40, 20), "blue")
    rotated.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held a quarter turn
    picture = open_picture(encoded(rotated, "JPEG", exif=exif, quality=95))
    assert picture.size == (20, 40)
    assert picture.getpixel((10, 5))[0] > 200  # type: ignore[index]


def test_transparency_is_composited_over_white() -> None:
    clear = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    assert open_picture(encoded(clear, "PNG")).getpixel((5, 5)) == (255, 255, 255)
    half = Image.new("LA", (10, 10), (0, 128))
    assert open_picture(encoded(half, "PNG")).getpixel((5, 5)) == (127, 127, 127)


def test_palette_cmyk_and_16_bit_images_become_rgb() -> None:
    palette = Image.new("RGB", (9, 9), (10, 200, 30)).quantize(4)
    assert open_picture(encoded(palette, "PNG")).getpixel((1, 1)) == (10, 200, 30)
    cmyk = Image.new("CMYK", (9, 9), (0, 255, 255, 0))
    assert open_picture(encoded(cmyk, "JPEG")).mode == "RGB"
    deep = Image.new("I;16", (9, 9), 0x8000)
    assert open_picture(encoded(deep, "PNG")).getpixel((1, 1)) == (128, 128, 128)


def test_metadata_of_the_source_is_dropped() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    picture = open_picture(encoded(Image.new("RGB", (9, 9)), "JPEG", exif=exif, comment=b"secret"))
    assert picture.info == {}
    assert not picture.getexif()


def test_error_for_a_missing_file_omits_its_folder(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"^File not found: cat\.png\.$"):
        open_picture(tmp_path / "cat.png")


def test_save_picture_leaves_no_partial_file(tmp_path: Path) -> None:
    path = save_picture(Image.new("RGB", (9, 9), "red"), tmp_path / "deep" / "a.png")
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]
    assert open_picture(path).size == (9, 9)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_corrupt_avif_raises_picture_errors() -> None:
    data = encoded(Image.effect_noise((64, 64), 64).convert("RGB"), "AVIF")
    damaged = 0
    for at in range(0, len(data), 7):
        broken = data[:at] + b"\xff" + data[at + 1 :]
        with contextlib.suppress(PictureError):
            read_record(broken)
        try:
            open_picture(broken)
        except PictureError:
            damaged += 1
    assert damaged


@pytest.mark.parametrize(
    ("tag", "kind"), [(0xA005, 1), (0x011A, 1), (0x0132, 5), (0x02BC, 2)], ids=hex
)
def test_invalid_exif_entries_do_not_prevent_orientation(tag: int, kind: int) -> None:
    orientation = (0x0112, struct.pack("<HHLHH", 0x0112, 3, 1, 6, 0))
    invalid = (tag, struct.pack("<HHLL", tag, kind, 1, 0))
    entries = b"".join(entry for _, entry in sorted([orientation, invalid]))
    exif = b"Exif\0\0II*\0" + struct.pack("<LH", 8, 2) + entries + bytes(4)
    assert open_picture(encoded(Image.new("RGB", (8, 4)), "JPEG", exif=exif)).size == (4, 8)


def test_at_most_two_images_are_decoded_concurrently(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file can hold an image that needs much memory."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "PNG")
    peak, active, lock = 0, 0, threading.Lock()
    load = PngImageFile.load

    def slow(picture: PngImageFile) -> object:
        nonlocal peak, active
        with lock:
            active += 1
            peak = max(peak, active)
        time.sleep(0.02)
        with lock:
            active -= 1
        return load(picture)

    monkeypatch.setattr(PngImageFile, "load", slow)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(open_picture, [data.getvalue()] * 32))
    assert 1 <= peak <= 2
