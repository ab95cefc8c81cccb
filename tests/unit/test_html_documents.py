"""Web pages: which images are found, what surrounds them, and that only alt texts change."""

import re
from itertools import cycle
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.documents import html_reading, page_text
from marsam.documents.document import AltText, DocumentImage, Kind
from marsam.documents.formats import open_document
from marsam.documents.html import HtmlDocument
from marsam.documents.html_tags import tag_at
from marsam.documents.words import one_line
from marsam.errors import DocumentError, OptionError, PictureError
from tests.helpers.pages import without_alt_texts

PAGE = Path("page.html")


def read(page: str | bytes, path: Path = PAGE) -> HtmlDocument:
    return HtmlDocument(page.encode() if isinstance(page, str) else page, path=path, root=None)


def image(page: str) -> DocumentImage:
    (only,) = read(page).images
    return only


def filled(page: str | bytes, *texts: str) -> str:
    """The page with these texts at its first images."""
    alts = {str(number): AltText(text=text) for number, text in enumerate(texts, 1)}
    return read(page).with_alt_texts(alts).decode()


# What an image says


@pytest.mark.parametrize(
    ("markup", "alt", "decorative"),
    [
        ('<img src="a.png">', None, False),
        ('<img src="a.png" alt="A cat">', "A cat", False),
        ('<IMG SRC=a.png ALT="قطة">', "قطة", False),
        ("<img src=a.png alt=cat>", "cat", False),
        ("<img src=a.png alt='Tom &amp; Jerry&#39;s &copy'>", "Tom & Jerry's ©", False),
        ('<img src="a.png" alt="first" alt="second">', "first", False),
        ('<img src="a.png" alt>', "", True),
        ('<img src="a.png" alt="">', "", True),
        ("<img src=a.png alt=>", "", True),
        ('<img src="a.png" alt=" ">', " ", False),
        ('<img src="a.png" role="presentation">', None, True),
        ('<img src="a.png" role="NONE img">', None, True),
        ('<img src="a.png" aria-hidden="true">', None, True),
        ('<div aria-hidden=true><p><img src="a.png" alt="x"></div>', "x", True),
        ('<div role="img" aria-label="Stars" id=s><img src="a.png"></div>', "Stars", False),
        ('<img src="a.png" aria-label="A cat" alt="x">', "A cat", False),
        (
            '<p id=l>A <b>white</b> cat</p><img src=a.png aria-labelledby="l q">',
            "A white cat",
            False,
        ),
        ('<img src=a.png alt=x aria-labelledby="missing">', "x", False),
        ('<img src=a.png :alt="cat.name">', "cat.name", False),
        ('<img src=a.png [attr.alt]="name">', "name", False),
        ('<img src=a.png alt="{{ page.title }}">', "{{ page.title }}", False),
        ('<img src=a.png alt="<?= $title ?>">', "<?= $title ?>", False),
        ("<img src=a.png <?php echo 'alt=\"x\"' ?>>", "<?php echo 'alt=\"x\"' ?>", False),
        ('<input type="image" src="go.png" alt="">', None, False),
        ('<input type=IMAGE src="go.png" alt="Search">', "Search", False),
        ('<map><area href="r.html" alt="Riyadh"></map>', "Riyadh", False),
        ('<map><area href="r.html" alt=""></map>', None, False),
        ('<svg><title> A\n cat </title><path d=""/></svg>', "A cat", False),
        ('<svg aria-label="A cat"><image href="a.png"/></svg>', "A cat", False),
        ("<svg><path d=''/></svg>", None, False),
        ("<svg aria-hidden='true'><path d=''/></svg>", None, True),
        ('<span role="img" aria-label="happy">☺</span>', "happy", False),
        ('<object type="image/svg+xml" data="a.svg" title="A cat"></object>', "A cat", False),
    ],
)
def test_the_alt_text_is_what_a_screen_reader_says(
    markup: str, alt: str | None, decorative: bool
) -> None:
    first = read(markup).images[0]
    assert (first.alt, first.decorative) == (alt, decorative)


def test_what_is_in_one_picture_needs_no_text() -> None:
    whole, part = read('<div role="img" aria-label="Five stars"><img src="star.png"></div>').images
    assert (whole.kind, whole.decorative) == (Kind.DRAWING, False)
    assert (part.kind, part.decorative) == (Kind.IMAGE, True)


