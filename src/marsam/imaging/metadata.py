"""Metadata of saved pictures, in the formats that other programs read.

- XMP ``dc:description`` and the IPTC alt text, in the languages x-default, English and Arabic.
- The IPTC digital source type: made by a trained model.
- ``parameters`` as in the Stable Diffusion web UI: a PNG text chunk, or the EXIF user comment.
- ``marsam:record`` in the XMP, the same in all formats: all settings needed to repeat the picture.

Nothing of the input image is saved but an alt text that it carries, and a checksum where it is the
start of a variation: no pixels, no file name, no place.
"""

import json
import math
import os
import re
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from marsam.errors import OptionError, PictureError
from marsam.imaging.image_io import open_header, open_picture, save_picture
from marsam.imaging.xmp import MAX_XMP_BYTES, XMP_NAMESPACE, parse_xmp, xmp_property
from marsam.notices import Notice
from marsam.options import MAX_RAW_CHARACTERS
from marsam.results import Picture, Prompt
from marsam.text.languages import language
from marsam.text.prompt_syntax import weighted_parts
from marsam.version import __version__

MAX_NAME_CHARACTERS = 500
"""Of a model, a scheduler or a version in a record, and of all warnings together."""
RECORD_FORMAT = 2  # increases when an older Marsam would misread a newer file
FORMAT_WITHOUT_START = 1
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MAX_JPEG_SEGMENT_BYTES = 65_000  # of metadata; the length field of a segment has 16 bits

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
# Characters that XML 1.0 does not allow, and the control characters that it does.
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Sampler names of the web UI by scheduler of diffusers.
SAMPLERS = {
    "DPMSolverMultistep": "DPM++ 2M",
    "EulerAncestralDiscrete": "Euler a",
    "EulerDiscrete": "Euler",
    "HeunDiscrete": "Heun",
    "LMSDiscrete": "LMS",
    "PNDM": "PLMS",
    "UniPCMultistep": "UniPC",
}
_DAMAGED = "The Marsam metadata in this image is damaged."
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:marsam="{namespace}">
<dc:description>{texts}</dc:description>
{more}</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """Description and settings of a picture."""

    english: str  # description
    arabic: str  # description; may be empty
    prompt: str
    negative_prompt: str
    seed: int  # of this picture, not of the first of its run
    steps: int
    scheduler: str  # class name in diffusers without "Scheduler"
    guidance_scale: float
    width: int  # in pixels
    height: int  # in pixels
    painter: str  # name of the model
    recipe: str
    style: str = ""  # key of the style whose words the prompts have
    adapter: str = ""  # name of the LoRA, if one was used
    strength: float = 0.0  # of a variation; 0 for a picture from words alone
    start_sha256: str = ""  # as of marsam.results.Picture
    warnings: str = ""  # about the description: names of Notice, separated by spaces
    version: str = __version__  # of Marsam

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Return the notices about the description."""
        names = self.warnings.split()
        return tuple(notice for notice in Notice if str(notice) in names)

    @property
    def is_too_long(self) -> bool:
        """Whether a text or a name is longer than any that Marsam works with."""
        texts = (self.english, self.arabic, self.prompt, self.negative_prompt)
        names = (value for value in asdict(self).values() if isinstance(value, str))
        return max(map(len, texts)) > MAX_RAW_CHARACTERS or any(
            len(name) > MAX_NAME_CHARACTERS for name in names if name not in texts
        )

    def to_json(self) -> str:
        """Return one line of JSON without control characters; lone surrogates become ``?``."""
        version = RECORD_FORMAT if self.start_sha256 else FORMAT_WITHOUT_START
        text = json.dumps({"format": version, **asdict(self)}, ensure_ascii=False)
        text = text.encode("utf-8", "replace").decode("utf-8")
        return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """Parse what :meth:`to_json` returned; the texts are untrusted input.

        Raises:
            PictureError: the text is no record, or of a newer version of Marsam.
        """
        try:
            data = json.loads(text)
            version = _typed(data["format"], int)
            if version > RECORD_FORMAT:
                raise PictureError("A newer Marsam made this image; update Marsam to read it.")
            # Fields that are not in pictures of earlier versions.
            later = {
                "warnings": "",
                "adapter": "",
                "style": "",
                "strength": 0.0,
                "start_sha256": "",
            }
            data = later | data
            values = {field.name: _typed(data[field.name], field.type) for field in fields(cls)}
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise PictureError(_DAMAGED) from error
        record = cls(**values)
        if version not in (FORMAT_WITHOUT_START, RECORD_FORMAT) or record.is_too_long:
            raise PictureError(_DAMAGED)
        return record


def record_of(picture: Picture, prompt: Prompt | None) -> Record:
    """The record of a painted picture, with the texts of ``prompt``; PictureError if blocked."""
    if picture.image is None:
        raise PictureError("A blocked picture cannot be saved.")
    return Record(
        english=prompt.english if prompt else picture.prompt,
        arabic=prompt.arabic if prompt else "",
        prompt=picture.prompt,
        negative_prompt=picture.negative_prompt,
        seed=picture.seed,
        steps=picture.steps,
        scheduler=picture.scheduler,
        style=picture.style,
        adapter=picture.adapter,
        strength=picture.strength or 0.0,
        start_sha256=picture.start_sha256,
        guidance_scale=picture.guidance_scale,
        width=picture.image.width,
        height=picture.image.height,
        painter=picture.painter,
        recipe=picture.recipe,
        warnings=" ".join(map(str, prompt.warnings)) if prompt else "",
    )


def _typed(value: Any, kind: Any) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise TypeError(kind)
    if kind is str:
        value.encode("utf-8")  # raises for lone surrogates, which JSON can contain
    elif kind is float and not math.isfinite(value):
        raise ValueError(value)
    return value


def infotext(record: Record) -> str:
    """The generation parameters as text, in the format of AUTOMATIC1111's web UI."""
    lines = [_prompt(record.prompt)]
    if negative := _prompt(record.negative_prompt):
        lines.append(f"Negative prompt: {negative}")
    settings = {
        "Steps": record.steps,
        "Sampler": SAMPLERS.get(record.scheduler, record.scheduler),
        "CFG scale": f"{record.guidance_scale:g}",
        "Seed": record.seed,
        "Size": f"{record.width}x{record.height}",
        "Model": record.painter,
    }
    if record.adapter:
        settings["LoRA"] = record.adapter
    if record.strength:
        settings["Denoising strength"] = f"{record.strength:g}"
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in settings.items()))
    return "\n".join(lines).strip()


