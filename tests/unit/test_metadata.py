import io
import json
import re
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from marsam.errors import OptionError, PictureError
from marsam.imaging.image_io import open_picture, save_picture
from marsam.imaging.metadata import (
    DIGITAL_SOURCE_TYPE,
    Record,
    infotext,
    read_record,
    save_input_image,
    save_with_record,
)
from marsam.imaging.xmp import MAX_XMP_BYTES, XMP_NAMESPACE, alt_texts
from marsam.options import MAX_RAW_CHARACTERS

SUFFIXES = [".png", ".jpg", ".jpeg", ".webp"]
RECORD = Record(
    english="a red cat on a chair",
    arabic="قطة حمراء على كرسي",
    prompt="a red cat on a chair",
    negative_prompt="blurry",
    seed=9,
    steps=20,
    scheduler="DPMSolverMultistep",
    guidance_scale=7.5,
    width=64,
    height=48,
    painter="marsam/mini-painter",
    recipe="balanced",
)
AWKWARD = (
    "قطة «حمراء» 👩🏽‍🎨 \"quoted\" 'single' <b>&amp; ]]></b> <!DOCTYPE x> \\ back\r\nnew line\ttab "
    "\x00\x07\x1b[31m\x7f\x85\u2028\ufffe end"
)
HARD = replace(
    RECORD,
    english=AWKWARD,
    arabic=AWKWARD + "ء",
    prompt=AWKWARD + "p",
    negative_prompt=AWKWARD + "n",
    painter=AWKWARD,
)
VARIATION = replace(RECORD, strength=0.35, start_sha256="0f" * 32)


@pytest.fixture
def image() -> Image.Image:
    return Image.effect_noise((64, 48), 60).convert("RGB")


def png_with(xmp: bytes) -> bytes:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def xmp_of(path: Path) -> bytes:
    with Image.open(path) as picture:
        xmp = picture.info["xmp"]
    assert isinstance(xmp, bytes)
    return xmp


def user_comment(path: Path) -> str:
    with Image.open(path) as picture:
        comment: bytes = picture.getexif().get_ifd(0x8769)[0x9286]
    assert comment.startswith(b"UNICODE\0")
    # The entry says: UserComment, of type undefined, so long.
    assert b"\x92\x86\0\x07" + struct.pack(">I", len(comment)) in path.read_bytes()
    return comment[8:].decode("utf-16-be")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("record", [RECORD, HARD, VARIATION], ids=["plain", "awkward", "variation"])
def test_saved_records_are_read_back(
    record: Record, suffix: str, image: Image.Image, tmp_path: Path
) -> None:
    path = save_with_record(image, record, tmp_path / "deep" / f"a{suffix}")
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert read_record(path) == record
    assert read_record(path.read_bytes()) == record
    with path.open("rb") as file:
        assert read_record(file) == record


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_png_and_webp_are_lossless(suffix: str, image: Image.Image, tmp_path: Path) -> None:
    with Image.open(save_with_record(image, RECORD, tmp_path / f"a{suffix}")) as saved:
        assert saved.convert("RGB").tobytes() == image.tobytes()


