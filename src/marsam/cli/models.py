"""``marsam models``: list, download and verify the model sets."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from marsam.cli.console import progress_bar
from marsam.cli.model_list import models_list
from marsam.errors import ModelMissing
from marsam.hub.cache import root
from marsam.hub.catalog import ALIASES, SETS, bundled_folder, model_of, model_set
from marsam.hub.download import DownloadPlan, plan_download, pull
from marsam.hub.errors import first_names, format_size
from marsam.hub.import_folder import find_in_folder, import_model
from marsam.hub.locate import verify
from marsam.hub.progress import PullProgress

models_app = typer.Typer(help="List, download and verify model sets.")


models_app.command("list")(models_list)


@models_app.command("pull")
def models_pull(
    name: Annotated[
        str, typer.Argument(help="A model set, or a model id of the hub.")
    ] = "standard",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Import the models from this folder (OWNER/NAME/…, or a copied hub cache) "
            "instead of downloading them.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Download models. Their sizes and licences are shown first.

    On a terminal, it asks for confirmation. An interrupted download resumes when you run the same
    command again.
    """
    if name in SETS and SETS[name].bundled:
        typer.echo(f"The {name} set is included in Marsam.")
        return
    if name not in SETS and folder is None and Path(name).expanduser().is_dir():
        typer.echo(f"{name} is a folder on this machine. It needs no download.")
        return
    sources = [m.source for m in SETS[name].parts] if name in SETS else [ALIASES.get(name, name)]
    if folder is not None:
        _import(sources, folder, yes=yes)
        return
    plans = [plan_download(source) for source in sources]
    _print_plans(plans)
    if any(plan.remaining for plan in plans):
        _confirm(yes=yes)
    else:
        typer.echo("Everything is downloaded.")
    _run_with_progress([(source, partial(pull, source)) for source in sources])


@models_app.command("verify")
def models_verify(name: Annotated[str, typer.Argument(help="A model set.")] = "standard") -> None:
    """Compare every file of a set with its checksum. A corrupt file is named."""
    entry = model_set(name)
    for model in entry.parts:
        source = str(bundled_folder(model)) if entry.bundled else model.source
        count = verify(source, stage=model.stage).verified_files
        checked = f"{count} {'file' if count == 1 else 'files'} verified by Marsam's own checksums"
        unknown = "verified by the hub's checksums; not in Marsam's manifest"
        typer.echo(f"{model.source}: intact ({checked if count else unknown})")


def _import(sources: Sequence[str], folder: Path, *, yes: bool) -> None:
    """Copy models from a folder into the hub's cache; then raise ModelMissing for the others."""
    found, missing = [], []
    for source in sources:
        try:
            found.append(find_in_folder(source, folder))
        except ModelMissing as error:
            if len(sources) == 1:
                raise
            missing.append((source, error))
    if found:
        _print_plans(found)
        _confirm(yes=yes)
        _run_with_progress([(model.source, partial(import_model, model)) for model in found])
    if missing:
        raise ModelMissing(
            "{folder} does not contain {models}; expected OWNER/NAME or "
            "models--OWNER--NAME/snapshots.",
            folder=folder,
            models=first_names([source for source, _ in missing]),
        ) from missing[0][1]


def _print_plans(plans: Sequence[DownloadPlan]) -> None:
    """Print sizes, licences, and which checksums verify each model."""
    for plan in plans:
        model = model_of(plan.source)
        licence = "licence: see the hub"
        if model is not None:
            licence = f"{model.licence.name} ({model.licence.en}), {model.licence.url}"
        state = "" if plan.remaining else "  downloaded"
        typer.echo(f"{plan.source}  {format_size(plan.total)}  {licence}{state}")
    for plan in plans:
        if not plan.pinned:
            typer.echo(
                f"{plan.source} is not pinned: its files are verified by the hub's checksums."
            )
        elif plan.pinned_files < len(plan.sizes):
            typer.echo(
                f"{plan.source} is pinned to a commit; {plan.pinned_files} of {len(plan.sizes)} "
                "files are verified by Marsam's own checksums, the others by the hub's."
            )
    total, remaining = sum(plan.total for plan in plans), sum(plan.remaining for plan in plans)
    rest = "" if remaining == total else f", {format_size(remaining)} of it still to download"
    typer.echo(f"Total: {format_size(total)}{rest}. Folder: {root()}")


def _confirm(*, yes: bool) -> None:
    """Ask on a terminal whether to continue; exit with 1 if not."""
    if yes or not sys.stdin.isatty() or typer.confirm("Continue?", default=True):
        return
    typer.echo("Nothing was downloaded.")
    raise typer.Exit(1)


def _run_with_progress(jobs: Sequence[tuple[str, Callable[..., Path]]]) -> None:
    """Run jobs one after the other, with a progress bar each."""
    with progress_bar() as bar:
        for source, work in jobs:
            task = bar.add_task(source, total=None)

            def update(progress: PullProgress, task: TaskID = task) -> None:
                bar.update(task, completed=progress.done, total=progress.total)

            work(progress=update)
