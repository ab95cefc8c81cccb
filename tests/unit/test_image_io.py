import contextlib
import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms, TiffImagePlugin, features
from PIL.PngImagePlugin import PngImageFile

from marsam import PictureError, open_picture
from marsam.imaging import image_io
from marsam.imaging.image_io import MAX_BYTES, MAX_PIXELS, is_uniform, save_picture
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


def heic(image: Image.Image, **info: bytes) -> bytes:
    file = pillow_heif.from_pillow(image)
    file.info.update(info)
    buffer = io.BytesIO()
    file.save(buffer, quality=90)
    return buffer.getvalue()


def swapped_profile() -> bytes:
    """sRGB with red and blue exchanged."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")


@pytest.mark.parametrize(
    ("data", "en", "ar"),
    [
        (b"", "The file is empty", "الملف فارغ"),
        (b" \n\n", "The file is empty", "الملف فارغ"),
        (b"hello", "This is a text file", "ملف نصي"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "This is a web page", "صفحة ويب"),
        (b"<html><body>404</body></html>", "This is a web page", "صفحة ويب"),
        (b'<?xml version="1.0"?><svg xmlns="x"></svg>', "This is an SVG drawing", "رسم SVG"),
        (b"%PDF-1.7 ...", "This is a PDF document", "مستند PDF"),
        (b"PK\x03\x04" + bytes(40), "This is an archive", "أرشيف"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "This is a video", "مقطع فيديو"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "This is a video", "مقطع فيديو"),
        (b"\0\0\0\x18ftypcrx " + bytes(40), "a camera's raw file", "ملف خام"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "a camera's raw file", "ملف خام"),
        (b"\xff\x0a" + bytes(40), "JPEG XL pictures are not supported", "JPEG XL"),
        (b"8BPS" + bytes(40), "Photoshop pictures are not supported", "Photoshop"),
        (b"\0\0\1\0" + bytes(40), "ICO pictures are not supported", "ICO"),
        (b"P6 1 1 255 abc", "PNM pictures are not supported", "PNM"),
        (b"\x89PNG\r\n\x1a\n", "damaged or incomplete", "تالفة أو ناقصة"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "damaged or incomplete", "تالفة أو ناقصة"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "damaged or incomplete", "تالفة أو ناقصة"),
        (bytes(range(1, 90)), "Not a supported image", "ليس صورة مدعومة"),
    ],
)
def test_a_refusal_says_what_the_file_is(data: bytes, en: str, ar: str) -> None:
    with pytest.raises(PictureError, match=en) as raised:
        open_picture(data)
    assert ar in raised.value.ar


def test_a_raw_file_is_not_read_as_its_preview() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[50706] = b"\1\4\0\0"  # the version of DNG
    data = encoded(Image.new("RGB", (60, 40), "red"), "TIFF", tiffinfo=tags)
    with pytest.raises(PictureError, match="raw file"):
        open_picture(data)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "HEIC"])
def test_what_phones_and_scanners_write_is_read(kind: str) -> None:
    image = Image.new("RGB", (64, 48), "blue")
    image.paste("red", (0, 0, 32, 48))
    picture = open_picture(heic(image) if kind == "HEIC" else encoded(image, kind))
    assert (picture.mode, picture.size) == ("RGB", (64, 48))
    assert picture.getpixel((8, 20))[0] > 230  # type: ignore[index]
    assert picture.getpixel((56, 20))[2] > 230  # type: ignore[index]


def test_heic_without_the_library_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_io, "FORMATS", ("JPEG", "PNG"))
    monkeypatch.setattr(image_io, "HEIF", ())
    with pytest.raises(PictureError, match="HEIC pictures need the package pi-heif"):
        open_picture(heic(Image.new("RGB", (64, 48))))


def test_a_portrait_heic_of_a_phone_is_upright() -> None:
    image = Image.new("RGB", (64, 48), "blue")
    image.paste("red", (0, 0, 64, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = open_picture(heic(image, exif=exif.tobytes()))
    assert picture.size == (48, 64)
    assert picture.getpixel((44, 30))[0] > 200  # type: ignore[index]


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "group4", "jpeg", None])
def test_scanned_tiffs_of_several_pages(compression: str | None) -> None:
    mode = "1" if compression == "group4" else "RGB"
    page = Image.new(mode, (120, 160), "white")
    page.paste(0 if mode == "1" else "red", (30, 30, 90, 130))
    more = [Image.new(mode, (120, 160), "white")] * 2
    data = encoded(page, "TIFF", compression=compression, save_all=True, append_images=more)
    assert open_picture(data).getpixel((60, 80)) != (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_with_content_counts(kind: str) -> None:
    shown = Image.new("RGB", (40, 40), "white")
    shown.paste("red", (10, 10, 30, 30))
    frames = [shown, Image.new("RGB", (40, 40), "blue")]
    blank = Image.new("RGB", (40, 40), "white")
    data = encoded(blank, kind, save_all=True, append_images=frames, duration=50)
    red, green, _ = open_picture(data).getpixel((20, 20))  # type: ignore[misc]
    assert red > 200
    assert green < 60


def test_uniform_pictures_are_recognised() -> None:
    assert is_uniform(Image.new("RGB", (40, 40), (200, 100, 50)))
    assert is_uniform(open_picture(encoded(Image.new("RGBA", (40, 40), (9, 9, 9, 0)), "PNG")))
    dotted = Image.new("RGB", (40, 40), "white")
    dotted.putpixel((3, 3), (0, 0, 0))
    assert not is_uniform(dotted)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_colour_profiles_are_applied(kind: str) -> None:
    image = Image.new("RGB", (20, 20), (10, 10, 250))
    picture = open_picture(encoded(image, kind, icc_profile=swapped_profile()))
    red, _, blue = picture.getpixel((5, 5))  # type: ignore[misc]
    assert red > 200
    assert blue < 60


def test_a_damaged_colour_profile_is_ignored() -> None:
    data = encoded(Image.new("RGB", (20, 20), "red"), "JPEG", icc_profile=b"nonsense" * 20)
    assert open_picture(data).getpixel((5, 5))[0] > 240  # type: ignore[index]


@pytest.mark.parametrize("size", [(8064, 6048), (12_000, 2200)])
def test_large_jpegs_are_decoded_smaller(size: tuple[int, int]) -> None:
    picture = open_picture(encoded(Image.new("RGB", size, "blue"), "JPEG"))
    assert picture.width * picture.height <= MAX_PIXELS
    assert picture.width / picture.height == pytest.approx(size[0] / size[1], abs=0.01)


def test_a_large_picture_is_read_as_small_as_suffices() -> None:
    data = encoded(Image.new("RGB", (4000, 3000), "blue"), "JPEG")
    assert open_picture(data, side=700).size == (1000, 750)
    assert open_picture(data).size == (4000, 3000)
    assert min(open_picture(encoded(Image.new("RGB", (4000, 3000)), "PNG"), side=700).size) == 750


@pytest.mark.parametrize("side", [65_500, 30_000, 17_000])
def test_bombs_in_jpeg_are_rejected_before_decoding(side: int) -> None:
    small = encoded(Image.new("RGB", (16, 16)), "JPEG")
    at = small.index(b"\xff\xc0") + 5
    with pytest.raises(PictureError, match="25 megapixels"):
        open_picture(small[:at] + struct.pack(">HH", side, side) + small[at + 4 :])


@pytest.mark.parametrize(
    ("drawing", "is_dark"), [((255, 255, 255), False), ((250, 245, 230), False), ((0, 0, 0), True)]
)
def test_a_drawing_on_a_transparent_ground_is_seen(
    drawing: tuple[int, int, int], is_dark: bool
) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((*drawing, 255), (10, 10, 30, 30))
    picture = open_picture(encoded(image, "PNG"))
    assert picture.getpixel((20, 20)) == drawing
    assert (picture.getpixel((2, 2)) == (255, 255, 255)) is is_dark


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
