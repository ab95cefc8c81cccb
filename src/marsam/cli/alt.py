"""``marsam alt``: check the alt texts of documents, and write drafts where they are missing."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from marsam.atomic import atomic_path
from marsam.batch.tables import read_rows
from marsam.cli import console
from marsam.cli import options as shared
from marsam.cli.alt_fill import Filling, print_line
from marsam.cli.terminal_language import in_terminal_language
from marsam.documents.check import LONG_ALT_TEXT
from marsam.documents.fetching import fetching
from marsam.documents.fill import DocumentLanguage, FillOptions, Overwrite
from marsam.documents.formats import READABLE, find_documents
from marsam.documents.report import DocumentCheck, check_document, sarif, summary
from marsam.errors import OptionError
from marsam.imaging.image_io import map_save_errors
from marsam.messages import Message
from marsam.options import BatchOptions, CaptionOptions, TranslateOptions
from marsam.server.options import ServerOptions
from marsam.text.glossary import Glossary, load_glossary

alt_app = typer.Typer(help="Alt text of the images in documents.")

Documents = Annotated[
    list[Path], typer.Argument(help=f"Documents, or folders of them: {READABLE}.")
]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder that absolute paths, such as /images/a.png, start from, and that no path "
        "leaves.",
        show_default="the folder that is named, or that of the document",
    ),
]
FetchFrom = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN",
        help="Fetch images from this origin on the network, such as https://example.org. "
        "Repeatable.",
        show_default="nothing is fetched",
    ),
]


@alt_app.command()
def check(
    paths: Documents,
    root: Root = None,
    max_characters: Annotated[
        int, typer.Option(min=1, help="Report longer alt texts.")
    ] = LONG_ALT_TEXT,
    sarif_file: Annotated[
        Path | None,
        typer.Option(
            "--sarif", metavar="FILE", help="Also write the findings as SARIF, for hosted CI."
        ),
    ] = None,
    as_json: shared.Json = False,
) -> None:
    """Report images without alt text, or with a bad one. Exit code 1 when one is missing."""
    checks = []
    for path, folder in find_documents(paths):
        found = check_document(path, root=root or folder, max_characters=max_characters)
        checks.append(found)
        if not as_json:
            _print_check(checks[-1])
    if sarif_file is not None:
        with map_save_errors(sarif_file.parent), atomic_path(sarif_file) as partial:
            partial.write_text(json.dumps(sarif(checks), ensure_ascii=False), encoding="utf-8")
    if as_json:
        console.print_json({"documents": [check.to_dict() for check in checks]})
    else:
        typer.echo(in_terminal_language(summary(checks)), err=True)
    if any(check.fails for check in checks):
        raise typer.Exit(1)


@alt_app.command()
def fill(
    paths: Documents,
    out: Annotated[Path | None, typer.Option(help="Folder for copies with the alt texts.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Change the documents themselves.")
    ] = False,
    language: Annotated[
        DocumentLanguage,
        typer.Option(help="Language of the alt texts: that of the document, en, ar, or both."),
    ] = FillOptions.language,
    overwrite: Annotated[
        Overwrite,
        typer.Option(
            help="Alt texts to replace: nothing; bad (file names, or words such as image); or all."
        ),
    ] = FillOptions.overwrite,
    mark: Annotated[
        bool,
        typer.Option("--mark", help='Begin each draft with "Described by a model:" / «وصف آلي:».'),
    ] = FillOptions.mark,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Table of the images for marsam review (.csv, .xlsx, .jsonl, .parquet): it is "
            "written, and what people wrote in it is used.",
        ),
    ] = None,
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Write only texts approved in the table.")
    ] = FillOptions.reviewed,
    root: Root = None,
    fetch_from: FetchFrom = None,
    length: shared.Length = CaptionOptions.length,
    ask: shared.Ask = CaptionOptions.ask,
    arabic: shared.ArabicSource = CaptionOptions.arabic,
    glossary: shared.GlossaryFile = None,
    models: shared.Models = None,
    captioner: shared.Captioner = None,
    translator: shared.Translator = None,
    device: shared.DeviceOption = None,
    as_json: shared.Json = False,
) -> None:
    """Write drafts where alt text is missing. A person's words stay. Safe to interrupt."""
    if out is not None and in_place:
        raise OptionError("Choose one: --out FOLDER for copies, or --in-place.")
    if out is None and not in_place and table is None:
        raise OptionError(
            "Choose what to write: --out FOLDER for copies, --in-place for the documents "
            "themselves, or --table FILE for a table to review."
        )
    if reviewed and table is None:
        raise OptionError("--reviewed needs --table.")
    terms = load_glossary(glossary) if glossary else Glossary()
    with fetching(fetch_from or ()) as fetcher:
        filling = Filling(
            paths=paths,
            table=table,
            root=root,
            batch=BatchOptions(
                caption=CaptionOptions(length=length, ask=ask, arabic=arabic),
                translate=TranslateOptions(glossary=terms),
            ),
            models=models,
            captioner=captioner,
            translator=translator,
            device=device,
            fetcher=fetcher,
            as_json=as_json,
        )
        options = FillOptions(language=language, overwrite=overwrite, mark=mark, reviewed=reviewed)
        filling.run(options, out=out, in_place=in_place)


@alt_app.command()
def review(
    paths: Documents,
    out: Annotated[
        Path | None, typer.Option(help="Folder for copies with the approved texts.")
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Write the approved texts into the documents.")
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Table that keeps the work.", show_default="NAME-alt.csv"
        ),
    ] = None,
    language: Annotated[
        DocumentLanguage,
        typer.Option(help="Language of the alt texts: that of the document, en, ar, or both."),
    ] = FillOptions.language,
    root: Root = None,
    fetch_from: FetchFrom = None,
    models: shared.Models = None,
    captioner: shared.Captioner = None,
    translator: shared.Translator = None,
    device: shared.DeviceOption = None,
    own_words: shared.OwnWords = False,
    host: shared.Host = ServerOptions.host,
    port: shared.Port = ServerOptions.port,
    key_file: shared.KeyFile = None,
    insecure: shared.Insecure = False,
) -> None:
    """Review the images of documents in the browser; Ctrl-C writes what was approved."""
    from marsam.cli.review import review as review_table

    if (out is None) != in_place:
        raise OptionError("Choose one: --out FOLDER for copies, or --in-place.")
    first = paths[0].resolve()
    table = table or Path(f"{first.stem if first.is_file() else first.name}-alt.csv")
    with fetching(fetch_from or ()) as fetcher:
        filling = Filling(
            paths=paths,
            table=table,
            root=root,
            models=models,
            captioner=captioner,
            translator=translator,
            device=device,
            fetcher=fetcher,
        )
        options = FillOptions(language=language)
        with suppress(typer.Exit):  # of images that cannot be described: their rows say so
            filling.run(options, out=None, in_place=False)
        if not any(True for _ in read_rows(table)):
            nothing = Message("No image in these documents lacks an alt text.")
            typer.echo(in_terminal_language(nothing))
            return
        with suppress(KeyboardInterrupt):
            review_table(
                table,
                own_words=own_words,
                host=host,
                port=port,
                key_file=key_file,
                insecure=insecure,
            )
        filling.run(replace(options, reviewed=True), out=out, in_place=in_place)


def _print_check(check: DocumentCheck) -> None:
    """Print the findings of a document below its name; nothing when there are none."""
    name = console.shown_name(check.path)
    if check.error is not None:
        console.complain(check.error)
    elif check.findings:
        typer.echo(name)
        for finding in check.findings:
            print_line(finding.image, f"{finding.severity:<7}", finding.message)
