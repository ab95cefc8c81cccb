"""``marsam show`` and ``marsam info``: the metadata of a picture; models and device in use."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from marsam.cgroup import read_limits
from marsam.cli.console import RIGHT_TO_LEFT, isolate, print_fields, print_json
from marsam.cli.options import Json
from marsam.device import choose_device
from marsam.errors import PictureError
from marsam.hub.catalog import MINI, SETS, Model, model_of
from marsam.hub.selection import split_sources, stage_name
from marsam.imaging.metadata import Record, infotext, read_record
from marsam.runs import eta
from marsam.studio import Studio
from marsam.text.cleaning import clean
from marsam.text.languages import script_of
from marsam.version import __version__


def required_record(file: Path) -> Record:
    """Read the metadata of a picture; raises PictureError when Marsam did not paint it."""
    record = read_record(file)
    if record is None:
        raise PictureError("{file} has no Marsam metadata.", file=file.name)
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
        "Style": record.style,
        "Quality": record.recipe,
        "Settings": infotext(record).splitlines()[-1],
    }
    # The texts are untrusted input: no control character may reach the terminal.
    safe = {label: " ".join(clean(text).split()) for label, text in fields.items() if text}
    print_fields(
        [
            (label, isolate(text) if script_of(text) in RIGHT_TO_LEFT else text)
            for label, text in safe.items()
        ]
    )


def _models_in_use(studio: Studio) -> list[Model]:
    """Return the models of the stages that the catalog knows."""
    bundled = {stage_name(model): model for model in MINI.models}
    parts = ((stage, one) for stage, name in studio.names.items() for one in split_sources(name))
    found = ((stage, bundled.get(one) or model_of(one)) for stage, one in parts)
    return [replace(model, stage=stage) for stage, model in found if model is not None]


def info(as_json: Json = False) -> None:
    """Show which models and which device Marsam uses, and why."""
    from marsam.stages.summary import optimizations  # imports torch

    studio = Studio.load()
    device = studio.device or choose_device()
    limits = read_limits()
    optimisations = optimizations(device)
    optional = SETS[studio.models].parts if studio.models in SETS else ()
    used = {*studio.names, *(("adapter",) if studio.lora else ())}  # instead of the set's
    parts = [*_models_in_use(studio), *(m for m in optional if m.stage not in used)]
    seconds = eta.TimeEstimator(lambda: studio, eta.timings_file()).seconds_per_picture()
    if as_json:
        print_json(
            {
                "version": __version__,
                "models": {"name": studio.models, "reason": studio.reason},
                "lora": studio.lora,
                "device": asdict(device) | {"tuning": optimisations},
                "limits": asdict(limits),
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
    if str(limits):
        fields.append(("Container", f"at most {limits}"))
    fields += [("Optimisation", sentence) for sentence in optimisations]
    for recipe, needed in seconds.items():
        unknown = "not measured yet; measured when a picture is painted"
        duration = unknown if needed is None else f"{needed:.1f} s per picture"
        fields.append((f"Time, {recipe}", duration))
    for model in parts:
        name, licence = stage_name(model), model.licence
        fields.append((model.stage.capitalize(), f"{name}, {licence.name}, {licence.en}"))
    if studio.lora:
        fields.append(("LoRA", studio.lora))
    print_fields(fields)