def test_the_format_follows_the_file_ending(image: Image.Image, tmp_path: Path) -> None:
    for suffix, kind in ((".PNG", "PNG"), (".JPG", "JPEG"), (".jpeg", "JPEG"), (".webp", "WEBP")):
        with Image.open(save_with_record(image, RECORD, tmp_path / f"a{suffix}")) as saved:
            assert saved.format == kind


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt"])
def test_other_file_endings_are_rejected(name: str, image: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.png, \.jpg or \.webp"):
        save_with_record(image, RECORD, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_texts_over_the_limit_are_rejected_before_writing(
    image: Image.Image, tmp_path: Path
) -> None:
    long = replace(RECORD, prompt="قط " * 3_000, english="ق" * 10_000, arabic="ق" * 10_000)
    with pytest.raises(OptionError, match="JPEG"):
        save_with_record(image, long, tmp_path / "a.jpg")
    assert read_record(save_with_record(image, long, tmp_path / "a.png")) == long
    for suffix in SUFFIXES:
        with pytest.raises(OptionError, match="too long"):
            save_with_record(
                image,
                replace(RECORD, prompt="x" * (MAX_RAW_CHARACTERS + 1)),
                tmp_path / f"b{suffix}",
            )
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_the_longest_accepted_texts_fit_into_a_jpeg(image: Image.Image, tmp_path: Path) -> None:
    text = "ق" * 2000
    long = replace(RECORD, english=text, arabic=text, prompt=text, negative_prompt=text)
    assert read_record(save_with_record(image, long, tmp_path / "a.jpg")) == long


def test_a_failed_save_leaves_the_old_file(image: Image.Image, tmp_path: Path) -> None:
    kept = save_with_record(image, RECORD, tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="too long"):
        save_picture(image, kept, "JPEG", xmp=bytes(70_000))
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]
    assert read_record(kept) == RECORD


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_xmp_follows_the_standards(suffix: str, image: Image.Image, tmp_path: Path) -> None:
    xmp = xmp_of(save_with_record(image, RECORD, tmp_path / f"a{suffix}")).decode("utf-8")
    words = "".join(
        f'<rdf:li xml:lang="{language}">{text}</rdf:li>'
        for language, text in (
            ("x-default", RECORD.english),
            ("en", RECORD.english),
            ("ar", RECORD.arabic),
        )
    )
    for tag in ("dc:description", "Iptc4xmpCore:AltTextAccessibility"):
        assert f"<{tag}><rdf:Alt>{words}</rdf:Alt></{tag}>" in xmp
    assert (
        f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
        in xmp
    )


def test_an_empty_arabic_text_is_left_out_of_the_xmp(image: Image.Image, tmp_path: Path) -> None:
    record = replace(RECORD, arabic="")
    path = save_with_record(image, record, tmp_path / "a.png")
    assert b'"ar"' not in xmp_of(path)
    assert read_record(path) == record


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_xmp_has_no_control_characters(suffix: str, image: Image.Image, tmp_path: Path) -> None:
    text = xmp_of(save_with_record(image, HARD, tmp_path / f"a{suffix}")).decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe]", text)


def test_lone_surrogates_are_replaced(image: Image.Image, tmp_path: Path) -> None:
    path = save_with_record(image, replace(RECORD, prompt="cat \ud83d"), tmp_path / "a.jpg")
    assert read_record(path) == replace(RECORD, prompt="cat ?")


def test_infotext_has_the_format_of_the_web_ui() -> None:
    assert infotext(RECORD) == (
        "a red cat on a chair\n"
        "Negative prompt: blurry\n"
        "Steps: 20, Sampler: DPM++ 2M, CFG scale: 7.5, Seed: 9, Size: 64x48, "
        "Model: marsam/mini-painter"
    )
    other = replace(
        RECORD, negative_prompt="", scheduler="Novel", painter="a: b, c", guidance_scale=7
    )
    assert infotext(other) == (
        "a red cat on a chair\n"
        'Steps: 20, Sampler: Novel, CFG scale: 7, Seed: 9, Size: 64x48, Model: "a: b, c"'
    )


def test_a_prompt_cannot_add_parameters() -> None:
    forged = "cat\nNegative prompt: dog\r\nSteps: 1, Sampler: x, CFG scale: 1, Seed: 1"
    lines = infotext(replace(RECORD, prompt=forged, painter=f"m\n{forged}")).split("\n")
    assert len(lines) == 3
    assert lines[1] == "Negative prompt: blurry"
    assert lines[2].startswith("Steps: 20, ")


@pytest.mark.parametrize(
    ("prompt", "literal"),
    [
        ("a cat (black) AND a dog [white]", r"a cat \(black\) and a dog \[white\]"),
        ("((cat: 1.3)) BREAK", r"\(\(cat: 1.3\)\) break"),
        ("a \\ slash, LANDSCAPE", r"a \\ slash, LANDSCAPE"),
        ("<lora:x:1>", "‹lora:x:1›"),
    ],
)
def test_words_are_words_in_other_programs_too(prompt: str, literal: str) -> None:
    text = infotext(replace(RECORD, prompt=prompt, negative_prompt=prompt)).split("\n")
    assert text[:2] == [literal, f"Negative prompt: {literal}"]


