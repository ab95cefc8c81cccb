"""``marsam batch``: a folder of pictures into tables, pages and sidecars."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any

import typer

from marsam.batch.sidecars import Sidecar
from marsam.cli.console import away, counter, print_json, say_mini, stoppable
from marsam.cli.options import DeviceOption, Json, Models, Translator
from marsam.options import ELSEWHERE, MAX_PICTURES, BatchOptions, PaintOptions, TranslateOptions
from marsam.recipes import Recipe

SEVERAL = 10
"""Errors that are told one by one; the tables have all."""


def batch(
    folder: Annotated[Path, typer.Argument(help="Pictures, however deep in folders.")],
    out: Annotated[
        list[Path],
        typer.Option(
            "--out", help="A table: .csv, .jsonl, .parquet, or a page: .html. Repeatable."
        ),
    ],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="A language beside English. Repeatable.", show_default="ar"),
    ] = None,
    pictures: Annotated[
        int, typer.Option("-n", "--pictures", min=0, max=MAX_PICTURES, help="New pictures of each.")
    ] = 0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Of the first.", show_default="by the picture's content"),
    ] = None,
    recipe: Annotated[
        Recipe, typer.Option(help="How much time a new picture gets.")
    ] = Recipe.BALANCED,
    sidecar: Annotated[
        Sidecar | None, typer.Option(help="Also write the words beside each picture.")
    ] = None,
    glossary: Annotated[
        Path | None, typer.Option(help="A TOML file of terms that must come out right.")
    ] = None,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Ray's machines do the work: local, auto or HOST:PORT of its head."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Describe a whole folder; stopped or killed, the same command goes on where it was."""
    from marsam.batch.cache import Memory
    from marsam.batch.discovery import find
    from marsam.batch.engine import Engine, LocalEngine
    from marsam.batch.known import Known, models_of
    from marsam.batch.outputs import open_outputs, reviewed_rows
    from marsam.batch.pipeline import Describer
    from marsam.batch.sidecars import write
    from marsam.errors import OptionError
    from marsam.journal.journal import data_folder
    from marsam.studio import Studio
    from marsam.text.glossary import Glossary, load_glossary
    from marsam.text.languages import ENGLISH, language

    if cluster is not None and pictures:
        raise OptionError(
            "A cluster describes a folder and does not paint: run the command without -n first, "
            "then the same with -n and without --cluster."
        )
    if cluster is not None and translator is not None:
        raise OptionError(ELSEWHERE)
    codes = [language(name).code for name in to or ["ar"]]
    codes = [code for code in dict.fromkeys(codes) if code != ENGLISH.code]
    terms = load_glossary(glossary) if glossary else Glossary()
    options = BatchOptions(
        languages=tuple(codes),
        translate=TranslateOptions(glossary=terms),
        paint=PaintOptions(pictures=pictures, seed=seed, recipe=recipe) if pictures else None,
    )
    reviewed = reviewed_rows(out)
    album = out[0].with_name(f"{out[0].stem}-pictures")
    total = sum(1 for _ in find(folder, leave_out=album))
    there = [code for row in reviewed.values() for code in row.texts]
    codes = [ENGLISH.code, *dict.fromkeys((*codes, *(c for c in there if c != ENGLISH.code)))]
    started, failed, done, in_the_way, unwritten = time.monotonic(), 0, 0, 0, 0
    with ExitStack() as stack:
        memory = stack.enter_context(closing(Memory(data_folder() / "captions.db")))
        tables = stack.enter_context(open_outputs(out, codes, folder, album))
        far = None
        if cluster is not None:
            from marsam.cluster import cluster_machines

            far = stack.enter_context(cluster_machines(cluster, models=models, device=device))
        studio = far.studio if far else Studio.load(models, translator=translator, device=device)
        if not as_json:
            say_mini(studio)
        known = Known(memory=memory, options=options, models=models_of(studio), reviewed=reviewed)
        engine: Engine = LocalEngine(studio=studio, known=known)
        if far:
            engine = stack.enter_context(far.engine(known))
        describer = Describer(
            engine=engine, known=known, painter=studio.painter, folder=folder, album=album
        )
        rows = stack.enter_context(closing(describer.rows(find(folder, leave_out=album))))
        advance, shown = stack.enter_context(counter(total, visible=not as_json))
        stopped = stack.enter_context(stoppable())

        def tell(count: int, sentence: str) -> None:
            if count <= SEVERAL and not as_json:
                with away(shown):
                    typer.echo(sentence, err=True)

        try:
            for row in rows:
                stopped()
                for table in tables:
                    table.write(row)
                if sidecar and not row.error:
                    try:
                        in_the_way += write(sidecar, folder / row.path, row, memory) is None
                    except OptionError as error:  # the fault of one folder or name
                        unwritten += 1
                        tell(unwritten, str(error))
                done, failed = done + 1, failed + bool(row.error)
                if row.error:
                    tell(failed, f"{row.path}: {row.error}")
                advance()
        except KeyboardInterrupt:
            told = f"{done} of {total} pictures are done; the same command goes on from there."
            with away(shown):
                typer.echo(told, err=True)
            raise
    _report(done, failed, in_the_way, unwritten, out, time.monotonic() - started, as_json=as_json)
    if failed or unwritten:
        raise typer.Exit(1)


def _report(
    done: int,
    failed: int,
    in_the_way: int,
    unwritten: int,
    out: Sequence[Path],
    seconds: float,
    *,
    as_json: bool,
) -> None:
    told: dict[str, Any] = {
        "pictures": done,
        "described": done - failed,
        "failed": failed,
        "sidecars_failed": unwritten,
        "out": [str(path) for path in out],
        "seconds": round(seconds, 3),
    }
    if as_json:
        print_json(told)
        return
    for path in out:
        typer.echo(str(path))
    if failed > SEVERAL:
        typer.echo(f"… and {failed - SEVERAL} more, in the table.", err=True)
    typer.echo(f"{done - failed} of {done} pictures described in {seconds:.0f} s.", err=True)
    if in_the_way:
        typer.echo(f"{in_the_way} sidecars were left alone: others wrote them.", err=True)
    if unwritten:
        typer.echo(f"{unwritten} sidecars could not be written.", err=True)
