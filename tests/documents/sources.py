"""Small texts in two languages, from which other programs make documents."""

import base64
import io

import numpy as np
from PIL import Image

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "style": "style", "text": "text", "table": "table",
        "draw": "drawing", "fo": "xsl-fo-compatible", "svg": "svg-compatible",
        "presentation": "presentation",
    }.items()
)  # fmt: skip
_NAMESPACES += (
    ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)

WORDS = {
    "en": {
        "title": "Old markets",
        "first": "This is the oldest market of the town. Traders sell spices here.",
        "second": "It opens at dawn! And it closes in the evening.",
        "caption": "Figure 1: the square",
        "note": "Measured in 1998.",
        "more": "What to bring",
    },
    "ar": {
        "title": "أسواق قديمة",
        "first": "هذا أقدم سوق في المدينة. يبيع التجار فيه التوابل.",
        "second": "يفتح السوق عند الفجر! ويغلق مساءً.",
        "caption": "شكل ١: الميدان",
        "note": "قيس عام ١٩٩٨.",
        "more": "ما الذي تحضره",
    },
}


def picture(number: int, kind: str = "PNG") -> bytes:
    """A picture of noise, too large to be a decoration; another one for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (40, 50, 3))
    file = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).save(file, kind)
    return file.getvalue()


def _image(number: int, name: str, more: str = "", anchor: str = "as-char") -> str:
    data = base64.b64encode(picture(number)).decode()
    return (
        f'<draw:frame draw:name="{name}" text:anchor-type="{anchor}" svg:width="3cm"'
        f' svg:height="2cm"><draw:image><office:binary-data>{data}</office:binary-data>'
        f"</draw:image>{more}</draw:frame>"
    )


_FORMULA = (
    '<draw:frame draw:name="Formula" text:anchor-type="as-char" svg:width="2cm" svg:height="1cm">'
    '<draw:object><math xmlns="http://www.w3.org/1998/Math/MathML"><mi>a</mi><mo>=</mo><mi>b</mi>'
    "</math></draw:object></draw:frame>"
)


_DATE = "<dc:date>2024-05-01T10:00:00</dc:date>"


def _paragraph(text: str, style: str = "Standard") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def _bodies(language: str) -> dict[str, str]:
    """Bodies of articles, by what is in them."""
    words = WORDS[language]
    heading = (
        f'<text:h text:style-name="Heading_20_1" text:outline-level="1">{words["title"]}</text:h>'
    )
    first, second = _paragraph(words["first"]), _paragraph(words["second"])
    caption, note = _paragraph(words["caption"], "Caption"), _paragraph(words["note"])
    own = "<svg:title>Own</svg:title><svg:desc>My own words about it</svg:desc>"
    items = "".join(f"<text:list-item>{one}</text:list-item>" for one in (first, second))
    box = _paragraph(_image(3, "Boxed") + words["caption"], "Caption")
    noted = _paragraph(words["note"] + _image(4, "Noted"))
    address = 'xlink:type="simple" xlink:href="https://example.org/'
    return {
        "plain": heading
        + first
        + _paragraph(_image(1, "One"))
        + caption
        + second
        + _paragraph(_image(2, "Two", own))
        + f"<text:list>{items}</text:list>",
        "boxes": heading
        + _paragraph(
            f'{words["first"]}<draw:frame draw:name="Box" text:anchor-type="paragraph"'
            f' svg:width="6cm"><draw:text-box>{box}</draw:text-box></draw:frame>'
        )
        + _paragraph(words["second"] + _FORMULA)
        + _paragraph(
            f'{words["second"]}<text:note text:note-class="footnote"><text:note-citation>1'
            f"</text:note-citation><text:note-body>{noted}</text:note-body></text:note>"
        )
        + '<table:table table:name="Table"><table:table-column'
        ' table:number-columns-repeated="2"/><table:table-row><table:table-cell>'
        f"{note}</table:table-cell><table:table-cell>{_paragraph(_image(5, 'Cell'))}"
        "</table:table-cell></table:table-row></table:table>",
        "changes": f"<text:tracked-changes>{_change(1, 'insertion')}"
        f"{_change(2, 'deletion', second)}</text:tracked-changes>"
        + heading
        + _paragraph(
            f'<text:change-start text:change-id="c1"/>{words["first"]}{_image(6, "New")}'
            '<text:change-end text:change-id="c1"/><text:change text:change-id="c2"/>'
        )
        + _paragraph(
            f"{words['second']}<office:annotation><dc:creator>Somebody</dc:creator>{_DATE}"
            f"{note}</office:annotation>{_image(7, 'Anchored', anchor='paragraph')}"
        ),
        "links": heading
        + _paragraph(f'<draw:a {address}">{_image(8, "Link")}</draw:a>')
        + first
        + _paragraph(
            '<draw:frame draw:name="Linked" text:anchor-type="as-char" svg:width="3cm"'
            f' svg:height="2cm"><draw:image {address}far.png"/></draw:frame>'
        )
        + _paragraph(f'<text:a {address}">{words["more"]}</text:a>'),
    }


def _change(number: int, kind: str, content: str = "") -> str:
    """A tracked change."""
    return (
        f'<text:changed-region text:id="c{number}" xml:id="c{number}"><text:{kind}>'
        f"<office:change-info><dc:creator>Somebody</dc:creator>{_DATE}</office:change-info>"
        f"{content}</text:{kind}></text:changed-region>"
    )


def articles() -> dict[str, str]:
    """Articles as flat OpenDocument texts, by name."""
    return {
        f"{name}-{language}": _article(language, body)
        for language in WORDS
        for name, body in _bodies(language).items()
    }


def _article(language: str, body: str) -> str:
    words, is_arabic = WORDS[language], language == "ar"
    mode = "rl-tb" if is_arabic else "lr-tb"
    name, country = ("none", "none") if is_arabic else ("en", "GB")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {_NAMESPACES} office:version="1.3"
 office:mimetype="application/vnd.oasis.opendocument.text">
<office:styles><style:default-style style:family="paragraph">
<style:paragraph-properties style:writing-mode="{mode}"/>
<style:text-properties fo:language="{name}" fo:country="{country}"
 style:language-complex="ar" style:country-complex="EG"/></style:default-style>
<style:style style:name="Standard" style:family="paragraph"/>
<style:style style:name="Heading_20_1" style:display-name="Heading 1" style:family="paragraph"
 style:parent-style-name="Standard" style:default-outline-level="1"/>
<style:style style:name="Caption" style:family="paragraph" style:parent-style-name="Standard"/>
</office:styles><office:automatic-styles><style:page-layout style:name="page">
<style:page-layout-properties style:writing-mode="{mode}"/>
<style:header-style/><style:footer-style/>
</style:page-layout></office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="page">
<style:header>{_paragraph(words["title"] + _image(9, "Logo"))}</style:header>
<style:footer>{_paragraph("<text:page-number>1</text:page-number>")}</style:footer>
</style:master-page></office:master-styles>
<office:body><office:text>{body}</office:text></office:body></office:document>"""


