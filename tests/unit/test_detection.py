"""The languages of texts, long and short, for a translator of many languages and of two."""

import pytest

from marsam.text.detection import detect
from marsam.text.languages import languages

ALL = {one.code for one in languages()}
TWO = {"eng_Latn", "arb_Arab"}
ENGLISH_TEXTS = (
    "a cat",
    "two fish",
    "cat",
    "Hello!",
    "a red car",
    "a cat on a blue background",
    "Good morning",
    "Save",
    "Sign in to your account",
    "three horses under a tree",
    "The weather is nice today, so we walked to the harbour.",
    "Please confirm your order before Friday; otherwise it will be cancelled.",
    "a portrait of an old fisherman, oil painting, highly detailed, 8k",
    "a cat called قطة in the garden",
    "I said bonjour to the baker this morning.",
)
ARABIC_TEXTS = (
    "قطة",
    "سمكتان",
    "استخدام",
    "متى",
    "صباح الخير",
    "قطة على خلفية زرقاء",
    "ثلاثة خيول تحت شجرة",
    "الطقس جميل اليوم، لذلك مشينا إلى الميناء.",
    "يرجى تأكيد طلبك قبل يوم الجمعة، وإلا سيلغى.",
    "وصلت الرسالة أمس ولم أقرأها بعد",
    "قطة اسمها Lulu في الحديقة",
)
OTHER_TEXTS = (
    ("گربه", "fa"),
    ("صبح بخیر", "fa"),
    ("یک گربه روی زمینه آبی", "fa"),
    ("امروز هوا خوب است و ما تا بندر پیاده رفتیم.", "fa"),
    ("لطفاً سفارش خود را پیش از جمعه تأیید کنید", "fa"),
    ("نیلے پس منظر پر ایک بلی", "ur"),
    ("آج موسم اچھا ہے، اس لیے ہم بندرگاہ تک پیدل گئے۔", "ur"),
    ("Bonjour", "fr"),
    ("un chat sur un fond bleu", "fr"),
    ("Il fait beau aujourd'hui, nous avons donc marché jusqu'au port.", "fr"),
    ("Veuillez confirmer votre commande avant vendredi, sinon elle sera annulée.", "fr"),
    ("Buenos días", "es"),
    ("un gato sobre un fondo azul", "es"),
    ("Hoy hace buen tiempo, así que caminamos hasta el puerto.", "es"),
    ("eine Katze auf blauem Hintergrund", "de"),
    ("Heute ist das Wetter schön, deshalb sind wir zum Hafen gegangen.", "de"),
    ("um gato em um fundo azul", "pt"),
    ("Hoje o tempo está bom, por isso caminhámos até ao porto.", "pt"),
    ("un gatto su uno sfondo blu", "it"),
    ("mavi bir arka plan üzerinde bir kedi", "tr"),
    ("кошка", "ru"),
    ("кошка на синем фоне", "ru"),
    ("Сегодня хорошая погода, поэтому мы дошли пешком до порта.", "ru"),
    ("Сьогодні гарна погода, тому ми пішли пішки до порту.", "uk"),
    ("猫", "zh-Hans"),
    ("两条鱼", "zh-Hans"),
    ("今天天气很好,所以我们走到了港口。", "zh-Hans"),
    ("今天天氣很好,所以我們走到了港口。", "zh-Hant"),
    ("今日は天気がいいので、港まで歩きました。", "ja"),
    ("고양이", "ko"),
    ("γάτα", "el"),
    ("חתול על רקע כחול", "he"),
    ("नीली पृष्ठभूमि पर एक बिल्ली", "hi"),
)
NO_LANGUAGE = (
    "",
    "12345 67,8 %",
    "😀 🐈 🎉",
    "!!! ... ???",
    "https://example.org/a/b?c=d",
    "`for x in y`",
)


def best(text: str, known: set[str] = ALL) -> str | None:
    found = detect(text, known).best
    return found.tag if found else None


@pytest.mark.parametrize("known", [ALL, TWO])
def test_english_and_arabic_are_detected(known: set[str]) -> None:
    assert [text for text in ENGLISH_TEXTS if best(text, known) != "en"] == []
    assert [text for text in ARABIC_TEXTS if best(text, known) != "ar"] == []
    for text in ENGLISH_TEXTS + ARABIC_TEXTS:
        assert detect(text, known).shares[0][1] > 40, text


def test_other_languages_are_detected() -> None:
    assert [(text, best(text)) for text, tag in OTHER_TEXTS if best(text) != tag] == []


def test_a_translator_of_two_languages_does_not_take_others_for_its_own() -> None:
    for text, _ in OTHER_TEXTS:
        found = detect(text, TWO)
        assert found.best is None or found.best.code not in TWO, text
        assert all(share < 50 for _, share in found.shares), text


@pytest.mark.parametrize("text", NO_LANGUAGE)
def test_a_text_without_words_is_english_with_no_confidence(text: str) -> None:
    (only,) = detect(text, ALL).shares
    assert (only[0].tag, only[1]) == ("en", 0.0)


@pytest.mark.parametrize("text", ["a dog", "iPhone 15 Pro Max"])
def test_what_the_detector_has_never_seen_is_english_with_no_confidence(text: str) -> None:
    for known in (ALL, TWO):
        assert [(one.tag, share) for one, share in detect(text, known).shares] == [("en", 0.0)]
    assert detect(text, {"arb_Arab", "fra_Latn"}).shares == ()


def test_languages_and_scripts_that_nllb_lacks_are_unknown() -> None:
    assert detect("𐤀𐤁", ALL).best is None
    latin = "Gallia est omnis divisa in partes tres, quarum unam incolunt Belgae"
    assert detect(latin, ALL).best is None


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert best("a cat on a blue background. " * 200 + "кошка " * 100_000) == "en"
