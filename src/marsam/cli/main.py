"""The command line. Heavy libraries are imported inside the commands that need them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]

from marsam.cli.alt import alt_app
from marsam.cli.batch import batch
from marsam.cli.completion import completion, language_names
from marsam.cli.console import complain, render_events, save_to, warn_mini_models
from marsam.cli.info import info, required_record, show
from marsam.cli.models import models_app
from marsam.cli.options import (
    ArabicSource,
    Ask,
    AsWritten,
    Captioner,
    Context,
    DeviceOption,
    GlossaryFile,
    Guidance,
    Json,
    Length,
    LoraOption,
    Models,
    Negative,
    Painter,
    RecipeOption,
    Size,
    Steps,
    Strength,
    StyleOption,
    Translator,
)
from marsam.cli.review import review
from marsam.cli.runs import lora_of_hub, runs_app, set_with_painter
from marsam.cli.serve import serve, studio
from marsam.cli.text import caption, refuse_folder, translate
from marsam.errors import Cancelled, JournalError, MarsamError, OptionError, RunMissing
from marsam.imaging.file_kinds import READABLE
from marsam.journal.records import NewRun
from marsam.messages import Message
from marsam.options import (
    DEFAULT_STRENGTH,
    MAX_PICTURES,
    CaptionOptions,
    PaintOptions,
    RunOptions,
    TranslateOptions,
    parse_size,
)
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
app.add_typer(alt_app, name="alt", no_args_is_help=True)
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
    ctx: typer.Context,
    image: Annotated[Path | None, typer.Argument(help=f"A picture: {READABLE}.")] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            help="Paint from this prompt instead, in English or Arabic; with a picture, "
            "variations of it."
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Paint this Marsam picture again, pixel for pixel. If it is a variation of a "
            "picture that is not stored, give that one, too."
        ),
    ] = None,
    pictures: Count = PaintOptions.pictures,
    seed: Seed = PaintOptions.seed,
    recipe: RecipeOption = PaintOptions.recipe,
    style: StyleOption = PaintOptions.style,
    negative: Negative = PaintOptions.negative_prompt,
    steps: Steps = PaintOptions.steps,
    guidance: Guidance = PaintOptions.guidance_scale,
    size: Size = None,
    strength: Strength = PaintOptions.strength,
    length: Length = CaptionOptions.length,
    ask: Ask = CaptionOptions.ask,
    context: Context = CaptionOptions.context,
    arabic: ArabicSource = CaptionOptions.arabic,
    language: LanguageOption = None,
    as_written: AsWritten = PaintOptions.as_written,
    glossary: GlossaryFile = None,
    check: Check = RunOptions.check,
    keep_best: KeepBest = RunOptions.keep_best,
    out: Out = Path("pictures"),
    models: Models = None,
    captioner: Captioner = None,
    translator: Translator = None,
    painter: Painter = None,
    lora: LoraOption = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Caption a picture in English and Arabic, and paint new pictures from the English caption."""
    if like is not None:
        _refuse_others(ctx, {"like", "image", "out", "painter", "lora", "device", "as_json"})
        _repeat(like, image, out, painter=painter, lora=lora, device=device, as_json=as_json)
        return
    if image is not None:
        refuse_folder(image)
    if keep_best is not None and not check:
        raise OptionError("--keep-best needs the prompt check. Remove --no-check.")
    if captioner is not None and prompt is not None and not check:
        raise OptionError("Without the prompt check nothing is captioned. Remove --captioner.")
    width, height = parse_size(size)
    options = RunOptions(
        caption=CaptionOptions(length=length, ask=ask, context=context, arabic=arabic),
        translate=TranslateOptions(glossary=load_glossary(glossary) if glossary else Glossary()),
        paint=PaintOptions(
            pictures=pictures,
            seed=seed,
            recipe=recipe,
            style=style,
            negative_prompt=negative,
            steps=steps,
            guidance_scale=guidance,
            width=width,
            height=height,
            strength=strength,
            as_written=as_written,
        ),
        language=language_named(language).code if language else None,
        check=check,
        keep_best=keep_best,
    )
    studio = Studio.load(
        models,
        captioner=captioner,
        translator=translator,
        painter=painter,
        lora=lora,
        device=device,
    )
    warn_mini_models(studio, quiet=as_json)
    save = save_to(out)
    events = _recorded(studio, image, options, prompt)
    estimator = eta.TimeEstimator(lambda: studio, eta.timings_file())
    events = estimator.observe(events, options)
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
        if prompt is not None:
            return studio.stream(None, options, prompt=prompt, start=image)
        return studio.stream(image, options)
    return execute_and_record(studio, journal, run)


