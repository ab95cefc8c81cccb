"""``marsam review``: a page to review a table of captions, and the export of its corrections."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from marsam.batch.cache import ResultCache
from marsam.batch.discovery import require_folder
from marsam.cli.options import (
    Host,
    HostNames,
    Insecure,
    KeyFile,
    Origins,
    OwnWords,
    Port,
    PublicUrl,
    TrustedProxies,
)
from marsam.documents.formats import READERS
from marsam.errors import JournalError, OptionError
from marsam.server.options import ServerOptions

SPREADSHEET = ".ods"
"""A document, but who reviews one means a table."""


def review(
    file: Annotated[
        Path, typer.Argument(help="A table of marsam batch: .csv, .xlsx, .jsonl or .parquet.")
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pictures.",
            show_default="the table's folder, then the folders of earlier batches",
        ),
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            help="Write the reviewed captions instead of opening the page: .jsonl (pairs) or .toml "
            "(a glossary). Repeatable."
        ),
    ] = None,
    own_words: OwnWords = False,
    host: Host = ServerOptions.host,
    port: Port = ServerOptions.port,
    key_file: KeyFile = None,
    host_name: HostNames = None,
    origin: Origins = None,
    public_url: PublicUrl = None,
    trusted_proxy: TrustedProxies = None,
    insecure: Insecure = False,
) -> None:
    """Review a table of captions in the browser: correct both languages and mark what is done."""
    if file.is_dir() or file.suffix.lower() in READERS.keys() - {SPREADSHEET}:
        raise OptionError(
            "A table is reviewed here. For the images of documents, use: "
            "marsam alt review {file} --in-place",
            file=file,
        )
    if export:
        from marsam.review.export import export as write

        for path in write(file, export):
            typer.echo(str(path))
        return

    from marsam.batch.images import RowImages
    from marsam.batch.review import Review
    from marsam.server import addresses
    from marsam.server.keys import load_keys
    from marsam.server.listen import listen
    from marsam.server.security import require_key

    keys = load_keys(key_file)
    require_key(host, keys, insecure=insecure)
    if folder is not None:
        require_folder(folder)
    table = Review(file)
    try:
        # Slow to import: wrong options are reported before.
        from marsam.ui.gradio_import import import_gradio

        import_gradio()
        from marsam.review.server import application

        folders = [table.table.parent] if folder is None else [folder, table.table.parent]
        images = RowImages(folders, _open_cache())
        app = application(
            table,
            images,
            keys=keys,
            hosts=host_name or (),
            origins=origin or (),
            public_url=addresses.PublicUrl.parse(public_url) if public_url else None,
            own_words=own_words,
        )
        # To be stopped by a service manager is no failure.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        listen(app, host=host, port=port, trusted_proxies=trusted_proxy or ())
    finally:
        table.close()


def _open_cache() -> ResultCache | None:
    """Open the cache of batches, which knows where pictures are; None when there is none."""
    from marsam.journal.journal import data_folder

    file = data_folder() / "captions.db"
    try:
        return ResultCache(file) if file.is_file() else None
    except JournalError as error:
        typer.echo(f"{error} Pictures that were moved cannot be found.", err=True)
        return None
