"""The translator's checks and retries, with scripted model outputs."""

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
    """Returns scripted outputs for each sentence: the first attempt's, then the retry's."""

    def __init__(self, folder: Path, answers: dict[str, list[str]]) -> None:
        (folder / "config.json").write_text(json.dumps({"model_type": "m2m_100"}))
        super().__init__(folder, device=choose_device("cpu"), name="scripted")
        self.answers, self.calls = answers, list[tuple[str, str]]()

    def _generate(self, sentences: Sequence[str], job: Any, **generation: Any) -> list[str]:
        self.calls += [(sentence, job.target.code) for sentence in sentences]
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
def test_quality_checks(text: str, answer: str, found: list[Notice]) -> None:
    assert quality_issues(text, answer, ENGLISH, ARABIC, set()) == found


def test_quality_checks_support_other_scripts() -> None:
    chinese = language("zho_Hans")
    assert (
        quality_issues("a cat on a blue background", "蓝色背景上的猫", ENGLISH, chinese, set())
        == []
    )
    assert quality_issues("ثلاثة أسود", "three lions", ARABIC, ENGLISH, set()) == []


def test_a_failed_check_is_retried_once(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["قطة قطة قطة", "قطة"]})
    answer = translator.translate("a cat", TranslateOptions())
    assert (answer.text, answer.warnings) == ("قطة", ())


def test_a_failed_retry_gives_a_warning(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["кошка", "кот"]})
    answer = translator.translate("a cat", TranslateOptions())
    assert (answer.text, answer.warnings) == ("кошка", (Notice.WRONG_SCRIPT,))
    assert len(translator.calls) == 2


def test_text_is_cleaned_and_split_into_sentences(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"قطة سعيدة.": ["A happy cat."], "هل هذه قطة؟": ["Is it?"]})
    there = TranslateOptions(source="arb_Arab", target="eng_Latn")
    answer = translator.translate("\u202bقِطَّةٌ سعـــيدة.\nهل هذه قطة؟", there)
    assert answer.text == "A happy cat.\nIs it?"


def test_arabic_punctuation_is_fixed(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"Is it a cat, or a dog?": ["هل هي قطة, أم كلب؟?"]})
    assert translator.translate("Is it a cat, or a dog?", TranslateOptions()).text == (
        "هل هي قطة، أم كلب؟"
    )


def test_glossary_terms_are_kept(tmp_path: Path) -> None:
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


def test_a_dialect_is_returned_with_modern_standard_arabic(tmp_path: Path) -> None:
    translator = Scripted(tmp_path, {"a cat": ["قطة"]})
    answer = translator.translate("a cat", TranslateOptions(target="arz_Arab"))
    assert answer.warnings == (Notice.EXPERIMENTAL,)
    assert answer.standard == "قطة"
    assert [target for _, target in translator.calls] == ["arz_Arab", "arb_Arab"]


def test_nothing_to_translate(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="text is empty"):
        Scripted(tmp_path, {}).translate(" \u202b\u200f \n", TranslateOptions())


def test_unsupported_model_families_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(ModelUnsupported, match="t5"):
        Seq2SeqTranslator(tmp_path, device=choose_device("cpu"))


def test_only_tokens_of_the_target_script_are_allowed() -> None:
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


def test_several_texts_match_single_calls_and_sentences_are_deduplicated(tmp_path: Path) -> None:
    answers = {"a cat.": ["قطة."], "a dog.": ["كلب."], "a lion": ["lion", "أسد"]}
    texts = ["a cat. a dog.", "a lion", "a dog.\na lion"]
    scripted = Scripted(tmp_path, answers)
    together = scripted.translate_many(texts, TranslateOptions())
    assert [one.text for one in together] == ["قطة. كلب.", "أسد", "كلب.\nأسد"]
    sentences = [sentence for sentence, _ in scripted.calls]
    # "a lion" is translated twice, because the first output is not Arabic.
    assert sentences == ["a cat.", "a dog.", "a lion", "a lion"]
    assert together == [scripted.translate(text, TranslateOptions()) for text in texts]
