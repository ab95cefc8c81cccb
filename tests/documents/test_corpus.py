"""Documents that other programs made get alt texts, and nothing else in them changes.

Word, PowerPoint and OpenDocument files are opened again by LibreOffice, python-docx and
python-pptx, and pages by Chromium: each finds every text.
"""

import io
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import docx
import pptx
import pytest
from lxml import etree
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, sync_playwright

from marsam.documents.document import Document, Kind
from marsam.documents.fill import own_language
from marsam.documents.formats import HTML_SUFFIXES, MARKDOWN_SUFFIXES
from marsam.testing import CAPTION, TRANSLATIONS
from marsam.text.languages import ARABIC
from tests.browser.conftest import FLAGS
from tests.conftest import Figure, program
from tests.documents import makers
from tests.documents.conftest import Corpus, files, fill, lacking, written
from tests.helpers.packages import members

WORDS = 'سوق "قديم" <صغير> & an old market'
MIN_DOCUMENTS = 60
STRESS = bool(os.environ.get("MARSAM_STRESS"))
TEXTS = (".docx", ".odt", ".docm", ".dotx", ".ott") if STRESS else (".docx", ".odt")
SLIDES = (".pptx", ".odp", ".pptm", ".ppsx", ".otp") if STRESS else (".pptx", ".odp")
"""What LibreOffice opens again: it takes a quarter of a second for each."""
ALT_TEXTS = {
    "html": re.compile(rb"""\s(?:alt|aria-label)=(?:"[^"]*"|'[^']*'|[^\s>]*)"""),
    "ooxml": re.compile(rb'\s(?:descr|title|alt)="[^"]*"'),
    "odf": re.compile(rb'<svg:(desc|title)(?: xmlns:svg="[^"]*")?>[^<]*</svg:\1>'),
    "epub": re.compile(rb"""\s(?:alt|aria-label)=(?:"[^"]*"|'[^']*')|<title>[^<]*</title>"""),
}
"""What holds an alt text, in the formats' own words."""
LOST = {"odt-en.odt": 1, "odt-ar.odt": 1}
"""Linked pictures that LibreOffice leaves out of the texts of docutils, filled or not."""


@pytest.fixture(scope="module")
def described(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, int]:
    """Copies of the documents with WORDS at every image without a text, and how many those are."""
    folder, found = tmp_path_factory.mktemp("described"), {}
    for number, path in enumerate(corpus):
        data, count = written(corpus.opened(path), WORDS)
        if count:
            found[folder / f"{number}-{path.name}"] = count
            (folder / f"{number}-{path.name}").write_bytes(data)
    return found


def kind_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in HTML_SUFFIXES:
        return "html"
    if suffix in MARKDOWN_SUFFIXES:
        return "markdown"
    return "epub" if suffix == ".epub" else "odf" if suffix.startswith(".o") else "ooxml"


def check_difference(path: Path, document: Document, before: bytes, after: bytes) -> None:
    """Nothing but alt texts may differ."""
    kind = kind_of(path)
    if kind == "html":
        assert ALT_TEXTS[kind].sub(b"", after) == ALT_TEXTS[kind].sub(b"", before), path
    elif kind == "markdown":
        pages = (MarkdownIt("gfm-like").render(one.decode()).encode() for one in (before, after))
        assert len({ALT_TEXTS["html"].sub(b"", one) for one in pages}) == 1, path
    else:
        old, new = members(before), members(after)
        assert list(old) == list(new), path
        changed = {name for name in old if old[name] != new[name]}
        assert changed <= {one.part for one in document.images}, path
        for name in changed:
            etree.fromstring(new[name])
            assert ALT_TEXTS[kind].sub(b"", new[name]) == ALT_TEXTS[kind].sub(b"", old[name]), path
        _check_records(before, after, changed)


def _check_records(before: bytes, after: bytes, changed: set[str]) -> None:
    """What is compressed in a container keeps its bytes, method, date and flags."""
    old, new = (zipfile.ZipFile(io.BytesIO(one)) for one in (before, after))
    for was, became in zip(old.infolist(), new.infolist(), strict=True):
        assert (was.compress_type, was.date_time, was.external_attr, was.extra) == (
            became.compress_type, became.date_time, became.external_attr, became.extra
        )  # fmt: skip
        if was.filename not in changed:
            assert (was.CRC, was.compress_size) == (became.CRC, became.compress_size)


def test_only_alt_texts_differ_and_a_second_filling_changes_nothing(
    corpus: Corpus, tmp_path: Path, figure: Figure
) -> None:
    fill(corpus.folder, tmp_path / "once")
    once = files(tmp_path / "once")
    filled = texts = 0
    for path in corpus:
        document, before = corpus.opened(path), path.read_bytes()
        copy = once[path.relative_to(corpus.folder).as_posix()]
        check_difference(path, document, before, copy.read_bytes())
        check_difference(path, document, before, written(document, WORDS)[0])
        check_difference(path, document, before, written(document, WORDS, every=True)[0])
        if copy.read_bytes() != before:
            filled += 1
            texts += len(lacking(document)) - len(lacking(corpus.opened(copy)))
    # The copies again, with the images that are beside the documents.
    shutil.copytree(corpus.folder, tmp_path / "both")
    shutil.copytree(tmp_path / "once", tmp_path / "both", dirs_exist_ok=True)
    fill(tmp_path / "both", tmp_path / "twice")
    for name, path in files(tmp_path / "twice").items():
        assert path.read_bytes() == once[name].read_bytes(), name
    programs = ", ".join(f"{len(paths)} {name}" for name, paths in corpus.made.items())
    figure(
        f"documents of other programs: {sum(map(len, corpus.made.values()))} ({programs}); "
        f"{filled} had images without alt text, {texts} texts written; "
        f"not installed: {', '.join(corpus.skipped) or 'none'}"
    )
    corpus.require()
    assert filled >= MIN_DOCUMENTS