def _prompt(text: str) -> str:
    """A prompt whose weights are read as weights, and no other bracket."""
    parts = weighted_parts(_one_line(text))
    return "".join(
        _literal(part) if weight == 1 else f"({_literal(part)}:{weight:g})"
        for part, weight in parts
    )


def _literal(text: str) -> str:
    """A text in which no bracket is a weight, and no word in capitals composes two prompts."""
    text = re.sub(r"\b(AND|BREAK)\b", lambda word: word[0].lower(), text)
    text = text.replace("<", "\u2039").replace(">", "\u203a")  # of adapters; nothing escapes them
    return re.sub(r"([\\()\[\]])", r"\\\1", text)


def _one_line(text: str) -> str:
    """Join lines: CLIP ignores line breaks, and in this format they would start a new field."""
    return _UNPRINTABLE.sub("", " ".join(text.split()))


def _quoted(value: object) -> str:
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if re.search('[,:"]', text) else text


def xmp_packet(
    texts: Iterable[tuple[str, str]], more: str = "", *, warnings: Iterable[str] = ()
) -> str:
    """An XMP packet of pairs (language tag, description and alt text), the default first.

    Args:
        texts: the pairs.
        more: further XML elements, escaped.
        warnings: names of :class:`marsam.notices.Notice` about the texts. With ``out_of_world``
            they are descriptions only: nothing offers them as alt text.
    """
    warnings = tuple(warnings)
    if warnings:
        more += f"<marsam:warnings>{escape(' '.join(warnings))}</marsam:warnings>\n"
    escaped = [(tag, xml) for tag, text in texts if (xml := _escape(text))]
    default = [("x-default", xml) for _, xml in escaped[:1]]
    items = "".join(f'<rdf:li xml:lang="{tag}">{xml}</rdf:li>' for tag, xml in (*default, *escaped))
    values = f"<rdf:Alt>{items}</rdf:Alt>"
    if str(Notice.OUT_OF_WORLD) not in warnings:
        alt_text = "Iptc4xmpCore:AltTextAccessibility"
        more = f"<{alt_text}>{values}</{alt_text}>\n{more}"
    return _PACKET.format(namespace=XMP_NAMESPACE, texts=values, more=more)


