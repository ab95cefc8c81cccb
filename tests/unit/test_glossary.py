from pathlib import Path

import pytest

from marsam import OptionError
from marsam.text.glossary import Glossary, Term, load_glossary, replace_word

FILE = """
[[term]]
term = "rose"
arabic = "وردة"

[[term]]
term = "red rose"
arabic = "جوري"

[[term]]
term = "Gradio"
protect = true
"""


@pytest.fixture
def glossary(tmp_path: Path) -> Glossary:
    path = tmp_path / "terms.toml"
    path.write_text(FILE, encoding="utf-8")
    return load_glossary(path)


def found(glossary: Glossary, text: str, source: str, target: str) -> list[tuple[str, str]]:
    return [(one.text, one.translation) for one in glossary.required(text, source, target)]


def test_longer_terms_match_first(glossary: Glossary) -> None:
    required = found(glossary, "A red rose on Gradio.", "eng_Latn", "arb_Arab")
    assert required == [("red rose", "جوري"), ("Gradio", "Gradio")]


def test_terms_apply_in_both_directions(glossary: Glossary) -> None:
    assert found(glossary, "هذه جوري", "arb_Arab", "eng_Latn") == [("جوري", "red rose")]
    assert found(glossary, "a rose", "eng_Latn", "fra_Latn") == []


def test_terms_match_whole_words_only(glossary: Glossary) -> None:
    assert found(glossary, "primroses", "eng_Latn", "arb_Arab") == []


@pytest.mark.parametrize("text", ["الوردة", "ووردة", "للوردة", "بوردة", "وبالوردة", "كوردة"])
def test_arabic_terms_are_found_after_their_prefixes(glossary: Glossary, text: str) -> None:
    assert found(glossary, text, "arb_Arab", "eng_Latn") == [("وردة", "rose")]


@pytest.mark.parametrize(
    ("text", "has_plural"),
    [("two roses", True), ("red roses and a rose", True), ("a rose", False), ("Gradios", False)],
)
def test_plurals_of_terms_are_noticed(glossary: Glossary, text: str, has_plural: bool) -> None:
    assert glossary.has_plural(text, "eng_Latn", "arb_Arab") is has_plural


@pytest.mark.parametrize(
    ("text", "word", "term", "replaced"),
    [
        ("قطة على خلفية زرقاء", "قطة", "هرّة", "هرّة على خلفية زرقاء"),
        ("كلب وقطة", "القطة.", "هرّة", "كلب وهرّة"),
        ("رأيت القطة", "قطة", "هرّة", "رأيت الهرّة"),
        ("صورة للقطة", "قطة", "هرّة", "صورة للهرّة"),
        ("قطط كثيرة", "قطة", "هرّة", "قطط كثيرة"),
    ],
)
def test_a_term_takes_the_place_of_the_own_word(
    text: str, word: str, term: str, replaced: str
) -> None:
    assert replace_word(text, word, term, "arb_Arab") == replaced


def test_a_term_takes_the_place_of_an_english_word() -> None:
    assert replace_word("The cat sat.", "A cat.", "kitty", "eng_Latn") == "The kitty sat."
    assert replace_word("cats", "a cat", "kitty", "eng_Latn") == "cats"


@pytest.mark.parametrize(
    "content",
    [
        "[[term",
        "term = 3",
        "[[term]]\narabic = 'قطة'",
        "[[term]]\nterm = 'cat'",
        "[[term]]\nterm = 'cat'\nprotect = 'yes'",
        "[[term]]\nterm = ' '\nprotect = true",
    ],
)
def test_invalid_files_raise_option_errors(content: str, tmp_path: Path) -> None:
    path = tmp_path / "terms.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=r"terms\.toml"):
        load_glossary(path)
    with pytest.raises(OptionError, match="Glossary not found"):
        load_glossary(tmp_path / "none.toml")


def test_a_term_applies_only_with_arabic_on_one_side() -> None:
    assert Term("cat", "قطة").pair("fra_Latn", "deu_Latn") is None
