"""The text about the rows of a table that several pages show, in both languages side by side."""

from marsam.text import languages
from marsam.ui.i18n import Bilingual, Strings, pictures

STRINGS = Strings(
    # Their states.
    all=Bilingual("All", "الكل"),
    draft=Bilingual("Not reviewed", "لم تُراجَع"),
    check=Bilingual("With warnings", "عليها ملاحظات"),
    error=Bilingual("Failed", "تعذّر وصفها"),
    reviewed=Bilingual("Reviewed", "رُوجعت"),
    edited=Bilingual("Edited, not reviewed", "عُدّلت ولم تُراجَع"),
    decorative=Bilingual("Decorative", "للزينة"),
    no_alt=Bilingual(
        'A decorative picture: its alt text is empty (alt=""), and screen readers skip it.',
        'صورة للزينة: نصها البديل فارغ (\u2066alt=""\u2069)، وتتخطاها قارئات الشاشة.',
    ),
    failed=Bilingual("This file could not be described:", "تعذّر وصف هذا الملف:"),
    # After they were edited.
    unsaved=Bilingual("Changed, not saved yet.", "عُدّل الوصف ولم يُحفظ بعد."),
    elsewhere=Bilingual(
        "The captions were changed on another page to what follows. "
        "Save again to replace them with yours.",
        "تغيّر الوصف في صفحة أخرى إلى ما يلي. احفظ مرة أخرى ليحلّ وصفك محلّه.",
    ),
    saved=Bilingual("Saved.", "حُفظ الوصف."),
    saved_beside=Bilingual(
        "Saved in {}. The table itself cannot be written now: {}",
        "حُفظ الوصف في {}. وتتعذّر الكتابة في الجدول نفسه الآن: {}",
    ),
    not_saved=Bilingual(
        "Not saved: {} Your text is still on the page; try again.",
        "لم يُحفظ الوصف: {} ما زال نصّك في الصفحة؛ حاول ثانية.",
    ),
    empty=Bilingual(
        "Not saved: write a text in at least one language, or mark the picture as decorative.",
        "لم يُحفظ الوصف: اكتب نصًا بلغة واحدة على الأقل، أو علّم الصورة «للزينة».",
    ),
    too_long=Bilingual(
        "Not saved: a text has at most {} characters.", "لم يُحفظ الوصف: لا يزيد النص على {} حرف."
    ),
)


def language_name(code: str) -> Bilingual:
    """A language's name, by its NLLB code; short for Arabic."""
    if code == languages.ARABIC.code:
        return Bilingual("Arabic", "العربية")
    language = languages.language(code)
    return Bilingual(language.en, language.ar)


def progress(done: int, total: int) -> Bilingual:
    """How many pictures are reviewed."""
    arabic = f"رُوجعت {pictures(done).ar} من {total}" if done else f"لم تُراجَع بعد أي صورة من {total}"
    return Bilingual(f"{done} of {total} reviewed", arabic)
