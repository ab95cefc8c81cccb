"""``marsam review``: a page to go through a table of captions, and what was corrected, apart."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marsam.cli.options import Host, HostNames, Insecure, KeyFile, Port
from marsam.errors import JournalError, OptionError

if TYPE_CHECKING:
    from marsam.batch.cache import Memory


def review(
    file: Annotated[Path, typer.Argument(help="A table of marsam batch: .csv, .jsonl, .parquet.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where the pictures are.", show_default="beside the table, or where seen"
        ),
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            help="Open no page; write what was reviewed: .jsonl (pairs), .toml (a glossary). "
            "Repeatable."
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    key_file: KeyFile = None,
    host_name: HostNames = None,
    insecure: Insecure = False,
) -> None:
    """Go through a table of captions, correct either language, and mark what was reviewed."""
    if export:
        from marsam.review.export import export as write

        for path in write(file, export):
            typer.echo(str(path))
        return

    from marsam.review.images import Pictures
    from marsam.review.table import Review
    from marsam.server.listen import load_keys
    from marsam.server.security import require_key

    keys = load_keys(key_file)
    require_key(host, keys, insecure=insecure)
    if folder is not None and not folder.is_dir():
        raise OptionError(f"There is no folder {folder}.")
    table = Review(file)
    try:
        from marsam.review.server import serve  # slow: mistakes are told before

        folders = [place for place in (folder, table.table.parent) if place is not None]
        memory = _memory()
        serve(
            table,
            Pictures(folders, memory),
            host=host,
            port=port,
            keys=keys,
            hosts=host_name or (),
        )
    finally:
        table.close()


def _memory() -> "Memory | None":
    """Where pictures were seen; without it, they are looked for beside the table only."""
    from marsam.batch.cache import Memory
    from marsam.journal.journal import data_folder

    file = data_folder() / "captions.db"
    if not file.is_file():
        return None
    try:
        return Memory(file)
    except JournalError as error:
        typer.echo(f"{error} Pictures that were moved are not found.", err=True)
        return None
