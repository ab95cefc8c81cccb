"""Generation parameters in images, as text in the format of the web UI."""

import re

from marsam.imaging.image_io import open_header
from marsam.imaging.metadata import infotext, read_record

MAX_INFOTEXT_CHARACTERS = 100_000
_SETTING = re.compile(r'\s*([\w][\w \-/]{0,60}):\s*("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')
_LAST_LINE = re.compile(r"(?:Steps|Seed|Size|Sampler): ")


def read_infotext(data: bytes) -> str:
    """The parameters in a PNG of any web UI, or in a picture of Marsam; "" if there are none.

    Raises:
        PictureError: the image cannot be read, or its record is damaged.
    """
    with open_header(data) as image:
        text = image.info.get("parameters")
    if isinstance(text, str):
        return text[:MAX_INFOTEXT_CHARACTERS]
    record = read_record(data)
    return infotext(record) if record else ""


def parse_infotext(text: str) -> dict[str, str]:
    """The prompts, and the settings of the last line, by name."""
    *lines, last = text.split("\n")
    if not _LAST_LINE.match(last):
        lines, last = [*lines, last], ""
    prompt, _, negative = "\n".join(lines).partition("Negative prompt:")
    found = {"Prompt": prompt.strip(), "Negative prompt": negative.strip()} if text else {}
    for name, value in _SETTING.findall(last):
        found[name.strip()] = value.strip().strip('"')
    width, by, height = found.get("Size", "").partition("x")
    return found | ({"Size-1": width, "Size-2": height} if by else {})
