"""Everything the page says exists in both languages, in good Arabic."""

import re
import string
from pathlib import Path

import pytest

import marsam.web
from marsam.web.strings import (
    ARABIC,
    ENGLISH,
    WORDS,
    both,
    duration,
    of_duration,
    of_pictures,
    pictures,
    say,
)

HERE = Path(marsam.web.__file__).parent


@pytest.mark.parametrize("key", WORDS)
def test_a_word_is_there_in_both_languages(key: str) -> None:
    word = WORDS[key]
    assert word.en.strip()
    assert word.ar.strip()
    assert not re.search("[\u0600-\u06ff]", word.en)
    assert re.search("[\u0600-\u06ff]", word.ar)
    fields = [
        [f for _, f, _, _ in string.Formatter().parse(form) if f is not None] for form in word
    ]
    assert sorted(fields[0]) == sorted(fields[1])


@pytest.mark.parametrize("key", WORDS)
def test_arabic_is_written_with_arabic_marks(key: str) -> None:
    assert not re.search("[,;?]", WORDS[key].ar)


def test_every_word_is_used_and_every_word_used_is_there() -> None:
    sources = [path for path in HERE.glob("*.py") if path.name != "strings.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    quoted = set(re.findall(r"""["']([a-z_]+)["']""", text))
    used = set(re.findall(r"""\b(?:both|say)\(\s*["']([a-z_]+)["']""", text))
    assert used <= set(WORDS)
    named = {"set_mini", "set_standard", "set_custom", "on_cpu", "on_cuda", "on_mps"}
    named |= {"draft", "balanced", "faithful", "english_hint", "arabic_hint"}
    named |= {f"{key}_info" for key in ("steps", "guidance", "size", "seed", "negative")}
    named |= {"example_sea", "example_cat", "example_car"}
    named |= {"sync_from_english", "sync_from_arabic"}
    assert set(WORDS) - quoted - named == set()


def test_values_are_escaped_and_isolated() -> None:
    html = both("cut", "<script>")
    assert "<script>" not in html
    assert html.count("<bdi>&lt;script&gt;</bdi>") == 2


def test_plain_text_in_one_language() -> None:
    assert say("seed_of", ENGLISH, 7) == "Seed 7"
    assert say("seed_of", ARABIC, 7) == "البذرة 7"


@pytest.mark.parametrize(
    ("count", "nominative", "genitive"),
    [
        (1, "صورة واحدة", "صورة واحدة"),
        (2, "صورتان", "صورتين"),
        (3, "3 صور", "3 صور"),
        (10, "10 صور", "10 صور"),
    ],
)
def test_pictures_are_counted_as_arabic_counts(count: int, nominative: str, genitive: str) -> None:
    assert pictures(count).ar == nominative
    assert of_pictures(count).ar == genitive


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
def test_time_is_counted_as_each_language_counts(
    seconds: float, english: str, nominative: str, genitive: str
) -> None:
    assert duration(seconds) == (english, nominative)
    assert of_duration(seconds) == (english, genitive)
