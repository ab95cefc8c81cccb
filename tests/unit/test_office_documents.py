"""Word and PowerPoint: where alt texts are, what surrounds images, and what stays as it is."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from xml.sax.saxutils import escape, quoteattr

import docx
import pptx
import pytest
from docx.oxml import parse_xml
from docx.shared import Inches
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from marsam.documents.document import AltText, Kind
from marsam.documents.docx import read_docx
from marsam.documents.package import PackageDocument
from marsam.documents.pptx import read_pptx
from marsam.documents.xml_edit import XmlPart
from marsam.errors import DocumentError, OptionError, PictureError
from tests.helpers.packages import filled, members, mutated, only_change, png, with_members

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
        "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "wpg": "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
    }.items()
)
STRICT = "http://purl.oclc.org/ooxml/"
PICTURE = '<pic:pic><pic:blipFill><a:blip r:embed="PICTURE"/></pic:blipFill></pic:pic>'
CHART = '<c:chart r:id="rId99"/>'
DIAGRAM = '<dgm:relIds r:dm="rId98"/>'


def read(data: bytes) -> PackageDocument:
    reader = read_pptx if "ppt/presentation.xml" in members(data) else read_docx
    return reader(data, path=Path("a.docx"), root=None)


def drawing(content: str = PICTURE, frame: str = "inline", properties: str = "") -> str:
    """A drawing of Word, in a run."""
    return (
        f'<w:r><w:drawing><wp:{frame}><wp:docPr id="1" name="Picture 1" {properties}/><a:graphic>'
        f"<a:graphicData>{content}</a:graphicData></a:graphic></wp:{frame}></w:drawing></w:r>"
    )


def vml(properties: str = "") -> str:
    """A picture as Word 2003 wrote it."""
    return (
        f'<w:r><w:pict><v:shape id="a" {properties}><v:imagedata r:id="PICTURE"/></v:shape>'
        "</w:pict></w:r>"
    )


def text(words: str, properties: str = "") -> str:
    """A run with text."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{words}</w:t></w:r>'


def paragraph(content: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{content}</w:p>"


def saved(document: docx.document.Document) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word(*paragraphs: str) -> bytes:
    """A document of these paragraphs, in which PICTURE is the id of a picture."""
    document = docx.Document()
    identifier, _ = document.part.get_or_add_image(io.BytesIO(png()))
    for one in paragraphs:
        xml = one.replace("PICTURE", identifier)
        xml = re.sub(r"^<([\w:]+)", rf"<\1 {NAMESPACES}", xml)
        document.element.body.insert(-1, parse_xml(xml))
    return saved(document)


def report() -> bytes:
    """A document with pictures in the text, a table and the header."""
    document = docx.Document()
    document.add_heading("Shapes", 1)
    document.add_paragraph("There are many shapes. Some of them are red.")
    document.add_picture(io.BytesIO(png()), Inches(1))
    document.add_paragraph("Figure 1: the first shape", style="Caption")
    document.add_paragraph("Others are blue. They are rare.")
    table = document.add_table(1, 1)
    table.cell(0, 0).paragraphs[0].add_run("In a table:").add_picture(io.BytesIO(png("blue")))
    document.sections[0].header.paragraphs[0].add_run().add_picture(io.BytesIO(png("green")))
    document.add_comment(document.paragraphs[0].runs[0], "A comment", "Somebody", "S")
    return saved(document)


def slides() -> bytes:
    """Two slides; the second has a group and a chart, and is hidden."""
    presentation = pptx.Presentation()
    for number in (1, 2):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "Below the title. A text."
        slide.shapes.add_picture(io.BytesIO(png()), 0, 0)
        slide.shapes.title.text = f"Slide {number}"
    slide.shapes.add_group_shape().shapes.add_picture(io.BytesIO(png("blue")), 0, 0)
    data: Any = cast("Any", CategoryChartData)()  # it has no types
    data.categories = ["a"]
    data.add_series("b", (1,))
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 10, 10, data)
    slide._element.set("show", "0")
    file = io.BytesIO()
    presentation.save(file)
    return re_zipped(file.getvalue(), r' descr="[^"]*"', "")


