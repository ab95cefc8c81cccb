"""Answers of chat models as plain text: without reasoning, markup, and words around the answer."""

import re

from marsam.text.cleaning import clean

_REASONING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^```[^\n]*$\n?", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*#{1,6} .*$\n*", re.MULTILINE)
_LINE_START = re.compile(r"^[ \t]*(?:#{1,6} +|[-*•] +|> ?|\d{1,2}[.)] +)", re.MULTILINE)
_EMPHASIS = re.compile(
    r"(?<![\w*])(\*\*\*|\*\*|\*|___|__|`)(?=\S)(.+?)(?<=\S)\1(?![\w*])", re.DOTALL
)
_QUOTES = (('"', '"'), ("“", "”"), ("«", "»"), ("'", "'"))

_LABEL = re.compile(
    r"(?:(?:short |brief |image |detailed )?(?:caption|description|alt[- ]?text|answer)"
    r"|(?:ال)?(?:وصف|إجابة|نص البديل|نص بديل|تعليق)(?: الصورة)?|النص البديل)\s*[:：]\s*",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"(?:sure|certainly|of course|okay|ok|absolutely|بالتأكيد|بالطبع|حسنًا|حسنا|طبعًا|طبعا|بكل سرور)"
    r"\s*[!.,،:؛]+\s*",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(
    r"(?:here(?:'s| is| are)\b|this is (?:a|the) (?:caption|description)\b"
    r"|إليك|إليكم|فيما يلي|هذا وصف)"
    r"[^:：.\n]{0,100}[:：]\s*",
    re.IGNORECASE,
)

_PICTURE = r"(?:image|picture|photo|photograph|scene)"
_ENGLISH_FRAMES = re.compile(
    rf"(?:(?:in|on) (?:this|the) {_PICTURE},?\s+(?:we (?:can )?see|you can see|there (?:is|are))\s+"
    rf"|(?:in|on) (?:this|the) {_PICTURE},\s*"
    rf"|(?:this|the) {_PICTURE} (?:shows|depicts|features|displays|captures|portrays|is of"
    r"|shows us)\s+(?!that\b|how\b|what\b|why\b|up\b))",
    re.IGNORECASE,
)
_ARABIC_PICTURE = r"(?:هذه )?(?:الصورة|اللقطة)"
_ARABIC_PLACE = re.compile(r"في (?:هذه )?الصورة\s*[،:]?\s+")
_ARABIC_VERBS = re.compile(
    r"(?:تُظهِر|تُظهر|تظهر|تُبيّن|تبين|تُصوّر|تصور|تَعرض|تعرض|يظهر في|تظهر في|نرى في|يُرى في|تُرى في)"
    rf"\s+{_ARABIC_PICTURE}\s+"
    rf"|{_ARABIC_PICTURE}\s+(?:تُظهِر|تُظهر|تظهر|تُبيّن|تبين|تُصوّر|تصور|تَعرض|تعرض)\s+"
)
_ACCUSATIVE = re.compile(r"(?:ًا?|[^لا]ا|ين)[،,.]?$")
"""An ending of nouns that are objects of a verb: without the verb they would be wrong."""
MIN_WORDS = 2
"""Words that what remains of a sentence must have to be whole."""


def plain_answer(answer: str) -> str:
    """Return an answer without reasoning, markup, quotation marks, and courtesies before it.

    Paragraphs stay; a model that is cut off while it reasons has not answered.
    """
    text = _REASONING.sub("", answer).rpartition("</think>")[2]
    text = _FENCE.sub("", text)
    text = _LINE_START.sub("", _HEADING.sub("", text) or text)
    before = ""
    while text != before:  # emphasis may be nested
        before, text = text, _EMPHASIS.sub(r"\2", text)
    text = clean(text)
    for words in (_COURTESY, _ANNOUNCEMENT, _LABEL):
        if (found := words.match(text)) and text[found.end() :].strip():
            text = text[found.end() :].lstrip()
    for opening, closing in _QUOTES:
        inner = text[1:-1]
        if text[:1] == opening and text[-1:] == closing and not {opening, closing} & {*inner}:
            text = inner.strip()
    return text


def first_paragraph(text: str) -> str:
    """Return the text up to its first line break."""
    return text.strip().partition("\n")[0].strip()


def without_frame(text: str) -> str:
    """Leave out "The image shows" and its like, where what remains is whole.

    "The image shows a cat on a chair." → "A cat on a chair." In Arabic a noun that is the object of
    the verb would remain in the wrong case, so such a sentence stays as it is.
    """
    if found := _ENGLISH_FRAMES.match(text):
        rest = text[found.end() :]
        if len(rest.split()) >= MIN_WORDS:
            return rest[0].upper() + rest[1:]
    found = _ARABIC_PLACE.match(text)
    if not found and (found := _ARABIC_VERBS.match(text)):
        words = text[found.end() :].split()[:3]
        found = None if any(map(_ACCUSATIVE.search, words)) else found
    if found and len(text[found.end() :].split()) >= MIN_WORDS:
        return text[found.end() :]
    return text


def without_open_sentence(text: str) -> str:
    """Leave out a last sentence that was cut off, where there is a whole one before it."""
    if re.search(r"[.!?؟。…][\"'»”)]*$", text):
        return text
    whole = re.match(r".*[.!?؟。…][\"'»”)]*(?=\s)", text, re.DOTALL)
    return whole[0] if whole else text
