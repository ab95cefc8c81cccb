"""OpenDocument: where descriptions are, what surrounds images, and what stays as it is."""

import io
import re
import zipfile
from pathlib import Path

import odfdo
import pytest

from marsam.documents.document import AltText, Kind
from marsam.documents.odf import read_odf
from marsam.documents.package import PackageDocument
from marsam.errors import DocumentError, PictureError
from tests.helpers.packages import filled, members, mutated, only_change, packed, png, with_members

NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office",
        "draw": "drawing",
        "text": "text",
        "table": "table",
        "style": "style",
        "svg": "svg-compatible",
        "fo": "xsl-fo-compatible",
        "presentation": "presentation",
        "manifest": "manifest",
    }.items()
) + (
    ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' xmlns:loext="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0"'
)
IMAGE = '<draw:image xlink:href="Pictures/a.png"/>'
FRAME = f'<draw:frame draw:name="Image1">{IMAGE}</draw:frame>'
STYLES = """
<style:default-style style:family="paragraph"><style:text-properties fo:language="en"
  fo:country="GB" style:language-complex="ar" style:country-complex="EG"/></style:default-style>
<style:style style:name="Title" style:family="paragraph"/>
<style:style style:name="Caption" style:family="paragraph"/>
<style:style style:name="Illustration" style:family="paragraph"
  style:parent-style-name="Caption"/>
<style:style style:name="Arabic" style:family="paragraph"><style:paragraph-properties
  style:writing-mode="rl-tb"/></style:style>
<style:style style:name="Loop" style:family="paragraph" style:parent-style-name="Loop"/>
"""
OWN_STYLES = """
<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Illustration"/>
<style:style style:name="P2" style:family="paragraph"><style:text-properties fo:language="de"
  fo:country="none"/></style:style>
<style:style style:name="T1" style:family="text"><style:text-properties fo:language="fr"
  fo:country="FR"/></style:style>
"""


def read(data: bytes) -> PackageDocument:
    return read_odf(data, path=Path("a.odt"), root=None)


def odf(body: str, kind: str = "text", header: str = "", objects: str = "") -> bytes:
    """A document of this content."""
    pages = f"<style:header>{header}</style:header>"
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {NAMESPACES}><office:automatic-styles>"
            f"{OWN_STYLES}</office:automatic-styles><office:body><office:{kind}>{body}"
            f"</office:{kind}></office:body></office:document-content>",
            "styles.xml": f"<office:document-styles {NAMESPACES}><office:styles>{STYLES}"
            "</office:styles><office:master-styles><style:master-page>"
            f"{pages}{FRAME}</style:master-page></office:master-styles></office:document-styles>",
            "Pictures/a.png": png(),
            "META-INF/manifest.xml": f"<manifest:manifest {NAMESPACES}>{objects}"
            "</manifest:manifest>",
        }
    )


def paragraph(content: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{content}</text:p>'


@pytest.fixture
def article(tmp_path: Path) -> bytes:
    """A document by odfdo, with a picture."""
    (tmp_path / "a.png").write_bytes(png())
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Header(1, "Shapes"))
    document.body.append(odfdo.Paragraph("There are many shapes. Some of them are red."))
    uri = document.add_file(str(tmp_path / "a.png"))
    line = odfdo.Paragraph("")
    line.append(odfdo.Frame.image_frame(uri, size=("1cm", "1cm")))
    document.body.append(line)
    document.body.append(odfdo.Paragraph("Others are blue. They are rare."))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_an_image_with_what_surrounds_it(article: bytes) -> None:
    document = read(article)
    (image,) = document.images
    assert (image.kind, image.alt, image.decorative) == (Kind.IMAGE, None, False)
    assert image.context.heading == "Shapes"
    assert image.context.before == "Some of them are red."
    assert image.context.after == "Others are blue."
    assert document.read(image) == png()


def test_the_description_is_written_and_nothing_else_changes(article: bytes) -> None:
    after = filled(read(article), "A <red> square & مربع")
    change = only_change(article, after)
    text = "A &lt;red&gt; square &amp; مربع"
    assert change == ("content.xml", "", f"svg:desc>{text}</svg:desc><")
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        first = archive.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    (frame,) = odfdo.Document(io.BytesIO(after)).body.get_frames()
    assert frame.svg_description == "A <red> square & مربع"
    assert read(after).images[0].alt == "A <red> square & مربع"
    assert filled(read(after)) == after