def test_weights_are_weights_in_other_programs_too() -> None:
    record = replace(RECORD, prompt=r"a (black \(or gray\) cat:1.3) AND (sun:0.8)")
    (line, *_) = infotext(record).split("\n")
    assert line == r"a (black \(or gray\) cat:1.3) and (sun:0.8)"


def test_infotext_is_saved_where_other_tools_read_it(image: Image.Image, tmp_path: Path) -> None:
    arabic = replace(RECORD, prompt="قطة 🐈")
    for record, chunk in ((RECORD, b"tEXtparameters\0"), (arabic, b"iTXtparameters\0")):
        path = save_with_record(image, record, tmp_path / "a.png")
        assert chunk in path.read_bytes()
        with Image.open(path) as picture:
            assert picture.info["parameters"] == infotext(record)
        for suffix in (".jpg", ".webp"):
            path = save_with_record(image, record, tmp_path / f"a{suffix}")
            assert user_comment(path) == infotext(record)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_of_the_source_is_dropped(kind: str, suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"secret-holiday.{kind.lower()}"
    exif = Image.Exif()
    exif[0x010E] = "secret title"
    exif[0x0112] = 6  # the camera was held a quarter turn
    exif.get_ifd(0x8825).update({1: "N", 2: (21.0, 25.0, 21.0), 3: "E", 4: (39.0, 49.0, 34.0)})
    info = PngInfo()
    info.add_text("path", "secret text")
    Image.new("RGB", (64, 48), "red").save(
        source,
        kind,
        exif=exif,
        xmp=b"<secret/>",
        icc_profile=b"secret profile",
        comment=b"secret comment",
        pnginfo=info,
    )
    with Image.open(source) as opened:
        assert opened.getexif().get_ifd(0x8825)
        path = save_with_record(opened, RECORD, tmp_path / f"new{suffix}")
    assert b"secret" not in path.read_bytes()
    with Image.open(path) as saved:
        assert saved.size == (48, 64)  # upright, without the mark
        assert not saved.getexif().get_ifd(0x8825)
        assert set(saved.getexif()) <= {0x8769}
        assert "icc_profile" not in saved.info
        assert "comment" not in saved.info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_images_of_other_programs_have_no_record(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    Image.new("RGB", (9, 9)).save(path, kind)
    assert read_record(path) is None
    Image.new("RGB", (9, 9)).save(path, kind, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    assert read_record(path) is None


def test_a_png_text_named_xmp_is_no_record(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("xmp", XMP_NAMESPACE)
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png", pnginfo=info)
    assert read_record(tmp_path / "a.png") is None


def test_data_without_an_image_is_rejected(tmp_path: Path) -> None:
    for data in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(40)):
        with pytest.raises(PictureError):
            read_record(data)
    with pytest.raises(PictureError, match="File not found"):
        read_record(tmp_path / "none.png")


BOMB = "".join(f'<!ENTITY b{i} "{f"&b{i - 1};" * 10}">' for i in range(1, 10))
MALICIOUS = {
    "entity bomb": f'<!DOCTYPE r [<!ENTITY b0 "x">{BOMB}]><r xmlns="{XMP_NAMESPACE}">&b9;</r>',
    "external entity": f'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    f'<record xmlns="{XMP_NAMESPACE}">&e;</record>',
    "external type": f'<!DOCTYPE r SYSTEM "http://localhost/x.dtd"><r xmlns="{XMP_NAMESPACE}"/>',
    "undeclared entity": f'<r xmlns="{XMP_NAMESPACE}">&e;</r>',
    "huge": f'<record xmlns="{XMP_NAMESPACE}">{" " * MAX_XMP_BYTES}</record>',
    "cut": f'<record xmlns="{XMP_NAMESPACE}">',
    "empty": f'<record xmlns="{XMP_NAMESPACE}"></record>x',
    "not JSON": f'<record xmlns="{XMP_NAMESPACE}">hello</record>',
    "deep JSON": f'<record xmlns="{XMP_NAMESPACE}">{"[" * 100_000}</record>',
    "long number": f'<record xmlns="{XMP_NAMESPACE}">{"9" * 100_000}</record>',
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_malicious_and_damaged_records_are_rejected(name: str) -> None:
    with pytest.raises(PictureError, match=r"^The Marsam metadata in this image is damaged\.$"):
        read_record(png_with(MALICIOUS[name].encode()))


def test_xmp_in_another_encoding_is_rejected() -> None:
    for xmp in (
        f'<r xmlns="{XMP_NAMESPACE}">'.encode() + b"\xff</r>",
        f'\ufeff<r xmlns="{XMP_NAMESPACE}"/>'.encode("utf-16-le") + XMP_NAMESPACE.encode(),
    ):
        with pytest.raises(PictureError, match="damaged"):
            read_record(png_with(xmp))


def test_deeply_nested_xml_is_ignored() -> None:
    depth = MAX_XMP_BYTES // 8
    xmp = f'<r xmlns="{XMP_NAMESPACE}">' + "<a>" * depth + "</a>" * depth + "</r>"
    assert read_record(png_with(xmp.encode())) is None


def test_decompressed_xmp_has_a_limit() -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", b" " * 15_000_000 + XMP_NAMESPACE.encode(), zip=True)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    assert len(buffer.getvalue()) < 50_000
    with pytest.raises(PictureError):
        read_record(buffer.getvalue())


def test_read_record_decodes_no_pixels(image: Image.Image, tmp_path: Path) -> None:
    data = save_with_record(image, RECORD, tmp_path / "a.png").read_bytes()
    start = data.index(b"IDAT") + 4
    assert zlib.decompressobj().decompress(data[start:])
    assert read_record(data[:start] + bytes(len(data) - start)) == RECORD


def test_the_record_can_be_an_attribute() -> None:
    text = RECORD.to_json().replace('"', "&quot;")
    assert (
        read_record(png_with(f'<r xmlns:m="{XMP_NAMESPACE}" m:record="{text}"/>'.encode()))
        == RECORD
    )


def test_from_json_checks_the_version() -> None:
    data = json.loads(RECORD.to_json())
    assert data["format"] == 1
    assert Record.from_json(RECORD.to_json()) == RECORD
    with pytest.raises(PictureError, match="newer Marsam"):
        Record.from_json(json.dumps({"format": 3, "all": "new"}))
    assert Record.from_json(json.dumps({**data, "guidance_scale": 7, "more": 1})) == replace(
        RECORD, guidance_scale=7.0
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 0},
        {"format": True},
        {"format": "1"},
        {"seed": "9"},
        {"seed": True},
        {"seed": 9.0},
        {"prompt": None},
        {"prompt": "\ud800"},
        {"guidance_scale": float("nan")},
        {"guidance_scale": float("inf")},
        {"guidance_scale": 10**400},
    ],
)
def test_json_with_invalid_values_is_rejected(changes: dict[str, Any]) -> None:
    data = {**json.loads(RECORD.to_json()), **changes}
    with pytest.raises(PictureError, match="damaged"):
        Record.from_json(json.dumps(data))


@pytest.mark.parametrize("name", ["english", "arabic", "prompt", "negative_prompt", "painter"])
def test_texts_of_a_record_are_bounded(name: str) -> None:
    """A page keeps them as long as it is open."""
    data = {**json.loads(RECORD.to_json()), name: "x" * (MAX_RAW_CHARACTERS + 1)}
    with pytest.raises(PictureError, match="damaged"):
        read_record(
            png_with(f'<r xmlns="{XMP_NAMESPACE}"><record>{json.dumps(data)}</record></r>'.encode())
        )


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"format": 1}', "NaN", "1" * 5000])
def test_json_without_a_record_is_rejected(text: str) -> None:
    with pytest.raises(PictureError, match="damaged"):
        Record.from_json(text)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_exiftool_reads_all_metadata(
    suffix: str, image: Image.Image, tmp_path: Path, exiftool: str
) -> None:
    record = replace(RECORD, english='a <red> cat & a "hat" 🎩', prompt="قطة")
    path = save_with_record(image, record, tmp_path / f"a{suffix}")
    command = [exiftool, "-j", "-G1", "-n", "-warning", "-error", "-all", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    (found,) = json.loads(done.stdout)
    for name in ("XMP-dc:Description", "XMP-iptcCore:AltTextAccessibility"):
        assert found[name] == record.english
        assert found[f"{name}-en"] == record.english
        assert found[f"{name}-ar"] == record.arabic
    assert found["XMP-iptcExt:DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    name = "PNG:Parameters" if suffix == ".png" else "ExifIFD:UserComment"
    assert found[name] == infotext(record)
    assert not [name for name in found if "GPS" in name or name.endswith(("Warning", "Error"))]


def packet(*items: tuple[str, str], more: str = "") -> bytes:
    """XMP with alt texts by language tag, as other programs write it."""
    values = "".join(f'<rdf:li xml:lang="{tag}">{text}</rdf:li>' for tag, text in items)
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" xmlns:marsam="urn:marsam:1.0">
<Iptc4xmpCore:AltTextAccessibility><rdf:Alt>{values}</rdf:Alt></Iptc4xmpCore:AltTextAccessibility>
{more}</rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


@pytest.mark.parametrize(
    ("xmp", "found"),
    [
        (packet(("x-default", "My  cat\nMishmish")), {"eng_Latn": "My cat Mishmish"}),
        (packet(("x-default", "قطتي مشمش")), {"arb_Arab": "قطتي مشمش"}),
        (
            packet(("x-default", "A"), ("en-GB", "A"), ("ar-EG", "ب"), ("fr", "C")),
            {"eng_Latn": "A", "arb_Arab": "ب", "fra_Latn": "C"},
        ),
        (packet(("en", ""), ("tlh", "nuqneH")), {}),
        (packet(("en", "A"), more="<marsam:record>{}</marsam:record>"), {}),
        (packet(("en", "A")).replace(b"Description\n", b"Description marsam:record='{}'\n"), {}),
        (packet(*((f"q{number}-zz", "A") for number in range(5000))), {}),
        (packet(("q" * 9000, "A"), ("en", "B")), {"eng_Latn": "B"}),
        (b"<!DOCTYPE x>" + packet(("en", "A")), {}),
        (packet(("en", "A"))[:-9], {}),
        ("AltTextAccessibility", {}),
        (None, {}),
    ],
)
def test_the_alt_text_of_other_programs_is_read(xmp: object, found: dict[str, str]) -> None:
    assert alt_texts(xmp) == found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_opened_image_keeps_only_its_alt_text(kind: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    noise = Image.effect_noise((400, 300), 80).convert("RGB")
    written: dict[str, Any] = {"xmp": packet(("en", "My cat"))}
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", written.pop("xmp"))
        written = {"pnginfo": info}
    elif kind == "TIFF":
        written = {"tiffinfo": {700: written["xmp"]}}
    noise.save(buffer, kind, **written)
    image = open_picture(buffer.getvalue(), side=100)
    assert image.info == {"alt_texts": {"eng_Latn": "My cat"}}
    assert open_picture(image).info == image.info
    saved = save_input_image(image, tmp_path / "source.png")
    assert open_picture(saved).info == image.info


def test_a_text_chunk_is_no_alt_text() -> None:
    buffer, info = io.BytesIO(), PngInfo()
    info.add_text("alt_texts", "hello")
    Image.new("RGB", (9, 9)).save(buffer, "PNG", pnginfo=info)
    assert open_picture(buffer.getvalue()).info == {}


def test_an_older_marsam_refuses_only_what_it_would_misread() -> None:
    """It knows no start picture, and would paint a variation from words alone."""
    assert json.loads(RECORD.to_json())["format"] == 1
    assert json.loads(VARIATION.to_json())["format"] == 2
    assert infotext(VARIATION).endswith("Denoising strength: 0.35")
