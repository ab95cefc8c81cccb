"""Which model set is used, and why; which folder and name each stage's model has."""

from pathlib import Path

from marsam import environment
from marsam.hub.catalog import MINI, STANDARD, Model, ModelSet, bundled_folder, model_set
from marsam.hub.locate import is_present, locate

NOT_DOWNLOADED = "the standard set is not downloaded; download it with: marsam models pull standard"
"""Why the mini set is used when no set was named."""


def choose_set(name: str | None) -> tuple[ModelSet, str]:
    """Return the model set to use and, in one phrase, why.

    Precedence: the argument, then ``MARSAM_MODELS``, then what is downloaded.
    """
    if name is not None:
        return model_set(name), f"{name} was requested"
    if variable := environment.MODELS.get():
        return model_set(variable), f"{environment.MODELS.name} is set to {variable}"
    if all(is_present(model) for model in STANDARD.models):
        return STANDARD, "the standard set is downloaded"
    return MINI, NOT_DOWNLOADED


def stage_folder(chosen: ModelSet, model: Model, other: str | None) -> Path:
    """Return the folder of a stage's model: of ``other`` when it is named, else of the set."""
    if other is None and chosen.bundled:
        return bundled_folder(model)
    return locate(other or model.source, stage=model.stage)


def optional_folder(part: Model | None) -> Path | None:
    """Return the folder of an optional part of a set, or None when it is not downloaded."""
    return locate(part.source, stage=part.stage) if part and is_present(part) else None


def source_name(source: str) -> str:
    """Return a hub id, or the last part of a folder's path: pictures carry names, never paths."""
    path = Path(source).expanduser()
    return path.resolve().name if path.is_dir() else source


def stage_name(chosen: ModelSet, model: Model) -> str:
    """Return the name of a stage's model in results and records."""
    return f"marsam/mini-{model.stage}" if chosen.bundled else model.source
