"""One sentence in both languages for each kind of error; details go to the log."""

from marsam import errors
from marsam.errors import MarsamError
from marsam.notices import unknown_words_sentence
from marsam.ui.i18n import Bilingual

ERROR_MESSAGES: dict[type[MarsamError], Bilingual] = {
    errors.PictureError: Bilingual(
        "This is not a supported picture, or it is damaged or too large. Try another file.",
        "هذا الملف ليس صورة مدعومة، أو هو تالف أو كبير جدًا؛ جرّب ملفًا آخر.",
    ),
    errors.UnknownWords: Bilingual(
        "The mini models do not know some of these words; the full models do.",
        "لا تعرف النماذج المصغّرة بعض هذه الكلمات؛ وتعرفها النماذج الكاملة.",
    ),
    errors.PromptError: Bilingual(
        "The prompt is empty or too long. Write a few words.",
        "الطلب فارغ أو طويل جدًا؛ اكتب بضع كلمات.",
    ),
    errors.OptionError: Bilingual(
        "An advanced setting is out of range. Change it or leave it empty.",
        "قيمة أحد الخيارات المتقدمة خارج النطاق المسموح؛ غيّرها أو امسحها.",
    ),
    errors.LanguageError: Bilingual(
        "The translator in use does not know this language. Write in English.",
        "لا يعرف المترجم المستخدم هذه اللغة؛ اكتب بالإنجليزية.",
    ),
    errors.RunMissing: Bilingual("This work no longer exists.", "لم يعد هذا العمل موجودًا."),
    errors.HubUnreachable: Bilingual(
        "The model hub cannot be reached. Check the internet connection and try again.",
        "تعذّر الوصول إلى مستودع النماذج؛ تحقّق من الاتصال بالإنترنت ثم حاول ثانية.",
    ),
    errors.ModelError: Bilingual(
        "A model is missing or damaged. Download it again with: marsam models pull standard",
        "أحد النماذج مفقود أو تالف؛ أعد تنزيله بالأمر: \u2066marsam models pull standard\u2069",
    ),
    errors.ClusterError: Bilingual(
        "The machines that run the models cannot be reached. Try again later.",
        "تعذّر الوصول إلى الأجهزة التي تشغّل النماذج؛ حاول لاحقًا.",
    ),
    errors.OutOfMemory: Bilingual(
        "There is not enough memory. Try a smaller size.", "الذاكرة لا تكفي؛ جرّب مقاسًا أصغر."
    ),
    errors.RetryLater: Bilingual(
        "The queue is full. Try again in a little while.", "قائمة الانتظار ممتلئة؛ حاول بعد قليل."
    ),
    errors.StepTimeout: Bilingual(
        "A step took too long and was stopped. Finished pictures are kept.",
        "استغرقت إحدى الخطوات وقتًا أطول من اللازم فأُوقفت، والصور المكتملة محفوظة.",
    ),
    errors.DiskFull: Bilingual(
        "The disk is full. Free some space and try again.",
        "امتلأ القرص؛ أفرغ بعض المساحة ثم حاول ثانية.",
    ),
    errors.JournalError: Bilingual(
        "Your work could not be saved on this machine. Check the disk.",
        "تعذّر حفظ عملك على هذا الجهاز؛ تحقّق من القرص.",
    ),
    MarsamError: Bilingual(
        "Something went wrong. Finished pictures are kept. Try again.",
        "حدث خطأ ما، والصور المكتملة محفوظة. حاول ثانية.",
    ),
}
"""The first class that an error is an instance of decides."""


def error_message(error: MarsamError) -> Bilingual:
    """What a reader of the page should know about an error."""
    if isinstance(error, errors.UnknownWords) and error.words:
        sentence = unknown_words_sentence(error.words)
        return Bilingual(sentence.en, sentence.ar)
    if isinstance(error, errors.InputError) and error.arabic:
        return Bilingual(str(error), error.arabic)
    return next(message for kind, message in ERROR_MESSAGES.items() if isinstance(error, kind))
