import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.text.fidelity import Fidelity, best_indices, compare

ARABIC = {
    "a boat": "قارب",
    "the boat": "القارب",
    "a cat": "قطة",
    "two cats": "قطتان",
    "a dog": "كلب",
    "a car": "سيارة",
    "two lemons": "ليمونتان",
    "eleven lemons": "11 ليمونة",
    "a sun": "شمس",
    "a red apple": "تفاحة حمراء",
    "a green apple": "تفاحة خضراء",
    "a blue background": "خلفية زرقاء",
    "a red background": "خلفية حمراء",
    "a park": "حديقة",
    "a rose": "وردة",
    "a judge": "قاض",
    "a desert": "صحراء",
    "a shoe": "حذاء",
}


def arabic(phrase: str) -> str:
    return ARABIC[phrase]


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [
        ("a cat on a blue background", "a cat on a blue background"),
        ("a cat and a dog on a blue background", "a dog and a cat on a blue background"),
        ("2 cats on a blue background", "two cats on a blue background"),
        ("one cat", "a cat"),
        ("a cat", "a cat on a blue background"),
        ("AN IMAGE OF 3 MICE AGAINST A GREY BACKGROUND.", "three mice on a gray background"),
        ("cat and dog on pink background", "a cat and a dog on a pink background"),
        ("bread on a red background", "a loaf of bread on a red background"),
        ("grapes", "a bunch of grapes"),
        ("There are two droplets.", "two drops of water"),
        ("four leaf clover on blue background", "a clover on a blue background"),
        ("three loaves of bread and a cactus", "a cactus and 3 loaves of bread"),
        ("two tvs and a plane", "an airplane and two televisions"),
        ("ten cacti, maple leaves; boxes", "ten cactuses, maple leaves and boxes"),
        ("two fish, tomatoes, houses", "tomatoes and houses and two fishes"),
        ("a couple of dogs", "two dogs"),
        ("a dozen eggs", "twelve eggs"),
        ("the apple is red", "a red apple"),
        ("a sleeping cat", "a cat that is sleeping"),
        ("a street without cars", "an empty street"),
        ("a big, brown dog", "there is a big brown dog"),
        ("a castle, highly detailed, digital art", "a painting of a castle"),
    ],
)
def test_captions_that_match_the_prompt(prompt: str, caption: str) -> None:
    fidelity = compare(prompt, caption)
    assert (fidelity.score, fidelity.missing, fidelity.added) == (1, (), ())
    assert fidelity.en == "Everything in the prompt is visible."
    assert fidelity.ar == "كل ما طُلب ظاهر في الصورة."


@pytest.mark.parametrize(
    ("prompt", "caption", "missing", "added", "en", "ar"),
    [
        pytest.param(
            "a boat on a blue background",
            "a car on a blue background",
            ("boat",),
            ("car",),
            "Instead of a boat there is a car.",
            "المطلوب: قارب، والظاهر: سيارة.",
            id="wrong noun",
        ),
        pytest.param(
            "two cats on a blue background",
            "a cat on a blue background",
            ("two cats",),
            ("cat",),
            "Instead of two cats there is a cat.",
            "المطلوب: قطتان، والظاهر: قطة.",
            id="wrong count",
        ),
        pytest.param(
            "a cat",
            "two cats",
            ("cat",),
            ("two cats",),
            "Instead of a cat there are two cats.",
            "المطلوب: قطة، والظاهر: قطتان.",
            id="too many",
        ),
        pytest.param(
            "a cat on a blue background",
            "a cat on a red background",
            ("blue background",),
            ("red background",),
            "Instead of a blue background there is a red background.",
            "المطلوب: خلفية زرقاء، والظاهر: خلفية حمراء.",
            id="wrong background",
        ),
        pytest.param(
            "a red apple on a blue background",
            "a green apple on a blue background",
            ("red apple",),
            ("green apple",),
            "Instead of a red apple there is a green apple.",
            "المطلوب: تفاحة حمراء، والظاهر: تفاحة خضراء.",
            id="wrong colour",
        ),
        pytest.param(
            "a cat and a dog on a blue background",
            "a dog on a blue background",
            ("cat",),
            (),
            "The cat is not visible.",
            "القطة غير ظاهرة في الصورة.",
            id="one of a pair",
        ),
        pytest.param(
            "a boat, two lemons and a cat",
            "a cat",
            ("boat", "two lemons"),
            (),
            "Not visible: a boat and two lemons.",
            "غاب عن الصورة: قارب وليمونتان.",
            id="two missing",
        ),
        pytest.param(
            "a boat and eleven lemons and a rose",
            "a car",
            ("boat", "eleven lemons", "rose"),
            ("car",),
            "Not visible: a boat, eleven lemons and a rose; instead there is a car.",
            "غاب عن الصورة: قارب، 11 ليمونة ووردة. وظهر فيها بدل ذلك: سيارة.",
            id="all missing",
        ),
        pytest.param(
            "a dog",
            "a dog in a park",
            (),
            ("park",),
            "Everything in the prompt is visible, and also a park.",
            "كل ما طُلب ظاهر في الصورة، وفيها أيضًا: حديقة.",
            id="only added",
        ),
        pytest.param(
            "two lemons and a dog",
            "a dog",
            ("two lemons",),
            (),
            "The two lemons are not visible.",
            "غاب عن الصورة: ليمونتان.",
            id="several of one missing",
        ),
        pytest.param(
            "a cat on a blue background",
            "a cat and a car",
            ("blue background",),
            ("car",),
            "The blue background is not visible; instead there is a car.",
            "غاب عن الصورة: خلفية زرقاء. وظهر فيها بدل ذلك: سيارة.",
            id="an object does not replace a background",
        ),
    ],
)
def test_captions_that_differ_from_the_prompt(
    prompt: str, caption: str, missing: tuple[str, ...], added: tuple[str, ...], en: str, ar: str
) -> None:
    fidelity = compare(prompt, caption, arabic=arabic)
    assert (fidelity.missing, fidelity.added) == (missing, added)
    assert fidelity.score < 1
    assert (fidelity.en, fidelity.ar) == (en, ar)


