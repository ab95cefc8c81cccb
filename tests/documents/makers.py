"""Other programs that make documents, in folders of their own.

Each function makes documents in a folder, and returns them.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata, resources
from pathlib import Path
from typing import Any, cast

from tests.documents import sources
from tests.helpers.packages import members, with_members

STRESS = bool(os.environ.get("MARSAM_STRESS"))
TEMPLATES = {"ott": "ott", "dotx": "dotx:MS Word 2007 XML Template"} if STRESS else {}
TEXT_FORMATS = TEMPLATES | {
    "odt": "odt",
    "docx": "docx:MS Word 2007 XML",
    "docm": "docm:MS Word 2007 XML VBA",
    "epub": "epub",
    "html": "html:HTML (StarWriter)",
    "xhtml": "xhtml:XHTML Writer File:UTF8",
}
SHOWS = {"ppsx": "ppsx:Impress MS PowerPoint 2007 XML AutoPlay"} if STRESS else {}
SLIDE_FORMATS = SHOWS | {
    "odp": "odp",
    "pptx": "pptx:Impress MS PowerPoint 2007 XML",
    "pptm": "pptm:Impress MS PowerPoint 2007 XML VBA",
}
"""Each costs a second: some are made by ``make stress`` only."""
README_COUNT = 30
MACROS = bytes(range(256)) * 9
SPHINX = """
import sys
from sphinx.cmd.build import main

for arguments in sys.argv[1:]:
    if code := main(arguments.split("|")):
        sys.exit(code)
"""


def convert(files: list[Path], to: str, out: Path, profile: Path) -> list[Path]:
    """Convert files with LibreOffice, in one call."""
    command = [
        *("soffice", f"-env:UserInstallation={profile.as_uri()}", "--headless"),
        *("--convert-to", to, "--outdir", str(out), *map(str, files)),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    suffix = to.partition(":")[0]
    made = [out / f"{one.stem}.{suffix}" for one in files]
    missing = [one.name for one in made if not one.is_file()]
    assert not missing, f"{missing}: {done.stdout}{done.stderr}"
    return made


def libreoffice(folder: Path, profile: Path) -> list[Path]:
    """Articles and slides in the formats of LibreOffice."""
    made = []
    texts = {name: xml.encode() for name, xml in sources.articles().items()}
    shows = {f"slides-{one}": sources.slides(one).encode() for one in sources.WORDS}
    for files, suffix, formats in ((texts, "fodt", TEXT_FORMATS), (shows, "fodp", SLIDE_FORMATS)):
        from_ = [_write(folder / f"{name}.{suffix}", data) for name, data in files.items()]
        for kind, to in formats.items():
            out = folder / kind
            made += convert(from_, to, out, profile)
            if kind == "docm":
                for one in made[-len(from_) :]:
                    one.write_bytes(_with_macros(one.read_bytes()))
    return made


def _with_macros(data: bytes) -> bytes:
    """A document with macros, as far as Marsam sees."""
    types = members(data)["[Content_Types].xml"].decode()
    kind = '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>'
    changes: dict[str, bytes | str] = {
        "[Content_Types].xml": types.replace("</Types>", kind),
        "word/vbaProject.bin": MACROS,
    }
    return with_members(data, changes)


def has_libreoffice() -> bool:
    """Whether LibreOffice is installed, with Writer and Impress."""
    if (program := shutil.which("soffice")) is None:
        return False
    registry = Path(program).resolve().parents[1] / "share" / "registry"
    return all((registry / f"{part}.xcd").is_file() for part in ("writer", "impress"))


def libreoffice_templates(folder: Path) -> list[Path]:
    """The templates that come with LibreOffice."""
    program = Path(shutil.which("soffice") or "").resolve()
    share = program.parents[1] / "share" / "template"
    found = sorted(one for kind in ("ott", "otp") for one in share.rglob(f"*.{kind}"))
    return [_write(folder / one.name, one.read_bytes()) for one in found]


def python_docx(folder: Path) -> list[Path]:
    """Documents in python-docx's template."""
    import docx
    from docx.enum.section import WD_SECTION
    from docx.shared import Inches

    made = []
    for language, words in sources.WORDS.items():
        document = docx.Document()
        document.core_properties.language = language
        document.add_heading(words["title"], 1)
        run = document.add_paragraph(words["first"]).add_run(words["second"])
        run.font.rtl = language == "ar"
        document.add_picture(io.BytesIO(sources.picture(1)), Inches(1))
        document.add_paragraph(words["caption"], style="Caption")
        table = document.add_table(1, 2, style="Light Grid Accent 1")
        cell = table.cell(0, 1).paragraphs[0].add_run(words["more"])
        cell.add_picture(io.BytesIO(sources.picture(2, "JPEG")))
        document.add_comment(run, words["note"], "Somebody", "S")
        document.add_section(WD_SECTION.NEW_PAGE)
        for part in (document.sections[0].header, document.sections[1].footer):
            part.is_linked_to_previous = False
            part.paragraphs[0].add_run().add_picture(io.BytesIO(sources.picture(3)))
        document.save(str(folder / f"docx-{language}.docx"))
        made.append(folder / f"docx-{language}.docx")
    return made


