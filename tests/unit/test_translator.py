"""The guard around the model, with a scripted model inside."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from marsam import ModelUnsupported, PromptError, TranslateOptions, choose_device
from marsam.notices import Notice
from marsam.stages.translator import Seq2SeqTranslator, _in_script, quality_issues
from marsam.text.glossary import Glossary, Term
from marsam.text.languages import ARABIC, ENGLISH, Language, language


class Scripted(Seq2SeqTranslator):
    """Answers from a list a sentence; the second answer is for the second try."""

    def __init__(self, folder: Path, answers: dict[str, list[str]]) -> None:
        (folder / "config.json").write_text(json.dumps({"model_type": "m2m_100"}))
        super().__init__(folder, device=choose_device("cpu"), name="scripted")
        self.answers, self.asked = answers, list[tuple[str, str]]()

    def _generate(self, sentences: Sequence[str], job: Any, **generation: Any) -> list[str]:
        self.asked += [(sentence, job.target.code) for sentence in sentences]
        return [self.answers[sentence][1 if generation else 0] for sentence in sentences]


@pytest.mark.parametrize(
    ("text", "answer", "found"),
    [
        ("a cat", "قطة", []),
        ("a cat", "", [Notice.EMPTY]),
        ("a cat", "؟!", [Notice.EMPTY]),
        ("...", "", []),
        ("a cat", "قطة قطة قطة قطة", [Notice.LOOPING]),
        ("no no no, said the little cat", "لا لا لا، قالت القطة الصغيرة", []),
        ("a cat on a blue background", "قطة", [Notice.LENGTH]),
        ("a cat named Felix is here", "قطة اسمها Felix هنا", [Notice.UNTRANSLATED]),
        ("a cat on a sofa", "a cat on a sofa", [Notice.UNTRANSLATED, Notice.WRONG_SCRIPT]),
        ("a cat", "кошка", [Notice.WRONG_SCRIPT]),
        ("three lions", "ثلاثة أسود", []),
    ],
)
def test_checks(text: str, answer: str, found: list[Notice]) -> None:
    assert quality_issues(text, answer, ENGLISH, ARABIC, set()) == found


def test_checks_know_the_other_scripts() -> None:
    chinese = language("zho_Hans")
    assert (
        quality_issues("a cat on a blue background", "蓝色背景上的猫", ENGLISH, chinese, set())
        == []
    )
    assert quality_issues("ثلاثة أسود", "three lions", ARABIC, ENGLISH, set()) == []


def test_a_failed_check_is_tried_once_more(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["قطة قطة قطة", "قطة"]})
    answer = translator.translate("a cat", TranslateOptions())
    assert (answer.text, answer.warnings) == ("قطة", ())


def test_then_it_warns(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["кошка", "кот"]})
    answer = translator.translate("a cat", TranslateOptions())
    assert (answer.text, answer.warnings) == ("кошка", (Notice.WRONG_SCRIPT,))
    assert len(translator.asked) == 2


def test_the_model_reads_clean_text_and_sentences_one_by_one(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"قطة سعيدة.": ["A happy cat."], "هل هذه قطة؟": ["Is it?"]})
    there = TranslateOptions(source="arb_Arab", target="eng_Latn")
    answer = translator.translate("\u202bقِطَّةٌ سعـــيدة.\nهل هذه قطة؟", there)
    assert answer.text == "A happy cat.\nIs it?"


def test_arabic_punctuation_is_mended(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"Is it a cat, or a dog?": ["هل هي قطة, أم كلب؟?"]})
    assert translator.translate("Is it a cat, or a dog?", TranslateOptions()).text == (
        "هل هي قطة، أم كلب؟"
    )


def test_terms_survive(tmp_path: Path) -> None:
    glossary = Glossary((Term("Marsam", "مرسم"), Term("Gradio", protect=True)))
    translator = Scripted(
        tmp_path,
        {
            "Marsam runs on Gradio": ["مارسام يعمل على غراديو", "مرسام يعمل على غراديو"],
            "runs on": ["يعمل على"],
            "a Gradio page": ["صفحة Gradio", ""],
        },
    )
    answer = translator.translate("Marsam runs on Gradio", TranslateOptions(glossary=glossary))
    assert answer.text == "مرسم يعمل على Gradio"
    assert answer.warnings == (Notice.TERM_PLACED,)
    kept = translator.translate("a Gradio page", TranslateOptions(glossary=glossary))
    assert (kept.text, kept.warnings) == ("صفحة Gradio", ())


def test_back_translation(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["قطة"], "قطة": ["a female cat"]})
    assert translator.translate("a cat", TranslateOptions(back=True)).back == "a female cat"
    assert translator.translate("a cat", TranslateOptions()).back is None


def test_a_variety_comes_with_the_standard_beside_it(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["قطة"]})
    answer = translator.translate("a cat", TranslateOptions(target="arz_Arab"))
    assert answer.warnings == (Notice.EXPERIMENTAL,)
    assert answer.standard == "قطة"
    assert [target for _, target in translator.asked] == ["arz_Arab", "arb_Arab"]


def test_nothing_to_translate(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="text is empty"):
        Scripted(tmp_path, {}).translate(" \u202b\u200f \n", TranslateOptions())


def test_other_families_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(ModelUnsupported, match="t5"):
        Seq2SeqTranslator(tmp_path, device=choose_device("cpu"))


def test_only_tokens_of_the_targets_script_may_follow() -> None:
    pieces = ["<s>", "▁cat", "▁قطة", "eng_Latn", "،", "▁12", "▁é", "قط-cat", "ۋ"]

    class Tokenizer:
        all_special_ids = (0, 3)

        def __len__(self) -> int:
            return len(pieces)

        def convert_ids_to_tokens(self, ids: range) -> list[str]:
            return [pieces[i] for i in ids]

    def allowed(target: Language) -> list[str]:
        return [pieces[i] for i in _in_script(Tokenizer(), 9, target)]

    assert allowed(ARABIC) == ["<s>", "▁قطة", "eng_Latn", "،", "▁12", "ۋ"]
    assert allowed(ENGLISH) == ["<s>", "▁cat", "eng_Latn", "،", "▁12", "▁é"]


def test_several_texts_come_as_each_alone_and_a_sentence_is_asked_once(tmp_path: Path) -> None:
    answers = {"a cat.": ["قطة."], "a dog.": ["كلب."], "a lion": ["lion", "أسد"]}
    given = ["a cat. a dog.", "a lion", "a dog.\na lion"]
    scripted = Scripted(tmp_path, answers)
    together = scripted.translate_many(given, TranslateOptions())
    assert [one.text for one in together] == ["قطة. كلب.", "أسد", "كلب.\nأسد"]
    first = [sentence for sentence, _ in scripted.asked]
    assert first == [
        "a cat.",
        "a dog.",
        "a lion",
        "a lion",
    ]  # the lion once more: it was not Arabic
    assert together == [scripted.translate(text, TranslateOptions()) for text in given]
