"""Warnings about captions, translations and prompts, in English and Arabic."""

from collections.abc import Iterable, Sequence
from enum import Enum

from marsam.messages import Sentence, isolated

MAX_NAMED_WORDS = 8
"""Unknown words that a sentence names."""


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
    CAPTION_LANGUAGE = (
        "The caption is not in the language that was asked for.",
        "ليس الوصف باللغة المطلوبة.",
    )
    CAPTION_LONG = ("The caption is longer than was asked for.", "الوصف أطول مما طُلب.")
    CAPTION_CUT = (
        "The caption reached its greatest length; its end is missing.",
        "بلغ الوصف حدّه الأقصى، فلم يُكتب آخره.",
    )
    NATIVE_MISSING = (
        "The captioner wrote no Arabic caption of its own; the Arabic text is translated.",
        "لم يكتب الواصف وصفًا بالعربية مباشرةً، فالنص العربي مترجم.",
    )
    NATIVE_DIFFERS = (
        "The captioner's own Arabic caption and its English caption name different things; "
        "compare them with the image.",
        "في الوصف العربي المباشر ما ليس في الوصف الإنجليزي أو العكس؛ قارنهما بالصورة.",
    )
    NOTHING_TO_SEE = (
        "There is nothing to see in this image: it has only one colour.",
        "لا شيء يُرى في هذه الصورة: لونها واحد.",
    )
    ALT_TEXT_KEPT = (
        "This image already carries an alt text, which was kept.",
        "تحمل الصورة نصًا بديلًا من قبل، فأُبقي عليه كما هو.",
    )
    PROMPT_CUT = (
        "The prompt is too long for the painter; its end was not painted.",
        "الطلب أطول مما يستوعبه الرسام، فلم يُرسم آخره.",
    )
    PROMPT_SYNTAX = (
        "Adapters, alternatives or commands of another program were taken out of the prompt.",
        "حُذفت من الطلب ملحقات أو بدائل أو أوامر تخص برنامجًا آخر.",
    )
    WEIGHTS_LOST = (
        "Not all weights of the prompt could be applied as they were written.",
        "تعذّر تطبيق بعض أوزان الطلب كما كُتبت.",
    )
    NO_GUIDANCE = (
        "Guidance scale and negative prompt have no effect on these pictures; "
        "choose another quality, and a guidance scale above 1.",
        "لا أثر لشدة التوجيه ولا للطلب السلبي في هذه الصور؛ اختر جودة أخرى وشدة توجيه فوق 1.",
    )
    NO_NEGATIVE_PROMPT = (
        "The painter in use takes no negative prompt, so it has no effect.",
        "الرسام المستخدم لا يقبل طلبًا سلبيًا، فلا أثر له.",
    )
    PAINTER_WITHOUT_GUIDANCE = (
        "Guidance scale and negative prompt have no effect with the painter in use.",
        "لا أثر لشدة التوجيه ولا للطلب السلبي مع الرسام المستخدم.",
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
    TERM_PLURAL = (
        "A glossary term occurs in the plural and was translated without the glossary; check it.",
        "ورد مصطلح من مسرد المصطلحات بصيغة الجمع فتُرجم من دون المسرد؛ راجعه.",
    )
    HELD = (
        "Links, numbers or symbols were kept as they are; check the sentence around them.",
        "أُبقيت روابط أو أرقام أو رموز كما هي؛ راجع صياغة الجملة حولها.",
    )
    NUMBERS = (
        "A number of the text is missing from the translation.",
        "في النص رقم لم يرد في الترجمة.",
    )
    UNKNOWN_WORDS = (
        "The mini models do not know some of these words; the full models do.",
        "لا تعرف النماذج المصغّرة بعض هذه الكلمات؛ وتعرفها النماذج الكاملة.",
    )
    OUT_OF_WORLD = (
        "The mini models know only 116 pictograms, and this does not look like one. "
        "For photographs fetch the full models.",
        "لا تعرف النماذج المصغّرة إلا 116 رسمًا مبسّطًا، ولا تبدو هذه الصورة واحدًا منها. "
        "للصور الفوتوغرافية نزّل النماذج الكاملة.",
    )
    EXPERIMENTAL = (
        "This variety of Arabic is experimental; compare it with Modern Standard Arabic.",
        "الترجمة إلى هذه اللهجة تجريبية؛ قارنها بالترجمة إلى الفصحى.",
    )

    def __init__(self, en: str, ar: str) -> None:
        self.en, self.ar = en, ar

    def __str__(self) -> str:
        return self.name.lower()


ABOUT_TRANSLATION = (
    *(Notice.EMPTY, Notice.LOOPING, Notice.LENGTH, Notice.UNTRANSLATED, Notice.WRONG_SCRIPT),
    *(Notice.TERM_PLACED, Notice.TERM_PLURAL, Notice.HELD, Notice.NUMBERS, Notice.UNKNOWN_WORDS),
    *(Notice.EXPERIMENTAL, Notice.NATIVE_MISSING),
)
"""Notices about a translation, which say nothing of another text in its place."""
WITHOUT_EFFECT = (Notice.NO_GUIDANCE, Notice.NO_NEGATIVE_PROMPT, Notice.PAINTER_WITHOUT_GUIDANCE)
"""Notices about options that had no effect with a painter."""


def notice_sentences(
    notices: Iterable[Notice], unknown_words: Sequence[str] = ()
) -> tuple[Sentence, ...]:
    """The sentences of notices; ``UNKNOWN_WORDS`` names the words."""
    return tuple(
        unknown_words_sentence(unknown_words)
        if notice is Notice.UNKNOWN_WORDS and unknown_words
        else Sentence(notice.en, notice.ar)
        for notice in notices
    )


def unknown_words_sentence(words: Sequence[str]) -> Sentence:
    """Name the words of a text that the mini models do not know, or the first of many."""
    names = [isolated(word) for word in words[:MAX_NAMED_WORDS]]
    names += ["…"] if len(words) > MAX_NAMED_WORDS else []
    return Sentence(
        f"The mini models do not know {', '.join(names)}; the full models do.",
        f"كلمات لا تعرفها النماذج المصغّرة، وتعرفها النماذج الكاملة: {'، '.join(names)}.",
    )
