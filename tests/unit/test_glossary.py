from pathlib import Path

import pytest

from marsam import OptionError
from marsam.text.cleaning import split_sentences
from marsam.text.glossary import Glossary, Term, load_glossary, split_around

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


def test_longer_terms_match_first(glossary: Glossary) -> None:
    required = glossary.required_terms("A red rose on Gradio.", "eng_Latn", "arb_Arab")
    assert required == [("red rose", "جوري"), ("Gradio", "Gradio")]


def test_terms_apply_in_both_directions(glossary: Glossary) -> None:
    assert glossary.required_terms("هذه جوري", "arb_Arab", "eng_Latn") == [("جوري", "red rose")]
    assert glossary.required_terms("a rose", "eng_Latn", "fra_Latn") == []


def test_terms_match_whole_words_only(glossary: Glossary) -> None:
    assert glossary.required_terms("primroses", "eng_Latn", "arb_Arab") == []


def test_term_spans_keep_a_name_in_one_sentence() -> None:
    glossary = Glossary((Term("St. Mary", "القديسة مريم"),))
    text = "A photo of St. Mary. It is old."
    spans = glossary.term_spans(text, "eng_Latn", "arb_Arab")
    assert split_sentences(text, spans) == ["A photo of St. Mary.", "It is old."]
    assert glossary.term_spans(text, "eng_Latn", "fra_Latn") == []


def test_split_around_terms() -> None:
    assert split_around("a Gradio page", ["Gradio"]) == ["a ", "Gradio", " page"]
    assert split_around("a page", []) == ["a page"]


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
