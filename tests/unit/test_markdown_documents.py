"""Markdown: which images are found, and that only their alt texts change."""

from itertools import cycle
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from marsam.documents.document import AltText, DocumentImage, Kind
from marsam.documents.formats import open_document
from marsam.documents.markdown import MarkdownDocument
from marsam.documents.markdown_labels import Labels
from marsam.documents.markdown_parts import MAX_NESTING
from marsam.documents.words import one_line
from marsam.errors import DocumentError, OptionError
from tests.helpers.pages import without_alt_texts


def read(text: str | bytes) -> MarkdownDocument:
    data = text.encode() if isinstance(text, str) else text
    return MarkdownDocument(data, path=Path("page.md"), root=None)


def images(text: str) -> list[DocumentImage]:
    return list(read(text).images)


def filled(text: str, *texts: str) -> str:
    """The text with these alt texts at its first images."""
    alts = {str(number): AltText(text=one) for number, one in enumerate(texts, 1)}
    return read(text).with_alt_texts(alts).decode()


def rendered(text: str) -> list[object]:
    """What markdown-it makes of a text, without the alt texts."""
    return without_alt_texts(MarkdownIt("commonmark").render(text.removeprefix("\ufeff")))


# What is found


@pytest.mark.parametrize(
    ("text", "source", "alt", "decorative"),
    [
        ("![A cat](a.png)", "a.png", "A cat", False),
        ("![](a.png)", "a.png", None, False),
        ("![ ](a.png)", "a.png", None, False),
        ('![قطة](<صورة قط.png> "عنوان")', "صورة قط.png", "قطة", False),
        ("![a](a%20b.png?x=1&amp;y#z)", "a%20b.png?x=1&y#z", "a", False),
        ("![A *white* `cat` \\[1\\] &amp; [x](y)](a.png)", "a.png", "A white cat [1] & x", False),
        ("![A ![small](b.png) cat](a.png)", "a.png", "A small cat", False),
        ("![A\ncat](a.png)", "a.png", "A cat", False),
        ("![A cat][c]\n\n[c]: a.png", "a.png", "A cat", False),
        ("![][c]\n\n[c]: a.png", "a.png", None, False),
        ("![A cat][]\n\n[a CAT]: a.png", "a.png", "A cat", False),
        ("![A cat]\n\n[a cat]: <a b.png> 'title'", "a b.png", "A cat", False),
        ("![x](data:image/svg+xml;base64,AAAA)", "data:image/svg+xml;base64,…", "x", False),
        ("text <img src=a.png> text", "a.png", None, False),
        ('text <img src="a.png" alt=""> text', "a.png", "", True),
        ("<div>\n<img src=a.png alt='x'>\n</div>", "a.png", "x", False),
        ("<div aria-hidden=true>\n\n![x](a.png)\n\n</div>", "a.png", "x", True),
        ('![]({{ "/a.png" | relative_url }})', "{{…}}", None, False),
        ("![]({{ site.url }}/a.png)", "{{…}}/a.png", None, False),
    ],
)
def test_an_image_and_its_alt_text(
    text: str, source: str, alt: str | None, decorative: bool
) -> None:
    (only,) = images(text)
    assert only.kind is Kind.IMAGE
    assert (only.source, only.alt, only.decorative) == (source, alt, decorative)


@pytest.mark.parametrize(
    "text",
    [
        "`![a](b)`",
        "``` \n![a](b)\n```",
        "    ![a](b)",
        "\t![a](b)",
        "~~~html\n<img src=a>\n~~~",
        "\\![a](b)",
        "!\\[a](b)",
        "[a](b.png)",
        "![a][missing]",
        "![a] (b)",
        "<!-- ![a](b) -->",
        "<div>\n![a](b)\n</div>",
        "<div title='![a](b)'>",
        "<img src=a\n\nalt=b>",
        "---\ncover: ![a](b)\n---\n",
        "[c]: a.png",
        "",
    ],
)
def test_what_is_no_image_is_left_alone(text: str) -> None:
    assert images(text) == []


ARTICLE = """---
title: "القطط"
lang: ar
---

# قطط *القاهرة*

تعيش القطط في كل حي. يطعمها الناس.

[![](small.png)](large.html)

> تنام نهارًا! ![](sleep.png) وتصحو ليلًا.

## Visitors

<div lang="en">

They love them. ![](crowd.png)

</div>

<figure>
<img src="end.png">
<figcaption>قطة بيضاء</figcaption>
</figure>
"""


def test_the_context_of_images_in_an_arabic_article() -> None:
    small, sleep, crowd, end = images(ARTICLE)
    assert [one.line for one in (small, sleep, crowd, end)] == [10, 12, 18, 23]
    assert [one.language for one in (small, sleep, crowd, end)] == ["ar", "ar", "en", "ar"]
    assert (small.context.heading, small.context.link) == ("قطط القاهرة", "large.html")
    assert (small.context.before, small.context.after) == ("يطعمها الناس.", "تنام نهارًا!")
    assert (sleep.context.before, sleep.context.after) == ("تنام نهارًا!", "وتصحو ليلًا.")
    assert (crowd.context.heading, crowd.context.before) == ("Visitors", "They love them.")
    assert (end.context.caption, end.context.link) == ("قطة بيضاء", "")