@pytest.mark.parametrize(
    "markup",
    [
        "<!-- <img src=a.png> -->",
        "<script>document.write('<img src=a.png>')</script>",
        "<textarea><img src=a.png></textarea>",
        "<noscript><img src=a.png></noscript>",
        "<p title='<img src=a.png>'>x</p>",
        "&lt;img src=a.png>",
        "<?php echo '<img src=a.png>'; ?>",
        "{# <img src=a.png> #}",
        "<% if a > b then %>x<% end '<img src=a.png>' %>",
        '<svg style="display: none"><symbol id="cat"><image href="a.png"/></symbol></svg>',
        "<area alt=x>",
        "<input type=text>",
        "<object type=text/html data=a.html></object>",
        "<img src=a.png alt=",
        "",
    ],
)
def test_what_is_no_image_for_a_reader_is_left_alone(markup: str) -> None:
    assert read(markup).images == []


# Where its file is


@pytest.mark.parametrize(
    ("markup", "source"),
    [
        ('<img src="a%20b.png?x=1&amp;y=2#z">', "a%20b.png?x=1&y=2#z"),
        ('<img src="صورة.png">', "صورة.png"),
        ('<img srcset="s.png 300w, l.png 1200w,m.png 600w">', "l.png"),
        ('<img srcset="one.png, two.png 2x, half.png 1.5x">', "two.png"),
        ('<img srcset="data:image/png;base64,AA== 1x, b.png 2x">', "b.png"),
        ('<img src="small.png" srcset="large.png 2x">', "small.png"),
        ('<picture><source srcset="a.webp 1x, b.webp 2x"><img></picture>', "b.webp"),
        ('<picture><source srcset="a.webp"><img src="a.jpg"></picture>', "a.jpg"),
        ('<img src="data:image/gif;base64,R0lGOD" data-src="real.jpg">', "real.jpg"),
        ('<img data-src="real.jpg" class="lazy">', "real.jpg"),
        ('<img src="{{ page.picture }}">', "{{ page.picture }}"),
        ('<img src="data:image/png;base64,iVBORw0KGgo=">', "data:image/png;base64,…"),
        ("<image src=a.png>", "a.png"),
        ('<object type="image/png" data="o.png"></object>', "o.png"),
        ("<img>", ""),
    ],
)
def test_the_address_is_the_one_that_shows_most(markup: str, source: str) -> None:
    only = image(markup)
    assert (only.kind, only.source) == (Kind.IMAGE, source)


def test_backgrounds_are_reported_and_cannot_get_a_text() -> None:
    page = (
        "<style>\n.a { background: #fff url('one.png') top, url(data:image/png;base64,AA==) }\n"
        "/* background: url(no.png) */ .b::after { content: url(no.png) }\n"
        ".c{BACKGROUND-IMAGE:url( two.png )}</style>"
        "<p style=\"color: red; background: url('three.png')\">x</p>"
    )
    document = read(page)
    assert [(one.kind, one.line, one.source) for one in document.images] == [
        (Kind.BACKGROUND, 2, "one.png"),
        (Kind.BACKGROUND, 2, "data:image/png;base64,…"),
        (Kind.BACKGROUND, 4, "two.png"),
        (Kind.BACKGROUND, 4, "three.png"),
    ]
    with pytest.raises(OptionError, match="No alt text can be written for picture 1"):
        document.with_alt_texts({"1": AltText(text="A cat")})


def test_a_string_of_a_style_sheet_that_does_not_end_is_read_once() -> None:
    sheet = ".a{content: 'x url(no.png)\n} .b{background: url(b.png)}" + '"\\' * 200_000
    assert [one.source for one in read(f"<style>{sheet}</style>").images] == ["b.png"]


