"""The translator's checks and retries, with scripted model outputs."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from marsam import LanguageError, ModelUnsupported, PromptError, TranslateOptions, choose_device
from marsam.notices import Notice
from marsam.stages.seq2seq_model import Seq2SeqModel, tokens_in_script
from marsam.stages.translation_model import Job
from marsam.stages.translator import SentenceTranslator
from marsam.text.glossary import Glossary, Term
from marsam.text.languages import ARABIC, ENGLISH, Language, language
from marsam.text.translation_quality import quality_issues


class ScriptedModel(Seq2SeqModel):
    """Returns scripted outputs for each sentence: the first attempt's, then the retry's."""

    def __init__(self, folder: Path, answers: dict[str, list[str]]) -> None:
        (folder / "config.json").write_text(json.dumps({"model_type": "m2m_100"}))
        super().__init__(folder, device=choose_device("cpu"), name="scripted")
        self.answers, self.calls = answers, list[tuple[str, str]]()

    def check_direction(self, source: Language, target: Language) -> None:
        """It knows every language."""

    def generate(
        self, sentences: Sequence[str], job: Job, *, second_try: bool = False
    ) -> list[str]:
        self.calls += [(sentence, job.target.code) for sentence in sentences]
        return [self.answers[sentence][1 if second_try else 0] for sentence in sentences]


class Scripted(SentenceTranslator):
    """Translates with scripted outputs."""

    def __init__(self, folder: Path, answers: dict[str, list[str]]) -> None:
        model = ScriptedModel(folder, answers)
        super().__init__(model)
        self.calls = model.calls


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
            "Marsam runs on Gradio": ["مارسام يعمل على غراديو", ""],
            "Marsam": ["مارسام."],
            "Gradio": ["غراديو"],
            "a Gradio page": ["صفحة Gradio", ""],
            "Marsams run": ["مراسيم تعمل", ""],
            "Marsam is open": ["هو مفتوح", ""],
            "is open": ["مفتوح"],
        },
    )
    answer = translator.translate("Marsam runs on Gradio", TranslateOptions(glossary=glossary))
    assert answer.text == "مرسم يعمل على Gradio"
    assert answer.warnings == (Notice.TERM_PLACED,)
    kept = translator.translate("a Gradio page", TranslateOptions(glossary=glossary))
    assert (kept.text, kept.warnings) == ("صفحة Gradio", ())
    plural = translator.translate("Marsams run", TranslateOptions(glossary=glossary))
    assert (plural.text, plural.warnings) == ("مراسيم تعمل", (Notice.TERM_PLURAL,))
    # The model's own word is not in its translation, so the term is kept in its place.
    placed = translator.translate("Marsam is open", TranslateOptions(glossary=glossary))
    assert (placed.text, placed.warnings) == ("مرسم مفتوح", (Notice.TERM_PLACED,))


@pytest.mark.parametrize(
    "text",
    ["12345", "٣٫٥", "۱۲۳", "🐱❤️", "...", "•", "؟!", "1.", "https://a.org/?q=1", "5 km", "{x} %s"],
)
def test_what_has_no_words_passes_through(tmp_path: Path, text: str) -> None:
    for pair in (("eng_Latn", "arb_Arab"), ("arb_Arab", "eng_Latn")):
        options = TranslateOptions(source=pair[0], target=pair[1])
        result = Scripted(tmp_path, {}).translate(text, options)
        assert (result.text, result.warnings) == (text, ())


def test_sentences_are_joined_with_what_stood_between(tmp_path: Path) -> None:
    answers = {"A cat.": ["قطة."], "A dog": ["كلب"], "a cat": ["قطة"], "a dog": ["كلب"]}
    translator = Scripted(tmp_path, answers)
    for text, arabic in (
        ("1. a cat\n2. a dog", "1. قطة\n2. كلب"),
        ("• a cat\n\n• a dog", "• قطة\n\n• كلب"),
        ('"A cat." A dog', '"قطة." كلب'),
        ("(A cat.) «A dog»", "(قطة.) «كلب»"),
        ("a cat… a dog", "قطة… كلب"),
        ("A cat.A dog", "قطة.كلب"),
    ):
        assert translator.translate(text, TranslateOptions()).text == arabic


def test_chinese_sentences_get_spaces_in_arabic_and_lose_them_again(tmp_path: Path) -> None:
    answers = {"猫。": ["قطة."], "狗。": ["كلب."], "قطة.": ["猫。"], "كلب.": ["狗。"]}
    translator = Scripted(tmp_path, answers)
    there = TranslateOptions(source="zho_Hans", target="arb_Arab")
    assert translator.translate("猫。狗。", there).text == "قطة. كلب."
    back = TranslateOptions(source="arb_Arab", target="zho_Hans")
    assert translator.translate("قطة. كلب.", back).text == "猫。狗。"


def test_half_a_translation_is_translated_again_by_clauses(tmp_path: Path) -> None:
    answers = {"a cat; a dog": ["قطة", "قطة"], "a cat": ["قطة"], "a dog": ["كلب"]}
    result = Scripted(tmp_path, answers).translate("a cat; a dog", TranslateOptions())
    assert (result.text, result.warnings) == ("قطة؛ كلب", ())


def test_protected_spans_are_held_in_place(tmp_path: Path) -> None:
    text = "See https://a.org/?q=1 now, @ali 🐱"
    answers = {text: ["انظر الآن، علي", "انظر"], "See": ["انظر"], "now": ["الآن"]}
    result = Scripted(tmp_path, answers).translate(text, TranslateOptions())
    assert result.text == "انظر https://a.org/?q=1 الآن، @ali 🐱"
    assert result.warnings == (Notice.HELD,)
    answers = {"a cat at 10:30": ["قطة في 10:30", ""]}
    result = Scripted(tmp_path, answers).translate("a cat at 10:30", TranslateOptions())
    assert (result.text, result.warnings) == ("قطة في 10:30", ())


def test_a_missing_number_is_noticed(tmp_path: Path) -> None:
    answers = {"in 1998": ["في عام", "في العام"], "in 1999": ["في عام ١٩٩٩", ""]}
    translator = Scripted(tmp_path, answers)
    assert translator.translate("in 1998", TranslateOptions()).warnings == (Notice.NUMBERS,)
    assert translator.translate("in 1999", TranslateOptions()).warnings == ()


def test_a_text_is_its_own_translation_into_its_language(tmp_path: Path) -> None:
    options = TranslateOptions(source="eng_Latn", target="eng_Latn")
    assert Scripted(tmp_path, {}).translate("A  cat.", options).text == "A cat."


@pytest.mark.parametrize(
    ("text", "source"),
    [("قطة", "eng_Latn"), ("Привет", "eng_Latn"), ("a cat", "arb_Arab"), ("猫", "eng_Latn")],
)
def test_a_text_in_the_script_of_another_language_is_refused(
    tmp_path: Path, text: str, source: str
) -> None:
    target = "arb_Arab" if source == "eng_Latn" else "eng_Latn"
    with pytest.raises(LanguageError, match="name the language"):
        Scripted(tmp_path, {}).translate(text, TranslateOptions(source=source, target=target))


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
        Seq2SeqModel(tmp_path, device=choose_device("cpu"))


def test_only_tokens_of_the_target_script_are_allowed() -> None:
    pieces = ["<s>", "▁cat", "▁قطة", "eng_Latn", "،", "▁12", "▁é", "قط-cat", "<unk>", "ۋ"]

    class Tokenizer:
        all_special_ids = (0, 3, 8)
        unk_token_id = 8

        def __len__(self) -> int:
            return len(pieces)

        def convert_ids_to_tokens(self, ids: range) -> list[str]:
            return [pieces[i] for i in ids]

    def allowed(target: Language) -> list[str]:
        return [pieces[i] for i in tokens_in_script(Tokenizer(), 10, target)]

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
