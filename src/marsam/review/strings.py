"""The text of the review page, in both languages side by side."""

from marsam.batch import contact_sheet
from marsam.text import languages
from marsam.ui.i18n import ARABIC, Bilingual, Strings, pictures

STRINGS = Strings(
    contact_sheet.STRINGS,  # the names of the rows' states
    title=Bilingual("Review of {}", "مراجعة {}"),
    show=Bilingual("Show", "عرض"),
    notices=contact_sheet.STRINGS["check"],
    save=Bilingual("Save and next", "حفظ والانتقال إلى التالية"),
    next=Bilingual("Next", "التالية"),
    previous=Bilingual("Previous", "السابقة"),
    reopen=Bilingual("Back to draft", "إعادة إلى مسوّدة"),
    keys=Bilingual(
        "Ctrl+Enter saves and shows the next picture; Alt with an arrow key only moves.",
        "‏Ctrl+Enter للحفظ والانتقال، وAlt مع السهمين للتنقل.",
    ),
    place=Bilingual("Picture {} of {}", "الصورة {} من {}"),
    # About the picture on the page.
    missing=Bilingual(
        "The picture was not found. Its captions can still be corrected.",
        "لم يُعثر على الصورة، ويمكن تصحيح وصفها مع ذلك.",
    ),
    changed=Bilingual(
        "The file has changed since its picture was described, so it is not shown.",
        "تغيّر الملف بعد وصف صورته، ولذلك لا تُعرض.",
    ),
    unsaved=Bilingual("Changed, not saved yet.", "عُدّل الوصف ولم يُحفظ بعد."),
    elsewhere=Bilingual(
        "The captions were changed on another page to what follows. "
        "Save again to replace them with yours.",
        "تغيّر الوصف في صفحة أخرى إلى ما يلي. احفظ مرة أخرى ليحلّ وصفك محلّه.",
    ),
    # After an action.
    saved=Bilingual("Saved.", "حُفظ الوصف."),
    saved_beside=Bilingual(
        "Saved in {}. The table itself cannot be written now: {}",
        "حُفظ الوصف في {}. وتتعذّر الكتابة في الجدول نفسه الآن: {}",
    ),
    why_not_written=Bilingual(
        "it may be open in another program, or the disk may be full.",
        "ربما كان مفتوحًا في برنامج آخر، أو كان القرص ممتلئًا.",
    ),
    not_saved=Bilingual(
        "Not saved: {} Your text is still on the page; try again.",
        "لم يُحفظ الوصف: {} ما زال نصّك في الصفحة؛ حاول ثانية.",
    ),
    empty=Bilingual(
        "Not saved: write a text in at least one language.",
        "لم يُحفظ الوصف: اكتب نصًا بلغة واحدة على الأقل.",
    ),
    too_long=Bilingual(
        "Not saved: a text has at most {} characters.", "لم يُحفظ الوصف: لا يزيد النص على {} حرف."
    ),
    reopened=Bilingual("It is a draft again.", "عادت مسوّدة."),
    first=Bilingual("This is the first picture.", "هذه أول صورة."),
    last=Bilingual("This is the last picture.", "هذه آخر صورة."),
    # When there is no picture to show.
    none_draft=Bilingual("Nothing is left to review.", "لم يبقَ ما يُراجَع."),
    none_notices=Bilingual("No draft has warnings.", "لا مسوّدة عليها ملاحظات."),
    none_reviewed=Bilingual("Nothing has been reviewed yet.", "لم تُراجَع أي صورة بعد."),
    none_error=Bilingual("Nothing failed.", "لم يتعذّر وصف أي صورة."),
    none_all=Bilingual("There are no pictures.", "لا صور هنا."),
)


def language_name(code: str) -> Bilingual:
    """A language's name, by its NLLB code; short for Arabic."""
    if code == languages.ARABIC.code:
        return Bilingual("Arabic", "العربية")
    language = languages.language(code)
    return Bilingual(language.en, language.ar)


def name_of(code: str, speech: str) -> str:
    """The same in one language."""
    name = language_name(code)
    return name.ar if speech == ARABIC else name.en


def progress(done: int, total: int) -> Bilingual:
    """How many pictures are reviewed."""
    arabic = f"رُوجعت {pictures(done).ar} من {total}" if done else f"لم تُراجَع بعد أي صورة من {total}"
    return Bilingual(f"{done} of {total} reviewed", arabic)
