"""Sentences with elements inside, translated whole."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.api.libretranslate.documents import translate_documents
from marsam.testing import FakeTranslator
from marsam.text.languages import ARABIC, ENGLISH

WORDS = {
    "A red cat": "قطة حمراء",
    "red": "أحمر",
    "cat": "قطة",
    "a red cat on the blue mat": "قطة حمراء على السجادة الزرقاء",
    "blue mat": "سجادة زرقاء",
    "blue": "أزرق",
    "a red cat": "قطة حمراء",
    "The cat sleeps.": "القطة نائمة.",
    "The dog and the cat sleep.": "ينام الكلب والقطة.",
    "The dog": "الكلب",
    "the cat": "القطة",
    "Hello.": "مرحبًا.",
    "two cats": "قطتان",
    "two": "اثنان",
    "cats": "قطط",
    "one cat, then one cat": "قطة واحدة، ثم قطة واحدة",
    "See chapter 7 of the book": "انظر الفصل 7 من الكتاب",
    "book": "كتاب",
    "a < b & red": "أ < ب & أحمر",
}


def translated(html: str) -> str:
    translator = FakeTranslator(translations=WORDS)
    return translate_documents(translator, [(html, ENGLISH)], ARABIC, is_html=True)[0]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>A <b>red</b> cat</p>", "<p>قطة <b>حمراء</b></p>"),
        (
            "A <b class='x' title=\"a > b\">red</b> cat",
            "قطة <b class='x' title=\"a > b\">حمراء</b>",
        ),
        (
            '<p dir="rtl">a red cat on the <a href="/x?a=1&amp;b=2">blue mat</a></p>',
            '<p dir="rtl">قطة حمراء على <a href="/x?a=1&amp;b=2">السجادة الزرقاء</a></p>',
        ),
        (
            "<li><i>a <b>red</b> cat</i> on the <a href=x><u>blue</u> mat</a></li>",
            "<li><i>قطة <b>حمراء</b></i> على <a href=x>السجادة <u>الزرقاء</u></a></li>",
        ),
        # The order of the words changes.
        ("<b>The dog</b> and <i>the cat</i> sleep.", "ينام <b>الكلب</b> <i>والقطة</i>."),
        # The same words twice: each place is the nearer one.
        ("one <i>cat</i>, then one <b>cat</b>", "<i>قطة</i> واحدة، ثم <b>قطة</b> واحدة"),
        # Elements around whole sentences, and the sentences before and after.
        (
            "<p>Hello. <b>The <i>cat</i> sleeps.</b> Hello.</p>",
            "<p>مرحبًا. <b><i>القطة</i> نائمة.</b> مرحبًا.</p>",
        ),
        ("See chapter <b>7</b> of the <i>book</i>", "انظر الفصل <b>7</b> من <i>الكتاب</i>"),
        ("a &lt; b &amp; <b>red</b>", "أ &lt; ب &amp; <b>أحمر</b>"),
        ("<p>\n  A\n  <b> red </b>\n  cat\n</p>", "<p> قطة <b>حمراء</b> </p>"),
    ],
)
def test_elements_find_their_words_in_the_translation(source: str, wanted: str) -> None:
    assert translated(source) == wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        # The dual is one word in Arabic.
        ("<p>two <b>cats</b></p>", "<p>اثنان <b>قطط</b></p>"),
        # A line break, a picture, code and what is not to be translated end a sentence.
        ("two<br>cats", "اثنان<br>قطط"),
        ("two<img src=x> cats", "اثنان<img src=x> قطط"),
        ("two <code>cats</code> <b>cat</b>", "اثنان <code>cats</code> <b>قطة</b>"),
        ("two <b translate=no>x</b> cats", "اثنان <b translate=no>x</b> قطط"),
        # Elements that are not nested, not closed, or empty.
        ("<b>two <i>cats</b></i>", "<b>اثنان <i>قطط</b></i>"),
        ("<p>two <b>cats</p>", "<p>اثنان <b>قطط</p>"),
        ("two </b>cats", "اثنان </b>قطط"),
        ("two <a id=x></a>cats", "اثنان <a id=x></a>قطط"),
    ],
)
def test_else_the_texts_between_the_tags_are_translated(source: str, wanted: str) -> None:
    assert translated(source) == wanted


class Nesting(HTMLParser):
    """Checks that every element is closed in the order in which they were opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


TEXTS = st.lists(
    st.sampled_from(("cat ", "red ", "two, ", "Hello. ", "blue mat", " ", "7")), max_size=4
).map("".join)
NESTED = st.recursive(
    TEXTS,
    lambda inner: st.lists(
        st.tuples(st.sampled_from("biau"), st.lists(inner, max_size=3).map("".join)).map(
            lambda one: "<{0}>{1}</{0}>".format(*one)
        ),
        max_size=3,
    ).map(" red ".join),
    max_leaves=12,
)


@given(NESTED)
def test_no_tag_is_lost_and_all_are_nested(html: str) -> None:
    done = translated(html)
    tags = re.compile(r"<[^>]*>")
    assert Counter(tags.findall(done)) == Counter(tags.findall(html))
    Nesting(done)


def test_a_long_sentence_of_many_elements_is_translated() -> None:
    deep = "<b>red " * 2000 + "</b>" * 2000
    assert translated(deep).count("</b>") == 2000
    many = "<p>" + "<b>red</b> cat " * 5000
    assert translated(many).count("<b>") == 5000
