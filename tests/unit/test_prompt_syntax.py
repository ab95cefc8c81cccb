import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.text.prompt_syntax import (
    MAX_WEIGHT,
    WeightedPhrase,
    plain_negative_prompt,
    plain_prompt,
    weighted_parts,
    weighted_prompt,
)

UP, DOWN = 1.1, 1 / 1.1


def weights(phrases: Iterable[WeightedPhrase]) -> dict[str, float]:
    """The weight of each phrase."""
    return {phrase.text: round(phrase.weight, 3) for phrase in phrases}


@pytest.mark.parametrize(
    ("typed", "words", "weighted"),
    [
        ("(cat:1.3) on a sofa", "cat on a sofa", {"cat": 1.3}),
        ("a ((fluffy)) cat, [dog]", "a fluffy cat, dog", {"fluffy": UP**2, "dog": DOWN}),
        ("a (((fluffy))) cat", "a fluffy cat", {"fluffy": UP**3}),
        ("(a (red:1.2) cat:0.8)", "a red cat", {"a": 0.8, "red": 0.96, "cat": 0.8}),
        ("a cat++ and (a dog)1.3", "a cat and a dog", {"cat": UP**2, "a dog": 1.3}),
        ("(a cat)++ and (a dog)--", "a cat and a dog", {"a cat": UP**2, "a dog": 0.81}),
        ("{{cat}}, {masterpiece}", "cat, masterpiece", {"cat": 1.05**2, "masterpiece": 1.05}),
        # With weights elsewhere, brackets are no punctuation.
        ("(cat), (dog:1.5)", "cat, dog", {"cat": UP, "dog": 1.5}),
        ("قطة (بيضاء:1.2)", "قطة بيضاء", {"بيضاء": 1.2}),
        ("((قطة)) على سجادة", "قطة على سجادة", {"قطة": UP**2}),
        ("(.5:.5) ( a cat : 1.3 )", ".5 a cat", {".5": 0.5, "a cat": 1.3}),
        ("(قطة:١٫٣)، [كلب]", "قطة، كلب", {"قطة": 1.3, "كلب": DOWN}),
    ],
)
def test_weights_are_read(typed: str, words: str, weighted: dict[str, float]) -> None:
    plain = plain_prompt(typed)
    assert (plain.words, plain.negative, plain.is_changed) == (words, "", False)
    assert weights(plain.weights) == {text: round(weight, 3) for text, weight in weighted.items()}
    assert plain_prompt(words).words == words


@pytest.mark.parametrize(
    ("typed", "words", "negative"),
    [
        ("a cat <lora:pixelart_v2:0.8>, 8k", "a cat, 8k", ""),
        ("قطة، <lora:x:1>، كلب", "قطة، كلب", ""),
        ("a cat BREAK a blue background", "a cat, a blue background", ""),
        ("a cat AND a dog", "a cat and a dog", ""),
        ("a {cat|dog} on a {red|blue} sofa", "a cat on a red sofa", ""),
        ("[cat:dog:0.5] in [snow|rain], [:hat:0.3]", "cat in snow, hat", ""),
        ("a cat --ar 16:9 --v 6", "a cat", ""),
        ("a cat --no dog, red --ar 3:2", "a cat", "dog, red"),
        ("قطة (بيضاء:1.2) --ar 16:9", "قطة بيضاء", ""),
        (
            "a cat\nNegative prompt: dog, (blurry:1.2)\nSteps: 20, Sampler: Euler a, Seed: 1",
            "a cat",
            "dog, (blurry:1.2)",
        ),
        ("a cat. Negative prompt: dog. Steps: 20", "a cat.", "dog."),
        ("a cat, Steps: 20, CFG scale: 7", "a cat", ""),
    ],
)
def test_the_syntax_of_other_programs_is_taken_out(typed: str, words: str, negative: str) -> None:
    plain = plain_prompt(typed)
    assert (plain.words, plain.negative, plain.is_changed) == (words, negative, True)
    assert plain_prompt(words).words == words