def re_zipped(data: bytes, pattern: str, replacement: str, only: str = "") -> bytes:
    """An archive with something replaced in its XML files."""
    changes = {
        name: re.sub(pattern, replacement, content.decode())
        for name, content in members(data).items()
        if name.endswith((".xml", ".rels")) and only in name
    }
    return with_members(data, changes)


def test_images_of_a_document_with_what_surrounds_them() -> None:
    document = read(report())
    first, second, third = document.images
    assert (first.part, first.source) == ("word/document.xml", "word/media/image1.png")
    assert (first.alt, first.decorative, first.language) == (None, False, "en-US")
    assert first.context.heading == second.context.heading == "Shapes"
    assert first.context.caption == "Figure 1: the first shape"
    assert first.context.before == "Some of them are red."
    assert first.context.after == "Others are blue."
    assert (second.context.before, second.context.caption) == ("In a table:", "")
    assert third.part == "word/header1.xml"
    assert [str(one.part_name) for one in (first, third)] == ["main text", "header"]
    assert [document.read(one) for one in document.images] == [png(), png("blue"), png("green")]


def test_an_alt_text_is_where_word_has_it_and_nothing_else_changes() -> None:
    before = report()
    document = read(before)
    words = 'A "red" <square> & مربع.'
    after = document.with_alt_texts({document.images[0].key: AltText(text=words)})
    assert only_change(before, after) == (
        "word/document.xml",
        "",
        ' descr="A &quot;red&quot; &lt;square&gt; &amp; مربع."',
    )
    opened = docx.Document(io.BytesIO(after))
    assert opened.inline_shapes[0]._inline.docPr.get("descr") == words
    assert [one.text for one in opened.comments] == ["A comment"]
    assert read(after).images[0].alt == words


@pytest.mark.parametrize("make", [report, slides])
def test_a_second_filling_changes_nothing(make: Callable[[], bytes]) -> None:
    before = make()
    once = filled(read(before))
    assert once != before
    assert filled(read(once)) == once
    assert {one.alt for one in read(once).images} == {"A red square."}
    texts = {one.key: AltText(text="A red square.") for one in read(once).images}
    assert read(once).with_alt_texts(texts) == once
    assert [one.key for one in read(once).images] == [one.key for one in read(before).images]
    assert read(before).with_alt_texts({}) == before


@pytest.mark.parametrize("make", [report, slides])
def test_decorative_is_marked_as_office_does_it_and_can_be_taken_back(
    make: Callable[[], bytes],
) -> None:
    before = make()
    document = read(before)
    key = document.images[0].key
    marked = document.with_alt_texts({key: AltText(decorative=True)})
    _, _, added = only_change(before, marked)
    assert re.search(
        r'^ descr=""><a:extLst[^>]*><a:ext uri="{C183D7F6-B498-43B3-948B-1728B52AA6E4}">'
        r'<adec:decorative xmlns:adec="http://schemas.microsoft.com/office/drawing/2017/decorative"'
        r' val="1"/></a:ext></a:extLst></\w+:\w+$',
        added,
    )
    assert (read(marked).images[0].decorative, read(marked).images[0].alt) == (True, None)
    assert read(marked).with_alt_texts({key: AltText(decorative=True)}) == marked
    named = read(marked).with_alt_texts({key: AltText(text="A square")})
    assert (read(named).images[0].decorative, read(named).images[0].alt) == (False, "A square")
    again = read(named).with_alt_texts({key: AltText(decorative=True)})
    assert members(again) == members(marked)
    assert members(again)["[Content_Types].xml"] == members(before)["[Content_Types].xml"]


def test_images_of_slides_in_their_order_with_the_title() -> None:
    document = read(slides())
    found = [(one.part[-10:], one.kind, one.context.heading) for one in document.images]
    assert [str(one.part_name) for one in document.images] == ["slide 1", *["slide 2"] * 3]
    assert found == [
        ("slide1.xml", Kind.IMAGE, "Slide 1"),
        ("slide2.xml", Kind.IMAGE, "Slide 2"),
        ("slide2.xml", Kind.IMAGE, "Slide 2"),
        ("slide2.xml", Kind.CHART, "Slide 2"),
    ]
    assert document.images[0].context.before == "A text."
    assert document.read(document.images[2]) == png("blue")
    with pytest.raises(PictureError, match="not in the document"):
        document.read(document.images[3])


