"""Every text of the pages exists in both languages, in correct Arabic."""

import re
import string
from datetime import datetime
from pathlib import Path

import pytest

import marsam.web
from marsam.batch import contact_sheet
from marsam.recipes import Recipe
from marsam.review import strings as review_strings
from marsam.ui.i18n import (
    ARABIC,
    ENGLISH,
    GRADIO_LABELS,
    Bilingual,
    Strings,
    day,
    duration,
    pictures,
    runs,
    time_of_day,
)
from marsam.web.many import strings as many_strings
from marsam.web.strings import STRINGS

HERE = Path(marsam.web.__file__).parent
TEXTS = [
    *STRINGS.values(),
    *review_strings.STRINGS.values(),
    *contact_sheet.STRINGS.values(),
    *many_strings.STRINGS.values(),
    *GRADIO_LABELS,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.en[:40])
def test_a_text_exists_in_both_languages(text: Bilingual) -> None:
    assert text.en.strip()
    assert text.ar.strip()
    assert not re.search("[\u0600-\u06ff]", text.en)
    assert re.search("[\u0600-\u06ff]", text.ar)
    fields = [
        [f for _, f, _, _ in string.Formatter().parse(form) if f is not None] for form in text
    ]
    assert sorted(fields[0]) == sorted(fields[1])


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.en[:40])
def test_arabic_has_arabic_punctuation(text: Bilingual) -> None:
    assert not re.search("[,;?]", text.ar)


def test_every_string_is_used_and_every_string_used_exists() -> None:
    sources = [path for path in HERE.glob("*.*") if path.suffix in (".py", ".html")]
    sources.remove(HERE / "strings.py")
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    quoted = set(re.findall(r"""["']([a-z_]+)["']""", source))
    used = set(re.findall(r"""(?i:strings)\.(?:html|text)\(\s*["']([a-z_]+)["']""", source))
    used |= set(re.findall(r"""(?i:strings)\[["']([a-z_]+)["']\]""", source))
    assert used <= set(STRINGS)
    computed = {
        "set_mini",
        "set_standard",
        "set_free",
        "set_modern",
        "set_custom",
        "on_cpu",
        "on_cuda",
        "on_mps",
    }
    computed |= {key for key in STRINGS if key.startswith("reason_")}
    computed |= {*map(str, Recipe), "english_hint", "arabic_hint", "search_hint"}
    described = {
        "steps",
        "guidance",
        "size",
        "seed",
        "negative",
        "strength",
        "as_written",
        "offered",
    }
    computed |= {f"{key}_info" for key in described}
    computed |= {"example_sea", "example_cat", "example_car"}
    computed |= {"from_english", "from_arabic", "done_without", "stopped_without"}
    assert set(STRINGS) - quoted - computed == set()


def test_every_string_of_the_list_is_used() -> None:
    folder = HERE / "many"
    sources = [one for one in folder.glob("*.*") if one.suffix in (".py", ".html")]
    sources.remove(folder / "strings.py")
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    quoted = set(re.findall(r"""["']([a-z_]+)["']""", source))
    assert set(many_strings.STRINGS) - set(contact_sheet.STRINGS) - quoted == set()


def test_values_are_escaped_and_isolated() -> None:
    html = STRINGS.html("cut", "<script>")
    assert "<script>" not in html
    assert html.count("<bdi>&lt;script&gt;</bdi>") == 2


def test_a_bilingual_value_takes_the_form_of_its_language() -> None:
    html = Strings({"kept": Bilingual("Kept: {}.", "حُفظ: {}.")}).html("kept", pictures(2))
    english, arabic = str(html).split('<span lang="ar"')
    assert "<bdi>2 pictures</bdi>" in english
    assert "<bdi>صورتان</bdi>" in arabic


def test_dates_and_times_are_written_as_readers_expect() -> None:
    moment = datetime(2026, 11, 29, 8, 5)
    assert day(moment) == ("29 November 2026", "29 نوفمبر 2026")
    assert time_of_day(moment) == ("08:05", "8:05 ص")
    assert time_of_day(moment.replace(hour=20)) == ("20:05", "8:05 م")


def test_plain_text_in_one_language() -> None:
    assert STRINGS.text("seed_of", ENGLISH, 7) == "Seed 7"
    assert STRINGS.text("seed_of", ARABIC, 7) == "البذرة 7"


@pytest.mark.parametrize(
    ("count", "nominative", "genitive"),
    [
        (1, "صورة واحدة", "صورة واحدة"),
        (2, "صورتان", "صورتين"),
        (3, "3 صور", "3 صور"),
        (10, "10 صور", "10 صور"),
        (11, "11 صورة", "11 صورة"),
        (103, "103 صور", "103 صور"),
    ],
)
def test_arabic_count_of_pictures(count: int, nominative: str, genitive: str) -> None:
    assert pictures(count).ar == nominative
    assert pictures(count, genitive=True).ar == genitive


@pytest.mark.parametrize(
    ("count", "arabic"),
    [
        (1, "عمل واحد"),
        (2, "عملان"),
        (3, "3 أعمال"),
        (11, "11 عملًا"),
        (100, "100 عمل"),
        (102, "102 عمل"),
        (110, "110 أعمال"),
        (111, "111 عملًا"),
    ],
)
def test_arabic_count_of_a_masculine_noun(count: int, arabic: str) -> None:
    assert runs(count).ar == arabic


@pytest.mark.parametrize(
    ("seconds", "english", "nominative", "genitive"),
    [
        (0.2, "1 second", "ثانية واحدة", "ثانية واحدة"),
        (2, "2 seconds", "ثانيتان", "ثانيتين"),
        (7.4, "7 seconds", "7 ثوانٍ", "7 ثوانٍ"),
        (11, "11 seconds", "11 ثانية", "11 ثانية"),
        (89, "89 seconds", "89 ثانية", "89 ثانية"),
        (120, "2 minutes", "دقيقتان", "دقيقتين"),
        (480, "8 minutes", "8 دقائق", "8 دقائق"),
        (1500, "25 minutes", "25 دقيقة", "25 دقيقة"),
        (6180, "103 minutes", "103 دقائق", "103 دقائق"),
    ],
)
def test_arabic_count_of_a_duration(
    seconds: float, english: str, nominative: str, genitive: str
) -> None:
    assert duration(seconds) == (english, nominative)
    assert duration(seconds, genitive=True) == (english, genitive)
