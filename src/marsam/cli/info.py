"""``marsam show`` and ``marsam info``: the metadata of a picture; models and device in use."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from marsam.cli.console import isolate, print_fields, print_json
from marsam.cli.options import Json
from marsam.device import choose_device
from marsam.errors import PictureError
from marsam.hub.catalog import SETS
from marsam.hub.selection import stage_name
from marsam.imaging.metadata import Record, infotext, read_record
from marsam.runs import eta
from marsam.studio import Studio
from marsam.text.cleaning import clean
from marsam.version import __version__


def required_record(file: Path) -> Record:
    """Read the metadata of a picture; raises PictureError when Marsam did not paint it."""
    record = read_record(file)
    if record is None:
        raise PictureError(f"{file.name} has no Marsam metadata.")
    return record


def show(
    file: Annotated[Path, typer.Argument(help="A picture that Marsam painted.")],
    as_json: Json = False,
) -> None:
    """Show the metadata of a picture that Marsam painted."""
    record = required_record(file)
    if as_json:
        print_json(asdict(record))
        return
    fields = {
        "English": record.english,
        "Arabic": record.arabic,
        "Prompt": record.prompt,
        "Negative prompt": record.negative_prompt,
        "Quality": record.recipe,
        "Settings": infotext(record).splitlines()[-1],
    }
    # The texts are untrusted input: no control character may reach the terminal.
    safe = {label: " ".join(clean(text).split()) for label, text in fields.items() if text}
    if "Arabic" in safe:
        safe["Arabic"] = isolate(safe["Arabic"])
    print_fields(list(safe.items()))


def info(as_json: Json = False) -> None:
    """Show which models and which device Marsam uses, and why."""
    from marsam.stages.summary import optimizations  # imports torch

    studio = Studio.load()
    device = studio.device or choose_device()
    optimisations = optimizations(device)
    parts = SETS[studio.models].parts if studio.models in SETS else ()
    seconds = eta.TimeEstimator(studio, eta.timings_file()).seconds_per_picture()
    if as_json:
        print_json(
            {
                "version": __version__,
                "models": {"name": studio.models, "reason": studio.reason},
                "device": asdict(device) | {"tuning": optimisations},
                "seconds_per_picture": dict(seconds),
                "licences": {model.stage: model.licence.name for model in parts},
            }
        )
        return
    fields = [
        ("Marsam", __version__),
        ("Models", f"{studio.models} ({studio.reason})"),
        ("Device", f"{device.kind}, {device.dtype} ({device.reason})"),
    ]
    fields += [("Optimisation", sentence) for sentence in optimisations]
    for recipe, needed in seconds.items():
        unknown = "not measured yet; measured when a picture is painted"
        duration = unknown if needed is None else f"{needed:.1f} s per picture"
        fields.append((f"Time, {recipe}", duration))
    for model in parts:
        name, licence = stage_name(SETS[studio.models], model), model.licence
        fields.append((model.stage.capitalize(), f"{name}, {licence.name}, {licence.en}"))
    print_fields(fields)
