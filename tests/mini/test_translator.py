from collections.abc import Sequence

import pytest

from marsam import LanguageError, Notice, Studio, TranslateOptions
from marsam.api.libretranslate.documents import translate_documents
from marsam.stages.seq2seq_model import Seq2SeqModel
from marsam.stages.translator import SentenceTranslator
from marsam.text.fidelity import compare
from marsam.text.languages import ARABIC, ENGLISH

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
        ("A Red Apple On A Blue Background", "تفاحة حمراء على خلفية زرقاء"),
        ("an automobile", "سيارة"),
        ("a plane against a gray background", "طائرة على خلفية رمادية"),
        ("the banana on the blue background", "موزة على خلفية زرقاء"),
        ("3 cats with a pink background", "ثلاث قطط على خلفية وردية"),
        ("cats", "قطط"),
        ("a four-leaf clover", "ورقة برسيم رباعية"),
        ("a red background", "خلفية حمراء"),
        ("red", "أحمر"),
        ("star", "نجمة"),
    ],
)
def test_everyday_english(studio: Studio, typed: str, arabic: str) -> None:
    assert studio.translator.translate(typed, TranslateOptions()).text == arabic


@pytest.mark.parametrize(
    ("typed", "english"),
    [
        ("القطة على الخلفية الزرقاء", "a cat on a blue background"),
        ("قطه على خلفيه زرقاء", "a cat on a blue background"),  # ه for ة
        ("اسد على خلفية حمرا", "a lion on a red background"),  # no hamza
        ("قطتين على خلفية بيضاء", "two cats on a white background"),
        ("قطة و كلب", "a cat and a dog"),
        ("موزة بخلفية زرقاء", "a banana on a blue background"),
        ("٣ قطط على خلفية وردية", "three cats on a pink background"),
        ("هرة", "a cat"),
        ("عربية على خلفية خضراء", "a car on a green background"),
        ("حبة إجاص", "a pear"),
        ("زهرة عباد الشمس", "a sunflower"),
        ("كأس بطولة", "a trophy"),
        ("قطط", "cats"),
        ("خلفية صفراء", "a yellow background"),
        ("أخضر", "green"),
    ],
)
def test_everyday_arabic(studio: Studio, typed: str, english: str) -> None:
    back = TranslateOptions(source="arb_Arab", target="eng_Latn")
    assert studio.translator.translate(typed, back).text == english


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("hello world my friend", "eng_Latn", ("hello", "world", "my", "friend")),
        ("a cat and a dragon on a blue background", "eng_Latn", ("dragon",)),
        ("a blue car", "eng_Latn", ("blue",)),  # it cannot say this
        ("تنين على خلفية زرقاء", "arb_Arab", ("تنين",)),
        ("قطة وامرأة", "arb_Arab", ("وامرأة",)),
    ],
)
def test_unknown_words_are_named_and_nothing_is_invented(
    studio: Studio, text: str, source: str, words: tuple[str, ...]
) -> None:
    target = "arb_Arab" if source == "eng_Latn" else "eng_Latn"
    result = studio.translator.translate(text, TranslateOptions(source=source, target=target))
    assert (result.text, result.unknown_words) == ("", words)
    assert result.warnings == (Notice.UNKNOWN_WORDS,)


def test_every_background_of_the_hint_is_translated(studio: Studio) -> None:
    """The fidelity hint translates phrases alone."""

    def in_arabic(text: str) -> str:
        return studio.translator.translate(text, TranslateOptions()).text

    hint = compare("a cat on a blue background", "a cat on a red background", arabic=in_arabic)
    assert hint.ar == "المطلوب: خلفية زرقاء، والظاهر: خلفية حمراء."


def test_an_unsupported_language_is_refused(studio: Studio) -> None:
    with pytest.raises(LanguageError, match="fra_Latn"):
        studio.translator.translate("a cat", TranslateOptions(target="fra_Latn"))
    both = ("arb_Arab", "eng_Latn")
    assert studio.translator.targets() == {"arb_Arab": both, "eng_Latn": both}


def test_a_sentence_over_the_token_limit_is_translated_completely(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = studio.translator
    assert isinstance(translator, SentenceTranslator)
    (model,) = translator.models
    assert isinstance(model, Seq2SeqModel)
    read: list[str] = []

    def recorded(plain: Sequence[str], *_: object, **__: object) -> list[str]:
        read.extend(plain)
        return list(plain)

    monkeypatch.setattr(model, "generate", recorded)
    pairs = [(cats, dogs) for cats in range(3, 11) for dogs in range(3, 11)]
    text = "، ".join(f"{cats} قطط و{dogs} كلاب على خلفية زرقاء" for cats, dogs in pairs)
    translator.translate(text, TranslateOptions(source="arb_Arab", target="eng_Latn"))
    tokenizer = model._loaded[1]
    assert max(len(tokenizer(piece).input_ids) for piece in read) <= 512
    assert sum(piece.count("قطط") for piece in dict.fromkeys(read)) == len(pairs)
    assert len(read) < 10


@pytest.mark.parametrize(
    ("source", "english", "arabic"),
    [
        ("en", "two cats on a <b>blue background</b>", "قطتان على <b>خلفية زرقاء</b>"),
        ("en", "two cats on a <b>blue</b> background", "قطتان على خلفية <b>زرقاء</b>"),
        (
            "en",
            "A <b>cat</b>. <em>Two fish and a dog</em>. three lions",
            "<b>قطة</b>. <em>سمكتان وكلب</em>. ثلاثة أسود",
        ),
        ("ar", "two cats on <b>a blue background</b>", "قطتان على <b>خلفية زرقاء</b>"),
    ],
)
def test_elements_of_html_stay_around_their_words(
    studio: Studio, source: str, english: str, arabic: str
) -> None:
    languages = (ENGLISH, ARABIC) if source == "en" else (ARABIC, ENGLISH)
    given, wanted = (english, arabic) if source == "en" else (arabic, english)
    documents = [(given, languages[0])]
    done = translate_documents(studio.translator, documents, languages[1], is_html=True)
    assert done == [wanted]
