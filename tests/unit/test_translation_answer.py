"""What is taken from a chat model's answer as the translation."""

import pytest

from marsam.text.translation_answer import translation_in

CAT = "قطة على خلفية زرقاء"


@pytest.mark.parametrize(
    "answer",
    [
        CAT,
        f"  {CAT}\n",
        f'"{CAT}"',
        f"«{CAT}»",
        f"**{CAT}**",
        f"Translation: {CAT}",
        f"Arabic translation:\n{CAT}",
        f"**Translation:** {CAT}",
        f"The translation in Modern Standard Arabic: {CAT}",
        f"Translation (Arabic): “{CAT}”",
        f"Here is the translation:\n\n{CAT}\n\nNote: a cat is feminine in Arabic.",
        f"Sure! Here's the Arabic translation of the text:\n\n{CAT}",
        f"الترجمة: {CAT}",
        f"إليك الترجمة إلى العربية:\n{CAT}",
        f"بالتأكيد! الترجمة: «{CAT}»",
        f"<think>\n\n</think>\n\n{CAT}",
        f"<think>A cat is قطة.</think>{CAT}",
        f"I think it is feminine.</think>\n{CAT}",
        f"{CAT}\nA cat on a blue background",
    ],
)
def test_what_stands_around_a_translation_is_left_out(answer: str) -> None:
    assert translation_in(answer, "a cat on a blue background") == CAT


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('"a cat"', "«قطة»"),
        ("Translation: a cat", "الترجمة: قطة"),
        ("أكيد، قطة", "Sure, a cat"),
        ("النسخة المترجمة: رواية", "The translation: a novel"),
        ("it is 10:30", "الترجمة 10:30"),
        ("a cat and a dog", "«قطة» و«كلب»"),
        ("it is a cat: small", "إنها قطة: صغيرة"),
        ("the translation of a book", "ترجمة كتاب"),
        ("two lines\nof text", "سطران\nمن النص"),
        ("a translation", "ترجمة:"),
        ("a cat", '"'),
        ("a cat", ""),
    ],
)
def test_what_belongs_to_a_translation_stays(source: str, answer: str) -> None:
    assert translation_in(answer, source) == answer


def test_reasoning_without_an_end_is_no_translation() -> None:
    assert translation_in("<think>A cat is قطة. On is على.", "a cat") == ""
