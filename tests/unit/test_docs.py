"""The documentation builds without a warning, and its links lead somewhere."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer

import marsam
from marsam.cli.main import app
from marsam.environment import VARIABLES

ROOT = Path(__file__).parents[2]


@dataclass
class Page(HTMLParser):
    """What a page links to, loads, and can be linked at."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=lambda: {""})

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "src" in given or tag == "link":
            self.loads.append(given.get("src") or given.get("href", ""))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as ``make docs`` builds it."""
    out = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-n", "-q"]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(out)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, Page]:
    found = {}
    for path in built.rglob("*.html"):
        found[path] = Page()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_every_link_inside_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[target].anchors if target in pages else {""}
            if not target.is_file() or (target in pages and unquote(parts.fragment) not in known):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_pages_load_nothing_from_other_hosts(pages: dict[Path, Page]) -> None:
    assert [load for page in pages.values() for load in page.loads if urlsplit(load).netloc] == []


def test_every_public_name_is_described(built: Path, pages: dict[Path, Page]) -> None:
    described = pages[built / "reference-python.html"].anchors
    homes = ("marsam", "marsam.errors", "marsam.device", "marsam.stages")
    missing = [n for n in marsam.__all__ if not {f"{home}.{n}" for home in homes} & described]
    assert missing == []


def test_every_command_is_described(built: Path) -> None:
    text = (built / "reference-commands.html").read_text(encoding="utf-8")
    names = ["marsam", *_commands(typer.main.get_command(app), "marsam")]
    assert "marsam runs prune" in names
    assert [name for name in names if f"<h2>{name}<" not in text] == []
    assert "Picture i is painted from seed + i." in text


def _commands(command: object, name: str) -> Iterator[str]:
    for below, one in getattr(command, "commands", {}).items():
        yield f"{name} {below}"
        yield from _commands(one, f"{name} {below}")


def test_every_route_is_described(built: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (built / "reference-http.html").read_text(encoding="utf-8"))
    source = "".join(p.read_text() for p in (ROOT / "src" / "marsam" / "api").rglob("*.py"))
    source = source.replace(":path}", "}")
    prefixed = re.findall(r'router\.(get|post|delete)\(\s*"(/[^"]*)"', source)
    assert len(prefixed) > 15
    assert [
        (m, p) for m, p in prefixed if not re.search(rf"{m.upper()} \S*{re.escape(p)}", text)
    ] == []


def test_every_environment_variable_is_described(built: Path) -> None:
    text = (built / "reference-settings.html").read_text(encoding="utf-8")
    assert [one.name for one in VARIABLES if f">{one.name}<" not in text] == []
    # No module reads a variable of Marsam's on its own.
    package = ROOT / "src" / "marsam"
    source = "".join(p.read_text() for p in package.rglob("*.py") if p.name != "environment.py")
    assert re.findall(r"""["'](?:MARSAM_[A-Z]+|PORT)["']""", source) == []


@pytest.mark.parametrize("name", ["troubleshooting.md", "troubleshooting-ar.md"])
def test_messages_are_quoted_as_the_program_words_them(name: str) -> None:
    literals = "\n".join(
        node.value
        for path in (ROOT / "src" / "marsam").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    catalogue = ROOT / "src" / "marsam" / "locale" / "ar.po"
    literals += catalogue.read_text(encoding="utf-8").replace("`", "")
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    symptoms = "\n".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE))
    quoted = re.findall("`[^`]+`|«[^»]+»", symptoms)
    # Values may stand where a message is split; a shell's own messages are not Marsam's.
    fragments = {part.strip() for quote in quoted for part in re.split("[`«»…;؛:()]", quote)}
    fragments = {part for part in fragments if part.count(" ") > 1} - {"command not found"}
    assert len(fragments) > 40
    assert sorted(part for part in fragments if part not in literals) == []


@pytest.mark.parametrize("name", ["README.md", "README.ar.md"])
def test_what_a_readme_links_to_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = [*re.findall(r"\]\(([^)]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    links = [link for link in found if "://" not in link]
    assert {"docs/film-small.webp", "docs/mini-things.png"} < set(links)
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_every_extra_named_exists_and_none_comes_from_an_index() -> None:
    """Marsam is on no package index: its bare name would find nothing, or another project."""
    paths = [ROOT / name for name in ("README.md", "README.ar.md", "CONTRIBUTING.md", "Dockerfile")]
    for folder, pattern in (("docs", "*.md"), ("src/marsam", "*.py"), ("examples", "*.ipynb")):
        paths += (ROOT / folder).rglob(pattern)
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"""['" ]\.\[([a-z0-9,]+)\]|marsam\[([a-z0-9,]+)\] @ git""", text)
    named = {name for pair in extras for name in ",".join(filter(None, pair)).split(",")}
    assert {"parquet", "postgres", "s3", "cluster"} <= named
    assert named <= set(project["optional-dependencies"])
    install, name = r"\b(?:pip|pipx|tool) install (?:-\S+ )*", r"""['"]?marsam(?:\[[\w,]+\])?"""
    assert re.findall(rf"{install}{name}(?![\w./\[]| @ git)", text) == []


def test_the_tests_of_the_guarantees_exist() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:tests/)?((?:\w+/)?test_\w+\.py)`", page))
    assert len(named) > 10
    assert [name for name in named if not list((ROOT / "tests").glob(f"**/{name}"))] == []


def test_arabic_pages_read_from_right_to_left(built: Path) -> None:
    text = (built / "ar.html").read_text(encoding="utf-8")
    page = re.search(r'<div dir="rtl" lang="ar">(.*)</section>\s*</div>', text, re.DOTALL)
    assert page
    assert "ابدأ من هنا" in page[1]
    assert "captions.csv" in page[1]