def test_arabic_documents_get_arabic_texts(corpus: Corpus) -> None:
    """LibreOffice says of a whole page or book that it is in English, the language of its menus."""
    corpus.require()
    for path in corpus.made["LibreOffice"]:
        if path.stem.endswith("-ar"):
            languages = {own_language(one) for one in corpus.opened(path).images}
            assert languages == {ARABIC.code}, path


def test_macros_stay_byte_for_byte(corpus: Corpus, described: dict[Path, int]) -> None:
    corpus.require()
    found = [path for path in described if path.suffix == ".docm"]
    assert found
    for path in found:
        assert members(path.read_bytes())["word/vbaProject.bin"] == makers.MACROS


def test_libreoffice_opens_them_and_keeps_the_texts(
    corpus: Corpus, described: dict[Path, int], tmp_path: Path, figure: Figure
) -> None:
    corpus.require()
    found = 0
    for to, suffixes in (("odt", TEXTS), ("odp", SLIDES)):
        opened = [path for path in described if path.suffix in suffixes]
        saved = makers.convert(opened, to, tmp_path / to, corpus.profile)
        for path, again in zip(opened, saved, strict=True):
            parts = members(again.read_bytes())
            xml = (parts["content.xml"] + parts["styles.xml"]).decode()
            texts = [unescape(one) for _, one in re.findall(r"<svg:(desc|title)>([^<]*)<", xml)]
            lost = LOST.get(path.name.partition("-")[2], 0)
            if path.suffix.startswith(".pp"):  # it reads no alt texts of groups there
                lost = sum(one.kind is Kind.DRAWING for one in corpus.opened(path).images)
            assert texts.count(WORDS) >= described[path] - lost, path
            found += 1
    figure(f"opened and saved again by LibreOffice, with every alt text: {found} documents")


def test_python_docx_and_python_pptx_find_the_texts(described: dict[Path, int]) -> None:
    found = set()
    for path, count in described.items():
        parts: list[etree._Element] = []
        if path.suffix == ".docx":
            document = docx.Document(str(path))
            related = document.part.rels.values()
            own = (one.target_part for one in related if not one.is_external)
            roots = [document.element, *(one.element for one in own if hasattr(one, "element"))]
            parts = [one for root in roots for one in root.xpath(".//wp:docPr")]
        elif path.suffix == ".pptx":
            slides = pptx.Presentation(str(path)).slides
            parts = [one for slide in slides for one in slide.element.xpath(".//p:cNvPr")]
        if parts:
            found.add(path.suffix)
            assert [one.get("descr") for one in parts].count(WORDS) >= count, path
    assert found == {".docx", ".pptx"}


def test_books_are_as_readers_want_them(described: dict[Path, int]) -> None:
    """The rules of EPUB's container: the type is first, stored, and without an extra field."""
    books = [one for one in described if one.suffix == ".epub"]
    assert len(books) > 1
    for path in books:
        data = path.read_bytes()
        assert data[30:58] == b"mimetypeapplication/epub+zip"
        assert zipfile.ZipFile(path).infolist()[0].compress_type == zipfile.ZIP_STORED


@pytest.fixture(scope="module")
def names_in_browser() -> Iterator[Callable[[Path], list[str]]]:
    """Returns the names in the accessibility tree of a page."""
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=FLAGS
        )
        page = browser.new_page(java_script_enabled=False)
        session = page.context.new_cdp_session(page)

        def names(path: Path) -> list[str]:
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            tree = session.send("Accessibility.getFullAXTree")["nodes"]
            return [one["name"]["value"] for one in tree if not one["ignored"] and "name" in one]

        yield names
        browser.close()


def test_chromium_finds_the_texts_of_pages_and_chapters(
    described: dict[Path, int],
    tmp_path: Path,
    names_in_browser: Callable[[Path], list[str]],
    figure: Figure,
) -> None:
    pages = found = 0
    for path, count in described.items():
        if path.suffix == ".epub":
            with zipfile.ZipFile(path) as book:
                book.extractall(tmp_path / path.stem)
            data = (one for name, one in members(path.read_bytes()).items() if "html" in name)
            assert sum(one.count(b"an old market") for one in data) >= count
            chapters = [*(tmp_path / path.stem).rglob("*.xhtml")]
        else:
            chapters = [path] if kind_of(path) == "html" else []
        if chapters:
            texts = [name for one in chapters for name in names_in_browser(one)]
            assert sum(WORDS in text for text in texts) >= count, path
            pages, found = pages + len(chapters), found + count
    figure(f"found in Chromium's accessibility tree: {found} alt texts on {pages} pages")
    assert pages > 10


def test_the_words_of_the_filling_are_those_of_the_models(corpus: Corpus, tmp_path: Path) -> None:
    path = corpus.made["python-docx"][0]
    fill(path.parent, tmp_path)
    body = members((tmp_path / path.name).read_bytes())["word/document.xml"].decode()
    assert f'descr="{CAPTION} · {TRANSLATIONS[CAPTION]}"' in body