def test_backgrounds_of_style_sheets_are_reported(tmp_path: Path) -> None:
    sheet = tmp_path / "style.css"
    content = (
        '\ufeff@charset "utf-8"; /* خلفية: url(no.png) */\r\n'
        "@import url(other.css);\r\n@media print {\r\n"
        " .a { background: url(images/one.png) }\r\n}\r\n"
        "@font-face { src: url(font.woff) } .b { background-image: url('/two.png'), url(3.png) }"
    ).encode()
    sheet.write_bytes(content)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "one.png").write_bytes(b"one")
    document = open_document(sheet)
    assert [(one.kind, one.line, one.source) for one in document.images] == [
        (Kind.BACKGROUND, 4, "images/one.png"),
        (Kind.BACKGROUND, 6, "/two.png"),
        (Kind.BACKGROUND, 6, "3.png"),
    ]
    assert document.read(document.images[0]) == b"one"
    assert document.with_alt_texts({}) == content
    with pytest.raises(OptionError, match="No alt text can be written for picture 1"):
        document.with_alt_texts({"1": AltText(text="A cat")})
    sheet.write_bytes(b"/* \xe9 */ a { background: url(\xe9.png) }")
    assert [one.source for one in open_document(sheet).images] == ["é.png"]


def test_images_are_read_from_beside_the_page_and_below_the_base(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.png").write_bytes(b"cat")
    page = tmp_path / "page.html"
    page.write_text(
        '<base href="pictures/"><img src=cat.png><img src="/pictures/cat.png"><svg></svg>'
    )
    document = open_document(page)
    cat, same, drawing = document.images
    assert document.read(cat) == document.read(same) == b"cat"
    with pytest.raises(PictureError, match="has no address"):
        document.read(drawing)


# What surrounds it

ARABIC = """<!DOCTYPE html>
<html lang="ar" dir="rtl"><head><title>سوق</title></head><body>
<nav><a href="/"><img src="logo.png"></a> <a href="/about"><img src="i.png"> من نحن</a></nav>
<h1>سوق <em>القاهرة</em></h1>
<p>هذا أقدم سوق في المدينة. يبيع التجار فيه التوابل.</p>
<figure><a href="large.html?a=1&amp;b=2"><img src="market.jpg"></a>
<figcaption>باعة التوابل <b>صباحًا</b></figcaption></figure>
<p>يفتح السوق عند الفجر! ويغلق مساءً.</p>
<h2>Visitors</h2>
<div lang="en-GB"><img src="crowd.jpg"><p hidden>Not shown.</p>
<p>Many people come. Some buy.</p></div>
<h2>الخاتمة</h2><img src="end.png">
</body></html>"""


def test_the_context_of_images_in_an_arabic_page() -> None:
    logo, icon, market, crowd, end = read(ARABIC).images
    assert (logo.context.link, icon.context.link) == ("/", "")
    assert (logo.context.before, logo.context.after, logo.context.heading) == ("", "", "")
    assert market.context.heading == "سوق القاهرة"
    assert market.context.caption == "باعة التوابل صباحًا"
    assert market.context.link == "large.html?a=1&b=2"
    assert market.context.before == "يبيع التجار فيه التوابل."
    assert market.context.after == "يفتح السوق عند الفجر!"
    assert (market.language, market.line) == ("ar", 6)
    assert (crowd.context.heading, crowd.language) == ("Visitors", "en-GB")
    assert (crowd.context.before, crowd.context.after) == ("", "Many people come.")
    assert (end.context.heading, end.context.before, end.context.after) == ("الخاتمة", "", "")


@pytest.mark.parametrize(
    ("markup", "link"),
    [
        ('<a href="p.html"><img src=a.png></a>', "p.html"),
        ('<a href="p.html">\n <span><img src=a.png alt=""></span> </a>', "p.html"),
        ('<a href="p.html"><img src=a.png> Read on</a>', ""),
        ('<a href="p.html" aria-label="Read on"><img src=a.png></a>', ""),
        ('<a href="p.html"><img src=a.png>{{ page.title }}</a>', ""),
        ('<a href="p.html" title="Read on"><img src=a.png></a>', ""),
        ('<a href="p.html"><img src=a.png><span hidden>x</span></a>', "p.html"),
        ('<a href="p.html"><h2>Title</h2><img src=a.png></a>', ""),
        ('<a href="p.html"><img src=a.png><img src=b.png aria-hidden=true></a>', "p.html"),
        ('<a href="p.html"><img src=a.png><img src=b.png></a>', ""),
        ('<a name="p"><img src=a.png></a>', ""),
        ("<button><img src=a.png> Send</button>", ""),
        ('<map><area href="p.html"></map>', "p.html"),
    ],
)
def test_a_link_whose_only_content_is_the_picture(markup: str, link: str) -> None:
    assert read(markup).images[0].context.link == link


@pytest.mark.parametrize(
    ("markup", "language"),
    [
        ("<img>", ""),
        ('<html lang="ar"><img>', "ar"),
        ('<html lang="ar"><p lang="en"><img>', "en"),
        ('<html lang="ar"><p lang=""><img>', ""),
        ('<html xml:lang="ar-EG"><p><img>', "ar-EG"),
        ('<html lang="en"><img lang="ar">', "ar"),
        ('<html lang="{{ site.lang }}"><img>', ""),
        # Of the whole page, where an office program says the language of its menus.
        ('<body lang="en-US" dir="rtl"><p>سوق قديم</p><img>', ""),
        ('<html lang="en"><p>سوق قديم</p><p lang="en"><img>', "en"),
        ('<html lang="ar"><p>LibreOffice Writer</p><img>', "ar"),
        ('<html lang="fa"><p>بازار قدیمی</p><img>', "fa"),
    ],
)
def test_the_language_is_the_nearest(markup: str, language: str) -> None:
    assert image(markup).language == language


def test_long_sentences_are_cut_between_words() -> None:
    words = "word " * 400
    only = image(f"<h1>{words}</h1><p>{words}</p><img src=a.png><p>{words}</p>").context
    for text in (only.heading, only.before, only.after):
        assert len(text) <= 300
        assert set(text.strip("…").split()) == {"word"}


def test_a_sentence_may_run_around_the_image() -> None:
    only = image("<p>Press the key. Then press <img src=key.png> to end. Done.</p>").context
    assert (only.before, only.after) == ("Then press", "to end.")


# What is written


@pytest.mark.parametrize(
    ("markup", "result"),
    [
        ('<img src="a.png">', '<img src="a.png" alt="T">'),
        ("<img src='a.png'/>", "<img src='a.png' alt=\"T\"/>"),
        ('<img src="a.png" />', '<img src="a.png" alt="T" />'),
        ("<img src=a.png>", '<img src=a.png alt="T">'),
        ("<img src=a/>", '<img src=a/ alt="T">'),
        ("<img src=>", '<img alt="T" src=>'),
        ("<img>", '<img alt="T">'),
        ("<img/>", '<img alt="T"/>'),
        ("<img src=a alt>", '<img src=a alt="T">'),
        ("<img alt src=a>", '<img alt="T" src=a>'),
        ("<img alt= src>", '<img alt= "T">'),
        ("<img src=a alt=>", '<img src=a alt="T">'),
        ("<img alt=old src=a>", '<img alt="T" src=a>'),
        ("<IMG\r\n  ALT = 'old'\r\n  SRC=a>", "<IMG\r\n  ALT = 'T'\r\n  SRC=a>"),
        ('<img alt="" alt="old">', '<img alt="T" alt="old">'),
        ('<img alt="a>b"src=a>', '<img alt="T"src=a>'),
        (
            '<img {{ attributes }} src="{{ url }}">',
            '<img {{ attributes }} src="{{ url }}" alt="T">',
        ),
        (
            '<img {% if a > b %}class="x"{% endif %}>',
            '<img {% if a > b %}class="x"{% endif %} alt="T">',
        ),
        ('<img src="<?= "a>" ?>">', '<img src="<?= "a>" ?>" alt="T">'),
        ("<svg id=s><title>x</title></svg>", '<svg id=s aria-label="T"><title>x</title></svg>'),
        ('<img alt="" aria-label="old">', '<img alt="" aria-label="T">'),
        ("<input type=image src=a>", '<input type=image src=a alt="T">'),
        ("<p>not closed<li><table><img><td>x", '<p>not closed<li><table><img alt="T"><td>x'),
    ],
)
def test_only_the_attribute_changes(markup: str, result: str) -> None:
    assert filled(markup, "T") == result
    assert filled(result, "T") == result


def test_what_has_a_meaning_in_html_is_escaped() -> None:
    text = "\"Tom\" & 'Jerry' <b> &amp; {{ x }} {% y %} > <?php ?>"
    for page in ("<img>", "<img alt=''>", '<img alt="">', "<p>{{ a }}<img alt='{{ b }}'>"):
        result = filled(page, text)
        assert image(result).alt == text
        assert "{{ x" not in result


def test_a_text_becomes_one_line_without_controls() -> None:
    assert filled("<img>", " A\r\n cat\0\x08\ud800\ufffe \u2028 sits\t") == '<img alt="A cat sits">'


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ('<meta charset="windows-1256">', "cp1256"),
        ("<meta http-equiv=Content-Type content='text/html; charset=Windows-1256'>", "cp1256"),
        ("<!-- <meta charset=utf-8> --><META CHARSET = cp1256 >", "cp1256"),
        ('<meta charset="iso-8859-6">', "iso8859-6"),
        ("<p title='<meta charset=utf-8>'><meta charset=windows-1256>", "cp1256"),
        ('<meta charset="utf-8">', "utf-8"),
        ("", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
        ("<meta charset=utf-8>", "utf-16"),
        ('<?xml version="1.0" encoding="windows-1256"?>', "cp1256"),
        ('<meta charset="gb2312">', "gb18030"),
    ],
)
def test_a_page_keeps_its_encoding(declared: str, encoding: str) -> None:
    page = f"{declared}\r\n<h1>قطة</h1>\n<img src=a.png>\r<img alt='كلب'>"
    data = page.encode(encoding)
    document = read(data)
    assert document.with_alt_texts({}) == data
    assert [one.alt for one in document.images] == [None, "كلب"]
    assert document.images[0].context.heading == "قطة"
    result = document.with_alt_texts({"1": AltText(text="حصان")})
    assert result == page.replace("a.png", 'a.png alt="حصان"').encode(encoding)


