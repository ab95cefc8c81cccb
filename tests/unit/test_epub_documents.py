"""Books: their images in the order of the pages, what surrounds them, and what stays as it is."""

import base64
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from marsam.documents.document import AltText, DocumentImage, Kind
from marsam.documents.epub import read_epub
from marsam.documents.package import PackageDocument
from marsam.errors import DocumentError, PictureError
from tests.helpers.packages import filled, members, mutated, only_change, packed, png, with_members

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Book</dc:title>
<dc:language>ar</dc:language><dc:identifier id="id">b</dc:identifier></metadata>
<manifest>
<item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/one%20page.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="pic" href="images/a.png" media-type="image/png" properties="cover-image"/>
</manifest><spine><itemref idref="one"/><itemref idref="two" linear="no"/><itemref idref="no"/>
</spine></package>"""
XHTML_DTD = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" '
    '"http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
)
IMAGE = '<img src="../images/a.png"/>'


def read(data: bytes) -> PackageDocument:
    return read_epub(data, path=Path("a.epub"), root=None)


def chapter(body: str, doctype: str = "<!DOCTYPE html>", properties: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{doctype}\n<html {properties} '
        'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>Chapter</title></head><body>{body}</body></html>"
    )


def book(one: str, two: str = "") -> bytes:
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": PACKAGE,
            "OPS/text/two.xhtml": two or chapter(""),
            "OPS/text/one page.xhtml": one,
            "OPS/nav.xhtml": chapter("<nav/>"),
            "OPS/images/a.png": png(),
        }
    )


def only_image(body: str) -> DocumentImage:
    (image,) = read(book(chapter(body))).images
    return image


CHAPTER = chapter(
    f"""<h1>الأشكال</h1>
