"""``marsam models``: what there is, fetched and verified."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import TaskID

from marsam.cli.console import bar, print_json

if TYPE_CHECKING:
    from marsam.hub.download import DownloadPlan
    from marsam.hub.progress import PullProgress

models_app = typer.Typer(help="Model sets: what there is, and what is on this machine.")


@models_app.command("list")
def models_list(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """List the model sets, their licences, and what is on this machine."""
    from marsam.hub.catalog import ALTERNATIVES, SETS
    from marsam.hub.locate import is_present
    from marsam.hub.selection import stage_name

    listed = [(entry.name, model) for entry in SETS.values() for model in entry.parts]
    rows = [
        {
            "set": name,
            "stage": model.stage,
            "model": stage_name(SETS[name], model) if name in SETS else model.source,
            "gigabytes": model.gigabytes,
            "licence": model.licence.name,
            "meaning": model.licence.en,
            "here": is_present(model),
        }
        for name, model in (*listed, *(("-", model) for model in ALTERNATIVES))
    ]
    if as_json:
        print_json({"models": rows})
        return
    for row in rows:
        here = "here" if row["here"] else "not here"
        typer.echo(
            f"{row['set']:<9}{row['stage']:<11}{row['model']}  {row['gigabytes']} GB  "
            f"{row['licence']} ({row['meaning']})  {here}"
        )


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="A model set, or a hub id.")] = "standard",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Take the models from this folder (OWNER/NAME/…, or a copied cache of the hub) "
            "and not from the network.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Say how large models are and under which licences, then fetch them.

    On a terminal it asks first. Asked again, it goes on where it stopped.
    """
    from marsam.hub.catalog import ALIASES, SETS
    from marsam.hub.download import plan_download, pull

    if name in SETS and SETS[name].bundled:
        typer.echo(f"The {name} set comes with Marsam.")
        return
    if name not in SETS and folder is None and Path(name).expanduser().is_dir():
        typer.echo(f"{name} is a folder on this machine, and is used as it is.")
        return
    sources = [m.source for m in SETS[name].parts] if name in SETS else [ALIASES.get(name, name)]
    if folder is not None:
        _bring(sources, folder, yes=yes)
        return
    plans = [plan_download(source) for source in sources]
    _say(plans)
    if not any(one.remaining for one in plans):
        typer.echo("Everything is here.")
    else:
        _ask(yes=yes)
    _show_each([(source, partial(pull, source)) for source in sources])


@models_app.command("verify")
def models_verify(
    name: Annotated[str, typer.Argument(help="A model set.")] = "standard",
) -> None:
    """Read every file of a set, and compare it with its checksum; the damaged one is named."""
    from marsam.hub.catalog import bundled_folder, model_set
    from marsam.hub.locate import verify

    entry = model_set(name)
    for model in entry.parts:
        source = str(bundled_folder(model)) if entry.bundled else model.source
        located = verify(source, stage=model.stage)
        typer.echo(f"{model.source}: good ({_checked(located.verified_files)})")


def _bring(sources: Sequence[str], folder: Path, *, yes: bool) -> None:
    from marsam.errors import ModelMissing
    from marsam.hub.errors import first_names
    from marsam.hub.import_folder import find_in_folder, import_model

    found, missing = [], []
    for source in sources:
        try:
            found.append(find_in_folder(source, folder))
        except ModelMissing as error:
            if len(sources) == 1:
                raise
            missing.append((source, error))
    if found:
        _say([one.plan() for one in found])
        _ask(yes=yes)
        _show_each([(one.repo, partial(import_model, one)) for one in found])
    if missing:
        raise ModelMissing(
            f"{folder} does not hold {first_names([source for source, _ in missing])}; "
            "expected OWNER/NAME or models--OWNER--NAME/snapshots."
        ) from missing[0][1]


def _say(plans: "Sequence[DownloadPlan]") -> None:
    """Sizes, licences and how far each model is pinned, before anything is fetched."""
    from marsam.hub.cache import root
    from marsam.hub.catalog import model_of
    from marsam.hub.errors import format_size

    for one in plans:
        model = model_of(one.source)
        licence = (
            f"{model.licence.name} ({model.licence.en}), {model.licence.url}"
            if model is not None
            else "licence: see the hub"
        )
        here = "" if one.remaining else "  here"
        typer.echo(f"{one.source}  {format_size(one.total)}  {licence}{here}")
    for one in plans:
        if not one.pinned:
            typer.echo(
                f"{one.source} is not pinned yet: its files are checked against what the hub says."
            )
        elif one.pinned_files < len(one.sizes):
            typer.echo(
                f"{one.source} is pinned to a commit; {one.pinned_files} of {len(one.sizes)} files "
                "are verified by Marsam's own checksums, the others by the hub's."
            )
    total, left = sum(one.total for one in plans), sum(one.remaining for one in plans)
    rest = "" if left == total else f", {format_size(left)} of them still to fetch"
    typer.echo(f"Together {format_size(total)}{rest}, into {root()}.")


def _ask(*, yes: bool) -> None:
    """Go on, or end: a person is asked, a pipe is not."""
    if yes or not sys.stdin.isatty():
        return
    if not typer.confirm("Fetch them?", default=True):
        typer.echo("Nothing was fetched.")
        raise typer.Exit(1)


def _show_each(jobs: Sequence[tuple[str, Callable[..., Path]]]) -> None:
    """Do one after the other, each with its bar."""
    with bar() as shown:
        for source, work in jobs:
            task = shown.add_task(source, total=None)

            def show(progress: "PullProgress", task: TaskID = task) -> None:
                shown.update(task, completed=progress.done, total=progress.total)

            work(progress=show)


def _checked(count: int) -> str:
    if not count:
        return "by the hashes it came with: not in Marsam's manifest yet"
    return f"{count} {'file' if count == 1 else 'files'} by Marsam's own checksums"
