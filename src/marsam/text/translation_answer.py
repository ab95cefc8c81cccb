"""The translation in a chat model's answer, without what the model wrote around it."""

import re

_REASONING = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)
_COLONS = re.compile("[:：]")
_LABEL = re.compile(
    r"(?:(?:sure|certainly|of course|okay|ok|بالتأكيد|بالطبع|حسنًا|حسنا)\s*[!.,،:]+\s*)?"
    r"[*_]{0,2}(?:"
    r"(?:here(?:'s|’s| is)|this is|below is)[^\n:]{0,60}\btranslation\b[^\n:]{0,60}"
    r"|(?:the |an? )?(?:[\w-]+ ){0,3}translation(?: (?:in|into|to) [^\n:]{1,40}| \([^\n:]{1,40}\))?"
    r"|(?:إليك|إليكم|هذه|هذه هي|فيما يلي)?\s*(?:ال)?ترجمة(?: [^\n:]{1,40})?"
    r")\s*[*_]{0,2}\s*[:：]\s*[*_]{0,2}\s*",
    re.IGNORECASE,
)
_PAIRS = (
    *(('"', '"'), ("'", "'"), ("“", "”"), ("„", "“"), ("‘", "’"), ("«", "»"), ("「", "」")),
    *(("`", "`"), ("**", "**")),
)
"""What models put around an answer."""


def translation_in(answer: str, source: str) -> str:
    """Return the translation that an answer contains.

    A label before it ("Translation:"), quotation marks or emphasis around it, and paragraphs after
    it are left out, but for those that the source has, too.

    Args:
        answer: of the model, to a request for the translation alone.
        source: what was translated.
    """
    text = _REASONING.sub("", answer).rpartition("</think>")[2].strip()
    found = _LABEL.match(text)
    has_more = len(_COLONS.findall(text)) > len(_COLONS.findall(source))
    if found and has_more and text[found.end() :].strip():
        text = text[found.end() :].strip()
    text = _without_pair(text, source)
    if "\n" not in source.strip():
        text = text.partition("\n")[0].strip()
    return _without_pair(text, source)


def _without_pair(text: str, source: str) -> str:
    """Leave out marks around a text that its source does not have around it."""
    source = source.strip()
    has_pair = any(source.startswith(a) and source.endswith(b) for a, b in _PAIRS)
    for opening, closing in () if has_pair else _PAIRS:
        inner = text[len(opening) : -len(closing)]
        is_around = text.startswith(opening) and text.endswith(closing) and inner.strip()
        if is_around and opening not in inner and closing not in inner:
            return inner.strip()
    return text
