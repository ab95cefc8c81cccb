"""Interface text in English and Arabic, as plain text or as HTML that holds both languages."""

from datetime import datetime
from typing import NamedTuple

from babel.dates import format_date, format_time
from markupsafe import Markup

from marsam.messages import InBothLanguages

ENGLISH, ARABIC = "en", "ar"


class Bilingual(NamedTuple):
    """A text in both languages; each form is plain text, or HTML as ``Markup``."""

    en: str
    ar: str

    @property
    def html(self) -> Markup:
        """Both forms, of which the style sheet shows the reader's; plain text is escaped."""
        return Markup(
            '<span lang="en" dir="ltr">{}</span><span lang="ar" dir="rtl">{}</span>'
        ).format(*map(isolates_as_html, self))


def both(text: InBothLanguages) -> Markup:
    """A notice or an error in both languages; HTML as of :class:`Bilingual`."""
    return Bilingual(text.en, text.ar).html


def isolates_as_html(text: str) -> Markup:
    """Plain text as HTML, where elements isolate what Unicode's characters isolate in text."""
    if isinstance(text, Markup):
        return text
    html = str(Markup.escape(text)).replace("\u2068", "<bdi>").replace("\u2066", '<bdi dir="ltr">')
    return Markup(html.replace("\u2069", "</bdi>"))  # noqa: S704  escaped above


class Strings(dict[str, Bilingual]):
    """The text of a page by key; values are filled in where ``{}`` or ``{name}`` stands."""

    def text(self, key: str, language: str, *values: object, **named: object) -> str:
        """One language, as plain text."""
        strings = self[key]
        return (strings.ar if language == ARABIC else strings.en).format(*values, **named)

    def html(self, key: str, *values: object, **named: object) -> Markup:
        """Both languages, as HTML.

        Values are escaped and isolated from the text around them, whose direction may be another;
        of a :class:`Bilingual` value, each language takes its own form.
        """
        english, arabic = (
            Markup.escape(form).format(
                *(_isolated(value, index) for value in values),
                **{name: _isolated(value, index) for name, value in named.items()},
            )
            for index, form in enumerate(self[key])
        )
        return Bilingual(english, arabic).html


def _isolated(value: object, index: int) -> Markup:
    return Markup("<bdi>{}</bdi>").format(value[index] if isinstance(value, Bilingual) else value)


def english_count(count: int, noun: str) -> str:
    """A number and a noun whose plural ends in s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def arabic_count(count: int, one: str, two: str, few: str, many: str, other: str = "") -> str:
    """A number and its noun, in the plural categories that Unicode CLDR gives for Arabic.

    Args:
        count: 1 or more.
        one: noun and number together ("صورة واحدة").
        two: the dual, in the case the sentence needs ("صورتان", "صورتين").
        few: the plural, for 3 to 10, 103 to 110, … ("صور").
        many: the accusative singular, for 11 to 99, 111 to 199, … ("عملًا").
        other: the genitive singular, for 100 to 102, 200, … ("عمل"); ``many`` when not given.
    """
    if count <= 2:
        return one if count == 1 else two
    rest = count % 100
    noun = few if 3 <= rest <= 10 else many if rest > 10 else other or many
    return f"{count} {noun}"


def pictures(count: int, *, genitive: bool = False) -> Bilingual:
    """A number of pictures; ``genitive`` as after an Arabic preposition ("لرسم صورتين")."""
    two = "صورتين" if genitive else "صورتان"
    return Bilingual(
        english_count(count, "picture"), arabic_count(count, "صورة واحدة", two, "صور", "صورة")
    )


def runs(count: int) -> Bilingual:
    """A number of runs, as the subject of a sentence."""
    return Bilingual(
        english_count(count, "run"),
        arabic_count(count, "عمل واحد", "عملان", "أعمال", "عملًا", "عمل"),
    )


def characters(count: int) -> Bilingual:
    """A number of characters."""
    return Bilingual(
        english_count(count, "character"),
        arabic_count(count, "حرف واحد", "حرفان", "أحرف", "حرفًا", "حرف"),
    )


def day(moment: datetime) -> Bilingual:
    """A date, as in "29 November 2026"."""
    english, arabic = (format_date(moment, "d MMMM y", locale) for locale in (ENGLISH, ARABIC))
    return Bilingual(english, arabic)


def time_of_day(moment: datetime) -> Bilingual:
    """A time, on 24 hours in English, on twice 12 in Arabic ("8:05 ص")."""
    return Bilingual(
        format_time(moment, "HH:mm", locale=ENGLISH), format_time(moment, "h:mm a", locale=ARABIC)
    )


def duration(seconds: float, *, genitive: bool = False) -> Bilingual:
    """A length of time, rounded to seconds or minutes; ``genitive`` as after "نحو"."""
    if seconds < 90:
        count, english, stem, few = max(1, round(seconds)), "second", "ثاني", "ثوانٍ"
    else:
        count, english, stem, few = round(seconds / 60), "minute", "دقيق", "دقائق"
    one, two = f"{stem}ة", f"{stem}{'تين' if genitive else 'تان'}"
    return Bilingual(
        english_count(count, english), arabic_count(count, f"{one} واحدة", two, few, one)
    )


GRADIO_LABELS = (
    Bilingual("Capture from camera", "التقاط بالكاميرا"),
    Bilingual("Click to Access Webcam", "انقر لتشغيل الكاميرا"),
    Bilingual("Close", "إغلاق"),
    Bilingual("Empty value", "لا شيء هنا بعد"),
    Bilingual("Error", "خطأ"),
    Bilingual("Exit fullscreen mode", "الخروج من ملء الشاشة"),
    Bilingual("File upload", "حقل رفع الملفات"),
    Bilingual("Fullscreen", "ملء الشاشة"),
    Bilingual("More tabs", "علامات تبويب أخرى"),
    Bilingual("Paste from clipboard", "لصق من الحافظة"),
    Bilingual("Remove Image", "إزالة الصورة"),
    Bilingual("Reset to default value", "استعادة القيمة الافتراضية"),
    Bilingual("Thumbnail {} of {}", "الصورة المصغّرة {} من {}"),
    Bilingual("Upload file", "رفع ملف"),
    Bilingual("Warning", "تنبيه"),
    Bilingual("capture photo", "التقاط الصورة"),
    Bilingual("detailed view of selected image", "الصورة المختارة مكبّرة"),
    Bilingual("grant webcam access", "السماح باستخدام الكاميرا"),
    Bilingual("number input for {}", "{}: حقل رقمي"),
    Bilingual("range slider for {}", "{}: شريط تمرير"),
)
"""Gradio's labels that it has in English only, mostly for screen readers; ``page.js`` replaces
them."""
