"""The command line. Heavy libraries are imported inside the commands that need them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marsam.cli.batch import batch
from marsam.cli.completion import completion, get_ready, language_names
from marsam.cli.console import print_json, say_mini, tell, warn
from marsam.cli.info import info, show
from marsam.cli.models import models_app
from marsam.cli.options import DeviceOption, Json, Models, StageModel, Translator
from marsam.cli.review import review
from marsam.cli.runs import runs_app
from marsam.cli.serve import serve, studio
from marsam.cpu.allocator import retain_freed_memory
from marsam.errors import (
    Cancelled,
    JournalError,
    MarsamError,
    OptionError,
    PictureError,
    PromptError,
    RunMissing,
)
from marsam.hub.telemetry import disable_telemetry
from marsam.options import MAX_PICTURES, CaptionOptions, PaintOptions, RunOptions, TranslateOptions
from marsam.recipes import Recipe, recipe_named
from marsam.version import __version__

if TYPE_CHECKING:
    from marsam.results import Event
    from marsam.studio import Studio

app = typer.Typer(
    help="Marsam (مرسم): a picture into words and words back into pictures, in English and Arabic.",
    no_args_is_help=True,
    add_completion=False,  # marsam completion does it, and writes into nobody's files
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models", no_args_is_help=True)
app.add_typer(runs_app, name="runs", no_args_is_help=True)

DEFAULTS = PaintOptions()
CAPTION_DEFAULTS = CaptionOptions()
RUN_DEFAULTS = RunOptions()

Count = Annotated[
    int, typer.Option("-n", "--pictures", min=1, max=MAX_PICTURES, help="How many new pictures.")
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Picture i is painted from seed + i.", show_default="chance"),
]
RecipeOption = Annotated[Recipe, typer.Option(help="How much time a picture gets.")]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Language of the prompt.",
        show_default="told by its letters",
        autocompletion=language_names,
    ),
]
Check = Annotated[
    bool, typer.Option("--check/--no-check", help="Compare each new picture with its prompt.")
]
KeepBest = Annotated[
    int | None, typer.Option(min=1, help="Keep only so many: those that kept their word best.")
]
Out = Annotated[Path, typer.Option("--out", help="Folder for the new pictures.")]
DEFAULT_OUT = Path("pictures")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"marsam {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = debug


@app.command()
def run(
    image: Annotated[Path | None, typer.Argument(help="A JPEG, PNG or WebP picture.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Paint from these words instead, in English or Arabic.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="Paint a picture of Marsam's again, exactly.")
    ] = None,
    pictures: Count = DEFAULTS.pictures,
    seed: Seed = DEFAULTS.seed,
    recipe: RecipeOption = DEFAULTS.recipe,
    language: LanguageOption = None,
    check: Check = RUN_DEFAULTS.check,
    keep_best: KeepBest = RUN_DEFAULTS.keep_best,
    out: Out = DEFAULT_OUT,
    models: Models = None,
    captioner: StageModel = None,
    translator: Translator = None,
    painter: StageModel = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Describe a picture in English and Arabic, and paint new ones from the English words."""
    from marsam.runs.eta import TimeEstimator, timings_file
    from marsam.studio import Studio

    if like is not None:
        if image is not None or prompt is not None:
            raise OptionError("--like needs neither a picture nor a prompt.")
        _repeat(like, out, device=device, as_json=as_json)
        return
    options = RunOptions(
        paint=PaintOptions(pictures=pictures, seed=seed, recipe=recipe),
        language=_code(language),
        check=check,
        keep_best=keep_best,
    )
    studio = Studio.load(
        models, captioner=captioner, translator=translator, painter=painter, device=device
    )
    if not as_json:
        say_mini(studio)
    events = _kept(studio, image, options, prompt)
    events = TimeEstimator(studio, timings_file()).observe(events)
    tell(events, options, out, as_json=as_json)


def _kept(
    studio: "Studio", image: Path | None, options: RunOptions, prompt: str | None
) -> "Iterator[Event]":
    """A run that the journal remembers; without a journal, still a run."""
    from marsam.journal.journal import Journal
    from marsam.journal.records import NewRun
    from marsam.runs.execution import create_run, execute_and_record

    try:
        journal = Journal()
        new = NewRun(client="command-line", options=options, image=image, prompt=prompt)
        run = create_run(studio, journal, new)
    except JournalError as error:
        typer.echo(f"{error} This run is not remembered.", err=True)
        return studio.stream(image, options, prompt=prompt)
    return execute_and_record(studio, journal, run)


def _repeat(like: Path, out: Path, *, device: str | None, as_json: bool) -> None:
    """Paint the picture of a record again."""
    from marsam.hub.catalog import SETS
    from marsam.hub.selection import stage_name
    from marsam.imaging.metadata import read_record
    from marsam.studio import Studio

    record = read_record(like)
    if record is None:
        raise PictureError(f"{like.name} carries no record of Marsam.")
    names = {stage_name(entry, entry.painter): entry.name for entry in SETS.values()}
    known = names.get(record.painter)
    studio = Studio.load(known, painter=None if known else record.painter, device=device)
    options = RunOptions(
        paint=PaintOptions(
            pictures=1,
            seed=record.seed,
            recipe=recipe_named(record.recipe),
            steps=record.steps,
            guidance_scale=record.guidance_scale,
            negative_prompt=record.negative_prompt,
            width=record.width,
            height=record.height,
        ),
        language="eng_Latn",
        check=False,
    )
    tell(studio.stream(None, options, prompt=record.prompt), options, out, as_json=as_json)