@pytest.mark.parametrize("piece", ["<a ", "<meta x ", '<a b="', "<!--", "<a", "<!-- <a "])
def test_a_tag_without_an_end_is_read_once(piece: str) -> None:
    with patch.object(page_text, "tag_at", wraps=tag_at) as tags:
        document = read(piece * 5000)
    assert document.images == []
    assert tags.call_count <= 1


def test_letters_that_the_encoding_lacks_become_references() -> None:
    page = '<meta charset="iso-8859-1"><img alt="café">'.encode("latin-1")
    result = read(page).with_alt_texts({"1": AltText(text="café قط 🐈")})
    assert result == (
        '<meta charset="iso-8859-1"><img alt="café &#1602;&#1591; &#128008;">'.encode("latin-1")
    )
    assert read(result).images[0].alt == "café قط 🐈"


def test_a_page_in_ascii_stays_in_ascii() -> None:
    """A browser that is not told the encoding would show letters of UTF-8 wrongly."""
    assert filled("<p>x<img>", "قط") == '<p>x<img alt="&#1602;&#1591;">'
    assert filled('<?xml version="1.0"?><img/>', "قط") == '<?xml version="1.0"?><img alt="قط"/>'


@pytest.mark.parametrize(
    "page",
    [
        f"<img src=a>{' ' * 16_200}<!-- {'x' * 130} --><meta charset=windows-1256>",
        f"<img src=a>{' ' * 970}<meta charset=windows-1256>",
        # Where the comment does not end soon enough, the declaration in it would count.
        f"<img src=a>{' ' * 16_000}<!-- {'x' * 303} <meta charset=windows-1256> -->",
    ],
)
def test_a_declared_encoding_that_would_move_too_far_is_refused(page: str) -> None:
    data = f"{page}<h1>قطة</h1>".encode("cp1256")
    document = read(data)
    assert document.with_alt_texts({}) == data
    with pytest.raises(DocumentError, match="write <meta charset"):
        document.with_alt_texts({"1": AltText(text="A white cat sleeps on a sofa.")})


