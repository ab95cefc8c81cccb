import pytest

from marsam import LanguageError, Studio, TranslateOptions

PAIRS = [
    ("a cat on a blue background", "قطة على خلفية زرقاء"),
    ("a red apple on a blue background", "تفاحة حمراء على خلفية زرقاء"),
    ("two fish on a pink background", "سمكتان على خلفية وردية"),  # dual
    ("two red apples", "تفاحتان حمراوان"),  # the adjective is dual too
    ("three lions", "ثلاثة أسود"),  # masculine noun, feminine number word
    ("three cars", "ثلاث سيارات"),
    ("an airplane and two lemons", "طائرة وليمونتان"),
    ("an image of two cats", "صورة لقطتين"),  # genitive dual
    ("there is a house", "هناك منزل"),
]


@pytest.mark.parametrize(("english", "arabic"), PAIRS)
def test_counting_and_agreeing_in_arabic(studio: Studio, english: str, arabic: str) -> None:
    assert studio.translator.translate(english, TranslateOptions()).text == arabic


@pytest.mark.parametrize(("english", "arabic"), PAIRS)
def test_and_back(studio: Studio, english: str, arabic: str) -> None:
    back = TranslateOptions(source="arb_Arab", target="eng_Latn")
    assert studio.translator.translate(arabic, back).text == english


@pytest.mark.parametrize(
    ("typed", "arabic"),
    [
        ("A photo of a cat.", "صورة فوتوغرافية لقطة."),
        ("A CAT ON A BLUE BACKGROUND", "قطة على خلفية زرقاء"),
        ("an automobile", "سيارة"),
        ("a plane against a gray background", "طائرة على خلفية رمادية"),
        ("star", "نجمة"),
    ],
)
def test_as_people_type(studio: Studio, typed: str, arabic: str) -> None:
    assert studio.translator.translate(typed, TranslateOptions()).text == arabic


def test_a_language_it_does_not_know_is_refused(studio: Studio) -> None:
    with pytest.raises(LanguageError, match="fra_Latn"):
        studio.translator.translate("a cat", TranslateOptions(target="fra_Latn"))
