"""Which model set is used, and why; which folder and name each stage's model has."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from marsam import environment
from marsam.hub.catalog import MINI, STANDARD, Model, ModelSet, bundled_folder, model_set
from marsam.hub.locate import is_present, local_folder, locate

SEPARATOR = " + "
"""Between the names of several models of one translator."""
NOT_DOWNLOADED = "the standard set is not downloaded; download it with: marsam models pull standard"
"""Why the mini set is used when no set was named."""


class OtherModels(NamedTuple):
    """Models in the place of a set's own, as hub ids or folders; None keeps the set's.

    Several translators are one text (:func:`join_sources`). A LoRA is as of
    :func:`marsam.hub.lora.find_lora`; None takes the set's for drafts, if it has one.
    """

    captioner: str | None = None
    translator: str | None = None
    painter: str | None = None
    lora: str | None = None


def other_models(models: str | None, given: OtherModels) -> OtherModels:
    """Return the given models, and those of the environment for the stages that have none.

    A set that is named as an argument names all of its models, so that the environment adds none.
    """
    if models is not None:
        return given
    return OtherModels(
        captioner=given.captioner or environment.CAPTIONER.get(),
        translator=given.translator or environment.TRANSLATOR.get(),
        painter=given.painter or environment.PAINTER.get(),
        lora=given.lora or environment.LORA.get(),
    )


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


def stage_folder(model: Model, other: str | None = None, *, set_name: str = "") -> Path:
    """Return the folder of a stage's model: of ``other`` when it is named, else of the set's."""
    if other is None and model.bundled:
        return bundled_folder(model)
    wanted = "" if other else set_name
    return locate(other or model.source, stage=model.stage, wanted_set=wanted)


def optional_folder(part: Model | None) -> Path | None:
    """Return the folder of an optional part of a set, or None when it is not downloaded."""
    if part is None or not is_present(part):
        return None
    return bundled_folder(part) if part.bundled else locate(part.source, stage=part.stage)


def split_sources(source: str) -> tuple[str, ...]:
    """Return the hub ids and folders that a text such as ``owner/a + owner/b`` names."""
    return (source,) if local_folder(source) else tuple(source.split(SEPARATOR))


def join_sources(sources: str | Path | Sequence[str] | None) -> str | None:
    """Return several hub ids or folders as one text, each once; None for none."""
    given = [sources] if isinstance(sources, str | Path) else sources or []
    every = dict.fromkeys(part for one in given for part in split_sources(str(one)))
    return SEPARATOR.join(every) or None


def source_name(source: str) -> str:
    """Return a hub id, or the last part of a folder's path: pictures carry names, never paths.

    Of several models it has all names.
    """
    folders = ((part, local_folder(part)) for part in split_sources(source))
    return SEPARATOR.join(f.resolve().name if f else part for part, f in folders)


def stage_name(model: Model) -> str:
    """Return the name of a stage's model in results and records."""
    return f"marsam/mini-{model.stage}" if model.bundled else model.source


def set_names(chosen: ModelSet) -> dict[str, str]:
    """Return the name of each stage's model, or of its models, in results and records."""
    return {
        "captioner": stage_name(chosen.captioner),
        "translator": SEPARATOR.join(map(stage_name, chosen.translators)),
        "painter": stage_name(chosen.painter),
    }
