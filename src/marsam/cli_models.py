"""``marsam models``: what there is, fetched and verified."""

from typing import Annotated, Any

import typer

from marsam.console import bar, print_json

models_app = typer.Typer(help="Model sets: what there is, and what is on this machine.")


@models_app.command("list")
def models_list(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """List the model sets, their licences, and what is on this machine."""
    from marsam.catalog import ALTERNATIVES, SETS
    from marsam.hub import is_present
    from marsam.studio import stage_name

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
) -> None:
    """Fetch models from the hub; asked again, it goes on where it stopped."""
    from marsam.catalog import SETS
    from marsam.hub import PullProgress, pull

    if name in SETS and SETS[name].bundled:
        typer.echo(f"The {name} set comes with Marsam.")
        return
    wanted = [(m.source, m.files) for m in SETS[name].parts] if name in SETS else [(name, ())]
    with bar() as shown:
        for source, files in wanted:
            task = shown.add_task(source, total=None)

            def show(progress: PullProgress, task: Any = task) -> None:
                shown.update(task, completed=progress.done, total=progress.total)

            pull(source, files=files, progress=show)


@models_app.command("verify")
def models_verify(
    name: Annotated[str, typer.Argument(help="A model set.")] = "standard",
) -> None:
    """Check that the files of a set are all here and readable."""
    from marsam.catalog import bundled_folder, model_set
    from marsam.hub import verify

    entry = model_set(name)
    for model in entry.parts:
        source = str(bundled_folder(model)) if entry.bundled else model.source
        verify(source, stage=model.stage, files=model.files)
        typer.echo(f"{model.source}: good")