def test_a_declared_encoding_may_move_within_the_beginning() -> None:
    page = f"<img src=a>{' ' * 900}<meta charset=windows-1256><h1>قطة</h1>".encode("cp1256")
    document = read(page)
    assert read(document.with_alt_texts({"1": AltText(text="قط")})).images[0].alt == "قط"
    far = read(f"<meta charset=windows-1256{' ' * 16_335}><img src=a>قطة".encode("cp1256"))
    assert read(far.with_alt_texts({"1": AltText(text="قط")})).images[0].context.after == "قطة"
    marked = read(f"<img src=a>{' ' * 990}<meta charset=utf-8><h1>قطة</h1>".encode("utf-8-sig"))
    assert b'alt="A cat"' in marked.with_alt_texts({"1": AltText(text="A cat")})


def test_a_page_that_does_not_say_its_encoding_stays_in_it() -> None:
    """Without the only byte that is no UTF-8, the rest would be taken for UTF-8."""
    document = read(b"<p>\xc3\xa9<img src=a alt='caf\xe9'>")
    assert document.images[0].alt == "café"
    with pytest.raises(DocumentError, match="write <meta charset"):
        document.with_alt_texts({"1": AltText(text="A cup")})


def test_bytes_that_are_no_letters_stay() -> None:
    page = b"<meta charset=utf-8>\xff\xfe<h1>a\x80b</h1><img alt='\xc3'>\xc3"
    document = read(page)
    assert document.with_alt_texts({}) == page
    assert document.images[0].context.heading == "a?b"
    assert document.with_alt_texts({"1": AltText(text="قط")}) == page.replace(
        b"'\xc3'", "'قط'".encode()
    )


