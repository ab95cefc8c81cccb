import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.notices import Notice
from marsam.text import cleaning
from marsam.text.languages import ARABIC, language

CODES = ("eng_Latn", "arb_Arab", "pes_Arab", "urd_Arab", "kas_Arab", "hin_Deva", "zho_Hans")
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
def test_normalize(raw: str, model: str) -> None:
    assert cleaning.normalize(raw, ARABIC) == model


@pytest.mark.parametrize(
    ("raw", "code", "model"),
    [
        ("ﻗﻄﺔ ﻋﻠﻰ ﺧﻠﻔﻴﺔ ﺯﺭﻗﺎء", "arb_Arab", "قطة على خلفية زرقاء"),  # of a PDF
        ("کلب صغیر ہنا", "arb_Arab", "كلب صغير هنا"),  # a Persian or Urdu keyboard
        ("۳ قطط و٥ كلاب", "arb_Arab", "3 قطط و5 كلاب"),
        ("قط\u200bة على\u2060 خلفية", "arb_Arab", "قطة على خلفية"),
        ("قطة\u200bعلى", "arb_Arab", "قطة على"),
        ("كتاب مي\u200cروم", "pes_Arab", "کتاب می\u200cروم"),
        ("يہ ہے", "urd_Arab", "یہ ہے"),
        ("کٲشُر", "kas_Arab", "کٲشُر"),  # without its marks it is another word
        ("\ufeffa c\u00adat", "eng_Latn", "a cat"),
        ("ﬁsh ｃａｔ ５ 𝐝𝐨𝐠", "eng_Latn", "fish cat 5 dog"),
        ("5 m² ½ ™", "eng_Latn", "5 m² ½ ™"),
        ("น้ำ", "tha_Thai", "น้ำ"),
    ],
)
def test_normalize_folds_what_looks_the_same(raw: str, code: str, model: str) -> None:
    assert cleaning.normalize(raw, language(code)) == model


def test_clean_keeps_diacritics() -> None:
    assert cleaning.clean("قِطَّةٌ") == unicodedata.normalize("NFC", "قِطَّةٌ")
    assert cleaning.clean("أأ\u0640") == "أأ\u0640"


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
        ("انظر https://example.com/?q=1,2 هل تراه?", "انظر https://example.com/?q=1,2 هل تراه؟"),
        ("بُني عام 1998, ويقع في فريق Marsam, وهو", "بُني عام 1998، ويقع في فريق Marsam، وهو"),
        ("هل تعرف Gradio?", "هل تعرف Gradio؟"),
        ("What? نعم", "What? نعم"),
        ("گ, خ", "گ، خ"),
        ("x = {a?b:c}, y", "x = {a?b:c}, y"),
    ],
)
def test_fix_arabic_punctuation(raw: str, fixed: str) -> None:
    assert cleaning.fix_arabic_punctuation(raw) == fixed


@pytest.mark.parametrize(
    ("capitals", "changed"),
    [
        ("A CAT ON A MAT.", "A Cat on a Mat."),
        ("NASA", "NASA"),
        ("I AM AHMED FROM CAIRO", "I Am Ahmed from Cairo"),
        ("THE UAE FLAG ON BBC TV", "The UAE Flag on BBC TV"),
        ("O'BRIEN'S CAT", "O'brien's Cat"),
        ("КОТ НА КОВРЕ", "Кот На Ковре"),
        ("MỘT CON MÈO", "Một Con Mèo"),
        ("SEE THE CAT AT HTTPS://A.ORG/B", "See the Cat at HTTPS://A.ORG/B"),
        ("a Cat", "a Cat"),
        ("قطة على خلفية", "قطة على خلفية"),
    ],
)
def test_title_case_if_all_caps(capitals: str, changed: str) -> None:
    assert cleaning.title_case_if_all_caps(capitals) == changed


@pytest.mark.parametrize(
    ("text", "code", "names"),
    [
        ("The BBC shows a 3D film on an iPhone.", "eng_Latn", {"bbc", "3d", "iphone"}),
        ("A new YouTube video (COVID-19)", "eng_Latn", {"youtube", "covid-19", "covid"}),
        ("A cat called Lulu in Paris, at 5 o'clock.", "eng_Latn", set()),
        ("I saw it on https://BBC.com", "eng_Latn", set()),
        ("the 2nd cat in the 1990s at 5pm, 3km away", "eng_Latn", set()),
        ("قطة اسمها Lulu", "arb_Arab", {"lulu"}),
    ],
)
def test_latin_names(text: str, code: str, names: set[str]) -> None:
    assert cleaning.latin_names(text, language(code)) == names


@given(st.text())
def test_cleaning_any_text_is_idempotent(raw: str) -> None:
    folds: list[Callable[[str], str]] = [
        partial(cleaning.normalize, language=language(code)) for code in CODES
    ]
    for function in [cleaning.clean, *folds]:
        once = function(raw)
        assert function(once) == once
        assert not any(
            character != "\n"
            and (character in BIDI or unicodedata.category(character) in ("Cc", "Cs"))
            for character in once
        )


@given(st.text())
def test_any_text_can_be_fixed(raw: str) -> None:
    cleaned = cleaning.clean(raw)
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


def test_an_endless_run_of_marks_is_cut_before_it_is_sorted() -> None:
    """Normalising it takes quadratic time: minutes for the longest text of a request."""
    assert len(cleaning.clean("a" + "\u0315\u0300" * 200_000 + "b")) <= 32
    assert cleaning.clean("قِطَّةٌ") == "قِطَّةٌ"
