import pytest

from marsam.notices import Notice
from marsam.stages.captioner import JUNK_WORDS, best_first, clean_caption


@pytest.mark.parametrize(
    ("raw", "text", "warnings"),
    [
        ("a cat on a blue background", "a cat on a blue background", ()),
        ("a bald bald bald man", "a bald man", (Notice.LOOP_COLLAPSED,)),
        ("there is an arafed man on a horse", "there is a man on a horse", (Notice.JUNK_REMOVED,)),
        ("araffes cat cat cat", "cat", (Notice.JUNK_REMOVED, Notice.LOOP_COLLAPSED)),
        ("  arafed ", "", (Notice.JUNK_REMOVED, Notice.CAPTION_EMPTY)),
        ("an arafed old man", "an old man", (Notice.JUNK_REMOVED,)),
    ],
)
def test_cleaned_captions_have_warnings(raw: str, text: str, warnings: tuple[Notice, ...]) -> None:
    caption = clean_caption(raw, -0.5)
    assert (caption.text, caption.warnings) == (text, warnings)


def test_ordinary_words_are_not_junk() -> None:
    for word in ("Arab", "giraffe", "carafe", "Arafat"):
        assert clean_caption(f"a {word} here", 0.0).warnings == ()
    assert all(clean_caption(f"a {word} cat", 0.0).warnings for word in JUNK_WORDS)


def test_candidates_much_worse_than_the_best_are_left_out() -> None:
    texts, scores = ["a cars", "a car", "an old car"], [-0.9, -0.1, -0.3]
    captions = map(clean_caption, texts, scores)
    assert [one.text for one in best_first(captions, max_gap=0.3)] == ["a car", "an old car"]
