"""The text of the review page, in both languages side by side."""

from marsam.batch import strings as row_strings
from marsam.batch.strings import language_name
from marsam.ui import native
from marsam.ui.i18n import ARABIC, Bilingual, Strings

STRINGS = Strings(
    row_strings.STRINGS,
    title=Bilingual("Review of {}", "مراجعة {}"),
    show=Bilingual("Show", "عرض"),
    notices=row_strings.STRINGS["check"],
    save=Bilingual("Save and next", "حفظ والانتقال إلى التالية"),
    next=Bilingual("Next", "التالية"),
    previous=Bilingual("Previous", "السابقة"),
    mark_decorative=Bilingual("Decorative, next", "للزينة، ثم التالية"),
    use_native=native.STRINGS["use_native"],
    reopen=Bilingual("Undo the review", "التراجع عن المراجعة"),
    keys=Bilingual(
        "Ctrl+Enter saves and shows the next picture; Alt with an arrow key only moves.",
        "‏Ctrl+Enter للحفظ والانتقال، وAlt مع السهمين للتنقل.",
    ),
    checklist=Bilingual(
        "Who or what is it? Doing what? Where? Is there text in the picture? Why is it here?",
        "من أو ما الذي في الصورة؟ ماذا يفعل؟ وأين؟ هل فيها نص؟ ولماذا هي هنا؟",
    ),
    draft_of=Bilingual("A model's draft ({}):", "مسودة كتبها نموذج ({}):"),
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
    # After an action.
    reopened=Bilingual("It is not reviewed any more.", "لم تعد مُراجَعة."),
    first=Bilingual("This is the first picture.", "هذه أول صورة."),
    last=Bilingual("This is the last picture.", "هذه آخر صورة."),
    # When there is no picture to show.
    none_draft=Bilingual("Nothing is left to review.", "لم يبقَ ما يُراجَع."),
    none_notices=Bilingual("No draft has warnings.", "لا مسوّدة عليها ملاحظات."),
    none_reviewed=Bilingual("Nothing has been reviewed yet.", "لم تُراجَع أي صورة بعد."),
    none_error=Bilingual("Nothing failed.", "لم يتعذّر وصف أي صورة."),
    none_all=Bilingual("There are no pictures.", "لا صور هنا."),
)


def name_of(code: str, speech: str) -> str:
    """A language's name in one language of the page, by its NLLB code."""
    name = language_name(code)
    return name.ar if speech == ARABIC else name.en
