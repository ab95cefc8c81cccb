"""The rules of axe about images find nothing once a page was filled and reviewed."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from marsam.documents.document import AltText, Kind
from marsam.documents.formats import open_document

RULES = ["image-alt", "input-image-alt", "area-alt", "svg-img-alt", "role-img-alt"]
PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
PAGE = f"""<!DOCTYPE html><html lang="ar" dir="rtl"><title>قطط</title><h1>قطط</h1>
<img src="{PICTURE}"><p>نص <img src="{PICTURE}" width="9"></p>
<a href="a.html"><img src="{PICTURE}"></a>
<form><input type="image" src="{PICTURE}"></form>
<img src="{PICTURE}" usemap="#m"><map name="m"><area href="x.html" shape="default"></map>
<svg width="9" height="9" role="img"><path d="" /></svg><div role="img">☺</div></html>"""


def found(browser: Browser, page: Path) -> set[str]:
    with browser.new_context() as context:
        visit = context.new_page()
        visit.goto(page.as_uri())
        options = {"runOnly": {"type": "rule", "values": RULES}}
        return {one["id"] for one in Axe().run(visit, options=options).response["violations"]}


def test_axe_finds_nothing_after_the_review(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE, encoding="utf-8")
    assert found(browser, page) == set(RULES)
    document = open_document(page)
    images = [one for one in document.images if one.kind is not Kind.BACKGROUND]
    first, *others = images
    texts = {one.key: AltText(text=f"قطة {one.key}") for one in others}
    # A reviewer decides that one needs no text.
    page.write_bytes(document.with_alt_texts(texts | {first.key: AltText(decorative=True)}))
    assert found(browser, page) == set()