TEXTS = {
    "nothing": ("", None, "<svg:desc>A square</svg:desc></draw:frame>"),
    "description": ("<svg:desc>B</svg:desc>", "B", "<svg:desc>A square</svg:desc>"),
    "title": ("<svg:title>B</svg:title>", "B", "<svg:title>A square</svg:title></draw"),
    "both": (
        "<svg:title>B</svg:title><svg:desc>C</svg:desc>",
        "C",
        "<svg:title>B</svg:title><svg:desc>A square</svg:desc>",
    ),
    "both empty": (
        "<svg:title> </svg:title><svg:desc/>",
        None,
        "<svg:title> </svg:title><svg:desc>A square</svg:desc>",
    ),
    "contour": ("<draw:contour-path/>", None, "<svg:desc>A square</svg:desc><draw:contour-path/>"),
}


@pytest.mark.parametrize(("content", "alt", "written"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_written_where_it_was_read(content: str, alt: str | None, written: str) -> None:
    before = odf(paragraph(FRAME.replace("</", f"{content}</")))
    document = read(before)
    (image,) = document.images[:1]
    assert image.alt == alt
    after = document.with_alt_texts({image.key: AltText(text="A square")})
    assert written in members(after)["content.xml"].decode()
    assert read(after).images[0].alt == "A square"
    again = read(after).with_alt_texts({image.key: AltText(text="A square")})
    assert again == after


def test_decorative_is_marked_as_libreoffice_does_it_and_can_be_taken_back() -> None:
    before = odf(paragraph(FRAME))
    marked = read(before).with_alt_texts({"content.xml#1": AltText(decorative=True)})
    assert only_change(before, marked)[2] == ' loext:decorative="true"'
    assert read(marked).images[0].decorative
    named = read(marked).with_alt_texts({"content.xml#1": AltText(text="A square")})
    assert (read(named).images[0].decorative, read(named).images[0].alt) == (False, "A square")
    newer = odf(paragraph(FRAME.replace("draw:name", 'draw:decorative="true" draw:name')))
    assert read(newer).images[0].decorative


LANGUAGES = {
    "of the document": (paragraph(FRAME), "en-GB"),
    "of the paragraph": (paragraph(FRAME, "P2"), "de"),
    "of the text beside it": (
        paragraph(f'<text:span text:style-name="T1">Un carré</text:span>{FRAME}'),
        "fr-FR",
    ),
    "of text from right to left": (paragraph(f"مربع أحمر {FRAME}"), "ar-EG"),
    "of a paragraph from right to left": (paragraph(FRAME, "Arabic"), "ar-EG"),
    "of a style on itself": (paragraph(FRAME, "Loop"), "en-GB"),
}


@pytest.mark.parametrize(("body", "language"), LANGUAGES.values(), ids=LANGUAGES)
def test_the_language_is_that_of_the_place(body: str, language: str) -> None:
    assert read(odf(body)).images[0].language == language


def test_headings_captions_and_links() -> None:
    box = (
        f"<draw:frame><draw:text-box>{paragraph(f'{FRAME}Figure 1: a shape', 'P1')}"
        "</draw:text-box></draw:frame>"
    )
    link = '<draw:a xlink:href="https://example.org">{}</draw:a>'
    document = read(
        odf(
            "<text:h>عنوان</text:h>"
            + paragraph("Before it. " + box + "After it.")
            + paragraph(link.format(FRAME))
            + paragraph(link.replace("draw:a", "text:a").format(FRAME + "words"))
        )
    )
    first, second, third = (one.context for one in document.images[:3])
    assert (first.heading, first.caption) == ("عنوان", "Figure 1: a shape")
    assert (second.link, third.link) == ("https://example.org", "")


def test_an_alt_text_is_no_text_of_a_link() -> None:
    link = f'<text:a xlink:href="https://example.org">{FRAME}</text:a>'
    before = read(odf(paragraph(link)))
    after = read(filled(before))
    assert before.images[0].context == after.images[0].context
    assert after.images[0].context.link == "https://example.org"


KINDS = {
    "chart": ("<draw:object xlink:href='./Object 1'/>", "chart", [Kind.CHART]),
    "formula": ("<draw:object xlink:href='./Object 1'/>", "formula", []),
    "sheet": ("<draw:object xlink:href='./Object 1'/>", "spreadsheet", [Kind.IMAGE]),
    "text box": (f"<draw:text-box>{paragraph('words')}</draw:text-box>", "", []),
}


@pytest.mark.parametrize(("content", "kind", "kinds"), KINDS.values(), ids=KINDS)
def test_what_is_an_image(content: str, kind: str, kinds: list[Kind]) -> None:
    entry = (
        '<manifest:file-entry manifest:full-path="Object 1/" manifest:media-type='
        f'"application/vnd.oasis.opendocument.{kind}"/>'
    )
    picture = IMAGE if kind else ""
    document = read(odf(paragraph(f"<draw:frame>{content}{picture}</draw:frame>"), objects=entry))
    assert [one.kind for one in document.images] == kinds


def test_images_of_a_sheet_are_in_cells_and_beside_them() -> None:
    cell = f"<table:table-row><table:table-cell>{FRAME}</table:table-cell></table:table-row>"
    sheet = f"<table:table table:name='أشكال'><table:shapes>{FRAME}</table:shapes>{cell}"
    names = [
        str(one.part_name) for one in read(odf(f"{sheet}</table:table>", "spreadsheet")).images
    ]
    assert names == ["sheet أشكال"] * 2


def test_headers_are_read_and_deleted_text_and_comments_are_not() -> None:
    deleted = f"<text:tracked-changes>{paragraph(FRAME)}</text:tracked-changes>"
    comment = f"<office:annotation>{paragraph('words')}</office:annotation>"
    document = read(odf(deleted + paragraph(FRAME + comment), header=paragraph(FRAME + "Journal")))
    assert [one.part for one in document.images] == ["content.xml", "styles.xml"]
    names = [str(one.part_name) for one in document.images]
    assert names == ["main text", "header or footer"]
    assert document.images[0].context.after == ""
    assert document.images[1].context.after == "Journal"
    written = filled(document)
    assert [one.alt for one in read(written).images] == ["A red square."] * 2


def test_slides_have_their_title_as_heading_and_masters_are_not_reported() -> None:
    title = (
        '<draw:frame presentation:class="title"><draw:text-box>'
        "<text:p>Slide {}</text:p></draw:text-box></draw:frame>"
    )
    notes = f"<presentation:notes>{FRAME}</presentation:notes>"
    group = f"<draw:g>{FRAME}</draw:g>"
    named = f"<draw:g><svg:desc>A robot</svg:desc>{FRAME}</draw:g>"
    shapes = "<draw:g><draw:line/></draw:g><draw:g><draw:rect><text:p/></draw:rect></draw:g>"
    labels = "<draw:g><draw:rect><text:p>A label</text:p></draw:rect></draw:g>"
    body = "".join(
        f"<draw:page>{content}</draw:page>"
        for content in (FRAME + title.format(1) + notes, group + named + shapes + labels)
    )
    document = read(odf(body, "presentation"))
    found = [(one.kind, one.alt, one.context.heading) for one in document.images]
    assert found == [
        (Kind.IMAGE, None, "Slide 1"),
        (Kind.IMAGE, None, ""),
        (Kind.DRAWING, "A robot", ""),
        (Kind.DRAWING, None, ""),
        (Kind.DRAWING, None, ""),
    ]
    names = [str(one.part_name) for one in document.images]
    assert names == ["slide 1", *["slide 2"] * 4]


def test_a_template_of_styles_alone_has_no_images() -> None:
    whole = members(odf(paragraph(FRAME), header=FRAME))
    del whole["content.xml"]
    document = read(packed(whole))
    assert document.images == ()
    assert document.with_alt_texts({}) == packed(whole)


def test_a_picture_outside_of_the_document_is_not_read() -> None:
    for address in ("../a.png", "https://example.org/a.png", "file:///etc/passwd"):
        document = read(odf(paragraph(FRAME.replace("Pictures/a.png", address))))
        assert document.images[0].source == address
        with pytest.raises(PictureError, match=re.escape(address)):
            document.read(document.images[0])


def test_documents_of_openoffice_2_are_read() -> None:
    manifest = '<!DOCTYPE manifest:manifest PUBLIC "a" "Manifest.dtd"><manifest:manifest>{}</{}>'
    entry = '<manifest:file-entry manifest:full-path="/"/>'
    old = with_members(
        odf(paragraph(FRAME)),
        {"META-INF/manifest.xml": manifest.format(entry, "manifest:manifest")},
    )
    assert len(read(old).images) == 1


def test_a_picture_for_all_programs_is_preferred_to_svg() -> None:
    both = FRAME.replace(IMAGE, IMAGE.replace(".png", ".svg") + IMAGE)
    assert read(odf(paragraph(both))).images[0].source == "Pictures/a.png"


def test_encrypted_signed_and_damaged_documents_are_refused() -> None:
    secret = (
        '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/>'
        "</manifest:file-entry>"
    )
    with pytest.raises(DocumentError, match="password"):
        read(odf("", objects=secret))
    with pytest.raises(DocumentError, match="not an OpenDocument"):
        read(packed({"content.xml": "<a/>"}))
    with pytest.raises(DocumentError, match=r"content\.xml is missing"):
        read(packed({"a.xml": "<a/>"}))
    signed = with_members(odf(paragraph(FRAME)), {"META-INF/documentsignatures.xml": "<a/>"})
    with pytest.raises(DocumentError, match="signed"):
        filled(read(signed))


def test_damaged_documents_are_refused_or_read_as_they_are(article: bytes) -> None:
    outcomes = set()
    for damaged in mutated(article, 150):
        try:
            written = filled(read(damaged))
            outcomes.add("written")
            read(written)
        except DocumentError:
            outcomes.add("refused")
    assert outcomes == {"refused", "written"}