def test_xhtml_has_empty_elements() -> None:
    page = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" xml:lang="ar"><head>'
        '<title/><script src="a.js"/><style type="text/css" /></head><body>'
        '<img src="a.png"/></body></html>'
    )
    document = read(page, Path("page.xhtml"))
    assert [(one.source, one.language) for one in document.images] == [("a.png", "ar")]
    result = document.with_alt_texts({"1": AltText(text="T")}).decode()
    assert result == page.replace('"a.png"', '"a.png" alt="T"')


def test_a_decorative_image_gets_an_empty_text() -> None:
    document = read('<img src=a.png><img alt="old"><img alt><img role=none>')
    decorative = {str(number): AltText(decorative=True) for number in range(1, 5)}
    assert document.with_alt_texts(decorative).decode() == (
        '<img src=a.png alt=""><img alt=""><img alt><img role=none alt="">'
    )


@pytest.mark.parametrize(
    ("markup", "alt", "sentence"),
    [
        ("<img>", AltText(), "An alt text is empty"),
        ("<img>", AltText(text="\n \0"), "An alt text is empty"),
        ("<svg></svg>", AltText(decorative=True), "Picture 1 cannot be marked as decorative"),
        ("<input type=image>", AltText(decorative=True), "cannot be marked as decorative"),
        ("<img aria-label=x>", AltText(decorative=True), "cannot be marked as decorative"),
        ("<b id=l>x</b><img aria-labelledby=l>", AltText(text="T"), "No alt text can be written"),
        ("<img :alt=x>", AltText(text="T"), "No alt text can be written"),
    ],
)
def test_what_cannot_be_written_is_refused(markup: str, alt: AltText, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        read(markup).with_alt_texts({"1": alt})


def test_an_unknown_place_is_refused() -> None:
    with pytest.raises(OptionError, match="There is no picture 2"):
        read("<img>").with_alt_texts({"2": AltText(text="T")})


# Bounds


def test_a_page_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_text, "MAX_BYTES", 1000)
    monkeypatch.setattr(html_reading, "MAX_IMAGES", 5)
    assert len(read("<img>" * 5).images) == 5
    with pytest.raises(DocumentError, match="more than 5 pictures"):
        read("<img>" * 6)
    with pytest.raises(DocumentError, match="larger than"):
        read(" " * 1001)


def test_a_page_that_cannot_be_kept_is_refused() -> None:
    for page in (b"\xff\xfe<\0i", b'<meta charset="shift_jis">\x81\xca\xee\xf9\xfa\x54'):
        with pytest.raises(DocumentError, match="save it in UTF-8"):
            read(page)