def _record_xmp(record: Record) -> bytes:
    more = (
        f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>\n"
        f"<marsam:record>{escape(record.to_json())}</marsam:record>\n"
    )
    return xmp_packet((("en", record.english), ("ar", record.arabic)), more).encode()


def _exif(comment: bytes) -> bytes:
    """EXIF data with a user comment: header, main directory, and EXIF directory of two entries.

    Built by hand, because Pillow writes the comment with type BYTE; with any type but UNDEFINED (7)
    the web UI reads a list of numbers.
    """
    header = struct.pack(">2sHI", b"MM", 42, 8)
    main = struct.pack(">HHHIII", 1, 0x8769, 4, 1, 26, 0)
    version = struct.pack(">HHI4s", 0x9000, 7, 4, b"0232")
    entry = struct.pack(">HHII", 0x9286, 7, len(comment), 56)
    return b"Exif\0\0" + header + main + b"\0\x02" + version + entry + bytes(4) + comment


def _escape(text: str) -> str:
    return escape(_UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip())


def save_input_image(image: Image.Image, path: Path) -> Path:
    """Save an opened image as PNG, with the alt texts that it carries and nothing else."""
    kept: dict[str, str] = image.info.get("alt_texts", {})
    info = PngInfo()
    if kept:
        texts = ((language(code).tag, text) for code, text in kept.items())
        info.add_itxt("XML:com.adobe.xmp", xmp_packet(texts))
    return save_picture(image, path, "PNG", pnginfo=info)


def save_with_record(image: Image.Image, record: Record, path: Path) -> Path:
    """Save a picture atomically with its record; PNG and WebP are lossless, JPEG has quality 95.

    Args:
        image: any mode; saved as RGB without its own metadata.
        record: the metadata to save.
        path: ends in ``.png``, ``.jpg``, ``.jpeg`` or ``.webp``.

    Raises:
        OptionError: another ending, or the texts are too long for the format.
        PictureError: more than 25 megapixels.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OptionError("Cannot save {file}: use .png, .jpg or .webp.", file=path.name)
    xmp, text = _record_xmp(record), infotext(record)
    comment = b"UNICODE\0" + text.encode("utf-16-be")
    most = MAX_JPEG_SEGMENT_BYTES if kind == "JPEG" else MAX_XMP_BYTES
    if record.is_too_long or max(len(xmp), len(comment)) > most:
        raise OptionError("The texts are too long for the metadata of a {kind} file.", kind=kind)
    encoding: dict[str, Any]
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        info.add_text("parameters", text)  # Latin-1 where that is enough, UTF-8 otherwise
        encoding = {"pnginfo": info}
    else:
        quality = {"quality": 95} if kind == "JPEG" else {"lossless": True}
        encoding = {"xmp": xmp, "exif": _exif(comment), **quality}
    return save_picture(open_picture(image), path, kind, **encoding)


def read_record(source: str | os.PathLike[str] | bytes | BinaryIO) -> Record | None:
    """The record in an image, or None; no pixels are decoded.

    Args:
        source: a path, the bytes of a file, or an open binary file; untrusted.

    Raises:
        PictureError: the image cannot be read, or its record is damaged or of a newer Marsam.
    """
    with open_header(source) as image:
        xmp = image.info.get("xmp")
    # Pillow returns a PNG text chunk named "xmp" as a str.
    if not isinstance(xmp, bytes) or XMP_NAMESPACE.encode() not in xmp:
        return None  # no record, so nothing is parsed
    try:
        root = parse_xmp(xmp)
    except ValueError as error:
        raise PictureError(_DAMAGED) from error
    text = xmp_property(root, f"{{{XMP_NAMESPACE}}}record")
    return None if text is None else Record.from_json(text)
