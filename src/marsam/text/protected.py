"""Parts of a text that come out of a translation exactly as they went in."""

from collections.abc import Callable
from functools import cache

import regex
from linkify_it import LinkifyIt

_UNITS = (
    *(
        "km",
        "dm",
        "cm",
        "mm",
        "µm",
        "nm",
        "km/h",
        "kmh",
        "mph",
        "m/s",
        "ft",
        "yd",
        "mi",
        "m²",
        "m2",
    ),
    *(
        "km²",
        "km2",
        "cm²",
        "cm2",
        "m³",
        "m3",
        "ha",
        "kg",
        "mg",
        "µg",
        "lb",
        "lbs",
        "oz",
        "dl",
        "cl",
    ),
    *(
        "ml",
        "mL",
        "ms",
        "Hz",
        "kHz",
        "MHz",
        "GHz",
        "kW",
        "MW",
        "kWh",
        "kV",
        "mA",
        "mAh",
        "kJ",
        "Pa",
    ),
    *(
        "kPa",
        "hPa",
        "psi",
        "kcal",
        "kB",
        "KB",
        "MB",
        "GB",
        "TB",
        "KiB",
        "MiB",
        "GiB",
        "Mbps",
        "Gbps",
    ),
    *(
        "px",
        "dpi",
        "fps",
        "MP",
        "dB",
        "lm",
        "lx",
        "USD",
        "EUR",
        "GBP",
        "SAR",
        "AED",
        "EGP",
        "JOD",
        "KWD",
    ),
    *(
        "QAR",
        "DZD",
        "MAD",
        "TND",
        "m",
        "g",
        "l",
        "s",
        "h",
        "t",
        "W",
        "V",
        "كم",
        "سم",
        "مم",
        "كغ",
        "كجم",
        "مل",
    ),
)
_SHORT_UNITS = (
    "m",
    "t",
    "g",
    "l",
    "L",
    "s",
    "h",
    "W",
    "V",
    "A",
    "N",
    "J",
    "K",
    "B",
    "min",
    "pt",
    "x",
)
"""Units that are words or letters when a space is before them."""
_NUMBER = r"[-+−±]?\d+(?:[.,٫٬]\d+)*"
_PATTERN = regex.compile(
    rf"""
      (?<![\w@])[@\#]\w[\w.-]*(?<=\w)                            # @name, #tag
    | `[^`]+`                                                    # code
    | </?[a-zA-Z][^<>]*>|&(?:\#\d+|\#x[0-9a-fA-F]+|amp|lt|gt|quot|apos|nbsp);  # HTML
    | \$?\{{\{{?[^{{}}]*\}}\}}?                                  # {{x}}, ${{x}}, {{{{x}}}}
    | %(?:\([^()\s]+\)|\d+\$)?[-+0]?\d*(?:\.\d+)?[sdifgxXc@](?!\w)|%%
    | [$€£¥₹₺]\s?{_NUMBER}|{_NUMBER}\s?[$€£¥₹₺﷼%٪‰]
    | (?<!\w){_NUMBER}(?:\s?(?:°\s?[CFK]?|\L<units>)|\L<short>)(?!\w)
    | (?<!\w)v?\d+(?:\.\d+){{2,}}(?!\w)                           # versions
    | (?<!\w)\d{{1,4}}([-/.])\d{{1,2}}\1\d{{1,4}}(?!\w)|(?<!\w)\d{{1,2}}(?::\d{{2}})+(?!\w)
    | \+\d[\d\s()-]{{5,}}\d                                      # telephone numbers
    | (?<!\S)(?:~|\.{{1,2}})?/[\w.@+-]+(?:/[\w.@+-]+)*(?<=\w)|(?<!\w)[A-Za-z]:\\[\w.\\-]+(?<=\w)
    | \p{{RI}}\p{{RI}}|[\d\#*]\ufe0f?\u20e3                      # emoji: flags, keycaps, others
    | \p{{Extended_Pictographic}}[\ufe0f\p{{EMod}}\U000e0020-\U000e007f]*
      (?:\u200d\p{{Extended_Pictographic}}[\ufe0f\p{{EMod}}]*)*
    """,
    regex.VERBOSE,
    units=_UNITS,
    short=_SHORT_UNITS,
)
_MARKS_AFTER_ADDRESS = "،؛؟۔»”"


@cache
def _addresses() -> LinkifyIt:
    return LinkifyIt()


def protected_spans(text: str) -> list[tuple[int, int]]:
    """Spans (start, end), in order and apart.

    They are addresses, e-mail addresses, names and tags (@, #), placeholders, HTML, code, numbers
    with units, versions, dates, times, paths and emoji.
    """
    addresses = [
        (match.index, match.index + len(match.raw.rstrip(_MARKS_AFTER_ADDRESS)))
        for match in _addresses().match(text) or ()
    ]
    spans: list[tuple[int, int]] = []
    for start, end in sorted([*addresses, *(m.span() for m in _PATTERN.finditer(text))]):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def change_outside_protected(text: str, change: Callable[[str], str]) -> str:
    """Change what is outside of the protected spans; the spaces around them stay."""
    parts, position = [], 0
    for start, end in [*protected_spans(text), (len(text), len(text))]:
        part = text[position:start]
        core = part.strip()
        parts += [part.replace(core, change(core)) if core else part, text[start:end]]
        position = end
    return "".join(parts)


def without_protected(text: str) -> str:
    """The text with a space in place of each protected span."""
    parts, position = [], 0
    for start, end in protected_spans(text):
        parts += [text[position:start], " "]
        position = end
    return "".join((*parts, text[position:]))


def has_words(text: str) -> bool:
    """Whether there are letters outside of the protected spans."""
    return any(character.isalpha() for character in without_protected(text))
