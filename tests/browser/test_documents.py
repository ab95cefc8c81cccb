"""Filled pages in a browser: a screen reader finds each text at its image."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser

from marsam.documents.document import AltText, Kind
from marsam.documents.formats import open_document

WORDS = ("قطة بيضاء تنام 🐈", 'A cat & a "dog" <b>', "Tom's cat: {{ x }}", "سوقٌ قديم؛ باعةٌ وزوّار")
PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
PAGES = {
    "arabic.html": """<!DOCTYPE html><html lang="ar" dir="rtl"><title>x</title><h1>قطط</h1>
        <figure><a href="a.html"><img src="a.png"></a><figcaption>قطة</figcaption></figure>
        <p>نص <img src="b.png" alt="old"> هنا.</p></html>""",
    "windows-1256.html": "<meta charset=windows-1256>\r\n<p dir=rtl>قطة <img src=a.png alt=''>",
    "latin-1.html": '<meta charset="iso-8859-1"><p>café <img src=a.png>',
    "utf-16.html": "<!DOCTYPE html><p>قطة <img src=a.png><img src=b.png alt>",
    "old.html": """<HTML><BODY BGCOLOR=WHITE><CENTER><IMG SRC=a.gif WIDTH=9><FONT SIZE=2>x
        <LI><IMG SRC=b.gif ALT=old ALT=older><P>y<IMG SRC='c.gif'ALT='x'BORDER=0>""",
    "table.html": """<table><img src=a.png><tr><td><img src=b.png>
        <td><b><p><img src=c.png></b>x</table>""",
    "picture.html": f"""<picture><source srcset="{PICTURE} 2x"><img srcset="{PICTURE}"></picture>
        <button><img src="{PICTURE}"></button><div style="background:url({PICTURE})">x</div>""",
    "controls.html": f"""<input type=image src="{PICTURE}">
        <img src="{PICTURE}" usemap="#m" width=9 height=9>
        <map name=m><area href=x.html shape=default></map>""",
    "drawings.html": f"""<svg width=9 height=9 role=img><title>old</title><path d="" /></svg>
        <div role="img" aria-label=old>☺</div><img src=a.png aria-label="old" alt="x">
        <object type="image/gif" data="{PICTURE}"></object>""",
    "template.html": """{% extends "x" %}<img {{ attributes }} src="{{ a > b }}">
        <?php echo "<img>" ?><img src="<?= $a ?>" class='x'/><p>{{ text }}""",
    "shadow.html": """<div><template shadowrootmode="open"><img src="a.png"></template></div>""",
    "page.xhtml": """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>
        <title>x</title><script src="x.js"/></head>
        <body><img src="a.png"/><img src="b.png" alt="old" /></body></html>""",
    "article.md": """# قطط\n\n> - ![](a.png) و[![old](b.png)](c.html)\n
![x][c] <img src=d.png>\n\n[c]: c.png""",
}
ENCODINGS = {"windows-1256.html": "cp1256", "latin-1.html": "latin-1", "utf-16.html": "utf-16"}
ROLES = {"image", "button", "link", "SvgRoot", "PluginObject"}


@pytest.mark.parametrize("name", PAGES)
def test_a_screen_reader_finds_each_text(browser: Browser, tmp_path: Path, name: str) -> None:
    page = tmp_path / name
    page.write_bytes(PAGES[name].encode(ENCODINGS.get(name, "utf-8")))
    document = open_document(page)
    wanted = [one.key for one in document.images if one.kind is not Kind.BACKGROUND]
    texts = {key: f"{key} {WORDS[index % len(WORDS)]}" for index, key in enumerate(wanted)}
    result = document.with_alt_texts({key: AltText(text=text) for key, text in texts.items()})
    if name.endswith(".md"):
        result = MarkdownIt("commonmark").render(result.decode()).encode("utf-8-sig")
        page = page.with_suffix(".html")
    page.write_bytes(result)
    with browser.new_context() as context:
        visit = context.new_page()
        visit.goto(page.as_uri())
        tree = context.new_cdp_session(visit).send("Accessibility.getFullAXTree")
    names = {
        node["name"]["value"]
        for node in tree["nodes"]
        if not node["ignored"] and node["role"]["value"] in ROLES
    }
    assert texts
    assert set(texts.values()) - names == set()