@app.command()
def caption(
    images: Annotated[list[Path], typer.Argument(help="JPEG, PNG or WebP pictures.")],
    candidates: Annotated[
        int, typer.Option(min=1, max=5, help="How many different captions a picture.")
    ] = CAPTION_DEFAULTS.candidates,
    prefix: Annotated[
        str, typer.Option(help='Words the caption begins with ("a photograph of").')
    ] = CAPTION_DEFAULTS.prefix,
    sampling: Annotated[
        bool, typer.Option("--sampling", help="Draw captions by chance instead of beams.")
    ] = CAPTION_DEFAULTS.sampling,
    seed: Annotated[int, typer.Option(min=0, help="For --sampling.")] = CAPTION_DEFAULTS.seed,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Describe pictures in English and Arabic; a bad picture does not stop the others."""
    from marsam.studio import Studio

    options = CaptionOptions(candidates=candidates, prefix=prefix, sampling=sampling, seed=seed)
    studio = Studio.load(models, translator=translator, device=device)
    if not as_json:
        say_mini(studio)
    rows: list[dict[str, Any]] = []
    for path in images:
        try:
            words = studio.describe(path, options)
        except MarsamError as error:
            rows.append({"path": str(path), "error": str(error)})
            if not as_json:
                typer.echo(f"{path}: {error}", err=True)
            continue
        told = [
            {"en": english.text, "ar": twin.text, "score": round(english.score, 4)}
            for english, twin in words
        ]
        row = {"path": str(path), "en": told[0]["en"], "ar": told[0]["ar"]}
        rows.append(row | ({"candidates": told} if candidates > 1 else {}))
        for english, twin in words:
            warn(english.warnings)
            if not as_json:
                lead = f"{path}: " if len(images) > 1 else ""
                typer.echo(f"{lead}{english.text}\n{lead}{twin.text}")
    if as_json:
        print_json({"captions": rows})
    if any("error" in row for row in rows):
        raise typer.Exit(1)


@app.command()
def translate(
    text: Annotated[str, typer.Argument(help="The text; - reads it from the input.")],
    source: Annotated[
        str,
        typer.Option(
            "--from", help="Language: a name, en, eng_Latn…", autocompletion=language_names
        ),
    ] = "en",
    target: Annotated[
        str,
        typer.Option("--to", help="Language: a name, ar, arb_Arab…", autocompletion=language_names),
    ] = "ar",
    back: Annotated[bool, typer.Option("--back", help="Also translate the answer back.")] = False,
    glossary: Annotated[
        Path | None, typer.Option(help="A TOML file of terms that must come out right.")
    ] = None,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Translate a text."""
    from marsam.studio import Studio
    from marsam.text.glossary import Glossary, load_glossary
    from marsam.text.languages import language

    options = TranslateOptions(
        source=language(source).code,
        target=language(target).code,
        back=back,
        glossary=load_glossary(glossary) if glossary else Glossary(),
    )
    try:
        given = sys.stdin.read() if text == "-" else text
    except UnicodeDecodeError as error:
        raise PromptError("The text is not UTF-8; save it as UTF-8 and try again.") from error
    studio = Studio.load(models, translator=translator, device=device)
    if not as_json:
        say_mini(studio)
    answer = studio.translator.translate(given, options)
    warn(answer.warnings)
    if as_json:
        beside = {"back": answer.back, "standard": answer.standard}
        told = {name: words for name, words in beside.items() if words is not None}
        print_json({"text": answer.text, "to": answer.target} | told)
        return
    typer.echo(answer.text)
    if answer.standard is not None:
        typer.echo(f"arb_Arab: {answer.standard}")
    if answer.back is not None:
        typer.echo(f"{answer.source}: {answer.back}")


@app.command()
def paint(
    prompt: Annotated[str, typer.Argument(help="What to paint, in English or Arabic.")],
    pictures: Count = DEFAULTS.pictures,
    seed: Seed = DEFAULTS.seed,
    recipe: RecipeOption = DEFAULTS.recipe,
    language: LanguageOption = None,
    check: Check = RUN_DEFAULTS.check,
    keep_best: KeepBest = RUN_DEFAULTS.keep_best,
    out: Out = DEFAULT_OUT,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Paint pictures from words, in English or Arabic."""
    run(
        prompt=prompt,
        pictures=pictures,
        seed=seed,
        recipe=recipe,
        language=language,
        check=check,
        keep_best=keep_best,
        out=out,
        models=models,
        translator=translator,
        device=device,
        as_json=as_json,
    )


app.command()(show)
app.command()(batch)
app.command()(review)
app.command()(studio)
app.command()(serve)
app.command()(completion)
app.command()(info)


def _code(name: str | None) -> str | None:
    from marsam.text.languages import language

    return language(name).code if name else None


def main() -> None:
    """Run the command line; errors are one sentence on stderr and exit code 1."""
    debug = "--debug" in sys.argv
    disable_telemetry()
    retain_freed_memory()
    get_ready()
    try:
        app()
    except (KeyboardInterrupt, Cancelled):
        typer.echo("Stopped.", err=True)
        sys.exit(130)
    except MarsamError as error:
        if debug:
            raise
        hint = " List your runs with: marsam runs list" if isinstance(error, RunMissing) else ""
        typer.echo(f"{error}{hint}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
