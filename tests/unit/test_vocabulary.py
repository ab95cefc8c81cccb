"""A closed vocabulary: what people type in different ways is known, and nothing else is."""

from pathlib import Path

import pytest

from marsam.text.vocabulary import FILE_NAME, ClosedVocabulary, fold

ENGLISH, ARABIC = "eng_Latn", "arb_Arab"
KNOWN = {
    ENGLISH: [
        *("a", "on", "and", "two", "2", "cat", "cats", "palm tree", "red apple"),
        *("blue background", "four leaf clover", "=red"),
    ],
    ARABIC: ["قطه", "كلب", "علي", "خلفيه زرقا", "تفاحه حمرا", "كره قدم", "ورده", "3", "قطط"],
}


@pytest.fixture
def vocabulary() -> ClosedVocabulary:
    return ClosedVocabulary(KNOWN)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("A Red Apple.", "a red apple."),
        ("قطّةٌ على خلفيةٍ زرقاء", "قطه علي خلفيه زرقا"),
        ("قطة و كلب", "قطه وكلب"),
        ("٣ أسود", "3 اسود"),
        ("فؤوس وطائرات", "فووس وطايرات"),
        ("four-leaf clover", "four leaf clover"),
        ("قـطـة", "قطه"),
    ],
)
def test_spellings_of_one_text_are_folded_into_one(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("text", "language", "unknown"),
    [
        ("A CAT on a Blue Background.", ENGLISH, ()),
        ("two cats and a four-leaf clover", ENGLISH, ()),
        ("a dragon and a cat and a dragon", ENGLISH, ("dragon",)),
        ("Hello, world!", ENGLISH, ("Hello", "world")),
        ("a blue cat", ENGLISH, ("blue",)),  # a colour is known only of a background
        ("a palm", ENGLISH, ("palm",)),
        ("Red", ENGLISH, ()),
        ("a red cat", ENGLISH, ("red",)),
        ("القطة على الخلفية الزرقاء", ARABIC, ()),
        ("قطه و كلب علي خلفيه زرقا", ARABIC, ()),
        ("والتفاحة الحمراء", ARABIC, ()),
        ("كرة القدم", ARABIC, ()),
        ("٣ قطط بخلفية زرقاء", ARABIC, ()),
        ("قطة و وردة", ARABIC, ()),
        ("تنّين على خلفية زرقاء", ARABIC, ("تنين",)),
        ("قطة زرقاء", ARABIC, ("زرقاء",)),
        ("", ENGLISH, ()),
        ("a cat 🐉 at https://a.org", ENGLISH, ("at",)),
        ('"a cat" (a cat) «two cats»', ENGLISH, ()),
        ("un chat", "fra_Latn", ()),
    ],
)
def test_words_outside_of_the_vocabulary_are_named(
    vocabulary: ClosedVocabulary, text: str, language: str, unknown: tuple[str, ...]
) -> None:
    assert vocabulary.unknown_words(text, language) == unknown


def test_a_model_without_the_file_knows_every_word(tmp_path: Path) -> None:
    assert ClosedVocabulary.in_folder(tmp_path) is None
    (tmp_path / FILE_NAME).write_text("eng_Latn\ta\neng_Latn\tcat\n", encoding="utf-8")
    read = ClosedVocabulary.in_folder(tmp_path)
    assert read is not None
    assert read.unknown_words("a cat and a dog", ENGLISH) == ("and", "dog")
