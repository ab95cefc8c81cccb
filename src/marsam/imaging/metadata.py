"""What a saved picture says about itself, in the words other programs read.

- XMP ``dc:description`` and the IPTC alt text, both as alternatives: x-default, English, Arabic.
- The IPTC digital source type: made by a trained model.
- ``parameters``, as the Stable Diffusion web UI writes it: a PNG text, or the EXIF comment.
- ``marsam:record`` in the XMP, the same in all formats: everything needed to paint it again.

Of the picture it all began with, nothing: not its pixels, its name, or where it was taken.
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
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from marsam.errors import OptionError, PictureError
from marsam.imaging.image_io import open_header, open_picture, save_picture
from marsam.results import Picture, Prompt
from marsam.version import __version__

RECORD_FORMAT = 1
"""The number of the record's layout; it grows when an older Marsam would misread a newer file."""
XMP_NAMESPACE = "urn:marsam:1.0"
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MAX_XMP_BYTES = 250_000
"""Bytes of XMP; several times what the longest prompts and captions need."""
MAX_JPEG_SEGMENT_BYTES = 65_000
"""Bytes of one kind of metadata in a JPEG, a little under the 16 bits its length is written in."""

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
# What XML 1.0 cannot hold, and the control characters it could.
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The web UI's names for the samplers of diffusers.
_SAMPLERS = {
    "DDIM": "DDIM",
    "DPMSolverMultistep": "DPM++ 2M",
    "EulerAncestralDiscrete": "Euler a",
    "EulerDiscrete": "Euler",
    "HeunDiscrete": "Heun",
    "LCM": "LCM",
    "LMSDiscrete": "LMS",
    "PNDM": "PLMS",
    "UniPCMultistep": "UniPC",
}
_DAMAGED = "The record in this picture is damaged and cannot be read."
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:marsam="{namespace}">
<dc:description>{words}</dc:description>
<Iptc4xmpCore:AltTextAccessibility>{words}</Iptc4xmpCore:AltTextAccessibility>
{more}</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a picture came to be.

    Attributes:
        english: the description of the picture.
        arabic: its twin; may be empty.
        seed: of this very picture, not of the first of its run.
        scheduler: the sampler, by the name of its diffusers class without ``Scheduler``.
        width: pixels.
        height: pixels.
        painter: the name of the model.
        version: of the Marsam that painted it.
    """

    english: str
    arabic: str
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    scheduler: str
    guidance_scale: float
    width: int
    height: int
    painter: str
    recipe: str
    version: str = __version__

    def to_json(self) -> str:
        """One line of JSON, free of control characters; half surrogates become ``?``."""
        text = json.dumps({"format": RECORD_FORMAT, **asdict(self)}, ensure_ascii=False)
        text = text.encode("utf-8", "replace").decode("utf-8")
        return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """The record written by :meth:`to_json`; the texts are as untrusted as their file.

        Raises:
            PictureError: for what is not a record, and for one of a newer Marsam.
        """
        try:
            data = json.loads(text)
            number = _typed(data["format"], int)
            if number > RECORD_FORMAT:
                raise PictureError("This picture is from a newer Marsam; update Marsam to read it.")
            values = {field.name: _typed(data[field.name], field.type) for field in fields(cls)}
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise PictureError(_DAMAGED) from error
        if number != RECORD_FORMAT:
            raise PictureError(_DAMAGED)
        return cls(**values)


def record_of(picture: Picture, prompt: Prompt | None) -> Record:
    """The record of a painted picture; ``prompt`` brings its description in both languages.

    Raises:
        PictureError: when the picture was withheld.
    """
    if picture.image is None:
        raise PictureError("A picture that was withheld cannot be saved.")
    return Record(
        english=prompt.english if prompt else picture.prompt,
        arabic=prompt.arabic if prompt else "",
        prompt=picture.prompt,
        negative_prompt=picture.negative_prompt,
        seed=picture.seed,
        steps=picture.steps,
        scheduler=picture.scheduler,
        guidance_scale=picture.guidance_scale,
        width=picture.image.width,
        height=picture.image.height,
        painter=picture.painter,
        recipe=picture.recipe,
    )


def _typed(value: Any, kind: Any) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise TypeError(kind)
    if kind is str:
        value.encode("utf-8")  # JSON can smuggle in half surrogates, which no output could show
    elif kind is float and not math.isfinite(value):
        raise ValueError(value)
    return value


def infotext(record: Record) -> str:
    """The text Stable Diffusion tools read, in the layout of AUTOMATIC1111's web UI."""
    lines = [_one_line(record.prompt)]
    if negative := _one_line(record.negative_prompt):
        lines.append(f"Negative prompt: {negative}")
    settings = {
        "Steps": record.steps,
        "Sampler": _SAMPLERS.get(record.scheduler, record.scheduler),
        "CFG scale": f"{record.guidance_scale:g}",
        "Seed": record.seed,
        "Size": f"{record.width}x{record.height}",
        "Model": record.painter,
    }
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in settings.items()))
    return "\n".join(lines).strip()


