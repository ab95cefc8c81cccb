"""What is reported about the alt texts of documents."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from marsam.documents.check import Rule, Severity, check_images, has_bad_text
from marsam.documents.document import Context, DocumentImage, Kind
from marsam.documents.report import DocumentCheck, sarif, summary

IMAGE = DocumentImage(key="1", kind=Kind.IMAGE, line=7, source="img/cat.png", language="en")
ARABIC = replace(IMAGE, language="ar-EG")


def rules(image: DocumentImage, max_characters: int = 125) -> list[str]:
    return [str(one.rule) for one in check_images([image], max_characters=max_characters)]


@pytest.mark.parametrize("alt", [None, "   ", "\n"])
def test_an_image_without_alt_text_is_an_error(alt: str | None) -> None:
    (found,) = check_images([replace(IMAGE, alt=alt)])
    assert (found.rule, found.severity) == (Rule.MISSING, Severity.ERROR)
    assert (found.message.en, found.message.ar) == ("no alt text", "بلا نص بديل")


def test_decorative_images_are_noted_and_links_need_words() -> None:
    decorative = replace(IMAGE, alt="", decorative=True)
    assert rules(decorative) == ["decorative"]
    linked = Context(link="page.html")
    for image in (decorative, IMAGE):
        assert rules(replace(image, context=linked)) == ["link-without-text"]
    assert rules(replace(IMAGE, alt="To the shop", context=linked)) == []


@pytest.mark.parametrize(
    "alt",
    ["cat.png", "CAT.PNG", "IMG_2043", "DSC00012.JPG", "Screenshot 2024-05-01", "photo-1.webp"],
)
def test_file_names_are_no_alt_texts(alt: str) -> None:
    assert rules(replace(IMAGE, alt=alt)) == ["file-name"]
    assert has_bad_text(replace(IMAGE, alt=alt))


def test_a_file_named_with_good_words_may_have_them_as_alt_text() -> None:
    assert rules(replace(IMAGE, alt="Cat")) == []
    named = replace(IMAGE, source="https://example.org/a/team_2024.jpg?w=5", alt="team_2024")
    assert rules(named) == ["file-name"]


@pytest.mark.parametrize("source", ["http://[::1", "http://", "//[", "a.png?b=c/d#[", "?", ""])
def test_an_address_may_be_anything(source: str) -> None:
    assert rules(replace(IMAGE, source=source, alt="A white cat")) == []


@pytest.mark.parametrize(
    "alt", ["image", "Image 3", "PICTURE", "Photo:", "n/a", "صورة", "الصُّورة", "صورة ٣", "أيقونة"]
)
def test_words_without_content_are_reported_in_both_languages(alt: str) -> None:
    assert rules(replace(IMAGE, alt=alt)) == ["no-content"]
    assert has_bad_text(replace(IMAGE, alt=alt))


def test_another_language_than_that_of_the_page() -> None:
    english, arabic = "a cat on a blue background", "قطة على خلفية زرقاء"
    assert rules(replace(ARABIC, alt=arabic)) == []
    assert rules(replace(IMAGE, alt=english)) == []
    (found,) = check_images([replace(ARABIC, alt=english)])
    assert found.rule == Rule.LANGUAGE
    assert found.message.en.startswith("the text around it is in Modern Standard Arabic")
    assert rules(replace(IMAGE, alt=arabic)) == ["other-language"]
    french = "Un chat noir est assis devant une grande fenêtre ouverte"
    assert rules(replace(IMAGE, alt=french)) == ["other-language"]
    assert rules(replace(IMAGE, alt=french, language="fr")) == []


def test_names_and_unknown_languages_are_not_reported() -> None:
    assert rules(replace(ARABIC, alt="Stable Diffusion")) == []
    assert rules(replace(IMAGE, alt="قطة على خلفية زرقاء", language="")) == []
    assert rules(replace(IMAGE, alt="قطة على خلفية زرقاء", language="tlh")) == []
    assert rules(replace(IMAGE, alt="قطة على خلفية زرقاء", language="arz")) == []


def test_long_texts_and_drafts() -> None:
    assert rules(replace(IMAGE, alt="a cat " * 20), 125) == []
    assert rules(replace(IMAGE, alt="a cat " * 20), 100) == ["too-long"]
    assert rules(replace(IMAGE, alt="Described by a model: a cat")) == ["not-reviewed"]
    assert rules(replace(ARABIC, alt="وصف آلي: قطة")) == ["not-reviewed"]
    word = "A cat on a chair\n\nDescription automatically generated with low confidence"
    assert rules(replace(IMAGE, alt=word)) == ["not-reviewed"]


def test_a_background_is_only_noted() -> None:
    background = replace(IMAGE, kind=Kind.BACKGROUND)
    assert rules(background) == ["background"]
    assert not DocumentCheck(path=Path("a.html"), findings=[*check_images([background])]).fails


def test_a_drawing_without_a_text_is_a_warning() -> None:
    # Most are icons beside words; whether one says something, only a person knows.
    drawing = replace(IMAGE, kind=Kind.DRAWING, source="")
    (found,) = check_images([drawing])
    assert (found.rule, found.severity) == (Rule.DRAWING, Severity.WARNING)
    assert rules(replace(drawing, alt="sales by month")) == []


def test_the_report_as_sarif_and_in_one_line() -> None:
    images = [IMAGE, replace(IMAGE, alt="image"), replace(IMAGE, alt="", decorative=True)]
    check = DocumentCheck(path=Path("قصة/a b.html"), images=3, findings=[*check_images(images)])
    assert check.fails
    document = sarif([check])
    assert json.loads(json.dumps(document)) == document
    (run,) = document["runs"]
    levels = [(one["ruleId"], one["level"]) for one in run["results"]]
    assert levels == [("missing", "error"), ("no-content", "warning"), ("decorative", "note")]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 7}
    assert place["artifactLocation"]["uri"] == "%D9%82%D8%B5%D8%A9/a%20b.html"
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert known == {str(rule) for rule in Rule}
    line = summary([check])
    assert "without alt text: 1; with one to look at: 1; decorative: 1." in line.en
    assert line.ar.startswith("المستندات: 1")
