"""``marsam batch``: captions of a folder of pictures as tables, pages and sidecars."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from marsam.batch.cache import BatchContext, ResultCache, models_of
from marsam.batch.discovery import find_images
from marsam.batch.embedding import EmbeddedCopies
from marsam.batch.engine import Engine, LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.rows import NATIVE_COLUMNS, Row, optional_columns
from marsam.batch.sidecars import Sidecars
from marsam.batch.tables import AtomicOutput
from marsam.cli import console
from marsam.cli import options as shared
from marsam.cli.completion import language_names
from marsam.errors import OptionError, PictureError
from marsam.hub.selection import join_sources
from marsam.messages import InBothLanguages, Sentence
from marsam.notices import Notice, notice_sentences
from marsam.options import (
    MAX_PICTURES,
    ArabicCaption,
    BatchOptions,
    CaptionOptions,
    PaintOptions,
    RunOptions,
    TranslateOptions,
    parse_size,
)
from marsam.studio import Studio
from marsam.text.glossary import Glossary, load_glossary
from marsam.text.languages import ARABIC, ENGLISH, language

MAX_PRINTED_ERRORS = 10
"""More errors of one kind are only counted; the tables have all of them."""


def batch(
    folder: Annotated[
        Path, typer.Argument(help="Folder of pictures; its subfolders are included.")
    ],
    out: Annotated[
        list[Path],
        typer.Option(
            "--out",
            help="Table (.csv, .xlsx, .jsonl, .parquet) or page (.html) to write. Repeatable.",
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
    recipe: shared.RecipeOption = PaintOptions.recipe,
    style: shared.StyleOption = PaintOptions.style,
    negative: shared.Negative = PaintOptions.negative_prompt,
    steps: shared.Steps = PaintOptions.steps,
    guidance: shared.Guidance = PaintOptions.guidance_scale,
    size: shared.Size = None,
    strength: shared.Strength = PaintOptions.strength,
    length: shared.Length = CaptionOptions.length,
    ask: shared.Ask = CaptionOptions.ask,
    context: shared.Context = CaptionOptions.context,
    arabic: shared.ArabicSource = CaptionOptions.arabic,
    sidecar: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="Also write the texts to a file beside each picture: txt, xmp, or a name such as "
            "{stem}.txt or {stem}.{language}.txt.",
        ),
    ] = None,
    sidecar_language: Annotated[
        str | None,
        typer.Option(
            help="The only language of the sidecars.",
            show_default="all",
            autocompletion=language_names,
        ),
    ] = None,
    embed: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write copies of the pictures with the texts in their metadata (alt text).",
        ),
    ] = None,
    glossary: shared.GlossaryFile = None,
    models: shared.Models = None,
    captioner: shared.Captioner = None,
    translator: shared.Translator = None,
    painter: shared.Painter = None,
    lora: shared.LoraOption = None,
    device: shared.DeviceOption = None,
    cluster: shared.Cluster = None,
    as_json: shared.Json = False,
) -> None:
    """Caption every image in a folder. Safe to interrupt: run the same command again to resume."""
    from marsam.batch.outputs import kept_rows, open_outputs
    from marsam.journal.journal import data_folder

    if cluster is not None and pictures:
        raise OptionError(
            "A cluster captions a folder but paints no pictures: run the command without -n first, "
            "then the same with -n and without --cluster."
        )
    codes = dict.fromkeys(language(name).code for name in to or ["ar"])
    if arabic != ArabicCaption.TRANSLATED and ARABIC.code not in codes:
        raise OptionError("--arabic needs Arabic among the languages; add it with --to.")
    options = BatchOptions(
        caption=CaptionOptions(length=length, ask=ask, context=context, arabic=arabic),
        languages=tuple(code for code in codes if code != ENGLISH.code),
        translate=TranslateOptions(glossary=load_glossary(glossary) if glossary else Glossary()),
    )
    width, height = parse_size(size)
    paint = PaintOptions(
        pictures=max(1, pictures),
        seed=seed,
        recipe=recipe,
        style=style,
        negative_prompt=negative,
        steps=steps,
        guidance_scale=guidance,
        width=width,
        height=height,
        strength=strength,
    )
    if not pictures and (paint != PaintOptions(pictures=1) or painter or lora):
        raise OptionError("These options are for new pictures; ask for them with -n.")
    kept = kept_rows(out)
    started = time.monotonic()
    kept_codes = (code for row in kept.values() for code in row.texts)
    columns = list(dict.fromkeys((ENGLISH.code, *options.languages, *kept_codes)))
    asked = NATIVE_COLUMNS if arabic != ArabicCaption.TRANSLATED else ()
    optional = dict.fromkeys((*asked, *optional_columns(kept.values())))
    pictures_folder = out[0].with_name(f"{out[0].stem}-pictures")
    beside: list[Sidecars | EmbeddedCopies] = []
    if sidecar is not None:
        only = language(sidecar_language).code if sidecar_language else None
        if only not in (None, *columns):
            raise OptionError("--sidecar-language is none of the languages; add it with --to.")
        beside.append(Sidecars.parse(sidecar, only))
    elif sidecar_language is not None:
        raise OptionError("--sidecar-language needs --sidecar.")
    if embed is not None:
        beside.append(EmbeddedCopies.into(embed, folder))
        console.create_folder(embed, option="--embed")
    excluded = [path for path in (pictures_folder, embed) if path is not None]
    find = partial(find_images, folder, exclude=excluded)
    total = sum(1 for _ in find())
    with ExitStack() as stack:
        cache = stack.enter_context(closing(ResultCache(data_folder() / "captions.db")))
        outputs = stack.enter_context(
            open_outputs(out, columns, folder, pictures_folder, optional=tuple(optional))
        )
        machines = None
        if cluster is not None:
            from marsam.cluster import batch_cluster

            machines = stack.enter_context(
                batch_cluster(
                    cluster,
                    models=models,
                    captioner=captioner,
                    translator=join_sources(translator),
                    device=device,
                )
            )
            studio = machines.studio
        else:
            studio = Studio.load(
                models,
                captioner=captioner,
                translator=translator,
                painter=painter,
                lora=lora,
                device=device,
            )
        studio.captioner.abilities.check(options.caption, studio.captioner.name)
        console.warn_mini_models(studio, quiet=as_json)
        if pictures:
            run = RunOptions(paint=paint, translate=options.translate)
            run = studio.resolve_options(run, has_start=strength is not None)
            paint, notices = studio.prompts.prepare_painting(run)
            console.warn(notice_sentences(notices))
            options = replace(options, paint=paint)
        batch_context = BatchContext(
            cache=cache, options=options, models=models_of(studio), kept=kept
        )
        engine: Engine = LocalEngine(studio=studio, context=batch_context)
        if machines is not None:
            engine = stack.enter_context(machines.engine(batch_context))
        pipeline = BatchPipeline(
            engine=engine,
            context=batch_context,
            painter=studio.painter,
            folder=folder,
            pictures_folder=pictures_folder,
        )
        rows = stack.enter_context(closing(pipeline.rows(find())))

        def save_beside(row: Row) -> bool:
            written = [one.write(folder / row.path, row, cache) for one in beside]
            return all(written)

        counts = _write(rows, outputs, save_beside, total=total, quiet=as_json)
    _report(counts, out, time.monotonic() - started, as_json=as_json)
    if counts["failed"] or counts["sidecars_failed"]:
        raise typer.Exit(1)


def _write(
    rows: Iterable[Row],
    outputs: Sequence[AtomicOutput],
    save_beside: Callable[[Row], bool],
    *,
    total: int,
    quiet: bool,
) -> Counter[str]:
    """Write each row as it arrives, print its error, and count what happened.

    ``save_beside`` writes sidecars and copies; it returns False when a file that Marsam did not
    write has such a name.
    """
    counts = Counter[str]()
    with (
        console.picture_counter(total, visible=not quiet) as (advance, progress),
        console.interruptible() as check_interrupt,
    ):

        def fail(kind: str, error: InBothLanguages, *, about: str = "") -> None:
            counts[kind] += 1
            if counts[kind] <= MAX_PRINTED_ERRORS and not quiet:
                with console.pause_progress(progress):
                    console.complain(error, about=about)

        try:
            for row in rows:
                check_interrupt()
                for output in outputs:
                    output.write(row)
                counts["done"] += 1
                counts["kept"] += row.is_kept or str(Notice.ALT_TEXT_KEPT) in row.warnings
                if row.error:
                    failure = row.failure or Sentence(row.error, row.error)
                    fail("failed", failure, about=console.shown_name(row.path))
                else:
                    try:
                        counts["sidecars_skipped"] += not save_beside(row)
                    except (OptionError, PictureError) as error:  # of this folder or name only
                        fail("sidecars_failed", error)
                advance()
        except KeyboardInterrupt:
            with console.pause_progress(progress):
                typer.echo(
                    f"{counts['done']} of {total} pictures are done. "
                    "Run the same command again to resume.",
                    err=True,
                )
            raise
    return counts


def _report(counts: Counter[str], out: Sequence[Path], seconds: float, *, as_json: bool) -> None:
    """Print the files that were written, and a summary."""
    done, failed = counts["done"], counts["failed"]
    if as_json:
        console.print_json(
            {
                "pictures": done,
                "described": done - failed,
                "failed": failed,
                "kept": counts["kept"],
                "sidecars_failed": counts["sidecars_failed"],
                "out": [str(path) for path in out],
                "seconds": round(seconds, 3),
            }
        )
        return
    for path in out:
        typer.echo(str(path))
    if failed > MAX_PRINTED_ERRORS:
        typer.echo(f"… and {failed - MAX_PRINTED_ERRORS} more errors, in the table.", err=True)
    typer.echo(f"Captioned {done - failed} of {done} pictures in {seconds:.0f} s.", err=True)
    for kind, sentence in (
        ("kept", "Pictures whose texts a person wrote or approved, and that were kept"),
        ("sidecars_skipped", "Sidecars or copies kept that another program wrote"),
        ("sidecars_failed", "Sidecars or copies that could not be written"),
    ):
        if counts[kind]:
            typer.echo(f"{sentence}: {counts[kind]}.", err=True)
