"""The Arabic of the prompt check, with the bundled translator."""

import random

import pytest
from training import grammar
from training.lexicon import COLOURS, THINGS

from marsam import Studio, TranslateOptions
from marsam.text.fidelity import compare

PAIRS = 8000
"""Random prompts and captions: nearly every phrase that a hint can have is among them."""


@pytest.fixture(scope="module")
def correct() -> dict[str, str]:
    """The Arabic of each phrase of the models' world, by its English."""
    items = [
        grammar.Item(thing, noun, count)
        for thing in THINGS
        for noun in thing.nouns
        for count in range(11)
    ]
    items += [grammar.Item(thing, None) for thing in THINGS if thing.mass]
    sentences = [grammar.Sentence((item,)) for item in items]
    sentences += [grammar.Sentence((), colour) for colour in range(len(COLOURS))]
    return {grammar.english(one): grammar.arabic(one) for one in sentences}


def test_every_phrase_of_a_hint_is_right_or_names_nothing(
    studio: Studio, correct: dict[str, str]
) -> None:
    rng = random.Random(1)
    phrases: set[str] = set()

    def collect(phrase: str) -> str:
        phrases.add(phrase)
        return "شيء"

    for _ in range(PAIRS):
        prompt, caption = (grammar.english(grammar.random_sentence(rng)) for _ in range(2))
        compare(prompt, caption, arabic=collect)
    assert len(phrases) > 1000
    translations = studio.translator.translate_many(sorted(phrases), TranslateOptions())
    named = {
        phrase: one.text.rstrip(".")
        for phrase, one in zip(sorted(phrases), translations, strict=True)
        if one.text
    }
    wrong = {phrase: text for phrase, text in named.items() if text != correct[phrase]}
    assert wrong == {}
    assert len(named) >= 0.99 * len(phrases)


@pytest.mark.parametrize("colour", [colour.en for colour in COLOURS])
def test_a_wrong_background_is_said_in_both_languages(studio: Studio, colour: str) -> None:
    other = "red" if colour == "white" else "white"

    def arabic(text: str) -> str:
        return studio.translator.translate(text, TranslateOptions()).text

    fidelity = compare(
        f"a cat on a {colour} background", f"a cat on a {other} background", arabic=arabic
    )
    article = "an" if colour[0] in "aeiou" else "a"
    assert fidelity.en == f"Instead of {article} {colour} background there is a {other} background."
    wanted, seen = (arabic(f"a {name} background") for name in (colour, other))
    assert fidelity.ar == f"المطلوب: {wanted}، والظاهر: {seen}."
    assert wanted.startswith("خلفية ")