def slides(language: str) -> str:
    """Two slides as a flat OpenDocument presentation."""
    words = WORDS[language]
    pages = "".join(
        f'<draw:page draw:name="{number}" draw:master-page-name="Default">'
        f'<draw:frame presentation:class="title" svg:width="20cm" svg:height="2cm" svg:x="1cm"'
        f' svg:y="1cm"><draw:text-box>{_paragraph(words[title])}</draw:text-box></draw:frame>'
        + _image(10 + number, f"Picture {number}").replace('text:anchor-type="as-char"', "")
        + f'<draw:frame svg:width="9cm" svg:height="2cm" svg:x="9cm" svg:y="9cm"><draw:text-box>'
        f"{_paragraph(words['first'])}</draw:text-box></draw:frame><draw:g>"
        '<draw:rect svg:width="1cm" svg:height="1cm" svg:x="3cm" svg:y="8cm"/>'
        '<draw:rect svg:width="1cm" svg:height="1cm" svg:x="4cm" svg:y="9cm"/>'
        "</draw:g></draw:page>"
        for number, title in enumerate(("title", "more"), 1)
    )
    complex_script = 'style:language-complex="ar" style:country-complex="EG"'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {_NAMESPACES} office:version="1.3"
 office:mimetype="application/vnd.oasis.opendocument.presentation">
<office:styles><style:default-style style:family="graphic"><style:text-properties fo:language="en"
 fo:country="GB" {complex_script}/></style:default-style></office:styles>
<office:automatic-styles><style:page-layout style:name="page"><style:page-layout-properties
 fo:page-width="28cm" fo:page-height="21cm"/></style:page-layout></office:automatic-styles>
<office:master-styles><style:master-page style:name="Default" style:page-layout-name="page"/>
</office:master-styles><office:body><office:presentation>{pages}</office:presentation></office:body>
</office:document>"""


def restructured_text(language: str) -> str:
    """An article in reStructuredText; its pictures are a.png to d.png beside it."""
    words = WORDS[language]
    return f"""{words["title"]}
{"=" * 40}

{words["first"]} [#n]_

.. figure:: a.png
   :width: 50

   {words["caption"]}

{words["more"]}
{"-" * 40}

.. image:: b.png
   :target: https://example.org/

{words["second"]} |inline|

.. list-table::

   * - {words["more"]}
     - .. image:: c.png
          :class: bordered

.. image:: d.png
   :alt: {words["caption"]}

.. |inline| image:: c.png

.. [#n] {words["note"]}
"""


def markdown(language: str) -> str:
    """The same in Markdown."""
    words = WORDS[language]
    return f"""# {words["title"]}

{words["first"]}

![](a.png)

## {words["more"]}

> - [![](b.png)](https://example.org/) {words["second"]}
> - ![{words["caption"]}](d.png)

| {words["more"]} | x |
|---|---|
| ![](c.png) | y |
"""
