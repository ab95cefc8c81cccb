"""What the review page says, in both languages, side by side."""

from collections.abc import Mapping
from html import escape

from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.web import strings
from marsam.web.strings import Word, spans

WORDS: Mapping[str, Word] = {
    "title": Word("Review of {}", "مراجعة {}"),
    "show": Word("Show", "اعرض"),
    "draft": Word("Not reviewed", "لم تُراجَع"),
    "remarks": Word("With remarks", "عليها ملاحظات"),
    "reviewed": Word("Reviewed", "رُوجعت"),
    "error": Word("Failed", "تعذّر وصفها"),
    "all": Word("All", "الكل"),
    "save": Word("Save and next", "احفظ وانتقل إلى التالية"),
    "next": Word("Next", "التالية"),
    "previous": Word("Previous", "السابقة"),
    "reopen": Word("Back to draft", "أعدها مسوّدة"),
    "keys": Word(
        "Ctrl+Enter saves and goes on; Alt with the arrow keys moves.",
        "‏Ctrl+Enter للحفظ والانتقال، وAlt مع السهمين للتنقل.",
    ),
    "place": Word("Picture {} of {}", "الصورة {} من {}"),
    # About the picture that is shown.
    "missing": Word(
        "The picture was not found. Its words can be corrected all the same.",
        "لم يُعثر على الصورة، ويمكن تصحيح كلماتها مع ذلك.",
    ),
    "changed": Word(
        "The file now holds another picture than the one described, so it is not shown.",
        "في الملف الآن صورة غير التي وُصفت، ولذلك لا تُعرض.",
    ),
    "failed": Word("This file could not be described:", "تعذّر وصف هذا الملف:"),
    "unsaved": Word("Changed, and not saved yet.", "عُدّلت كلماتها ولم تُحفظ بعد."),
    "elsewhere": Word(
        "It was changed elsewhere meanwhile, to what follows. Save again to keep your words.",
        "تغيّرت كلماتها في مكان آخر إلى ما يلي. احفظ مرة أخرى لإبقاء كلماتك.",
    ),
    # After something was done.
    "saved": Word("Saved.", "حُفظت."),
    "saved_beside": Word(
        "Saved in {}. The table itself cannot be written now: {}",
        "حُفظت في {}. وتتعذّر الكتابة في الجدول نفسه الآن: {}",
    ),
    "not_saved": Word(
        "Not saved: {} The words are still here; try again.",
        "لم تُحفظ: {} ما زالت الكلمات هنا؛ حاول ثانية.",
    ),
    "empty": Word(
        "Not saved: write a text in at least one language.",
        "لم تُحفظ: اكتب نصًا بلغة واحدة على الأقل.",
    ),
    "too_long": Word(
        "Not saved: a text has at most {} characters.",
        "لم تُحفظ: لا يزيد النص على {} حرف.",
    ),
    "reopened": Word("It is a draft again.", "عادت مسوّدة."),
    "first": Word("This is the first one here.", "هذه أول صورة هنا."),
    "last": Word("This is the last one here.", "هذه آخر صورة هنا."),
    # Where there is nothing to show.
    "none_draft": Word("Nothing is left to review.", "لم يبقَ ما يُراجَع."),
    "none_remarks": Word("No draft has remarks.", "لا مسوّدة عليها ملاحظات."),
    "none_reviewed": Word("Nothing has been reviewed yet.", "لم تُراجَع أي صورة بعد."),
    "none_error": Word("Nothing failed.", "لم يتعذّر وصف أي صورة."),
    "none_all": Word("There are no pictures.", "لا صور هنا."),
}


def say(key: str, speech: str) -> str:
    """What the page says, as plain text in one language."""
    word = WORDS[key]
    return word.ar if speech == strings.ARABIC else word.en


def both(key: str, *values: object) -> str:
    """The same as HTML in both languages; values are escaped and isolated."""
    shown = [f'<bdi dir="auto">{escape(str(value))}</bdi>' for value in values]
    return spans(Word(*(escape(form, quote=False).format(*shown) for form in WORDS[key])))


def name_of(code: str, speech: str) -> str:
    """A language's name, as the studio calls it."""
    known = {ENGLISH.code: "english", ARABIC.code: "arabic"}
    if code in known:
        return strings.say(known[code], speech)
    one = language(code)
    return one.ar if speech == strings.ARABIC else one.en


def progress(done: int, total: int) -> Word:
    """So many of so many are reviewed."""
    arabic = f"رُوجعت {_pictures(done)} من {total}" if done else f"لم تُراجَع بعد أي صورة من {total}"
    return Word(f"{done} of {total} reviewed", arabic)


def _pictures(count: int) -> str:
    """3 to 10 (and 103 to 110) take the plural; the others the singular."""
    if count <= 2:
        return ("لا صورة", "صورة واحدة", "صورتان")[count]
    return f"{count} {'صور' if 3 <= count % 100 <= 10 else 'صورة'}"
