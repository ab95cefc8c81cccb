"""``marsam show`` and ``marsam info``: the metadata of a picture; models and device in use."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from marsam.cli.console import isolate, print_fields, print_json
from marsam.cli.options import Json
from marsam.errors import PictureError
from marsam.version import __version__


def show(
    file: Annotated[Path, typer.Argument(help="A picture that Marsam painted.")],
    as_json: Json = False,
) -> None:
    """Show the metadata of a picture that Marsam painted."""
    from marsam.imaging.metadata import infotext, read_record
    from marsam.text.cleaning import clean

    record = read_record(file)
    if record is None:
        raise PictureError(f"{file.name} has no Marsam metadata.")
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
    from marsam.device import choose_device
    from marsam.hub.catalog import SETS
    from marsam.hub.selection import stage_name
    from marsam.runs.eta import TimeEstimator, timings_file
    from marsam.stages.loading import optimizations
    from marsam.studio import Studio

    studio = Studio.load()
    device = studio.device or choose_device()
    optimisations = optimizations(device)
    parts = SETS[studio.models].parts if studio.models in SETS else ()
    seconds = TimeEstimator(studio, timings_file()).seconds_per_picture()
    facts = {
        "version": __version__,
        "models": {"name": studio.models, "reason": studio.reason},
        "device": {
            "kind": device.kind,
            "dtype": device.dtype,
            "reason": device.reason,
            "tuning": optimisations,
        },
        "seconds_per_picture": dict(seconds),
        "licences": {m.stage: m.licence.name for m in parts},
    }
    if as_json:
        print_json(facts)
        return
    fields = [
        ("Marsam", __version__),
        ("Models", f"{studio.models} ({studio.reason})"),
        ("Device", f"{device.kind}, {device.dtype} ({device.reason})"),
    ]
    fields += [("Optimisation", sentence) for sentence in optimisations]
    fields += [(f"Time, {recipe}", _duration(needed)) for recipe, needed in seconds.items()]
    for model in parts:
        name = stage_name(SETS[studio.models], model)
        fields.append(
            (model.stage.capitalize(), f"{name}, {model.licence.name}, {model.licence.en}")
        )
    print_fields(fields)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not measured yet; measured when a picture is painted"
    return f"{seconds:.1f} s per picture"