def test_an_alt_text_of_a_slide_is_where_powerpoint_has_it() -> None:
    before = slides()
    document = read(before)
    after = document.with_alt_texts({document.images[3].key: AltText(text="A pie")})
    assert only_change(before, after) == ("ppt/slides/slide2.xml", "", ' descr="A pie"')
    shapes = pptx.Presentation(io.BytesIO(after)).slides[1].shapes
    assert [one._element.xpath(".//p:cNvPr")[0].get("descr") for one in shapes][-1] == "A pie"


def test_slides_keep_the_order_of_the_presentation() -> None:
    order = '<p:sldId id="257" r:id="rId8"/><p:sldId id="256" r:id="rId7"/>'
    turned = re_zipped(slides(), r"<p:sldId [^>]*/><p:sldId [^>]*/>", order, "presentation.xml")
    first = read(turned).images[0]
    assert (first.part, str(first.part_name)) == ("ppt/slides/slide2.xml", "slide 1")
    assert first.part_name is not None
    assert first.part_name.ar == "الشريحة 1"
    numbered = re_zipped(turned, "<p:presentation ", '<p:presentation firstSlideNum="7" ', "n.xml")
    assert str(read(numbered).images[-1].part_name) == "slide 8"


def test_a_group_with_an_alt_text_is_one_image() -> None:
    named = re_zipped(slides(), r'name="Group (\d+)"', r'name="g" descr="A robot"', "slide2.xml")
    kinds = [(one.kind, one.alt) for one in read(named).images[1:]]
    assert kinds == [(Kind.IMAGE, None), (Kind.DRAWING, "A robot"), (Kind.CHART, None)]


def test_pictures_in_the_layout_are_not_reported() -> None:
    shape = (
        '<p:pic><p:nvPicPr><p:cNvPr id="9" name="Logo"/></p:nvPicPr><p:blipFill>'
        '<a:blip r:embed="rId1"/></p:blipFill></p:pic></p:spTree>'
    )
    with_logo = re_zipped(slides(), "</p:spTree>", shape, "slideLayout6.xml")
    assert len(read(with_logo).images) == 4


WORD_KINDS = {
    "anchored": (drawing(frame="anchor"), [Kind.IMAGE]),
    "chart": (drawing(CHART), [Kind.CHART]),
    "diagram": (drawing(DIAGRAM), [Kind.DIAGRAM]),
    "old": (vml(), [Kind.IMAGE]),
    "object": (vml().replace("w:pict", "w:object"), [Kind.IMAGE]),
    "group with a picture": (drawing(f"<wpg:wgp>{PICTURE}</wpg:wgp>"), [Kind.IMAGE]),
    "group of pictures": (drawing(f"<wpg:wgp>{PICTURE * 2}</wpg:wgp>"), [Kind.DRAWING]),
    "group of shapes": (drawing("<wpg:wgp><wps:wsp/><wps:wsp/></wpg:wgp>"), [Kind.DRAWING]),
    "line": (drawing("<wps:wsp/>"), []),
    "text box": (
        drawing(
            f"<wps:wsp><wps:txbx><w:txbxContent>{paragraph(drawing())}</w:txbxContent></wps:txbx>"
            "</wps:wsp>"
        ),
        [Kind.IMAGE],
    ),
    "hidden": (drawing(properties='hidden="1"'), []),
    "deleted": (f"<w:del>{drawing()}</w:del>", []),
    "inserted": (f"<w:ins>{drawing()}</w:ins>", [Kind.IMAGE]),
    "moved away": (f"<w:moveFrom>{drawing()}</w:moveFrom>", []),
    "content control": (f"<w:sdt><w:sdtContent>{drawing()}</w:sdtContent></w:sdt>", [Kind.IMAGE]),
}