<p>قبل الصورة. هذه جملة ثانية.</p>
<figure>{IMAGE}<figcaption>شكل ١: مربع</figcaption></figure>
<p>بعد الصورة. وجملة أخرى.</p>
<p xml:lang="en">An <img src='../images/a.png' alt="" /> ornament.</p>
<h2 lang="fr">Carrés</h2><p lang="fr"><a href="http://example.org/"> {IMAGE}</a></p>""",
    properties='dir="rtl"',
)


def test_images_of_a_book_in_the_order_of_its_pages() -> None:
    document = read(book(CHAPTER, chapter(f"<div>{IMAGE} words</div>")))
    first, second, third, fourth = document.images
    assert [one.part for one in document.images] == [
        "OPS/text/one page.xhtml",
        "OPS/text/one page.xhtml",
        "OPS/text/one page.xhtml",
        "OPS/text/two.xhtml",
    ]
    assert [str(one.part_name and one.part_name.ar) for one in (first, fourth)] == [
        "الأشكال",
        "Chapter",
    ]
    assert (first.alt, first.decorative, first.language) == (None, False, "ar")
    assert first.context.heading == "الأشكال"
    assert first.context.caption == "شكل ١: مربع"
    assert first.context.before == "هذه جملة ثانية."
    assert first.context.after == "بعد الصورة."
    assert (second.alt, second.decorative, second.language) == ("", True, "en")
    assert (third.context.heading, third.context.link) == ("Carrés", "http://example.org/")
    assert (third.language, fourth.language) == ("fr", "ar")
    assert {document.read(one) for one in document.images} == {png()}


def test_arabic_text_is_not_in_the_language_of_the_program_that_made_the_book() -> None:
    page = chapter(f"<p>سوق قديم</p>{IMAGE}<p lang='en'>سوق{IMAGE}</p>", properties='lang="en"')
    package = {"OPS/book.opf": PACKAGE.replace(">ar<", ">en<")}
    document = read(with_members(book(page), package))
    assert [one.language for one in document.images] == ["", "en"]


def test_only_the_alt_text_changes() -> None:
    before = book(CHAPTER)
    document = read(before)
    after = document.with_alt_texts({document.images[0].key: AltText(text='مربع "أحمر"')})
    assert only_change(before, after) == (
        "OPS/text/one page.xhtml",
        "",
        ' alt="مربع &quot;أحمر&quot;"',
    )
    with zipfile.ZipFile(BytesIO(after)) as archive:
        first = archive.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    once = filled(document)
    assert filled(read(once)) == once
    assert [one.alt for one in read(once).images] == ["A red square.", "", "A red square."]


def test_a_person_s_text_is_replaced_where_asked() -> None:
    document = read(book(chapter(IMAGE.replace("/>", " alt='a &amp; b' />"))))
    assert document.images[0].alt == "a & b"
    after = document.with_alt_texts({document.images[0].key: AltText(text="A square")})
    assert only_change(book(chapter(IMAGE.replace("/>", " alt='a &amp; b' />"))), after) == (
        "OPS/text/one page.xhtml",
        "'a &amp; b'",
        '"A square"',
    )


DECORATIVE = {
    "empty": IMAGE.replace("/>", ' alt=""/>'),
    "role": IMAGE.replace("/>", ' role="presentation"/>'),
    "none": IMAGE.replace("/>", ' role="none" alt="words"/>'),
    "hidden": IMAGE.replace("/>", ' aria-hidden="true"/>'),
}


@pytest.mark.parametrize("content", DECORATIVE.values(), ids=DECORATIVE)
def test_what_is_decorative_and_how_it_gets_a_text(content: str) -> None:
    document = read(book(chapter(content)))
    (image,) = document.images
    assert image.decorative
    (named,) = read(document.with_alt_texts({image.key: AltText(text="A square")})).images
    assert (named.alt, named.decorative) == ("A square", False)


def test_an_image_within_hidden_content_is_decorative() -> None:
    assert only_image(f'<div aria-hidden="true"><p>{IMAGE}</p></div>').decorative


def test_an_image_is_marked_as_decorative_by_an_empty_alt_text() -> None:
    document = read(book(chapter(IMAGE)))
    marked = document.with_alt_texts({document.images[0].key: AltText(decorative=True)})
    assert only_change(book(chapter(IMAGE)), marked)[2] == ' alt=""'
    assert read(marked).images[0].decorative


def test_a_label_is_an_alt_text() -> None:
    document = read(book(chapter(IMAGE.replace("/>", ' aria-label="A square" alt=""/>'))))
    (image,) = document.images
    assert (image.alt, image.decorative) == ("A square", False)
    (named,) = read(document.with_alt_texts({image.key: AltText(text="Red")})).images
    assert named.alt == "Red"


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
COVER = SVG.format('<image xlink:href="../images/a.png"/>')
PREFIXED = '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:rect/></s:svg>'
DRAWINGS = {
    "cover": (COVER, Kind.IMAGE, "><title>A square</title><"),
    "drawing": (SVG.format("<rect/><image/>"), Kind.DRAWING, "><title>A square</title><"),
    "prefix": (PREFIXED, Kind.DRAWING, "><s:title>A square</s:title><s:rect"),
    "title": (SVG.format("<title>x</title><rect/>"), Kind.DRAWING, "<title>A square</title><r"),
    "empty title": (SVG.format("<title/><rect/>"), Kind.DRAWING, "<title>A square</title><r"),
    "label": (PREFIXED.replace("><", ' aria-label="x"><', 1), Kind.DRAWING, '="A square"><'),
    "nothing": (PREFIXED.replace("><s:rect/></s:svg>", "/>"), Kind.DRAWING, "title></s:svg>"),
}


@pytest.mark.parametrize(("content", "kind", "written"), DRAWINGS.values(), ids=DRAWINGS)
def test_drawings_have_a_title(content: str, kind: Kind, written: str) -> None:
    document = read(book(chapter(content)))
    (image,) = document.images
    assert image.kind is kind
    after = document.with_alt_texts({image.key: AltText(text="A square")})
    assert written in members(after)["OPS/text/one page.xhtml"].decode()
    assert read(after).images[0].alt == "A square"
    marked = read(after).with_alt_texts({image.key: AltText(decorative=True)})
    assert read(marked).images[0].decorative


def test_a_cover_is_the_picture_in_the_drawing() -> None:
    document = read(book(chapter(COVER)))
    assert document.read(document.images[0]) == png()


def test_names_of_characters_are_read_and_kept() -> None:
    body = f'<p>Caf&eacute;&nbsp;noir. {IMAGE}<img src="b.png" alt="caf&eacute;&pi;"/></p>'
    before = book(chapter(body, XHTML_DTD))
    document = read(before)
    assert document.images[0].context.before == "Café noir."
    assert document.images[1].alt == "caféπ"
    assert only_change(before, filled(document))[2] == ' alt="A red square."'


def test_a_chapter_in_another_encoding_keeps_it() -> None:
    text = chapter(f"<p>مربع {IMAGE}</p>").replace("utf-8", "windows-1256")
    before = with_members(book(""), {"OPS/text/one page.xhtml": text.encode("windows-1256")})
    document = read(before)
    assert document.images[0].context.before == "مربع"
    after = document.with_alt_texts({document.images[0].key: AltText(text="مربع 正")})
    changed = text.replace('png"/>', 'png" alt="مربع &#27491;"/>')
    assert members(after)["OPS/text/one page.xhtml"] == changed.encode("windows-1256")


@pytest.mark.parametrize("address", ["https://example.org/a.png", "../../../a.png", "//a/b", "[:"])
def test_a_picture_outside_of_the_book_is_not_read(address: str) -> None:
    document = read(book(chapter(IMAGE.replace("../images/a.png", address))))
    with pytest.raises(PictureError, match=re.escape(address)):
        document.read(document.images[0])


def test_a_picture_in_an_address_is_read() -> None:
    address = "data:image/png;base64," + base64.b64encode(png()).decode()
    document = read(book(chapter(IMAGE.replace("../images/a.png", address))))
    assert document.images[0].source == "data:image/png;base64,…"
    assert document.read(document.images[0]) == png()


def test_protected_signed_and_damaged_books_are_refused() -> None:
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<e:EncryptedData xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptionMethod '
        'Algorithm="{}"/></e:EncryptedData></encryption>'
    )
    path = "META-INF/encryption.xml"
    good = book(CHAPTER)
    fonts = encryption.format("http://www.idpf.org/2008/embedding")
    assert len(read(with_members(good, {path: fonts})).images) == 3
    content = encryption.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    with pytest.raises(DocumentError, match="DRM"):
        read(with_members(good, {path: content}))
    with pytest.raises(DocumentError, match="signed"):
        filled(read(with_members(good, {"META-INF/signatures.xml": "<a/>"})))
    with pytest.raises(DocumentError, match="EPUB"):
        read(with_members(good, {"META-INF/container.xml": "<a/>"}))
    with pytest.raises(DocumentError, match="cannot be read"):
        read(with_members(good, {"OPS/book.opf": "<a/>"}))
    with pytest.raises(DocumentError, match="one page.xhtml is not correct XML"):
        read(book("<html><p></html>"))
    own = '<!DOCTYPE html [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(DocumentError, match="entities"):
        read(book(chapter("&a;", own)))


def test_damaged_books_are_refused_or_read_as_they_are() -> None:
    outcomes = set()
    for damaged in mutated(book(CHAPTER), 200):
        try:
            written = filled(read(damaged))
            outcomes.add("written")
            read(written)
        except DocumentError:
            outcomes.add("refused")
    assert outcomes == {"refused", "written"}
