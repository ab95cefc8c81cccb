"""``marsam runs``: list, show, resume, export and delete the runs stored on this machine."""

import json
import shutil
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marsam.cli.completion import model_sets
from marsam.cli.console import create_folder, isolate, print_fields, print_json, render_events
from marsam.cli.options import Captioner, DeviceOption, Json, LoraOption, Painter, Translator
from marsam.errors import OptionError, reason_of
from marsam.hub.catalog import SETS, ModelSet
from marsam.hub.locate import is_present
from marsam.hub.selection import OtherModels, join_sources, set_names, split_sources, stage_name
from marsam.journal.records import Run
from marsam.options import RunOptions
from marsam.results import Picture, Prompt
from marsam.studio import Studio

if TYPE_CHECKING:
    from marsam.journal.journal import Journal

runs_app = typer.Typer(
    help="Runs stored on this machine: of the Studio, the API and the command line."
)

Id = Annotated[str, typer.Argument(metavar="RUN", help="ID of the run, as in marsam runs list.")]


@runs_app.command("list")
def list_runs(
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="Maximum number of runs.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """List runs, latest first."""
    runs = _journal().runs(None, limit=limit)
    if as_json:
        print_json({"runs": [_row(run) for run in runs]})
        return
    for run in runs:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        prompt = run.prompt.english if run.prompt else run.prompt_text or ""
        requested = run.options.paint.pictures if run.options else 0
        count = f"{len(run.pictures)}/{requested}"
        typer.echo(f"{run.id}  {created}  {run.state:<11}  {count:>5}  {prompt}")


@runs_app.command("show")
def show_run(run_id: Id, as_json: Json = False) -> None:
    """Show a run: its state, prompt and pictures."""
    run = _journal().run(None, run_id)
    if as_json:
        print_json(_row(run))
        return
    fields = [("State", f"{run.state}: {run.error.message}" if run.error else run.state)]
    if run.prompt is not None:
        fields += [("English", run.prompt.english), ("Arabic", isolate(run.prompt.arabic))]
    fields += [(f"Seed {one.seed}", str(one.path or "blocked")) for one in run.pictures]
    print_fields(fields)


@runs_app.command("resume")
def resume_run(
    run_id: Id,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            help="Model set: standard, free, modern or mini.",
            show_default="the set that the run was started with",
            autocompletion=model_sets,
        ),
    ] = None,
    captioner: Captioner = None,
    translator: Translator = None,
    painter: Painter = None,
    lora: LoraOption = None,
    device: DeviceOption = None,
) -> None:
    """Paint the missing pictures of a run, with the seeds they would have had."""
    from marsam.runs.execution import execute_and_record, require_same_models

    journal = _journal()
    stored = journal.run(None, run_id)
    named = OtherModels(captioner, join_sources(translator), painter, lora)
    if models is None:
        models, named = _models_of(stored, named)
    studio = Studio.load(models, **named._asdict(), device=device)
    require_same_models(stored, studio)
    run = journal.claim(None, run_id, state="running")

    def saved(picture: Picture, _: Prompt | None) -> Path | None:
        return journal.run(None, run_id).pictures[picture.index].path

    # The journal has every picture of a run; the best are chosen when all are there.
    options = replace(run.options or RunOptions(), keep_best=None)
    with closing(execute_and_record(studio, journal, run)) as events:  # type: ignore[type-var]
        render_events(events, options, saved)


@runs_app.command("export")
def export_run(
    run_id: Id,
    out: Annotated[Path, typer.Option("--out", help="Folder for the copy; created if needed.")],
) -> None:
    """Copy the pictures of a run to a folder, with its data in run.json."""
    run = _journal().run(None, run_id)
    try:
        create_folder(out)
        for picture in run.pictures:
            if picture.path is not None:
                shutil.copyfile(picture.path, out / picture.path.name)
        document = json.dumps(_row(run), ensure_ascii=False, indent=2)
        (out / "run.json").write_text(document + "\n", encoding="utf-8")
    except OSError as error:
        raise OptionError(
            "The run cannot be copied to {out}: {reason}.", out=out, reason=reason_of(error)
        ) from error
    typer.echo(str(out))


@runs_app.command("delete")
def delete_runs(
    run_ids: Annotated[
        list[str], typer.Argument(metavar="RUN", help="IDs of the runs, as in marsam runs list.")
    ],
) -> None:
    """Delete runs and their pictures."""
    journal = _journal()
    for run_id in run_ids:
        journal.delete(None, run_id)


@runs_app.command("prune")
def prune_runs(
    days: Annotated[float | None, typer.Option(min=0, help="Delete runs older than this.")] = None,
    megabytes: Annotated[
        float | None,
        typer.Option(min=0, help="Delete the oldest runs when all take more than this."),
    ] = None,
) -> None:
    """Delete old runs, and print their number."""
    from marsam.journal.retention import prune

    if days is None and megabytes is None:
        raise OptionError("Choose what to delete: use --days, --megabytes, or both.")
    typer.echo(str(prune(_journal(), days=days, megabytes=megabytes)))


def _journal() -> "Journal":
    """Open the journal when a command needs it: its database library is slow to import."""
    from marsam.journal.journal import Journal

    return Journal()


def _row(run: Run) -> dict[str, Any]:
    pictures = [
        picture.to_dict() | {"path": str(picture.path) if picture.path else None}
        for picture in run.pictures
    ]
    return run.to_dict() | {"asked": run.prompt_text, "pictures": pictures}


def set_with_painter(name: str | None) -> str | None:
    """Return the model set whose painter has this name in results; None for other models.

    Of several, a set that is downloaded comes first.
    """
    found = [one for one in SETS.values() if stage_name(one.painter) == name]
    found.sort(key=lambda one: not all(is_present(model) for model in one.models))
    return found[0].name if found else None


def lora_of_hub(adapter: str) -> str | None:
    """Return the user's LoRA that a record names, if it is a hub id; None for those of sets."""
    of_sets = {stage_name(model) for one in SETS.values() for model in one.adapters.values()}
    return adapter if "/" in adapter and adapter not in of_sets else None


def _models_of(run: Run, named: OtherModels) -> tuple[str | None, OtherModels]:
    """Return the set that a run was started with, and its other models that the hub has.

    The models in ``named`` come first. A run keeps only the name of a folder, not where it is.
    """

    def common(one: ModelSet) -> int:
        return len(set_names(one).items() & run.models.items())

    nearest = max(SETS.values(), key=common)
    is_of_set = common(nearest) > 0
    own = set(set_names(nearest).values()) if is_of_set else set()
    others = {
        stage: name
        for stage, name in run.models.items()
        if name not in own and all("/" in part for part in split_sources(name))
    }
    chosen = {stage: value or others.get(stage) for stage, value in named._asdict().items()}
    return nearest.name if is_of_set else None, OtherModels(**chosen)
