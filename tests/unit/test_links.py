"""Links to words and settings: what they contain comes back, and nothing else is accepted."""

import pytest

from marsam.errors import InputError
from marsam.options import PaintOptions
from marsam.recipes import Recipe
from marsam.results import Prompt, PromptLength
from marsam.web.links import MAX_CHARACTERS, link_to, read_link

PROMPT = Prompt(
    english="a cat & a dog, 50% blue",
    arabic="قطة وكلب",
    given="a cat & a dog, 50% blue",
    language="eng_Latn",
    back=None,
    length=PromptLength(tokens=9, limit=77),
)


@pytest.mark.parametrize(
    "options",
    [
        PaintOptions(seed=7),
        PaintOptions(
            pictures=2,
            seed=7,
            recipe=Recipe.DRAFT,
            steps=3,
            guidance_scale=0,
            negative_prompt="كلب #1",
            style="watercolour",
            width=512,
            height=768,
            as_written=True,
        ),
    ],
)
def test_what_a_link_contains_comes_back(options: PaintOptions) -> None:
    fragment = link_to(PROMPT, options, seed=7)
    assert fragment.startswith("#")
    assert fragment.isascii()
    link = read_link(fragment)
    assert link is not None
    assert link.options == options
    assert link.texts == {"en": PROMPT.english, "ar": PROMPT.arabic}


def test_a_random_seed_is_in_the_link() -> None:
    link = read_link(link_to(PROMPT, PaintOptions(), seed=123))
    assert link is not None
    assert link.options.seed == 123


def test_there_is_no_link_to_variations() -> None:
    assert link_to(PROMPT, PaintOptions(strength=0.5), seed=7) == ""


@pytest.mark.parametrize("fragment", ["", "#", "#history", "#seed=7", None, 7, ["#en=a"]])
def test_other_fragments_are_no_links(fragment: object) -> None:
    assert read_link(fragment) is None


@pytest.mark.parametrize(
    "fragment",
    [
        "#en=a&number=11",
        "#en=a&number=x",
        "#en=a&number=-1",
        "#en=a&seed=1e99",
        "#en=a&steps=9999",
        "#en=a&recipe=best",
        "#en=a&style=none",
        "#en=a&size=1x1",
        "#en=" + "a" * 2001,
        "#en=" + "a" * MAX_CHARACTERS,
        "#" + "en=a&" * 30,
    ],
)
def test_what_is_out_of_range_is_refused(fragment: str) -> None:
    with pytest.raises(InputError):
        read_link(fragment)
