"""``marsam runs``: what was done on this machine, and what can still be done with it."""

import json
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marsam.cli.completion import model_sets
from marsam.cli.console import away, bar, print_json
from marsam.cli.options import DeviceOption, Json, StageModel, Translator
from marsam.errors import OptionError
from marsam.results import Painted, Previewed

if TYPE_CHECKING:
    from marsam.journal.journal import Journal
    from marsam.journal.records import Run

runs_app = typer.Typer(help="Runs kept on this machine: of the page, the API and marsam run.")

Id = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as marsam runs list says.")]


@runs_app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List runs, the latest first."""
    found = _journal().runs(None, limit=limit)
    if as_json:
        print_json({"runs": [_row(run) for run in found]})
        return
    for run in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        words = run.prompt.english if run.prompt else run.prompt_text or ""
        wanted = run.options.paint.pictures if run.options else 0
        count = f"{len(run.pictures)}/{wanted}"
        typer.echo(f"{run.id}  {when}  {run.state:<11}  {count:>5}  {words}")


@runs_app.command("show")
def show_run(run_id: Id, as_json: Json = False) -> None:
    """Show a run: its words, its pictures, how it ended."""
    run = _journal().run(None, run_id)
    if as_json:
        print_json(_row(run))
        return
    typer.echo(f"{run.state}: {run.error.message}" if run.error else run.state)
    if run.prompt is not None:
        typer.echo(f"{run.prompt.english}\n{run.prompt.arabic}")
    for picture in run.pictures:
        typer.echo(f"{picture.seed}  {picture.path or 'withheld'}")


@runs_app.command("resume")
def resume_run(
    run_id: Id,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            help="standard or mini.",
            show_default="as it began",
            autocompletion=model_sets,
        ),
    ] = None,
    captioner: StageModel = None,
    translator: Translator = None,
    painter: StageModel = None,
    device: DeviceOption = None,
) -> None:
    """Paint the pictures that are missing, from the seeds they would have had."""
    from marsam.runs.execution import execute_and_record, require_same_models
    from marsam.studio import Studio

    journal = _journal()
    known = journal.run(None, run_id)
    studio = Studio.load(
        models or _set_of(known),
        captioner=captioner,
        translator=translator,
        painter=painter,
        device=device,
    )
    require_same_models(known, studio)
    run = journal.claim(None, run_id, state="running")
    with bar() as shown, closing(execute_and_record(studio, journal, run)) as events:  # type: ignore[type-var]
        total = run.options.paint.pictures if run.options else None
        task = shown.add_task("…", total=total, completed=len(run.pictures))
        for event in events:
            if isinstance(event, Previewed):
                shown.update(task, completed=event.index + event.step / event.steps)
            elif isinstance(event, Painted):
                with away(shown):
                    place = journal.run(None, run_id).pictures[event.picture.index].path
                    typer.echo(str(place))


@runs_app.command("export")
def export_run(
    run_id: Id,
    out: Annotated[Path, typer.Option("--out", help="A folder for it; made when missing.")],
) -> None:
    """Copy a run's pictures, and all that is known about it as run.json, into a folder."""
    run = _journal().run(None, run_id)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for picture in run.pictures:
            if picture.path is not None:
                shutil.copyfile(picture.path, out / picture.path.name)
        told = json.dumps(_row(run), ensure_ascii=False, indent=2)
        (out / "run.json").write_text(told + "\n", encoding="utf-8")
    except OSError as error:
        raise OptionError(f"The run cannot be copied to {out}: {error.strerror}.") from error
    typer.echo(str(out))


@runs_app.command("delete")
def delete_runs(run_ids: Annotated[list[str], typer.Argument(metavar="RUN...")]) -> None:
    """Delete runs with their pictures."""
    journal = _journal()
    for run_id in run_ids:
        journal.delete(None, run_id)


@runs_app.command("prune")
def prune_runs(
    days: Annotated[float | None, typer.Option(min=0, help="Delete what is older.")] = None,
    megabytes: Annotated[
        float | None, typer.Option(min=0, help="Then delete the oldest until the rest fits.")
    ] = None,
) -> None:
    """Delete old runs; nothing is ever deleted unless somebody asks for it."""
    from marsam.journal.retention import prune

    if days is None and megabytes is None:
        raise OptionError("Say what may go: --days, --megabytes, or both.")
    typer.echo(str(prune(_journal(), days=days, megabytes=megabytes)))


def _journal() -> "Journal":
    """Opened when a command needs it: its database library is slow to import."""
    from marsam.journal.journal import Journal

    return Journal()


def _row(run: "Run") -> dict[str, Any]:
    pictures = [
        picture.to_dict() | {"path": str(picture.path) if picture.path else None}
        for picture in run.pictures
    ]
    return run.to_dict() | {"asked": run.prompt_text, "pictures": pictures}


def _set_of(run: "Run") -> str | None:
    """The model set a run was begun with, if it was one."""
    from marsam.hub.catalog import SETS
    from marsam.hub.selection import stage_name

    painter = run.models.get("painter")
    return next((s.name for s in SETS.values() if stage_name(s, s.painter) == painter), None)