def python_pptx(folder: Path) -> list[Path]:
    """Slides of each layout in python-pptx's template, with a chart and a group."""
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    made = []
    for language, words in sources.WORDS.items():
        show = pptx.Presentation()
        for number, layout in enumerate(show.slide_layouts):
            slide = show.slides.add_slide(layout)
            for placeholder in slide.placeholders:
                if placeholder.has_text_frame:
                    placeholder.text_frame.text = words["first"]
            slide.shapes.add_picture(io.BytesIO(sources.picture(number)), 0, 0)
            slide.notes_slide.notes_text_frame.text = words["note"]
        slide.shapes.add_group_shape().shapes.add_picture(io.BytesIO(sources.picture(99)), 0, 0)
        data: Any = cast("Any", CategoryChartData)()  # it has no types
        data.categories = [words["more"]]
        data.add_series(words["title"], (1,))
        slide.shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 99999, 99999, data)
        show.save(str(folder / f"pptx-{language}.pptx"))
        made.append(folder / f"pptx-{language}.pptx")
    return made


def odfdo(folder: Path) -> list[Path]:
    """Texts and slides in odfdo's templates."""
    from odfdo import Document, DrawPage, Frame, Header, Paragraph

    made = []
    for language, words in sources.WORDS.items():
        for kind, suffix in (("text", "odt"), ("presentation", "odp")):
            document = Document(kind)
            document.body.clear()
            picture = _write(folder / f"{language}.png", sources.picture(1))
            frame = Frame.image_frame(document.add_file(str(picture)), size=("3cm", "2cm"))
            if kind == "text":
                document.body.append(Header(1, words["title"]))
                paragraph = Paragraph(words["first"])
                paragraph.append(frame)
                document.body.append(paragraph)
            else:
                page = DrawPage("one", name=words["title"])
                page.append(frame)
                document.body.append(page)
            path = folder / f"odfdo-{language}.{suffix}"
            document.save(str(path))
            made.append(path)
    return made


def sphinx(folder: Path) -> list[Path]:
    """Websites and books by Sphinx, with MyST and four themes."""
    made, commands = [], []
    for language in sources.WORDS:
        site = folder / language
        _pictures(site)
        rest, markdown = sources.restructured_text(language), sources.markdown(language)
        contents = f"{rest}\n.. toctree::\n\n   page\n   sub/article\n"
        _write(site / "index.rst", contents.encode())
        _write(site / "page.md", markdown.encode())
        nested = rest.replace(":: ", ":: ../")
        _write(site / "sub" / "article.rst", nested.encode())
        title = sources.WORDS[language]["title"]
        configuration = (
            f"project = {title!r}\nauthor = version = '1'\nlanguage = {language!r}\n"
            "extensions = ['myst_parser']\n"
        )
        _write(site / "conf.py", configuration.encode())
        for builder, theme in (
            ("html", "furo"), ("dirhtml", "alabaster"), ("singlehtml", "classic"), ("epub", "epub")
        ):  # fmt: skip
            out = folder / f"{language}-{builder}"
            more = [] if builder == "epub" else ["-D", f"html_theme={theme}"]
            doctrees = ["-d", str(folder / f"{language}-doctrees")]
            parts = ["-q", "-b", builder, *doctrees, *more, str(site), str(out)]
            commands.append("|".join(parts))
            names = {
                "html": ("index.html", "page.html", "sub/article.html"),
                "dirhtml": ("index.html", "page/index.html", "sub/article/index.html"),
                "singlehtml": ("index.html",),
                "epub": (),
            }[builder]
            made += [out / name for name in names]
            if builder == "epub":
                made.append(out / f"{re.sub(r'[^a-zA-Z0-9-]', '', title)}.epub")
    subprocess.run([sys.executable, "-c", SPHINX, *commands], check=True, timeout=300)
    return [one if one.is_file() else next(one.parent.glob("*.epub")) for one in made]


