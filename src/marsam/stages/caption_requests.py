"""What a captioner that reads requests is asked for, by language and length."""

from collections.abc import Mapping

from marsam.options import CaptionLength
from marsam.text.languages import ARABIC, ENGLISH

REQUESTS: Mapping[str, Mapping[CaptionLength, str]] = {
    ENGLISH.code: {
        CaptionLength.SHORT: (
            "Describe this picture in one short phrase that serves as its alt text. "
            "Write only the phrase."
        ),
        CaptionLength.SENTENCE: (
            "Describe this picture in one complete sentence: what is in it, where, and in which "
            "colours. Write only the sentence."
        ),
        CaptionLength.PARAGRAPH: (
            "Describe this picture in one paragraph of three to five sentences: first its subject, "
            "then what is around it, then colours and light. Mention only what can be seen, and "
            "write only the paragraph."
        ),
    },
    ARABIC.code: {
        CaptionLength.SHORT: "صف الصورة في جملة قصيرة واحدة تصلح نصًا بديلًا، بلا مقدمات.",
        CaptionLength.SENTENCE: (
            "صف الصورة بالعربية الفصحى في جملة واحدة تامة: ما فيها، وأين هو، وما أبرز الألوان. "
            "اكتب الجملة وحدها بلا مقدمات."
        ),
        CaptionLength.PARAGRAPH: (
            "صف الصورة بالعربية الفصحى في فقرة واحدة من ثلاث جمل إلى خمس: ابدأ بموضوعها، ثم ما "
            "يحيط به، ثم الألوان والإضاءة. لا تذكر إلا ما يُرى فيها، واكتب الفقرة وحدها بلا مقدمات."
        ),
    },
}
ANSWER_IN = {ENGLISH.code: "Answer in English.", ARABIC.code: "أجب بالعربية الفصحى."}
"""Added to a request in the user's own words, whose language may be another one."""
IN_CONTEXT = {
    ENGLISH.code: (
        'Text around this picture: "{context}" Use it only to name what can be seen in the '
        "picture, and do not repeat it."
    ),
    ARABIC.code: (
        "النص المحيط بالصورة: «{context}» استعن به على تسمية ما يُرى في الصورة لا غير، ولا تكرره."
    ),
}
"""Said before a request."""
MAX_TOKENS = {CaptionLength.SHORT: 60, CaptionLength.SENTENCE: 120, CaptionLength.PARAGRAPH: 400}
"""Greatest length of an answer; an Arabic word may take three tokens and more."""


def request_for(language: str, length: CaptionLength, ask: str = "", context: str = "") -> str:
    """Return the request for a caption in a language, an NLLB code of ``REQUESTS``.

    Args:
        language: of the caption.
        length: how much it says.
        ask: a request in the user's words, in place of ours.
        context: text around the image.
    """
    request = f"{ask} {ANSWER_IN[language]}" if ask else REQUESTS[language][length]
    around = IN_CONTEXT[language].format(context=context) if context else ""
    return f"{around} {request}" if around else request
