import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.notices import Notice
from marsam.text import cleaning

BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("raw", "model"),
    [
        ("قِطَّةٌ عَلَى خَلْفِيَّةٍ زَرْقَاءَ", "قطة على خلفية زرقاء"),
        ("ســـلام", "سلام"),
        ("\u202bقطة\u202c على \u200fخلفية", "قطة على خلفية"),
        ("a  cat\u00a0 on\ta  mat ", "a cat on a mat"),
        ("مراسٍ", "مراس"),
        ("cafe\u0301", "café"),
        ("قطة\r\nكلب", "قطة\nكلب"),
    ],
)
def test_strip_diacritics(raw: str, model: str) -> None:
    assert cleaning.strip_diacritics(raw) == model


def test_clean_keeps_diacritics() -> None:
    assert cleaning.clean("قِطَّةٌ") == unicodedata.normalize("NFC", "قِطَّةٌ")
    assert cleaning.clean("أأ\u0640") == "أأ\u0640"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A cat. A dog!  Is it? Yes", ["A cat.", "A dog!", "Is it?", "Yes"]),
        ("هل هذه قطة؟ نعم.", ["هل هذه قطة؟", "نعم."]),
        ("one\n\ntwo", ["one", "two"]),
        ("3.5 metres", ["3.5 metres"]),
        ("这是一只猫。那是一只狗。它很大！", ["这是一只猫。", "那是一只狗。", "它很大！"]),
        ("什么？！真的吗？", ["什么？！", "真的吗？"]),
        ("他说：「你好。」然后走了。", ["他说：「你好。」然后走了。"]),
        ("एक बिल्ली। एक कुत्ता।", ["एक बिल्ली।", "एक कुत्ता।"]),
        ("Սա կատու է։ Սա շուն է։", ["Սա կատու է։", "Սա շուն է։"]),
        ("یہ بلی ہے۔ وہ کتا ہے۔", ["یہ بلی ہے۔", "وہ کتا ہے۔"]),
        ("", []),
    ],
)
def test_split_sentences(text: str, parts: list[str]) -> None:
    assert cleaning.split_sentences(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("قطة سوداء، وكلب أبيض كبير", ("قطة سوداء،", "وكلب أبيض كبير")),
        ("one, two three, four five", ("one, two three,", "four five")),
        ("one two three four", ("one two", "three four")),
        ("猫、犬、鳥と魚と花", ("猫、犬、", "鳥と魚と花")),
        ("abcdef", ("abc", "def")),
        ("a", ("a", "")),
    ],
)
def test_split_in_two(text: str, parts: tuple[str, str]) -> None:
    assert cleaning.split_in_two(text) == parts


@pytest.mark.parametrize(
    ("repeated", "collapsed"),
    [
        ("a bald bald bald man", "a bald man"),
        ("a man with a hat with a hat with a hat", "a man with a hat"),
        ("a cat and a cat and a dog", "a cat and a dog"),
        ("قطة قطة قطة على خلفية", "قطة على خلفية"),
        ("a very very old car", "a very very old car"),
        ("a cat on a blue background", "a cat on a blue background"),
        ("", ""),
    ],
)
def test_collapse_repetitions(repeated: str, collapsed: str) -> None:
    assert cleaning.collapse_repetitions(repeated) == collapsed
    assert cleaning.has_repetitions(repeated) == (repeated != collapsed)


@pytest.mark.parametrize(
    ("raw", "fixed"),
    [
        ("هل هذه قطة؟?", "هل هذه قطة؟"),
        ("هل هذه قطة ?", "هل هذه قطة؟"),
        ("قطة, وكلب; وطائر", "قطة، وكلب؛ وطائر"),
        ("قطة,كلب", "قطة، كلب"),
        ("قطة،، كلب", "قطة، كلب"),
        ("1,000 قطة", "1,000 قطة"),
        ("ثلاثة أسود.", "ثلاثة أسود."),
    ],
)
def test_fix_arabic_punctuation(raw: str, fixed: str) -> None:
    assert cleaning.fix_arabic_punctuation(raw) == fixed


@pytest.mark.parametrize(
    ("capitals", "lowered"),
    [
        ("A CAT ON A MAT.", "A cat on a mat."),
        ("NASA", "NASA"),
        ("a Cat", "a Cat"),
        ("قطة على خلفية", "قطة على خلفية"),
    ],
)
def test_lower_if_all_caps(capitals: str, lowered: str) -> None:
    assert cleaning.lower_if_all_caps(capitals) == lowered


@given(st.text())
def test_cleaning_any_text_is_idempotent(raw: str) -> None:
    for function in (cleaning.clean, cleaning.strip_diacritics):
        once = function(raw)
        assert function(once) == once
        assert not any(
            character != "\n"
            and (character in BIDI or unicodedata.category(character) in ("Cc", "Cs"))
            for character in once
        )


@given(st.text())
def test_any_text_can_be_split_and_fixed(raw: str) -> None:
    cleaned = cleaning.clean(raw)
    assert "".join("".join(cleaning.split_sentences(cleaned)).split()) == "".join(cleaned.split())
    fixed = cleaning.fix_arabic_punctuation(cleaned)
    assert cleaning.fix_arabic_punctuation(fixed) == fixed
    collapsed = cleaning.collapse_repetitions(cleaned)
    assert cleaning.collapse_repetitions(collapsed) == collapsed
    cleaning.has_repetitions(raw)
    cleaning.latin_words(raw)


def test_notices_are_sentences_in_both_languages() -> None:
    for notice in Notice:
        assert notice.en.endswith(".")
        assert notice.ar.endswith(".")
        assert not cleaning.latin_words(notice.ar)