def _one_line(text: str) -> str:
    """CLIP reads all white space as one space; here a new line would begin another field."""
    return _UNPRINTABLE.sub("", " ".join(text.split()))


def _quoted(value: object) -> str:
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if re.search('[,:"]', text) else text


def xmp_packet(texts: Iterable[tuple[str, str]], more: str = "") -> str:
    """An XMP packet that describes a picture.

    Args:
        texts: pairs of a language's tag and the text in it; the first is also everybody's.
        more: elements of our own, escaped.
    """
    shown = [(tag, text) for tag, words in texts if (text := _displayed(words))]
    everybody = [("x-default", text) for _, text in shown[:1]]
    words = "".join(
        f'<rdf:li xml:lang="{tag}">{text}</rdf:li>' for tag, text in (*everybody, *shown)
    )
    return _PACKET.format(namespace=XMP_NAMESPACE, words=f"<rdf:Alt>{words}</rdf:Alt>", more=more)


def _xmp(record: Record) -> bytes:
    more = (
        f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>\n"
        f"<marsam:record>{escape(record.to_json())}</marsam:record>\n"
    )
    return xmp_packet((("en", record.english), ("ar", record.arabic)), more).encode()


def _exif(comment: bytes) -> bytes:
    """EXIF with a user comment: a header, a directory pointing to another, and its two entries.

    By hand, because Pillow would type the comment as bytes; it must be "undefined" (7), or the
    web UI finds a row of numbers.
    """
    header = struct.pack(">2sHI", b"MM", 42, 8)
    main = struct.pack(">HHHIII", 1, 0x8769, 4, 1, 26, 0)
    version = struct.pack(">HHI4s", 0x9000, 7, 4, b"0232")
    entry = struct.pack(">HHII", 0x9286, 7, len(comment), 56)
    return b"Exif\0\0" + header + main + b"\0\x02" + version + entry + bytes(4) + comment


def _displayed(text: str) -> str:
    return escape(_UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip())


def save_with_record(image: Image.Image, record: Record, path: Path) -> Path:
    """Save a picture that carries its record; PNG and WebP keep every pixel, JPEG nearly so.

    Args:
        image: any mode; saved as RGB, and whatever metadata it carried stays behind.
        record: how it came to be.
        path: ends in ``.png``, ``.jpg``, ``.jpeg`` or ``.webp``; appears at once and whole.

    Raises:
        OptionError: for another ending, or when the texts do not fit into the format.
        PictureError: for more than 25 megapixels.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise OptionError(f"A picture is saved as .png, .jpg or .webp, not as {path.name}.")
    xmp, text = _xmp(record), infotext(record)
    comment = b"UNICODE\0" + text.encode("utf-16-be")
    if max(len(xmp), len(comment)) > (MAX_JPEG_SEGMENT_BYTES if kind == "JPEG" else MAX_XMP_BYTES):
        raise OptionError(f"The texts are too long to be stored in a {kind} file.")
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
    """The record a picture carries, or None when it carries none; no pixel is decoded.

    Args:
        source: a path, the bytes of a file, or an open binary file; may come from a stranger.

    Raises:
        PictureError: not a picture we read, or its record is damaged or of a newer Marsam.
    """
    with open_header(source) as picture:
        xmp = picture.info.get("xmp")
    # A PNG text that somebody named "xmp" arrives here as a str.
    if not isinstance(xmp, bytes) or XMP_NAMESPACE.encode() not in xmp:
        return None  # not ours, and so never parsed
    # Without a document type there are no entities to expand.
    if len(xmp) > MAX_XMP_BYTES or b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:
        raise PictureError(_DAMAGED)
    try:
        # Decoded here: text makes the parser ignore what the file says about its own encoding.
        root = ElementTree.fromstring(xmp.decode("utf-8-sig"))  # noqa: S314
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise PictureError(_DAMAGED) from error
    name = f"{{{XMP_NAMESPACE}}}record"
    for element in root.iter():
        # Tools that rewrite XMP may turn a simple property into an attribute.
        text = element.text if element.tag == name else element.get(name)
        if text is not None:
            return Record.from_json(text)
    return None