@pytest.mark.parametrize(
    ("front", "language"),
    [
        ("---\nlang: ar-EG\n---\n", "ar-EG"),
        ("---\r\ntitle: x\r\nlanguage: 'en' \r\n---\r\n", "en"),
        ('+++\nlang = "ar"\n+++\n', "ar"),
        ("---\nlocale: ar_SA\n...\n", "ar-SA"),
        ("---\ntitle: lang\n---\n", ""),
        ("---\n\nlang: ar\n\n---\n", ""),
        ("lang: ar\n\n", ""),
    ],
)
def test_the_language_is_in_the_front_matter(front: str, language: str) -> None:
    assert [one.language for one in images(f"{front}![](a.png)")] == [language]


def test_images_are_read_from_beside_the_text(tmp_path: Path) -> None:
    (tmp_path / "صورة قط.png").write_bytes(b"cat")
    (tmp_path / "page.md").write_text("![](<صورة قط.png>) ![](%D8%B5%D9%88%D8%B1%D8%A9%20قط.png)")
    document = open_document(tmp_path / "page.md")
    assert [document.read(one) for one in document.images] == [b"cat", b"cat"]


# What is written


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("![](a.png)", "![T](a.png)"),
        ('![old](a.png "title")', '![T](a.png "title")'),
        ("[![](a.png)](b.html)", "[![T](a.png)](b.html)"),
        ("![old][c]\n\n[c]: a.png\n", "![T][c]\n\n[c]: a.png\n"),
        ("![][c]\n\n[c]: a.png\n", "![T][c]\n\n[c]: a.png\n"),
        ("![c][] x\n\n[c]: a.png\n", "![T][c] x\n\n[c]: a.png\n"),
        ("![c] x\n\n[c]: a.png\n", "![T][c] x\n\n[c]: a.png\n"),
        ("# ![](a.png) #\r\n\r\nx", "# ![T](a.png) #\r\n\r\nx"),
        ("![](a.png)\n===", "![T](a.png)\n==="),
        ("> > ![a\n> > b](a.png)\nlazy ![](b)", "> > ![T](a.png)\nlazy ![](b)"),
        ("1.  x\n\n\t![](a.png)  \n", "1.  x\n\n\t![T](a.png)  \n"),
        ("-\t- ![](a.png)", "-\t- ![T](a.png)"),
        ("  ![](a.png)\t\n   x", "  ![T](a.png)\t\n   x"),
        ("a `b` \\* ![](a.png)", "a `b` \\* ![T](a.png)"),
        ("![a]( a.png )", "![T]( a.png )"),
        ("x <img src=a.png /> y", 'x <img src=a.png alt="T" /> y'),
        ("> <div>\n> <img\n>  alt='a\n>  b'>\n", "> <div>\n> <img\n>  alt=\n>  'T'>\n"),
        ('<img alt="a\r\nb">\r\nc', '<img alt=\r\n"T">\r\nc'),
        ("- <p>\n\t<img>\n", '- <p>\n\t<img alt="T">\n'),
        ("| a |\n|---|\n| ![](x) |", "| a |\n|---|\n| ![T](x) |"),
        ("---\nlang: ar\n---\n![](x)", "---\nlang: ar\n---\n![T](x)"),
        ("\ufeff![](x)\r\r", "\ufeff![T](x)\r\r"),
    ],
)
def test_only_the_alt_text_changes(text: str, result: str) -> None:
    assert filled(text, "T") == result
    assert filled(result, "T") == result


@pytest.mark.parametrize(
    "page",
    [
        "![](a.png)",
        "a ` b [ * <c ![](a.png) `` ] * >",
        "[![](a.png)](b)",
        "# ![](a.png) #",
        "> - ![][c]\n\n[c]: d",
        "a ` b <img src=a.png> `` c",
        "<!-- x --><img alt='old'>",
    ],
)
def test_what_has_a_meaning_in_markdown_is_escaped(page: str) -> None:
    text = r"![a](b) [c] `d` ``e *f* _g_ \h\ <i> &lt; & &j --> | ~~k~~ {{ l }} {% m %} ]( # \\ n"
    result = filled(page, text)
    assert images(result)[0].alt == text
    assert rendered(result) == rendered(page)


def test_a_text_in_a_table_stays_in_its_cell() -> None:
    page = "| a | b |\n|---|---|\n| ![](x.png) | <img src=y.png> |\n"
    result = filled(page, "A | B", "C | D")
    cells = MarkdownIt("commonmark").enable("table").render(result)
    assert cells.count("<td>") == 2
    assert 'alt="A | B"' in cells
    assert [one.alt for one in images(result)] == ["A | B", "C | D"]


