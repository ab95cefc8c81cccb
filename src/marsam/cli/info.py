"""``marsam show`` and ``marsam info``: what is known, without doing any work."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from marsam.cli.console import print_json
from marsam.cli.options import Json
from marsam.errors import PictureError
from marsam.version import __version__


def show(
    file: Annotated[Path, typer.Argument(help="A picture that Marsam painted.")],
    as_json: Json = False,
) -> None:
    """Show what a picture of Marsam's says about itself."""
    from marsam.imaging.metadata import infotext, read_record
    from marsam.text.cleaning import clean

    record = read_record(file)
    if record is None:
        raise PictureError(f"{file.name} carries no record of Marsam.")
    if as_json:
        print_json(asdict(record))
        return
    # The texts come out of a file: nothing in them may steer the terminal.
    for words in (record.english, record.arabic, infotext(record)):
        typer.echo(clean(words))


def info(as_json: Json = False) -> None:
    """Show which models would do the work, on which device, and why."""
    from marsam.cpu.summary import optimizations
    from marsam.device import choose_device
    from marsam.hub.catalog import SETS
    from marsam.runs.eta import TimeEstimator, timings_file
    from marsam.studio import Studio

    studio = Studio.load()
    device = studio.device or choose_device()
    tuning = optimizations(device)
    parts = SETS[studio.models].parts if studio.models in SETS else ()
    seconds = TimeEstimator(studio, timings_file()).seconds_per_picture()
    facts = {
        "version": __version__,
        "models": {"name": studio.models, "reason": studio.reason},
        "device": {
            "kind": device.kind,
            "dtype": device.dtype,
            "reason": device.reason,
            "tuning": tuning,
        },
        "seconds_per_picture": dict(seconds),
        "licences": {m.stage: m.licence.name for m in parts},
    }
    if as_json:
        print_json(facts)
        return
    typer.echo(f"marsam {__version__}")
    typer.echo(f"models: {studio.models} ({studio.reason})")
    typer.echo(f"device: {device.kind}, {device.dtype} ({device.reason})")
    for line in tuning:
        typer.echo(f"  {line}")
    for recipe, needed in seconds.items():
        told = "not measured yet; painting measures it" if needed is None else f"{needed:.1f} s"
        typer.echo(f"a picture, {recipe}: {told}")
    for model in parts:
        typer.echo(f"{model.stage}: {model.source}, {model.licence.name}, {model.licence.en}")
