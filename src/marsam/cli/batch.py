"""``marsam batch``: captions of a folder of pictures as tables, pages and sidecars."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marsam.batch.sidecars import Sidecar
from marsam.cli.console import (
    interruptible,
    pause_progress,
    picture_counter,
    print_json,
    warn_mini_models,
)
from marsam.cli.options import RECIPE_HELP, DeviceOption, GlossaryFile, Json, Models, Translator
from marsam.options import (
    MAX_PICTURES,
    TRANSLATOR_NOT_ON_CLUSTER,
    BatchOptions,
    PaintOptions,
    TranslateOptions,
)
from marsam.recipes import Recipe

if TYPE_CHECKING:
    from marsam.batch.cache import ResultCache
    from marsam.batch.rows import Row
    from marsam.batch.tables import AtomicOutput

MAX_PRINTED_ERRORS = 10
"""More errors of one kind are only counted; the tables have all of them."""


@dataclass(kw_only=True)
class _Batch:
    """What a batch reads and writes, and what it has done so far.

    Attributes:
        folder: of the pictures.
        out: the tables and pages to write.
        options: for each picture.
        reviewed: rows of earlier tables that were reviewed, by the pictures' hashes.
        sidecar: format of the file to write beside each picture.
        quiet: print no progress and no errors.
    """

    folder: Path
    out: Sequence[Path]
    options: BatchOptions
    reviewed: "dict[str, Row]"
    sidecar: Sidecar | None
    quiet: bool
    total: int = 0
    done: int = 0
    failed: int = 0
    sidecars_skipped: int = 0
    sidecars_failed: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def pictures_folder(self) -> Path:
        """The folder for new pictures, which is not searched."""
        return self.out[0].with_name(f"{self.out[0].stem}-pictures")

    @property
    def columns(self) -> list[str]:
        """NLLB codes of the texts: English, the requested languages, and those of ``reviewed``."""
        from marsam.text.languages import ENGLISH

        reviewed = (code for row in self.reviewed.values() for code in row.texts)
        return list(dict.fromkeys((ENGLISH.code, *self.options.languages, *reviewed)))

    def paths(self) -> Iterator[Path]:
        """Find the pictures."""
        from marsam.batch.discovery import find_images

        return find_images(self.folder, exclude=self.pictures_folder)

    def write(
        self, rows: "Iterator[Row]", outputs: "Sequence[AtomicOutput]", cache: "ResultCache"
    ) -> None:
        """Write each row as it arrives, count it, and print its error."""
        from marsam.batch.sidecars import write_sidecar
        from marsam.errors import OptionError

        with (
            picture_counter(self.total, visible=not self.quiet) as (advance, progress),
            interruptible() as check_interrupt,
        ):

            def print_error(number: int, sentence: str) -> None:
                if number <= MAX_PRINTED_ERRORS and not self.quiet:
                    with pause_progress(progress):
                        typer.echo(sentence, err=True)

            try:
                for row in rows:
                    check_interrupt()
                    for output in outputs:
                        output.write(row)
                    self.done += 1
                    if row.error:
                        self.failed += 1
                        print_error(self.failed, f"{row.path}: {row.error}")
                    elif self.sidecar:
                        try:
                            image = self.folder / row.path
                            path = write_sidecar(self.sidecar, image, row, cache)
                            self.sidecars_skipped += path is None
                        except OptionError as error:  # of this folder or name only
                            self.sidecars_failed += 1
                            print_error(self.sidecars_failed, str(error))
                    advance()
            except KeyboardInterrupt:
                with pause_progress(progress):
                    typer.echo(
                        f"{self.done} of {self.total} pictures are done. "
                        "Run the same command again to resume.",
                        err=True,
                    )
                raise

    def report(self) -> None:
        """Print the files that were written, and a summary."""
        seconds, described = time.monotonic() - self.started, self.done - self.failed
        if self.quiet:
            print_json(
                {
                    "pictures": self.done,
                    "described": described,
                    "failed": self.failed,
                    "sidecars_failed": self.sidecars_failed,
                    "out": [str(path) for path in self.out],
                    "seconds": round(seconds, 3),
                }
            )
            return
        for path in self.out:
            typer.echo(str(path))
        summary = [f"Captioned {described} of {self.done} pictures in {seconds:.0f} s."]
        if self.failed > MAX_PRINTED_ERRORS:
            more = self.failed - MAX_PRINTED_ERRORS
            summary.insert(0, f"… and {more} more errors, in the table.")
        if self.sidecars_skipped:
            summary.append(f"Sidecars kept that another program wrote: {self.sidecars_skipped}.")
        if self.sidecars_failed:
            summary.append(f"Sidecars that could not be written: {self.sidecars_failed}.")
        typer.echo("\n".join(summary), err=True)


def batch(
    folder: Annotated[
        Path, typer.Argument(help="Folder of pictures; its subfolders are included.")
    ],
    out: Annotated[
        list[Path],
        typer.Option(
            "--out", help="Table (.csv, .jsonl, .parquet) or page (.html) to write. Repeatable."
        ),
    ],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="Language to translate into. Repeatable.", show_default="ar"),
    ] = None,
    pictures: Annotated[
        int,
        typer.Option(
            "-n", "--pictures", min=0, max=MAX_PICTURES, help="New pictures for each picture."
        ),
    ] = 0,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Seed of the first new picture.", show_default="from the picture's content"
        ),
    ] = None,
    recipe: Annotated[Recipe, typer.Option(help=RECIPE_HELP)] = Recipe.BALANCED,
    sidecar: Annotated[
        Sidecar | None, typer.Option(help="Also write the texts to a file beside each picture.")
    ] = None,
    glossary: GlossaryFile = None,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Run the models on a Ray cluster: local, auto or HOST:PORT of its head."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Caption every image in a folder. Safe to interrupt: run the same command again to resume."""
    from marsam.batch.cache import BatchContext, ResultCache, models_of
    from marsam.batch.engine import Engine, LocalEngine
    from marsam.batch.outputs import open_outputs, reviewed_rows
    from marsam.batch.pipeline import BatchPipeline
    from marsam.errors import OptionError
    from marsam.journal.journal import data_folder
    from marsam.studio import Studio

    if cluster is not None and pictures:
        raise OptionError(
            "A cluster captions a folder but paints no pictures: run the command without -n first, "
            "then the same with -n and without --cluster."
        )
    if cluster is not None and translator is not None:
        raise OptionError(TRANSLATOR_NOT_ON_CLUSTER)
    paint = PaintOptions(pictures=pictures, seed=seed, recipe=recipe) if pictures else None
    options = _options(to, glossary, paint)
    reviewed = reviewed_rows(out)
    job = _Batch(
        folder=folder, out=out, options=options, reviewed=reviewed, sidecar=sidecar, quiet=as_json
    )
    job.total = sum(1 for _ in job.paths())
    with ExitStack() as stack:
        cache = stack.enter_context(closing(ResultCache(data_folder() / "captions.db")))
        outputs = stack.enter_context(open_outputs(out, job.columns, folder, job.pictures_folder))
        machines = None
        if cluster is not None:
            from marsam.cluster import batch_cluster

            machines = stack.enter_context(batch_cluster(cluster, models=models, device=device))
            studio = machines.studio
        else:
            studio = Studio.load(models, translator=translator, device=device)
        if not as_json:
            warn_mini_models(studio)
        context = BatchContext(
            cache=cache, options=options, models=models_of(studio), reviewed=reviewed
        )
        engine: Engine = LocalEngine(studio=studio, context=context)
        if machines is not None:
            engine = stack.enter_context(machines.engine(context))
        pipeline = BatchPipeline(
            engine=engine,
            context=context,
            painter=studio.painter,
            folder=folder,
            pictures_folder=job.pictures_folder,
        )
        job.write(stack.enter_context(closing(pipeline.rows(job.paths()))), outputs, cache)
    job.report()
    if job.failed or job.sidecars_failed:
        raise typer.Exit(1)


def _options(
    to: Sequence[str] | None, glossary: Path | None, paint: PaintOptions | None
) -> BatchOptions:
    from marsam.text.glossary import Glossary, load_glossary
    from marsam.text.languages import ENGLISH, language

    codes = dict.fromkeys(language(name).code for name in to or ["ar"])
    terms = load_glossary(glossary) if glossary else Glossary()
    return BatchOptions(
        languages=tuple(code for code in codes if code != ENGLISH.code),
        translate=TranslateOptions(glossary=terms),
        paint=paint,
    )
