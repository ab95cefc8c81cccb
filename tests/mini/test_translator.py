from collections.abc import Sequence

import pytest

from marsam import LanguageError, Studio, TranslateOptions
from marsam.stages.translator import Seq2SeqTranslator

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
def test_arabic_number_and_gender_agreement(studio: Studio, english: str, arabic: str) -> None:
    assert studio.translator.translate(english, TranslateOptions()).text == arabic


@pytest.mark.parametrize(("english", "arabic"), PAIRS)
def test_arabic_to_english(studio: Studio, english: str, arabic: str) -> None:
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
def test_informal_input(studio: Studio, typed: str, arabic: str) -> None:
    assert studio.translator.translate(typed, TranslateOptions()).text == arabic


def test_an_unsupported_language_is_refused(studio: Studio) -> None:
    with pytest.raises(LanguageError, match="fra_Latn"):
        studio.translator.translate("a cat", TranslateOptions(target="fra_Latn"))


def test_a_sentence_over_the_token_limit_is_translated_completely(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = studio.translator
    assert isinstance(translator, Seq2SeqTranslator)
    read: list[str] = []

    def recorded(plain: Sequence[str], *_: object, **__: object) -> list[str]:
        read.extend(plain)
        return list(plain)

    monkeypatch.setattr(translator, "_generate", recorded)
    text = "، ".join(f"قطة {number} على خلفية زرقاء" for number in range(70))
    translator.translate(text, TranslateOptions(source="arb_Arab", target="eng_Latn"))
    tokenizer = translator._loaded[1]
    assert max(len(tokenizer(piece).input_ids) for piece in read) <= 512
    assert [piece for piece in read if "قطة 69 " in piece]
    assert len(read) < 10
