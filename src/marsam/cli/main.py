"""The command line. Heavy libraries are imported inside the commands that need them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]

from marsam.cli.batch import batch
from marsam.cli.completion import completion, language_names
from marsam.cli.console import complain, render_events, save_to, warn_mini_models
from marsam.cli.info import info, required_record, show
from marsam.cli.models import models_app
from marsam.cli.options import (
    DeviceOption,
    GlossaryFile,
    Guidance,
    Json,
    Models,
    Negative,
    RecipeOption,
    Size,
    StageModel,
    Steps,
    Translator,
)
from marsam.cli.review import review
from marsam.cli.runs import runs_app, set_with_painter
from marsam.cli.serve import serve, studio
from marsam.cli.text import caption, refuse_folder, translate
from marsam.errors import Cancelled, JournalError, MarsamError, OptionError, RunMissing
from marsam.imaging.file_kinds import READABLE
from marsam.journal.records import NewRun
from marsam.options import MAX_PICTURES, PaintOptions, RunOptions, TranslateOptions, parse_size
from marsam.results import Event
from marsam.runs import eta
from marsam.stages.loading import prepare_process
from marsam.studio import Studio
from marsam.text.glossary import Glossary, load_glossary
from marsam.text.languages import language as language_named
from marsam.version import __version__

app = typer.Typer(
    help="Marsam (مرسم): captions for pictures and pictures from prompts, in English and Arabic.",
    no_args_is_help=True,
    add_completion=False,  # `marsam completion` prints the script and changes no file
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models", no_args_is_help=True)
app.add_typer(runs_app, name="runs", no_args_is_help=True)

Count = Annotated[
    int, typer.Option("-n", "--pictures", min=1, max=MAX_PICTURES, help="Number of new pictures.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Seed of the first picture. Picture i is painted from seed + i.",
        show_default="random",
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Language of the prompt.",
        show_default="Arabic or English, by its letters",
        autocompletion=language_names,
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check/--no-check", help="Caption each new picture and compare it with the prompt."
    ),
]
KeepBest = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Save only the N images that best match the prompt."),
]
Out = Annotated[Path, typer.Option("--out", help="Folder for the new pictures.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"marsam {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Declare the options without a command; :func:`main` reads ``--debug``."""


def run(
    image: Annotated[Path | None, typer.Argument(help=f"A picture: {READABLE}.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Paint from this prompt instead, in English or Arabic.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="Paint this Marsam picture again, pixel for pixel.")
    ] = None,
    pictures: Count = PaintOptions.pictures,
    seed: Seed = PaintOptions.seed,
    recipe: RecipeOption = PaintOptions.recipe,
    negative: Negative = PaintOptions.negative_prompt,
    steps: Steps = PaintOptions.steps,
    guidance: Guidance = PaintOptions.guidance_scale,
    size: Size = None,
    language: LanguageOption = None,
    glossary: GlossaryFile = None,
    check: Check = RunOptions.check,
    keep_best: KeepBest = RunOptions.keep_best,
    out: Out = Path("pictures"),
    models: Models = None,
    captioner: StageModel = None,
    translator: Translator = None,
    painter: StageModel = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Caption a picture in English and Arabic, and paint new pictures from the English caption."""
    if like is not None:
        if image is not None or prompt is not None:
            raise OptionError("--like takes neither a picture nor a prompt.")
        _repeat(like, out, device=device, as_json=as_json)
        return
    if image is not None:
        refuse_folder(image)
    if keep_best is not None and not check:
        raise OptionError("--keep-best needs the prompt check. Remove --no-check.")
    width, height = parse_size(size)
    options = RunOptions(
        translate=TranslateOptions(glossary=load_glossary(glossary) if glossary else Glossary()),
        paint=PaintOptions(
            pictures=pictures,
            seed=seed,
            recipe=recipe,
            negative_prompt=negative,
            steps=steps,
            guidance_scale=guidance,
            width=width,
            height=height,
        ),
        language=language_named(language).code if language else None,
        check=check,
        keep_best=keep_best,
    )
    studio = Studio.load(
        models, captioner=captioner, translator=translator, painter=painter, device=device
    )
    warn_mini_models(studio, quiet=as_json)
    save = save_to(out)
    events = _recorded(studio, image, options, prompt)
    events = eta.TimeEstimator(studio, eta.timings_file()).observe(events)
    render_events(events, options, save, as_json=as_json)


def _recorded(
    studio: Studio, image: Path | None, options: RunOptions, prompt: str | None
) -> Iterator[Event]:
    """Execute a run and store it in the journal; only execute it if the journal cannot be used."""
    from marsam.journal.journal import Journal
    from marsam.runs.execution import create_run, execute_and_record

    try:
        journal = Journal()
        new = NewRun(client="command-line", options=options, image=image, prompt=prompt)
        run = create_run(studio, journal, new)
    except JournalError as error:
        typer.echo(f"{error} This run is not stored.", err=True)
        return studio.stream(image, options, prompt=prompt)
    return execute_and_record(studio, journal, run)


def _repeat(like: Path, out: Path, *, device: str | None, as_json: bool) -> None:
    """Paint a picture again from the record in its metadata."""
    from marsam.runs.repeat import repeat_options, repeat_prompt, require_same_sampling

    record = required_record(like)
    known = set_with_painter(record.painter)
    studio = Studio.load(known, painter=None if known else record.painter, device=device)
    require_same_sampling(record, studio.painter)
    options = RunOptions(paint=repeat_options(record), check=False)
    save = save_to(out)
    events = studio.stream(None, options, prompt=repeat_prompt(record, studio.painter))
    render_events(events, options, save, as_json=as_json)


def paint(
    prompt: Annotated[str, typer.Argument(help="What to paint, in English or Arabic.")],
    pictures: Count = PaintOptions.pictures,
    seed: Seed = PaintOptions.seed,
    recipe: RecipeOption = PaintOptions.recipe,
    negative: Negative = PaintOptions.negative_prompt,
    steps: Steps = PaintOptions.steps,
    guidance: Guidance = PaintOptions.guidance_scale,
    size: Size = None,
    language: LanguageOption = None,
    glossary: GlossaryFile = None,
    check: Check = RunOptions.check,
    keep_best: KeepBest = RunOptions.keep_best,
    out: Out = Path("pictures"),
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Paint pictures from a prompt in English or Arabic."""
    run(
        prompt=prompt,
        pictures=pictures,
        seed=seed,
        recipe=recipe,
        negative=negative,
        steps=steps,
        guidance=guidance,
        size=size,
        language=language,
        glossary=glossary,
        check=check,
        keep_best=keep_best,
        out=out,
        models=models,
        translator=translator,
        device=device,
        as_json=as_json,
    )


for each in (run, caption, translate, paint, show, batch, review, studio, serve, completion, info):
    app.command()(each)


def main() -> None:
    """Run the command line. An error is printed as one sentence on stderr, with exit code 1."""
    prepare_process()
    completion_init()  # typer itself does so only together with two more options
    try:
        app()
    except (KeyboardInterrupt, Cancelled):
        typer.echo("Stopped.", err=True)
        sys.exit(130)
    except MarsamError as error:
        if "--debug" in sys.argv:
            raise
        hint = " List your runs with: marsam runs list" if isinstance(error, RunMissing) else ""
        complain(f"{error}{hint}")
        sys.exit(1)
