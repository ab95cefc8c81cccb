"""HTML in markup and texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.text.markup import html_parts


def texts(source: str) -> list[str]:
    return [part.text for part in html_parts(source) if part.text is not None]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("two fish", ["two fish"]),
        ("", []),
        ("<p>two <b>fish</b></p>", ["two ", "fish"]),
        ('<img alt="a > b" src=x>cats', ["cats"]),
        ("<a title='x>y' href=\"z\">cats</a >", ["cats"]),
        ("a &lt; b &amp; &eacute;&#33;&nbsp;c", ["a < b & é!\u00a0c"]),
        ("1 < 2 and 3 > 2 <3", ["1 < 2 and 3 > 2 <3"]),
        ("<script>if (a < b) { '<p>x</p>' }</script>cats", ["cats"]),
        ("<STYLE>p { }</STYLE >cats", ["cats"]),
        ("<script>open", []),
        ("<code>cat <b>dog</b></code> cats", [" cats"]),
        ('<div translate="no">a<div>b</div>c</div>d', ["d"]),
        ("<span class='x notranslate'>a</span>b", ["b"]),
        ('<img translate="no">cats<br/>dogs', ["cats", "dogs"]),
        ("<!-- a > <p>b</p> --><p>c</p>", ["c"]),
        ("<!doctype html><?xml x?>c</ >d", ["c", "d"]),
        ("cats <a href='x", ["cats "]),
        ("<!-- open <p>x</p>", []),
    ],
)
def test_texts_between_tags(source: str, found: list[str]) -> None:
    assert texts(source) == found
    assert "".join(part.source for part in html_parts(source)) == source


@given(st.text(alphabet="<>/!-?='\" \nabcsript&;#x0é", max_size=200))
def test_the_parts_are_the_input(source: str) -> None:
    assert "".join(part.source for part in html_parts(source)) == source


BAD = (
    *("<!", "<a ", "<a b='", '<a b="', '<a b=">" ', "</a ", "<!--", "&#", "<", "<?", "<![CDATA["),
    *("<script>", "<a\n", "=\n", "<p class='", "<p translate=", "< ", "<a = "),
)


@pytest.mark.parametrize("bad", BAD)
def test_no_input_takes_long(bad: str) -> None:
    """The standard library's parser takes minutes for some of these."""
    source = bad * (100_000 // len(bad))
    assert "".join(part.source for part in html_parts(source)) == source