@pytest.mark.parametrize(("content", "kinds"), WORD_KINDS.values(), ids=WORD_KINDS)
def test_what_is_an_image_in_word(content: str, kinds: list[Kind]) -> None:
    before = word(paragraph(content))
    document = read(before)
    assert [one.kind for one in document.images] == kinds
    for image in document.images:
        if image.kind is Kind.IMAGE:
            assert document.read(image) == png()
        written = document.with_alt_texts({image.key: AltText(text="A square")})
        assert read(written).images[0].alt == "A square"
        assert only_change(before, written)[2].strip() in ('descr="A square"', 'alt="A square"')


def test_what_old_programs_show_instead_gets_the_same_text() -> None:
    both = (
        f'<mc:AlternateContent><mc:Choice Requires="wpg">{drawing()}</mc:Choice>'
        f"<mc:Fallback>{vml()}</mc:Fallback></mc:AlternateContent>"
    )
    before = word(paragraph(both))
    document = read(before)
    (image,) = document.images
    after = members(document.with_alt_texts({image.key: AltText(text="A square")}))
    body = after["word/document.xml"].decode()
    assert body.count(' descr="A square"') == body.count(' alt="A square"') == 1
    marked = document.with_alt_texts({image.key: AltText(decorative=True)})
    assert read(marked).images[0].decorative


def test_a_3d_model_is_the_picture_that_old_programs_show() -> None:
    model = drawing("<other:model3d xmlns:other='a'/>").replace(
        'name="Picture 1"', 'descr="A cube"'
    )
    both = (
        f'<mc:AlternateContent><mc:Choice Requires="am3d">{model}</mc:Choice>'
        f"<mc:Fallback>{drawing()}</mc:Fallback></mc:AlternateContent>"
    )
    document = read(word(paragraph(both)))
    (image,) = document.images
    assert (image.kind, image.alt, document.read(image)) == (Kind.IMAGE, "A cube", png())
    written = document.with_alt_texts({image.key: AltText(text="A square")})
    assert members(written)["word/document.xml"].count(b'descr="A square"') == 2


def test_an_object_of_another_program_on_a_slide_is_its_picture() -> None:
    frame = (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="9" name="Sheet"/></p:nvGraphicFramePr>'
        '<a:graphic><a:graphicData><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org'
        '/markup-compatibility/2006"><mc:Choice Requires="v"><p:oleObj/></mc:Choice><mc:Fallback>'
        '<p:oleObj><p:pic><p:blipFill><a:blip r:embed="rId2"/></p:blipFill></p:pic></p:oleObj>'
        "</mc:Fallback></mc:AlternateContent></a:graphicData></a:graphic></p:graphicFrame>"
        "</p:spTree>"
    )
    document = read(re_zipped(slides(), "</p:spTree>", frame, "slides/slide1.xml"))
    image = document.images[1]
    assert (image.kind, document.read(image)) == (Kind.IMAGE, png())
    written = document.with_alt_texts({image.key: AltText(text="A sheet")})
    assert read(written).images[1].alt == "A sheet"


def test_an_old_picture_alone_cannot_be_decorative() -> None:
    document = read(word(paragraph(vml('alt="صورة"'))))
    assert document.images[0].alt == "صورة"
    with pytest.raises(OptionError, match="VML"):
        document.with_alt_texts({document.images[0].key: AltText(decorative=True)})


def test_a_title_is_an_alt_text_where_there_is_no_other() -> None:
    (image,) = read(word(paragraph(drawing(properties='title="A square" descr=" "')))).images
    assert image.alt == "A square"


LANGUAGES = {
    "of the document": (paragraph(drawing()), "en-US"),
    "of the run": (
        paragraph(drawing().replace("<w:r>", '<w:r><w:rPr><w:lang w:val="fr-FR"/></w:rPr>')),
        "fr-FR",
    ),
    "of the text beside it": (
        paragraph(text("Ein Quadrat", '<w:lang w:val="de-DE"/>') + drawing()),
        "de-DE",
    ),
    "of the paragraph above": (
        paragraph(text("مربع أحمر", '<w:rtl/><w:lang w:bidi="ar-EG"/>'), "<w:bidi/>")
        + paragraph(drawing()),
        "ar-EG",
    ),
    "of text from right to left": (paragraph(text("مربع أحمر") + drawing()), "ar-SA"),
    "of a paragraph from right to left": (paragraph(drawing(), "<w:bidi/>"), "ar-SA"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "language"), LANGUAGES.values(), ids=LANGUAGES)
