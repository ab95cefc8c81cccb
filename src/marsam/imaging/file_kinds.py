"""What a file is that cannot be read as an image, and what to do about it."""

import re

from marsam.messages import Sentence, isolated

READABLE = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP"
"""Formats that are read, for messages and help texts."""


def _format(name: str) -> Sentence:
    return Sentence(
        f"{name} pictures are not supported; save the picture as JPEG or PNG.",
        f"صور {isolated(name)} غير مدعومة؛ احفظ الصورة بصيغة JPEG أو PNG.",
    )


EMPTY = Sentence(
    "The file is empty; copy or download it again.", "الملف فارغ؛ انسخه أو نزّله من جديد."
)
WEB_PAGE = Sentence(
    "This is a web page, not a picture; save the picture itself.",
    "هذه صفحة ويب وليست صورة؛ احفظ الصورة نفسها.",
)
SVG = Sentence("This is an SVG drawing; export it as PNG.", "هذا رسم SVG؛ صدّره بصيغة PNG.")
HEIC = Sentence(
    "HEIC pictures need the package pi-heif; install it, or save the picture as JPEG.",
    "صور HEIC تحتاج إلى الحزمة \u2068pi-heif\u2069؛ ثبّتها أو احفظ الصورة بصيغة JPEG.",
)
AVIF_FILE = _format("AVIF")
RAW = Sentence(
    "This is a camera's raw file; export it as JPEG.", "هذا ملف خام من آلة تصوير؛ صدّره بصيغة JPEG."
)
PDF = Sentence(
    "This is a PDF document; export the page as PNG.", "هذا مستند PDF؛ صدّر الصفحة بصيغة PNG."
)
VIDEO = Sentence(
    "This is a video; save one of its frames as JPEG or PNG.",
    "هذا مقطع فيديو؛ احفظ إحدى لقطاته بصيغة JPEG أو PNG.",
)
ARCHIVE = Sentence(
    "This is an archive or an office document; take the picture out of it first.",
    "هذا أرشيف أو مستند مكتبي؛ استخرج الصورة منه أولًا.",
)
TEXT = Sentence("This is a text file, not a picture.", "هذا ملف نصي وليس صورة.")
DAMAGED = Sentence("The image is damaged or incomplete.", "الصورة تالفة أو ناقصة.")
UNKNOWN = Sentence(
    "Not a supported image: use JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP.",
    "هذا الملف ليس صورة مدعومة؛ استخدم JPEG أو PNG أو WebP أو AVIF أو HEIC أو GIF أو TIFF أو BMP.",
)

_SIGNATURES = (
    (rb"%PDF-", PDF),
    (rb"II\x2a\x00.{4}CR|IIU\x00|IIR[OS]|MMOR|FUJIFILMCCD-RAW|....ftypcrx |\x00MRM|FOVb", RAW),
    (rb"....ftyp(?:heic|heix|heim|heis|hevc|hevx|mif1|msf1)", HEIC),
    (rb"....ftyp(?:avif|avis)", AVIF_FILE),
    (rb"....(?:ftyp|moov)|\x1a\x45\xdf\xa3|RIFF....AVI |FLV\x01|\x00\x00\x01\xba", VIDEO),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", _format("JPEG XL")),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", _format("JPEG 2000")),
    (rb"8BPS", _format("Photoshop")),
    (rb"gimp xcf", _format("GIMP")),
    (rb"\x00\x00[\x01\x02]\x00", _format("ICO")),
    (rb"qoif", _format("QOI")),
    (rb"P[1-7]\s", _format("PNM")),
    (rb"\xd7\xcd\xc6\x9a|.{40} EMF|\x01\x00\x09\x00", _format("WMF")),
    (rb"PK\x03\x04|Rar!|7z\xbc\xaf|\x1f\x8b|\xd0\xcf\x11\xe0", ARCHIVE),
    (rb"\xff\xd8|\x89PNG|RIFF....WEBP|GIF8|BM|II\x2a\x00|MM\x00\x2a", DAMAGED),
)


_ALL = (EMPTY, WEB_PAGE, SVG, TEXT, UNKNOWN, *(kind for _, kind in _SIGNATURES))


def arabic_of(sentence: str) -> str:
    """The Arabic of a refusal that was stored in English; empty for any other sentence."""
    return next((kind.ar for kind in _ALL if kind.en == sentence), "")


def refusal(data: bytes) -> Sentence:
    """Tell from its first bytes what a file is."""
    if not data.strip():
        return EMPTY
    for signature, kind in _SIGNATURES:
        if re.match(signature, data, re.DOTALL):
            return kind
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if re.search(rb"<svg[\s>/]", start):
        return SVG
    if re.match(rb"<!doctype html|<html|<head|<body|<!--", start):
        return WEB_PAGE
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in data[:4096])
    return TEXT if printable else UNKNOWN


def is_picture(data: bytes) -> bool:
    """Whether a file is of a format that is read, by its first bytes."""
    return refusal(data) in (DAMAGED, HEIC, AVIF_FILE)
