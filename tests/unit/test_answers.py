"""Answers of chat models as plain text."""

import pytest

from marsam.text.answers import first_paragraph, plain_answer, without_frame, without_open_sentence


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("A cat.", "A cat."),
        (
            "Sure! Here is a caption for the image:\n\n**A red cat** on a `mat`.",
            "A red cat on a mat.",
        ),
        ('**Caption:** "A cat."', "A cat."),
        ("Alt text: a cat", "a cat"),
        ("```text\nA cat.\n```", "A cat."),
        ("# The picture\n\nA cat.", "A cat."),
        ("# A cat", "A cat"),
        ("<think>\nIt is a cat.\n</think>\n\nA cat.", "A cat."),
        ("It is a cat.\n</think>\n\nA cat.", "A cat."),
        ("<think>\nIt is", ""),
        ("* a cat\n* a dog", "a cat\na dog"),
        ("a sum: 2*3*4 = 24", "a sum: 2*3*4 = 24"),
        ("file snake_case_name", "file snake_case_name"),
        ("Here is a cat on a mat.", "Here is a cat on a mat."),
        ("بالتأكيد، إليك الوصف:\n\nقطة حمراء على كرسي.", "قطة حمراء على كرسي."),
        ("النص البديل: «قطة على كرسي»", "قطة على كرسي"),
    ],
)
def test_only_the_answer_remains(answer: str, plain: str) -> None:
    assert plain_answer(answer) == plain


@pytest.mark.parametrize(
    ("text", "remains"),
    [
        ("The image shows a cat on a chair.", "A cat on a chair."),
        ("In this picture, we can see two dogs.", "Two dogs."),
        ("This photo is of a blue boat.", "A blue boat."),
        ("The picture shows that it rains.", "The picture shows that it rains."),
        ("The image shows it.", "The image shows it."),
        ("A cat in the image.", "A cat in the image."),
        ("تظهر في الصورة قطة على كرسي.", "قطة على كرسي."),
        ("في هذه الصورة، قطة نائمة.", "قطة نائمة."),
        # Without the verb, these nouns would be in the wrong case.
        ("تُظهر الصورة رجلًا يمشي.", "تُظهر الصورة رجلًا يمشي."),
        ("تُظهر الصورة قطةً على كرسي.", "تُظهر الصورة قطةً على كرسي."),
    ],
)
def test_a_frame_is_left_out_where_the_rest_is_whole(text: str, remains: str) -> None:
    assert without_frame(text) == remains


def test_of_paragraphs_and_cut_sentences_the_whole_ones_remain() -> None:
    assert first_paragraph("A cat.\n\nIt sleeps.") == "A cat."
    assert without_open_sentence("A cat sleeps. A dog is") == "A cat sleeps."
    assert without_open_sentence("A cat is") == "A cat is"
    assert without_open_sentence("قطة نائمة. وكلب") == "قطة نائمة."