def docutils(folder: Path) -> list[Path]:
    """Pages in HTML 4 and 5, slides and texts by docutils."""
    from docutils.core import publish_file

    made = []
    _pictures(folder)
    for language in sources.WORDS:
        source = _write(folder / f"{language}.rst", sources.restructured_text(language).encode())
        for writer, suffix in (
            ("html4", "html"), ("html5", "html"), ("s5", "html"), ("xhtml", "xhtml"), ("odt", "odt")
        ):  # fmt: skip
            path = folder / f"{writer}-{language}.{suffix}"
            settings = {"language_code": language, "report_level": 5, "_disable_config": True}
            if suffix == "odt":
                settings["create_links"] = True
            publish_file(
                source_path=str(source),
                destination_path=str(path),
                writer="html4" if writer == "xhtml" else writer,
                settings_overrides=settings,
            )
            made.append(path)
    return made


def markdown_it(folder: Path) -> list[Path]:
    """Pages by markdown-it-py."""
    from markdown_it import MarkdownIt

    _pictures(folder)
    made = []
    for language in sources.WORDS:
        body = MarkdownIt("gfm-like").render(sources.markdown(language))
        page = f'<!doctype html>\n<html lang="{language}"><title>x</title>\n{body}</html>\n'
        made.append(_write(folder / f"markdown-it-{language}.html", page.encode()))
    return made


def pandoc(folder: Path) -> list[Path]:
    """Documents in each format that Pandoc writes and Marsam reads."""
    _pictures(folder)
    made = []
    for language in sources.WORDS:
        source = _write(folder / f"{language}.md", sources.markdown(language).encode())
        for to, suffix in (
            ("html5", "html"), ("html4", "htm"), ("docx", "docx"), ("odt", "odt"), ("pptx", "pptx"),
            ("epub3", "epub"), ("epub2", "epub"), ("gfm", "md"), ("commonmark_x", "markdown"),
        ):  # fmt: skip
            path = folder / f"{to}-{language}.{suffix}"
            command = ["pandoc", "-s", "-M", f"lang={language}", "-M", "title=x", "-t", to]
            subprocess.run([*command, "-o", path, source], cwd=folder, check=True, timeout=60)
            made.append(path)
    return made


def readmes(folder: Path) -> list[Path]:
    """Descriptions of installed packages in Markdown, some of those that have images."""
    made: list[Path] = []
    for package in sorted(metadata.distributions(), key=lambda one: one.name.lower()):
        details: Any = package.metadata
        text = str(details.get_payload() or details.get("Description") or "")
        is_markdown = "markdown" in (details.get("Description-Content-Type") or "")
        if is_markdown and ("![" in text or "<img" in text) and len(made) < README_COUNT:
            data = text.encode(errors="surrogateescape")
            made.append(_write(folder / f"{package.name}.md", data))
    return made


def themes(folder: Path) -> list[Path]:
    """Templates in Jinja that have images, from Sphinx's themes."""
    made = []
    for name in ("sphinx", "alabaster", "furo"):
        source = Path(str(resources.files(name)))
        for path in sorted(source.rglob("*.html")):
            if b"<img" in path.read_bytes():
                out = folder / name / path.relative_to(source)
                made.append(_write(out, path.read_bytes()))
    return made


def _pictures(folder: Path) -> None:
    for number, name in enumerate("abcd"):
        _write(folder / f"{name}.png", sources.picture(number))


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


MAKERS: Mapping[str, Callable[..., list[Path]]] = {
    "python-docx": python_docx,
    "python-pptx": python_pptx,
    "odfdo": odfdo,
    "Sphinx": sphinx,
    "docutils": docutils,
    "markdown-it-py": markdown_it,
    "descriptions of packages": readmes,
    "templates of Sphinx's themes": themes,
}
"""Python programs that are installed with the development tools, and what packages carry."""
