import re

import pytest

from marsam import LanguageError
from marsam.text.languages import (
    _DETECTED_AS,
    _SCRIPTS,
    ARABIC,
    ENGLISH,
    detect_language,
    language,
    languages,
    script_of,
)

ALL = languages()


def error_for(name: str) -> str:
    with pytest.raises(LanguageError) as caught:
        language(name)
    return str(caught.value)


def test_languages_lists_each_nllb_code_once() -> None:
    codes = [one.code for one in ALL]
    assert len(codes) == len(set(codes)) == 202
    assert [code for code in codes if not re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", code)] == []
    assert codes == sorted(codes)


def test_every_code_tag_and_name_finds_its_language() -> None:
    for one in ALL:
        for name in (one.code, one.tag, one.en, one.ar):
            assert language(name) == language(name.upper()) == one, name


def test_tags_follow_bcp_47() -> None:
    odd = [one.tag for one in ALL if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?", one.tag)]
    assert odd == []


def test_arabic_names_are_arabic() -> None:
    # Letters only: no vowel marks, no tatweel, no Persian letters.
    word = "[ء-غف-ي]+"
    natural = re.compile(rf"{word}([ -]{word})*( \({word}( {word})*\))?")
    assert [one.ar for one in ALL if not natural.fullmatch(one.ar)] == []


def test_english_names_are_latin_and_trimmed() -> None:
    assert [one.en for one in ALL if script_of(one.en) != "Latn" or one.en != one.en.strip()] == []


def test_direction_follows_the_script() -> None:
    from_right = {one.code for one in ALL if one.direction == "rtl"}
    assert from_right == {one.code for one in ALL if one.script in {"Arab", "Hebr"}}
    assert {"arb_Arab", "heb_Hebr", "ydd_Hebr", "urd_Arab", "ckb_Arab"} <= from_right
    # Tifinagh runs from the left today; Kurmanji and Banjar do in Latin letters.
    assert from_right.isdisjoint({"tzm_Tfng", "taq_Tfng", "kmr_Latn", "bjn_Latn", "kas_Deva"})
    assert {one.direction for one in ALL} == {"ltr", "rtl"}


def test_english_and_arabic_constants_match_the_table() -> None:
    assert language("eng_Latn") == ENGLISH
    assert language("arb_Arab") == ARABIC


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ar", "arb_Arab"),
        ("AR", "arb_Arab"),
        ("arabic", "arb_Arab"),
        ("العربية", "arb_Arab"),
        (" English ", "eng_Latn"),
        ("الانجليزية", "eng_Latn"),  # without the hamza, as most people type it
        ("الفَرَنسية", "fra_Latn"),
        ("norwegian bokmal", "nob_Latn"),
        ("zh_hans", "zho_Hans"),
        ("zh", "zho_Hans"),
        ("zh-TW", "zho_Hant"),
        ("fil", "tgl_Latn"),
        ("Oriya", "ory_Orya"),
        ("الأوديا", "ory_Orya"),
        ("العربية المصرية", "arz_Arab"),
    ],
)
def test_aliases_and_other_spellings(name: str, code: str) -> None:
    assert language(name).code == code


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("ara_Arab", "arb_Arab (Modern Standard Arabic)"),
        ("ara", "arb_Arab (Modern Standard Arabic)"),
        ("arb_Latn", "arb_Arab (Modern Standard Arabic)"),
        ("عربي", "arb_Arab (Modern Standard Arabic)"),
        ("eng", "eng_Latn (English)"),
        ("en-US", "eng_Latn (English)"),
        ("Frensh", "fra_Latn (French)"),
        ("انجليزي", "eng_Latn (English)"),
        ("quechua", "quy_Latn (Quechua, Ayacucho)"),
        ("Levantine", "ajp_Arab (South Levantine Arabic) or apc_Arab"),
        ("Kurdish", "ckb_Arab (Kurdish, Sorani) or kmr_Latn (Kurdish, Kurmanji)?"),
    ],
)
def test_error_suggests_similar_languages(name: str, first: str) -> None:
    assert f"Unknown language {name!r}; did you mean {first}" in error_for(name)


def test_at_most_three_suggestions_in_one_sentence() -> None:
    message = error_for("ara_Arab")
    assert len(re.findall(r"\w{3}_\w{4} \(", message)) == 3
    assert message.endswith("?")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["", " ", "zzz", "klingon", "123"])
def test_error_without_suggestions_lists_accepted_forms(name: str) -> None:
    assert error_for(name).endswith(
        "give its name, a tag such as en, or an NLLB code such as arb_Arab."
    )


def test_arabic_varieties_are_experimental() -> None:
    assert not ARABIC.experimental
    varieties = [one for one in ALL if one.experimental]
    assert {one.tag for one in varieties} == {
        "ars", "arz", "apc", "ajp", "acm", "acq", "aeb", "ary",
    }  # fmt: skip
    assert all(one.ar.startswith("العربية ") for one in varieties)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("a red car by the sea", "Latn"),
        ("قِطَّةٌ حَمْرَاءُ عَلَى السَّرِيرِ", "Arab"),
        ("قطة اسمها Lulu في الحديقة", "Arab"),
        ("a cat called قطة", "Latn"),
        ("12 كلبًا", "Arab"),
        ("一只红色的猫", "Hani"),
        ("赤い猫がソファーの上にいる", "Jpan"),
        ("ｃａｔ", "Latn"),
        ("красная кошка", "Cyrl"),
        ("빨간 고양이", "Hang"),
        ("लाल बिल्ली", "Deva"),
        ("חתול אדום", "Hebr"),
        ("ᱥᱟᱱᱛᱟᱲᱤ", "Olck"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "Tfng"),
        ("ቀይ ድመት", "Ethi"),
        ("ᏣᎳᎩ", "Zzzz"),  # Cherokee, which NLLB lacks
        ("", None),
        ("12, 34! 😀 ٣٤", None),
    ],
)
def test_script_of_a_text(text: str, script: str | None) -> None:
    assert script_of(text) == script


def test_detect_language_chooses_by_script() -> None:
    assert detect_language("قطة اسمها Lulu في الحديقة") == ARABIC
    assert detect_language("a cat called قطة") == ENGLISH
    assert detect_language("12, 34!") == ENGLISH


def test_matches_script() -> None:
    assert ARABIC.matches_script("قطة حمراء")
    assert not ARABIC.matches_script("a red cat")
    assert ENGLISH.matches_script("2024")  # no letters
    assert language("zh-Hant").matches_script("紅貓")
    assert language("ja").matches_script("赤い猫")
    assert language("ja").matches_script("日本")
    assert not language("zh-Hans").matches_script("赤い猫")
    assert language("sat").matches_script("ᱥᱟᱱᱛᱟᱲᱤ")
    assert not language("sat").matches_script("লাল বিড়াল")


def test_script_of_covers_the_script_of_every_language() -> None:
    assert {one.script for one in ALL} <= {*_SCRIPTS.values(), *_DETECTED_AS}