def test_what_the_parser_does_not_expect_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_keywords: object) -> None:
        raise RecursionError

    monkeypatch.setattr("justhtml.JustHTML", fail)
    with pytest.raises(DocumentError, match="The page cannot be read"):
        read("<img>")


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<div>",
            "<b>",
            "<a href=x>",
            "<table><tr><td>",
            "<svg><g>",
            "<img ",
            '<img alt="',
            "<!--",
        ),
        *(
            "<?",
            "<%",
            "{{",
            "{%",
            "<style>",
            "<style>a{background:url(",
            "<p style='background:url('>",
        ),
        *(
            "<img srcset='a,",
            "<h1>x<img>",
            "<figure><figcaption>x",
            "<p aria-labelledby=a id=a role=img>",
        ),
        *("<select><option>", "<template>", "x.<img>", "<img\t", "a b ", "/*", "<script/"),
    ],
)
def test_repetition_ends_soon(piece: str) -> None:
    document = read(piece * (60_000 // len(piece)))
    assert len(document.images) <= 20_000


# Properties

PIECES = (
    *("<img src=a.png>", '<img src="a.png" alt="x">', "<IMG SRC='b' ALT>", "<img alt=a alt=b>"),
    *("<img src=>", "<img/>", "<img", "<img alt='", "<image src=z>", "<input type=image src=s>"),
    *('<area href=x alt="">', "<svg>", "</svg>", "<svg aria-label=x>", "<title>", "</title>"),
    *("<a href=x>", "</a>", "<p>", "</p>", "<table>", "<tr>", "<td>", "</table>", "<b>", "</b>"),
    *("<i role=img>", "</i>", "<div aria-hidden=true>", "</div>", "<h2>", "</h2>", "<figure>"),
    *("<figcaption>", "</figure>", "text. ", "نص عربي. ", "&amp;", "&lt", "<", ">", '"', "'", "="),
    *("\r\n", "\n", "\r", "\f", "\0", '<?php echo "<img src=x>" ?>', "<?", "?>", "<% x %>", "{{"),
    *("{{ a > b }}", '{% if "x" %}', "}}", "<!--", "-->", "<style>", "p{background:url(x)}"),
    *("</style>", "<script>", "</script>", "<template>", "</template>", "<textarea>", "<select>"),
    *("<body role=img>", "<html lang=ar>", "<picture><source srcset='a 1x, b 2x'>", "<math>"),
    *("<object type=image/png data=d>", "<foreignObject>", "<div style='background:url(q)'>"),
    *(" alt=z ", "\ufdd0", "🐈", "<img :alt=x>", "<p aria-labelledby=q role=img>", "<b id=q>l</b>"),
    *(
        "<frameset>",
        "<li>",
        "<form>",
        "<base href=b/>",
        '<img alt="{{ x }}">',
        "<img <?= x ?> src=q>",
    ),
)
PAGES = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
TEXTS = st.one_of(
    st.text(min_size=1, max_size=20),
    st.lists(st.sampled_from(["قطة", "a", '"', "'", "&", "&lt;", "<", ">", "{{", "{%", "?>", " "]))
    .map("".join)
    .filter(bool),
)


@given(PAGES)
def test_a_page_without_new_texts_is_the_same(page: str) -> None:
    data = page.encode("utf-8", "surrogatepass")
    assert read(data).with_alt_texts({}) is data


@given(PAGES, st.lists(TEXTS, min_size=1, max_size=5))
def test_exactly_the_new_texts_are_read_again(page: str, words: list[str]) -> None:
    before = read(page)
    texts = {}
    for one, text in zip(before.images, cycle(words), strict=False):
        alt = AltText(text=text)
        try:
            before.with_alt_texts({one.key: alt})
        except OptionError:
            continue  # a background, or a name from elsewhere
        texts[one.key] = alt
    result = before.with_alt_texts(texts)
    after = read(result)
    assert len(after.images) == len(before.images)
    for old, new in zip(before.images, after.images, strict=True):
        wanted = one_line(texts[old.key].text) if old.key in texts else old.alt
        assert new.alt == wanted
        assert (new.key, new.kind, new.source, new.language) == (
            *(old.key, old.kind, old.source, old.language),
        )
        assert new.context == old.context
    assert after.with_alt_texts(texts) == result
    if not re.search(r"[{%?]", page):
        assert without_alt_texts(result.decode()) == without_alt_texts(page)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"]))
def test_any_bytes_are_read_or_refused(data: bytes, mark: bytes) -> None:
    try:
        document = read(mark + data)
    except DocumentError:
        return
    assert document.with_alt_texts({}) == mark + data