def test_the_language_is_that_of_the_place(body: str, language: str) -> None:
    paragraphs = re.findall(r"<w:p>.*?</w:p>", body)
    (image,) = read(word(*paragraphs)).images
    assert image.language == language


def test_headings_captions_and_links_of_word() -> None:
    link = '<w:hyperlink w:anchor="there">{}</w:hyperlink>'
    document = read(
        word(
            paragraph(text("عنوان"), '<w:pStyle w:val="Heading2"/>'),
            paragraph(link.format(drawing())),
            paragraph(text("Level"), '<w:outlineLvl w:val="3"/>'),
            paragraph(link.format(drawing() + text("Words"))),
            paragraph(text("Picture 3") + '<w:fldSimple w:instr=" SEQ Picture "/>'),
            paragraph(drawing()),
        )
    )
    first, second, third = (one.context for one in document.images)
    assert (first.heading, first.link) == ("عنوان", "#there")
    assert (second.heading, second.link, second.caption) == ("Level", "", "Picture 3")
    assert third.caption == ""


def mark(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def instruction(*pieces: str) -> str:
    return "".join(f"<w:r><w:instrText>{escape(piece)}</w:instrText></w:r>" for piece in pieces)


def complex_field(result: str, *pieces: str) -> str:
    return f"{mark('begin')}{instruction(*pieces)}{mark('separate')}{result}{mark('end')}"


@pytest.mark.parametrize(
    ("words", "link"),
    [
        (r'HYPERLINK "https://example.org/a b"', "https://example.org/a b"),
        (r"hyperlink  https://example.org \n", "https://example.org"),
        (r' HYPERLINK \l "there" ', "#there"),
        (r'HYPERLINK "a.docx" \l "there" \o "A tip" \t "_blank"', "a.docx#there"),
        (r'HYPERLINK \o "A \"tip\"" "\\\\host\\a.docx"', r"\\host\a.docx"),
        (r"REF there \h", ""),
        ("HYPERLINK", ""),
        ('HYPERLINK "unended', "unended"),
        ("", ""),
    ],
)
def test_a_link_that_is_a_field_says_where_it_leads(words: str, link: str) -> None:
    simple = f"<w:fldSimple w:instr={quoteattr(words)}>{{}}</w:fldSimple>"
    half = len(words) // 2
    fields = (simple.format, lambda result: complex_field(result, words[:half], words[half:]))
    for field in fields:
        document = read(
            word(
                paragraph(field(drawing())),
                paragraph(field(drawing() + text("Words"))),
                paragraph(drawing()),
            )
        )
        assert [one.context.link for one in document.images] == [link, "", ""]


def test_fields_of_word_are_in_one_another() -> None:
    page = complex_field(text("7"), "PAGE")
    begin = (
        mark("begin")
        + instruction('HYPERLINK "')
        + complex_field(text("a.") + text("html"), "REF a")
    )
    document = read(
        word(
            paragraph(begin + instruction('"') + mark("separate")),
            paragraph(drawing() + complex_field(drawing(), 'HYPERLINK "b.html"')),
            paragraph(mark("end") + drawing()),
            paragraph(complex_field(drawing() + page, 'HYPERLINK "c.html"')),
            paragraph(mark("end") + mark("separate") + drawing() + mark("begin")),
        )
    )
    links = [one.context.link for one in document.images]
    assert links == ["a.html", "b.html", "", "", ""]


def test_a_picture_outside_of_the_document_is_not_fetched() -> None:
    linked = word(paragraph(drawing(PICTURE.replace("r:embed", "r:link"))))
    outside = re_zipped(
        linked,
        r'Target="media/image1.png"',
        'Target="https://example.org/a.png" TargetMode="External"',
        "document.xml.rels",
    )
    document = read(outside)
    assert document.images[0].source == "https://example.org/a.png"
    with pytest.raises(PictureError, match=r"https://example\.org/a\.png is on the network"):
        document.read(document.images[0])


def test_strict_documents_and_macros_are_read() -> None:
    strict = re_zipped(report(), "http://schemas.openxmlformats.org/(?!markup|package)", STRICT)
    strict = re_zipped(strict, f"({STRICT}[a-zA-Z]+)/2006/", r"\1/")
    strict = with_members(strict, {"word/vbaProject.bin": b"macros"})
    document = read(strict)
    assert len(document.images) == 3
    marked = document.with_alt_texts({document.images[0].key: AltText(decorative=True)})
    assert f'xmlns:a="{STRICT}drawingml/main"' in members(marked)["word/document.xml"].decode()
    assert members(marked)["word/vbaProject.bin"] == b"macros"
    assert read(marked).images[0].decorative


def test_parts_in_utf_16_keep_their_encoding() -> None:
    content = members(report())["word/document.xml"].decode()
    content = re.sub(r"^<\?xml[^>]*>", '<?xml version="1.0" encoding="UTF-16"?>', content)
    before = with_members(report(), {"word/document.xml": content.encode("utf-16")})
    after = read(before).with_alt_texts({"word/document.xml#1": AltText(text="مربع")})
    expected = content.replace('name="Picture 1"', 'name="Picture 1" descr="مربع"', 1)
    assert members(after)["word/document.xml"] == expected.encode("utf-16")


ENTITY = '<!DOCTYPE a [<!ENTITY b "c">]>'
BAD: dict[str, tuple[dict[str, bytes | str], str]] = {
    "entity": ({"word/document.xml": f"{ENTITY}<a>&b;</a>"}, "entities"),
    "outer entity": (
        {"word/styles.xml": '<!DOCTYPE a [<!ENTITY % b SYSTEM "file:///etc/passwd"> %b;]><a/>'},
        "entities",
    ),
    "no XML": ({"word/document.xml": b"words"}, "not correct XML"),
    "cut": ({"word/document.xml": b"<a><b>"}, "not correct XML"),
    "deep": ({"word/document.xml": "<a>" * 5000 + "</a>" * 5000}, "not correct XML"),
    "other encoding": (
        {"word/document.xml": '<?xml version="1.0" encoding="utf-7"?><a/>'},
        "cannot be read",
    ),
    "other document": ({"word/document.xml": b"<a/>"}, "not a document of Word"),
    "no document": ({"_rels/.rels": b"<a/>"}, "not a document of Word"),
}


@pytest.mark.parametrize(("changes", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_document_is_refused_with_one_sentence(
    changes: dict[str, bytes | str], sentence: str
) -> None:
    bad = with_members(report(), changes)
    with pytest.raises(DocumentError, match=sentence) as raised:
        read_docx(bad, path=Path("a.docx"), root=None)
    assert raised.value.ar != raised.value.en


def test_a_part_of_too_many_tags_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(DocumentError, match="too many tags"):
        XmlPart(b"<a>" + b"<b/>" * 1_000_000 + b"</a>", "word/document.xml")


def test_a_signed_document_is_checked_but_not_changed() -> None:
    document = read(with_members(report(), {"_xmlsignatures/sig1.xml": b"<a/>"}))
    assert len(document.images) == 3
    with pytest.raises(DocumentError, match="signed"):
        filled(document)
    assert document.with_alt_texts({})


def test_an_unknown_key_and_an_empty_text_are_refused() -> None:
    document = read(report())
    with pytest.raises(OptionError, match="empty"):
        document.with_alt_texts({document.images[0].key: AltText(text=" ")})
    with pytest.raises(OptionError, match="no picture other"):
        read(report()).with_alt_texts({"other": AltText(text="A square")})


@pytest.mark.parametrize("make", [report, slides])
def test_damaged_documents_are_refused_or_read_as_they_are(make: Callable[[], bytes]) -> None:
    reader = read_pptx if make is slides else read_docx
    outcomes = set()
    for damaged in mutated(make(), 150):
        try:
            document = reader(damaged, path=Path("a"), root=None)
            for image in document.images:
                try:
                    document.read(image)
                except PictureError:
                    outcomes.add("no picture")
            written = filled(document)
            outcomes.add("written")
            reader(written, path=Path("a"), root=None)
        except DocumentError:
            outcomes.add("refused")
    assert {"refused", "written"} <= outcomes