@pytest.mark.parametrize(
    "text",
    [
        "a cat (black) on a sofa",
        r"a portrait of Tom & Jerry",
        "a well-known cat -- the best",
        "steps to the sea: 3 cats",
        "salt AND",
        "a C# book and a C++ book",
        "قطة، كلب (أسود)",
        "10:30 in the morning",
        "a cat (black, from 10:30)",
        "a cat (aspect ratio 16:9), football score (2:1)",
        "(unfinished: a cat",
        "a cat :) and a dog :(",
        "either | or",
    ],
)
def test_words_stay(text: str) -> None:
    plain = plain_prompt(text)
    assert (plain.words, plain.is_changed, plain.weights) == (text, False, ())


def test_a_bracket_with_a_backslash_is_a_bracket() -> None:
    assert plain_prompt(r"a cat \(black\)").words == "a cat (black)"


def test_weights_are_put_into_the_translation() -> None:
    plain = plain_prompt("((قطة)) على (خلفية زرقاء:0.8)، (غول:1.4)")
    english = {"قطة": "a cat", "خلفية زرقاء": "blue background", "غول": "a ghoul"}
    weighted, complete = weighted_prompt(
        "The cat on a blue background, an ogre", plain.weights, lambda text: english[text]
    )
    assert weighted == "The (cat:1.21) on a (blue background:0.8), an ogre"
    assert not complete


def test_the_second_of_two_equal_words_has_the_weight() -> None:
    plain = plain_prompt("a cat and a (cat:1.3)")
    weighted, complete = weighted_prompt(plain.words, plain.weights)
    assert (weighted, complete) == ("a cat and a (cat:1.3)", True)
    assert weighted_parts(weighted) == (("a cat and a ", 1.0), ("cat", 1.3))


def test_the_weight_is_on_the_word_that_has_it() -> None:
    for typed in ("Red flowers and a (red:1.3) car", "category, a cat, (cat:1.3), cat"):
        plain = plain_prompt(typed)
        assert weighted_prompt(plain.words, plain.weights) == (typed, True)


@pytest.mark.parametrize(
    ("typed", "words", "is_changed"),
    [
        ("Negative prompt: blurry, low quality", "blurry, low quality", False),
        ("ugly --no hands", "ugly, hands", False),
        ("ugly <lora:x:1>", "ugly", True),
    ],
)
def test_nothing_of_a_negative_prompt_is_lost(typed: str, words: str, is_changed: bool) -> None:
    plain = plain_negative_prompt(typed)
    assert (plain.words, plain.negative, plain.is_changed) == (words, "", is_changed)


@pytest.mark.parametrize(
    "text",
    ["a" + "\n" * 1998 + "b", "(" * 1000 + ")" * 1000, "[(" * 500 + ":1.1)]" * 99, "\\(" * 999],
)
def test_a_long_prompt_is_read_at_once(text: str) -> None:
    started = time.process_time()
    plain = plain_prompt(text)
    weighted_prompt(plain.words, plain.weights)
    assert time.process_time() - started < 5  # it was minutes


def test_weights_have_a_limit() -> None:
    plain = plain_prompt("(cat:9) on a (sofa:-1)")
    weighted, complete = weighted_prompt(plain.words, plain.weights)
    assert (weighted, complete) == (f"(cat:{MAX_WEIGHT:g}) on a (sofa:0)", False)


def test_brackets_that_are_words_have_no_weight() -> None:
    for typed in (r"a ratio of \(3:2\)", r"a [\(]cat [\)]", r"a cat \[x\] (3:2)", "(a cat)"):
        plain = plain_prompt(typed)
        weighted, complete = weighted_prompt(plain.words, plain.weights)
        assert complete
        parts = weighted_parts(weighted or plain.words)
        assert "".join(part for part, _ in parts) == plain.words
        assert {weight for _, weight in parts if weight != 1} == {
            round(phrase.weight, 2) for phrase in plain.weights
        }


@given(st.text(alphabet="ab ()[]{}|:,.1<>-+\\\n", max_size=60))
def test_any_prompt_is_read(text: str) -> None:
    plain = plain_prompt(text)
    weighted, _ = weighted_prompt(plain.words, plain.weights)
    parts = weighted_parts(weighted or plain.words)
    assert "".join(part for part, _ in parts) == plain.words
    assert all(0 <= weight <= MAX_WEIGHT for _, weight in parts)
