"""Warnings about captions, translations and prompts, in English and Arabic."""

from enum import Enum


class Notice(Enum):
    """A warning shown beside a caption, a translation or a prompt.

    ``str(notice)`` is its stable name, such as ``loop_collapsed``.

    Attributes:
        en: the sentence for the user in English.
        ar: the same in Arabic.
    """

    LOOP_COLLAPSED = ("Repeated words were removed from the caption.", "حُذفت كلمات مكررة من الوصف.")
    JUNK_REMOVED = (
        "A made-up word was removed from the caption.",
        "حُذفت من الوصف كلمة لا معنى لها.",
    )
    CAPTION_EMPTY = (
        "The captioner found no description of this image.",
        "لم يُعثر على وصف لهذه الصورة.",
    )
    PROMPT_CUT = (
        "The prompt is too long for the painter; its end was not painted.",
        "الطلب أطول مما يستوعبه الرسام، فلم يُرسم آخره.",
    )
    EMPTY = ("The translation is empty.", "الترجمة فارغة.")
    LOOPING = ("The translation repeats itself; check it.", "في الترجمة تكرار؛ راجعها.")
    LENGTH = (
        "The translation is much shorter or longer than the text; parts may be missing or added.",
        "الترجمة أقصر من النص أو أطول منه بكثير؛ فربما نقص منها شيء أو زيد فيها.",
    )
    UNTRANSLATED = ("Some words were left untranslated.", "بقيت كلمات من دون ترجمة.")
    WRONG_SCRIPT = (
        "The translation is not in the script of its language.",
        "الترجمة ليست بحروف لغتها.",
    )
    TERM_PLACED = (
        "A glossary term was inserted directly; check the sentence around it.",
        "أُدرج مصطلح من مسرد المصطلحات كما هو؛ راجع صياغة الجملة حوله.",
    )
    EXPERIMENTAL = (
        "This variety of Arabic is experimental; compare it with Modern Standard Arabic.",
        "الترجمة إلى هذه اللهجة تجريبية؛ قارنها بالترجمة إلى الفصحى.",
    )

    def __init__(self, en: str, ar: str) -> None:
        self.en, self.ar = en, ar

    def __str__(self) -> str:
        return self.name.lower()
