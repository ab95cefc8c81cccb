import pytest

from marsam import CaptionOptions, OptionError, PaintOptions, PromptError, Recipe
from marsam.options import MAX_TEXT_CHARACTERS, checked_text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pictures", 0),
        ("pictures", 11),
        ("seed", -1),
        ("seed", 2**32),
        ("steps", 0),
        ("guidance_scale", -0.5),
        ("guidance_scale", 30.5),
        ("width", 130),
        ("height", 32),
        ("strength", 0),
        ("strength", 1.01),
        ("strength", float("nan")),
        ("preview_every", -1),
        ("recipe", "hasty"),
        ("negative_prompt", "x" * 10_001),
    ],
)
def test_values_out_of_range_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=name if name != "recipe" else "hasty"):
        PaintOptions(**{name: value})  # type: ignore[arg-type]


def test_the_limits_are_valid() -> None:
    assert PaintOptions(pictures=10, seed=2**32 - 10, width=64, height=2048).pictures == 10
    assert CaptionOptions(beams=1).beams == 1
    assert PaintOptions(recipe=Recipe("draft")).recipe is Recipe.DRAFT


def test_text_is_trimmed_and_bounded() -> None:
    assert checked_text("  a cat \n") == "a cat"
    with pytest.raises(PromptError, match="empty"):
        checked_text(" \n ")
    with pytest.raises(PromptError, match=str(MAX_TEXT_CHARACTERS)):
        checked_text("x" * (MAX_TEXT_CHARACTERS + 1))


def test_a_text_is_not_cleaned_before_its_length_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("marsam.options.clean", lambda _text: pytest.fail("was cleaned"))
    with pytest.raises(PromptError, match="has 240001 characters"):
        checked_text("a" + "\u0315\u0300" * 120_000)
