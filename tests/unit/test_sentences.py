"""Where sentences end: in each text a bar stands for every end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.text.languages import ARABIC, ENGLISH, language
from marsam.text.sentences import count_parts, split_clauses, split_edges, split_sentences

TITLES = (
    "Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "St.", "Gen.", "Col.", "Sgt.", "Capt.", "Lt.", "Rev.",
    "Gov.", "Sen.", "J.", "J. R. R.", "Prof. Dr.", "A. B.",
)  # fmt: skip
BEFORE_NUMBERS = (
    "No.", "no.", "Fig.", "fig.", "Vol.", "vol.", "p.", "pp.", "ch.", "sec.", "approx.", "Art.",
    "ver.", "tel.", "ed.", "Eq.", "ca.", "Jan.", "Sept.", "Dec.",
)  # fmt: skip
ENGLISH_TEXTS = (
    *(f"{title} Smith has a cat. |It is black." for title in TITLES),
    *(f"I met {title} Smith at home. |He left." for title in TITLES),
    *(f"See {word} 5 for a cat. |It is black." for word in BEFORE_NUMBERS),
    "Dr. Smith met Mr. Jones at 5 p.m. in the U.S. Army base. |He left.",
    "Dr. Ahmed stands in front of St. Paul's at 3 p.m. today. |It rains.",
    "He came at 5 p.m. |She left.",
    "He came at 5 a.m. today.",
    "in the U.S. |He left",
    "The U.S. is large. |So is Canada.",
    "The U.N. Secretary-General spoke. |All listened.",
    "Some animals, e.g. cats, sleep a lot. |Others do not.",
    "Small ones, i.e. cats. |Large ones, i.e. lions.",
    "Cats vs. dogs. |Who wins?",
    "Cats, dogs, etc. are pets. |Lions are not.",
    "Cats, dogs, etc. |Lions are not.",
    "Smith Inc. and Co. are here. |Fine.",
    "She is a Ph.D. student. |He is not.",
    "Mon. to Fri. it is open. |Come in.",
    "He is 5 ft. 3 in. tall. |She is not.",
    "Mt. Everest is high. |Climb it.",
    "3.5 metres is long. |Very long.",
    "It costs $3.50. |Buy it.",
    "Version 1.2.3 is out. |Get it.",
    "Go to www.example.com. |It works.",
    "Read https://example.com/a.b?c=d.e! |Then sleep.",
    "Node.js is good. |Use it.",
    "Open the file a.txt. |Close it.",
    "Write to a.b@example.com. |She answers.",
    '"A cat." |"A dog."',
    '"a cat." |"a dog."',
    '"a cat" |"a dog"',
    "“A cat.” |“A dog.”",
    "‘A cat.’ |Then a dog.",
    'He said "A cat." |Then a dog.',
    'He said: "Stop." |She left.',
    '"Is it a cat?" he asked. |"Yes."',
    '"Stop!" she cried.',
    "“Quote.” he said.",
    "a cat.” |A dog",
    "a cat.) |A dog",
    "(A cat.) |A dog.",
    "(a cat.) |(a dog.)",
    "(See p. 3.) |Next.",
    "[A cat.] |A dog.",
    "He came at 5 p.m. (I saw him.) |She left.",
    "a cat… |a dog",
    "A cat… |A dog.",
    "A cat... |A dog.",
    "Wait... what?",
    "Hello... world",
    "A cat!! |A dog?! |Yes.",
    "What?! |No!",
    "What? |No.",
    "Really?! |Yes!!",
    "a cat. |a dog.",
    "A cat. |A dog! |Is it? |Yes",
    "A cat.|A dog",
    "Hello!|Bye",
    "1. A cat",
    "1. a cat",
    "12. A cat. |It is black.",
    "a) A cat. |It is black.",
    "(1) A cat. |It is black.",
    "(a) A cat. |(b) A dog.",
    "• A cat. |It is black.",
    "Is it no. 5? |No. |It is 6.",
    "He works at Yahoo! now.",
    "I live on 5th Ave. in a house. |It is small.",
    "The cat (e.g. a tabby) sleeps. |It snores.",
    "Plan B. |Next.",
    "Vitamin C. |Next.",
    "In 1998. |Then 1999.",
    "Hi! |😀 Bye.",
    "😀 Hi. |😀 Bye.",
    "Dear Mr. Smith, hello. |Bye.",
    "Mr. and Mrs. Smith. |Bye.",
    "Yes.  |No.",
    "It is 10.30 now. |Sleep.",
    "A cat; a dog. |A bird.",
    "A cat: small. |A lion: large.",
    "No cats — none. |No dogs.",
    "“I am J. Smith.” |She smiled.",
    "It was Gen. Lee. |He rode.",
    "Sgt. Pepper taught the band to play. |They played.",
    "The temperature is -5.5 °C. |It snows.",
    "He scored 3.14. |Wow!",
    "A cat.\u00a0|A dog.",
    "Samuel L. Jackson came. |He sat.",
    "George W. Bush spoke. |All heard.",
    "It is in Washington D.C. today. |Go.",
    "Read ch. 3, p. 7. |Then stop.",
    "Cf. the first cat. |It is old.",
    "Ask Lt. Col. Brown. |He knows.",
    "The Rev. Dr. King spoke. |We heard.",
    "Is this it? |(Yes.) |Good.",
    "“Who?” |“Me.”",
    "He (the cat!) sleeps. |It snores.",
)
ARABIC_TITLES = ("د.", "أ.", "م.", "أ.د.", "أ. د.", "ا.", "أ.م.", "م. م.", "ش.", "ك.")
ARABIC_BEFORE_NUMBERS = ("ص.", "ص. ب.", "ص.ب.", "ج.", "ط.", "رقم.", "مج.", "هاتف.", "شكل.", "م.")
ARABIC_TEXTS = (
    *(f"{title} سعاد عندها قطة. |القطة سوداء." for title in ARABIC_TITLES),
    *(f"زارنا {title} أحمد في البيت. |ثم ذهب." for title in ARABIC_TITLES),
    *(f"هل رأيت {title} منى؟ |نعم." for title in ARABIC_TITLES),
    *(f"قال {title} علي: نعم! |ثم نام." for title in ARABIC_TITLES),
    *(f"انظر {word} 5 لترى القطة. |ثم اقرأ." for word in ARABIC_BEFORE_NUMBERS),
    *(f"انظر {word} ١٢ لترى القطة. |ثم اقرأ." for word in ARABIC_BEFORE_NUMBERS),
    *(f"{number}. قطة سوداء. |القطة نائمة." for number in ("1", "٢", "12", "١٥", "۳")),
    *(f"{number}) قطة سوداء. |القطة نائمة." for number in ("1", "٢", "أ", "ب", "ج")),
    *(f"({number}) قطة سوداء. |القطة نائمة." for number in ("1", "٢", "أ", "ب", "ج")),
    *(
        f"قطة{mark} |كلب."
        for mark in (".", "!", "؟", "!!", "؟!", "…", "...", "۔", ".»", "!»", '."')
    ),
    *(f"«قطة{mark}» |كلب." for mark in (".", "!", "؟", "…")),
    *(f"«قطة{mark}» |«كلب.»" for mark in (".", "!", "؟")),
    *(f"(قطة{mark}) |كلب." for mark in (".", "!", "؟")),
    *(f'"قطة{mark}" |كلب.' for mark in (".", "!", "؟")),
    *(f"“قطة{mark}” |“كلب.”" for mark in (".", "!", "؟")),
    *(f"قطة{mark}|كلب" for mark in (".", "!", "؟")),
    "هل هذه قطة؟ |نعم.",
    "هل هذا كلب؟ |نعم، هو كلب.",
    "قال: «هذه قطة.» |ثم ذهب.",
    'قال: "قطة." |ثم نام.',
    "القاهرة، ج. م. ع.",
    "القاهرة، ج.م.ع.",
    "ص. ب. 123",
    "ص.ب. 123",
    "ولد في القرن الثالث ق.م. في القاهرة.",
    "تفاح وموز إلخ. |ثم ذهب.",
    "الطول 3.5 م وهو كثير. |جدًا.",
    "الثمن 3.50 ريال. |اشتره.",
    "الإصدار 1.2.3 جديد. |نزّله.",
    "زر www.example.com اليوم. |ثم نم.",
    "اقرأ https://example.com/a.b?c=d.e ثم نم. |تصبح على خير.",
    "اكتب إلى a.b@example.com الآن. |ستجيب.",
    "قطة؛ وكلب. |وطائر.",
    "قطة: صغيرة. |أسد: كبير.",
    "• قطة سوداء. |القطة نائمة.",
    "- قطة سوداء. |القطة نائمة.",
    "رأيت د. أحمد وم. علي. |ثم ذهبت.",
    "هذا أ. د. محمد، وهذه د. منى. |أهلًا.",
    "نعم.  |لا.",
    "هل؟ |(نعم.) |حسن.",
    "قِطَّةٌ. |كَلْبٌ.",
    "قطة . |كلب .",
    "في عام 1998. |ثم 1999.",
    "الحرارة ٣٫٥ درجة. |برد.",
    "جاء J. R. R. Tolkien إلينا. |ثم ذهب.",
    "جاء Mr. Smith إلينا. |ثم ذهب.",
    "مرحبًا! |😀 وداعًا.",
    "السيد أحمد هنا. |السيدة منى هناك.",
    "ماذا؟! |لا!",
    "لا... |نعم.",
    "لا… |نعم.",
    "«قطة» |«كلب»",
    "رأيت قطة «سوداء» نائمة. |ثم ذهبت.",
)
OTHERS = (
    ("zho_Hans", "这是一只猫。|那是一只狗。|它很大！"),
    ("zho_Hans", "什么？！|真的吗？"),
    ("zho_Hans", "他说：「你好。」然后走了。"),
    ("hin_Deva", "एक बिल्ली। |एक कुत्ता।"),
    ("hye_Armn", "Սա կատու է։ |Սա շուն է։"),
    ("urd_Arab", "یہ بلی ہے۔ |وہ کتا ہے۔"),
    ("fra_Latn", "M. Dupont est là. |Il part."),
    ("deu_Latn", "Am 3. Mai war z. B. Dr. Meier da. |Er ging."),
)


def joined(text: str, code: str) -> str:
    return "|".join(split_sentences(text, language(code)))


@pytest.mark.parametrize("marked", ENGLISH_TEXTS)
def test_english_sentences(marked: str) -> None:
    assert joined(marked.replace("|", ""), ENGLISH.code) == marked


@pytest.mark.parametrize("marked", ARABIC_TEXTS)
def test_arabic_sentences(marked: str) -> None:
    assert joined(marked.replace("|", ""), ARABIC.code) == marked


@pytest.mark.parametrize(("code", "marked"), OTHERS)
def test_sentences_of_other_languages(code: str, marked: str) -> None:
    assert joined(marked.replace("|", ""), code) == marked


def test_spans_are_kept_whole() -> None:
    text = "A photo of the St. Mary Rose. It is old."
    assert split_sentences(text, ENGLISH, [(11, 28)]) == [
        "A photo of the St. Mary Rose. ",
        "It is old.",
    ]


@given(st.text(), st.sampled_from(("eng_Latn", "arb_Arab", "zho_Hans", "fra_Latn", "khm_Khmr")))
def test_sentences_and_edges_lose_nothing(text: str, code: str) -> None:
    line = " ".join(text.split())
    assert "".join(split_sentences(line, language(code))) == line
    assert "".join(split_edges(line)) == line
    assert "".join(split_clauses(line)) == line


@pytest.mark.parametrize(
    ("sentence", "edges"),
    [
        ("1. a cat.", ("1. ", "a cat.", "")),
        ("• a cat…", ("• ", "a cat", "…")),
        ('"a cat."', ('"', "a cat.", '"')),
        ("«قطة»", ("«", "قطة", "»")),
        ("a cat.)", ("", "a cat.", ")")),
        ("(a cat", ("(", "a cat", "")),
        ('"a" and "b"', ("", '"a" and "b"', "")),
        ('He said "a cat."', ("", 'He said "a cat."', "")),
        ("a cat:", ("", "a cat", ":")),
        ("a cat (black)", ("", "a cat (black)", "")),
        ("-5 is cold", ("", "-5 is cold", "")),
        ("J. Smith", ("", "J. Smith", "")),
        ("...", ("", "", "...")),
        ("a cat &amp;", ("", "a cat &amp;", "")),
        ("{x}", ("", "{x}", "")),
    ],
)
def test_edges(sentence: str, edges: tuple[str, str, str]) -> None:
    assert split_edges(sentence) == edges


def test_clauses_and_parts() -> None:
    assert split_clauses("a cat; a dog — a bird") == ["a cat", "; ", "a dog", " — ", "a bird"]
    assert split_clauses("a cat.a dog") == ["a cat", ".", "a dog"]
    assert split_clauses("a well-known cat at 10:30") == ["a well-known cat at 10:30"]
    assert count_parts("قطة، وكلب؛ وطائر.") == 3
    assert count_parts("...") == 0
