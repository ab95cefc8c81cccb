from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.text.protected import (
    change_outside_protected,
    has_words,
    protected_spans,
    without_protected,
)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Visit https://example.com/a?b=1&c=2 now.", ["https://example.com/a?b=1&c=2"]),
        ("انظر https://example.com/؟ ثم www.a.org، ثم", ["https://example.com/", "www.a.org"]),
        ("(see example.com/x).", ["example.com/x"]),
        ("mail a.b@c.org, @ali, #عيد_سعيد.", ["a.b@c.org", "@ali", "#عيد_سعيد"]),
        (
            "5 km, 3.5kg, 20 °C, 50%, $5.99, 1,000 €, ٥ كم و٣٠٪",
            ["5 km", "3.5kg", "20 °C", "50%", "$5.99", "1,000 €", "٥ كم", "٣٠٪"],
        ),
        ("%s of %(name)s, %1$s, %d, 100%", ["%s", "%(name)s", "%1$s", "%d", "100%"]),
        ("{x} ${y} {{z}} {0.name}", ["{x}", "${y}", "{{z}}", "{0.name}"]),
        ('<b class="x">a</b> &amp; &#39;', ['<b class="x">', "</b>", "&amp;", "&#39;"]),
        ("v1.2.3 on 2024-01-05 at 10:30", ["v1.2.3", "2024-01-05", "10:30"]),
        ("👨‍👩‍👧 ❤️ 🇪🇬 1️⃣ 👍🏽", ["👨‍👩‍👧", "❤️", "🇪🇬", "1️⃣", "👍🏽"]),
        ("`x = 1` in /usr/bin/x and C:\\a\\b", ["`x = 1`", "/usr/bin/x", "C:\\a\\b"]),
        ("call +20 (2) 1234-5678 now", ["+20 (2) 1234-5678"]),
        ("5 A students, I am 5 in the room, 12 cats, 1998, and/or, 3 min", []),
        ("a < b > c, AT&T, 5 > 3", []),
    ],
)
def test_protected_spans(text: str, spans: list[str]) -> None:
    assert [text[start:end] for start, end in protected_spans(text)] == spans


def test_words() -> None:
    assert has_words("a https://example.com")
    assert not has_words("https://example.com 5 km 🐱 12 ...")
    assert without_protected("a @b c").split() == ["a", "c"]
    assert change_outside_protected("A @B C", str.lower) == "a @B c"


@given(st.text())
def test_spans_are_in_order_and_apart(text: str) -> None:
    spans = protected_spans(text)
    assert all(start < end for start, end in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    assert change_outside_protected(text, lambda part: part) == text