def test_scores_fall_with_prompt_adherence() -> None:
    prompt = "two red apples on a blue background"
    scores = [
        compare(prompt, caption).score
        for caption in (
            "two red apples on a blue background",
            "two red apples and a cat on a blue background",
            "two apples on a blue background",
            "two red apples on a green background",
            "a red apple on a blue background",
            "a green apple on a blue background",
            "a cat on a blue background",
            "a cat on a red background",
            "",
        )
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)
    assert scores[-1] == 0


@pytest.mark.parametrize(
    ("prompt", "caption", "least", "missing", "added"),
    [
        (
            "a dog on a bench",
            "there is a brown dog sitting on a wooden bench in a park",
            0.95,
            (),
            ("park",),
        ),
        (
            "there is a man riding a wave on top of a surfboard",
            "there is a man on a surfboard riding a wave in the ocean",
            0.9,
            (),
            ("ocean",),
        ),
        (
            "there is a black and white cat laying on a red couch",
            "there is a black and white cat that is sleeping on a couch",
            0.85,
            (),
            (),
        ),
        (
            "a group of people standing on a beach",
            "there are three people standing on the beach with umbrellas",
            0.9,
            (),
            ("umbrellas",),
        ),
        (
            "a lot of birds flying over the sea",
            "there is a flock of birds that are flying over the ocean",
            1,
            (),
            (),
        ),
        (
            "a woman holding flowers next to a parked car",
            "there is a young woman holding flowers in front of a car parked on the street",
            0.85,
            (),
            ("street",),
        ),
        (
            "a man wearing a red hat and a dog",
            "there is a man wearing a blue hat and a dog",
            0.8,
            ("red hat",),
            ("blue hat",),
        ),
        ("a sunny beach with a palm tree", "a sandy beach with a palm tree", 0.9, (), ()),
        ("a palm tree", "a pine tree", 0.5, ("palm tree",), ("pine tree",)),
        ("two pairs of cherries", "a pair of cherries", 0.5, ("two pairs of cherries",), None),
    ],
)
def test_captions_of_photographs(
    prompt: str, caption: str, least: float, missing: tuple[str, ...], added: tuple[str, ...] | None
) -> None:
    fidelity = compare(prompt, caption)
    assert fidelity.score >= least
    assert fidelity.missing == missing
    assert added is None or fidelity.added == added


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("a boat", "القارب غير ظاهر في الصورة."),
        ("the boat", "القارب غير ظاهر في الصورة."),
        ("a car", "السيارة غير ظاهرة في الصورة."),
        ("a sun", "الشمس غير ظاهرة في الصورة."),
        ("a desert", "الصحراء غير ظاهرة في الصورة."),
        ("a rose", "الوردة غير ظاهرة في الصورة."),
        ("a judge", "غاب عن الصورة: قاض."),  # with the article it is القاضي
        ("a shoe", "غاب عن الصورة: حذاء."),  # ends like صحراء, and is not feminine
        ("a red apple", "غاب عن الصورة: تفاحة حمراء."),
    ],
)
def test_arabic_sentence_agrees_with_the_gender_of_one_missing_noun(
    missing: str, sentence: str
) -> None:
    assert compare(f"{missing} and a dog", "a dog", arabic=arabic).ar == sentence


def fails(phrase: str) -> str:
    raise RuntimeError(phrase)