def _refuse_others(ctx: typer.Context, names: set[str]) -> None:
    """Raise OptionError for an option of the command line that is not among these."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        source = ctx.get_parameter_source(name)
        if name not in names and source is not None and source.name == "COMMANDLINE":
            raise OptionError(
                "--like paints a picture as it is recorded; remove {flag}.", flag=parameter.opts[0]
            )


def _repeat(
    like: Path,
    given_start: Path | None,
    out: Path,
    *,
    painter: str | None,
    lora: str | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Paint a picture again from the record in its metadata."""
    from marsam.runs.repeat import (
        repeat_options,
        repeat_prompt,
        require_same_sampling,
        start_picture,
    )

    record = required_record(like)
    known = set_with_painter(record.painter) if painter is None else None
    named = painter or (None if known else record.painter)
    lora = lora or lora_of_hub(record.adapter)
    studio = Studio.load(known, painter=named, lora=lora, device=device)
    require_same_sampling(record, studio.painter)
    start = start_picture(record, given_start)
    options = RunOptions(paint=repeat_options(record), check=False)
    save = save_to(out)
    prompt = repeat_prompt(record, studio.painter)
    events = studio.stream(None, options, prompt=prompt, start=start)
    render_events(events, options, save, as_json=as_json)


def paint(
    ctx: typer.Context,
    prompt: Annotated[str, typer.Argument(help="What to paint, in English or Arabic.")],
    from_image: Annotated[
        Path | None, typer.Option(help="Paint variations of this picture.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            help="How much of the picture is painted anew: from above 0, near to it, to 1, far "
            "from it.",
            show_default=f"{DEFAULT_STRENGTH:g}",
        ),
    ] = PaintOptions.strength,
    pictures: Count = PaintOptions.pictures,
    seed: Seed = PaintOptions.seed,
    recipe: RecipeOption = PaintOptions.recipe,
    style: StyleOption = PaintOptions.style,
    negative: Negative = PaintOptions.negative_prompt,
    steps: Steps = PaintOptions.steps,
    guidance: Guidance = PaintOptions.guidance_scale,
    size: Size = None,
    language: LanguageOption = None,
    as_written: AsWritten = PaintOptions.as_written,
    glossary: GlossaryFile = None,
    check: Check = RunOptions.check,
    keep_best: KeepBest = RunOptions.keep_best,
    out: Out = Path("pictures"),
    models: Models = None,
    captioner: Captioner = None,
    translator: Translator = None,
    painter: Painter = None,
    lora: LoraOption = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Paint pictures from a prompt in English or Arabic."""
    run(
        ctx,
        image=from_image,
        prompt=prompt,
        pictures=pictures,
        seed=seed,
        recipe=recipe,
        style=style,
        negative=negative,
        steps=steps,
        guidance=guidance,
        size=size,
        strength=strength,
        language=language,
        as_written=as_written,
        glossary=glossary,
        check=check,
        keep_best=keep_best,
        out=out,
        models=models,
        captioner=captioner,
        translator=translator,
        painter=painter,
        lora=lora,
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
        complain(Message("Stopped."))
        sys.exit(130)
    except MarsamError as error:
        if "--debug" in sys.argv:
            raise
        if isinstance(error, RunMissing):
            complain(Message("{sentence} List your runs with: marsam runs list", sentence=error))
        else:
            complain(error)
        sys.exit(1)