def test_markdown_cannot_say_that_a_picture_is_decorative() -> None:
    document = read('![](a.png) <img src="b.png">')
    with pytest.raises(OptionError, match="write it as <img> with an empty alt text"):
        document.with_alt_texts({"1": AltText(decorative=True)})
    assert document.with_alt_texts({"2": AltText(decorative=True)}).decode() == (
        '![](a.png) <img src="b.png" alt="">'
    )


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(OptionError, match="An alt text is empty"):
        read("![](a)").with_alt_texts({"1": AltText()})
    with pytest.raises(OptionError, match="There is no picture 2"):
        read("![](a)").with_alt_texts({"2": AltText(text="T")})


def test_a_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(DocumentError, match="is not UTF-8"):
        read("# قطة ![](a)".encode("cp1256"))


@pytest.mark.parametrize(
    "piece",
    [
        *("![", "![](", "[![](a)](", "![a][", "> ", "- ", "`", "``a", "*", "_a", "<img ", "<!--"),
        *("\\", "{{", "{%", "![](a)\n\n", "# ![](a)\n", "[a]: b\n", "![a]\n", "<div>\n", "&"),
        *("<", "a\n===\n"),
    ],
)
def test_repetition_ends_soon(piece: str) -> None:
    read(piece * (20_000 // len(piece)))


# Properties

PIECES = (
    *("![a](b)", '![](c.png "t")', "![r]", "![x][r]", "![R][]", "[r]: u.png\n"),
    *("\n\n[r]: <u v>\n\n", "[", "](p)", "![", "](q)", "]", "> ", "- ", "1. ", "  ", "    "),
    *("\t", "# ", " #", "\n", "\r\n", "\n\n", "\r", "`", "``", "```\n", "*", "_", "**", "\\"),
    *("&amp;", "<b>", "<img src=x alt=y>", "<img\nsrc=x>", '<img alt="a\nb">', "<div>\n"),
    *("</div>", "<!-- ", "-->", "text. ", "نص. ", "|", "---\n", "===\n", "---\nlang: ar\n---\n"),
    *("{{ x }}", "{% y %}", "<", ">", "(", ")", '"', "!", "\x00", "<a href=z>", "</a>"),
    *("<table><tr><td>\n", "<https://x.y>", "\ufdd1", "+++\n", "<?php x ?>", "<script>\n"),
    *("</script>", "~~~\n", "<svg>", "<pre>\n", "\u2028", "\x0c", "\ufeff"),
)
PAGES = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
WORDS = (
    *("قطة", "a", "[x]", "](", "`", "``", "*", "_", "\\", '"', "'", "<", ">", "&", "&amp;"),
    *("&copy", "|", "{{", "{%", "!", "![", "#", "<!--", "-->", "?>", " ", "~~", "<b>", "$", "^"),
    *("</script>",),
)
TEXTS = st.one_of(
    st.text(min_size=1, max_size=20),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map("".join),
)


@given(PAGES)
def test_a_text_without_new_alt_texts_is_the_same(page: str) -> None:
    data = page.encode()
    assert read(data).with_alt_texts({}) is data


@given(PAGES, st.lists(TEXTS, min_size=1, max_size=5))
def test_exactly_the_new_texts_are_read_again(page: str, words: list[str]) -> None:
    before = read(page)
    texts = {}
    for one, text in zip(before.images, cycle(words), strict=False):
        if one_line(text) and one.kind is Kind.IMAGE:
            texts[one.key] = AltText(text=text)
    result = before.with_alt_texts(texts)
    after = read(result)
    assert len(after.images) == len(before.images)
    for old, new in zip(before.images, after.images, strict=True):
        assert new.alt == (one_line(texts[old.key].text) if old.key in texts else old.alt)
        assert (new.key, new.kind, new.source, new.language) == (
            *(old.key, old.kind, old.source, old.language),
        )
        assert new.context == old.context
    assert after.with_alt_texts(texts) == result
    assert rendered(result.decode()) == rendered(page)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf", b"---\n"]))
def test_any_bytes_are_read_or_refused(data: bytes, mark: bytes) -> None:
    try:
        document = read(mark + data)
    except DocumentError:
        return
    assert document.with_alt_texts({}) == mark + data


BRACKETS = st.sampled_from(
    (
        *("![", "[", "]", "](", "](x)", '](b "t")', "`", "*", "a", "\\", " ", "<b>", "<", "!"),
        *("\n", ")", "[r]", "[]", "_", "&amp;", "(", "]:"),
    )
)


@given(st.lists(BRACKETS, max_size=60).map("".join))
def test_labels_end_where_the_parser_of_others_has_them(text: str) -> None:
    own, other = (MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}) for _ in range(2))
    own.helpers = Labels()  # type: ignore[assignment]
    text += "\n\n[r]: x\n"
    assert own.render(text) == other.render(text)


@pytest.mark.parametrize("text", ["![", "[", "![a][", "\\[![", "[[]", "![\n"])
def test_brackets_cost_no_more_than_other_characters(text: str) -> None:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    parser.helpers = Labels()  # type: ignore[assignment]
    with patch.object(parser.inline, "skipToken", wraps=parser.inline.skipToken) as skipped:
        parser.render(text * 5000)
    assert skipped.call_count < 4 * len(text * 5000)