@pytest.mark.parametrize(
    "translator",
    [None, fails, lambda _: "", lambda _: "قارب boat", lambda _: "лодка", lambda _: "؟ 2"],
)
@pytest.mark.parametrize(
    ("prompt", "caption", "sentence"),
    [
        ("a boat and a dog", "a dog", "بعض ما طُلب غير ظاهر في الصورة."),
        (
            "two cats and a dog",
            "a cat and a dog",
            "بعض ما طُلب غير ظاهر في الصورة، وفيها ما لم يُطلب.",
        ),
        ("a boat", "", "لم يظهر في الصورة شيء مما طُلب."),
        ("a boat", "a car", "لم يظهر في الصورة شيء مما طُلب، وفيها ما لم يُطلب."),
        ("a dog", "a dog and a cat", "كل ما طُلب ظاهر في الصورة، وفيها أيضًا ما لم يُطلب."),
    ],
)
def test_arabic_sentence_without_translated_names(
    translator: object, prompt: str, caption: str, sentence: str
) -> None:
    assert compare(prompt, caption, arabic=translator).ar == sentence  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [("a hare", "a rabbit"), ("a ship and a cat", "a boat and a dog"), ("a cat break", "a cat")],
)
def test_words_with_the_same_arabic_name_are_not_named(prompt: str, caption: str) -> None:
    same = {"a hare": "أرنب", "a rabbit": "أرنب", "a ship": "سفينة", "a boat": "سفينة"}

    def translate(phrase: str) -> str:
        return same.get(phrase) or ARABIC[phrase.removesuffix(" break")]

    unnamed = {
        "بعض ما طُلب غير ظاهر في الصورة، وفيها ما لم يُطلب.",
        "لم يظهر في الصورة شيء مما طُلب، وفيها ما لم يُطلب.",
    }
    assert compare(prompt, caption, arabic=translate).ar in unnamed


def test_two_missing_words_with_one_arabic_name_are_one() -> None:
    fidelity = compare("a rat, a mouse and a cat", "", arabic=lambda p: ARABIC.get(p, "فأر"))
    assert fidelity.ar == "غاب عن الصورة: فأر وقطة."


def test_only_four_phrases_are_translated_and_named() -> None:
    phrases: list[str] = []

    def translate(phrase: str) -> str:
        phrases.append(phrase)
        return f"\u200f{'أبجد'[len(phrases) - 1]}."

    fidelity = compare("a car, a bus, an ear of corn, two owls, a unicorn", "", arabic=translate)
    assert phrases == ["a car", "a bus", "an ear of corn", "two owls"]
    assert fidelity.en == "Not visible: a car, a bus, an ear of corn, two owls and more."
    assert fidelity.ar == "غاب عن الصورة: أ وب وج ود وغيرها."


def test_right_to_left_phrases_are_isolated_in_english() -> None:
    assert compare("قارب", "a cat").en == "Instead of \u2068قارب\u2069 there is a cat."


@pytest.mark.parametrize("prompt", ["", " ", "...", "a photo of", "there is", "no people", "2"])
def test_a_prompt_without_noun_phrases_scores_1(prompt: str) -> None:
    fidelity = compare(prompt, "a cat")
    assert (fidelity.score, fidelity.missing, fidelity.added) == (1, (), ())
    assert fidelity.en == "The prompt names nothing that can be checked."
    assert fidelity.ar == "ليس في الطلب ما يمكن التحقق منه."


def test_to_dict() -> None:
    assert compare("a boat, a cat, a dog", " a cat and a dog ", arabic=arabic).to_dict() == {
        "score": 0.6667,
        "missing": ["boat"],
        "added": [],
        "caption": "a cat and a dog",
        "en": "The boat is not visible.",
        "ar": "القارب غير ظاهر في الصورة.",
    }


def scored(*scores: float) -> list[Fidelity]:
    return [
        Fidelity(score=score, missing=(), added=(), caption="", en="", ar="") for score in scores
    ]


@pytest.mark.parametrize(
    ("keep", "indices"),
    [
        (0, []),
        (-1, []),
        (1, [1]),
        (2, [1, 3]),
        (3, [0, 1, 3]),
        (4, [0, 1, 2, 3]),
        (9, [0, 1, 2, 3]),
    ],
)
def test_best_indices(keep: int, indices: list[int]) -> None:
    assert best_indices(scored(0.5, 1, 0.5, 0.75), keep) == tuple(indices)


def test_unchecked_pictures_are_not_among_the_best() -> None:
    assert best_indices([None, *scored(0.5, 1)], 1) == (2,)
    assert best_indices([None, *scored(0.5, 1)], None) == (0, 1, 2)


WORDS = """
a an the two 3 one four no dozen pair of and , on with is red black big cat cats bread loaves clover
background photo sitting sleeping parked holding people glass's t-shirt and-and top-of-the very قارب
"""
MADE_UP = st.lists(st.sampled_from(WORDS.split()), max_size=30).map(" ".join)
TEXTS = st.one_of(st.text(max_size=80), MADE_UP)


@given(TEXTS, TEXTS)
def test_any_text_has_a_score_and_two_sentences(prompt: str, caption: str) -> None:
    fidelity = compare(prompt, caption, arabic=lambda _: "شيء")
    assert 0 <= fidelity.score <= 1
    assert not any(letter.isascii() and letter.isalpha() for letter in fidelity.ar)
    assert fidelity.en.endswith(".")
    assert fidelity.ar.endswith(".")
    assert "\n" not in fidelity.en + fidelity.ar
    assert unicodedata.is_normalized("NFC", fidelity.ar)


@given(TEXTS)
def test_the_same_text_is_kept(text: str) -> None:
    fidelity = compare(text, text)
    assert (fidelity.score, fidelity.missing, fidelity.added) == (1, (), ())
