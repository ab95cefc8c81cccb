import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.text.prompt_syntax import PlainPrompt, plain_prompt


@pytest.mark.parametrize(
    ("typed", "words", "negative"),
    [
        ("(cat:1.3) on a sofa", "cat on a sofa", ""),
        ("a ((fluffy)) cat, [dog]", "a fluffy cat, dog", ""),
        ("(a (red:1.2) cat:0.8)", "a red cat", ""),
        ("a cat++ and (a dog)1.3", "a cat and a dog", ""),
        ("a cat <lora:pixelart_v2:0.8>, 8k", "a cat, 8k", ""),
        ("a cat BREAK a blue background", "a cat, a blue background", ""),
        ("a cat AND a dog", "a cat and a dog", ""),
        ("a {cat|dog} on a {red|blue} sofa", "a cat on a red sofa", ""),
        ("{{cat}}, {masterpiece}", "cat, masterpiece", ""),
        ("[cat:dog:0.5] in [snow|rain]", "cat in snow", ""),
        ("a cat --ar 16:9 --v 6", "a cat", ""),
        ("a cat --no dog, red --ar 3:2", "a cat", "dog, red"),
        ("قطة (بيضاء:1.2) --ar 16:9", "قطة بيضاء", ""),
        (
            "a cat\nNegative prompt: dog, (blurry:1.2)\nSteps: 20, Sampler: Euler a, Seed: 1",
            "a cat",
            "dog, blurry",
        ),
        ("a cat. Negative prompt: dog. Steps: 20", "a cat.", "dog."),
        ("a cat, Steps: 20, CFG scale: 7", "a cat", ""),
    ],
)
def test_the_syntax_of_other_programs_is_taken_out(typed: str, words: str, negative: str) -> None:
    assert plain_prompt(typed) == PlainPrompt(words, negative, is_changed=True)
    assert plain_prompt(words).words == words


@pytest.mark.parametrize(
    "text",
    [
        "a cat (black) on a sofa",
        r"a portrait of Tom & Jerry",
        "a well-known cat -- the best",
        "steps to the sea: 3 cats",
        "salt AND",
        "a C# book",
        "قطة، كلب (أسود)",
        "10:30 in the morning",
    ],
)
def test_words_stay(text: str) -> None:
    assert plain_prompt(text) == PlainPrompt(text)


def test_a_bracket_with_a_backslash_is_a_bracket() -> None:
    assert plain_prompt(r"a cat \(black\)").words == "a cat (black)"


@given(st.text(alphabet="ab ()[]{}|:,.1<>-+\\\n", max_size=60))
def test_any_prompt_is_read_once(text: str) -> None:
    plain_prompt(text)
