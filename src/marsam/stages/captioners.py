"""The captioner that fits the model in a folder, chosen by its ``config.json``."""

from collections.abc import Callable, Mapping
from pathlib import Path

from marsam.device import Device
from marsam.errors import ModelUnsupported
from marsam.stages.captioner import BlipCaptioner
from marsam.stages.language_model import LanguageModel
from marsam.stages.loading import read_config
from marsam.stages.protocols import Captioner
from marsam.stages.vision_families import FAMILIES
from marsam.stages.vision_language import VisionLanguageCaptioner

NEEDS_TORCHVISION: Mapping[str, str] = {
    "lfm2_vl": "LFM2-VL",
    "perception_lm": "Perception LM",
    "llama4": "Llama 4",
}
"""Families whose images transformers prepares with torchvision alone, and their names."""


def captioner_in(
    folder: Path,
    *,
    device: Device,
    name: str | None = None,
    load: Callable[..., LanguageModel] = LanguageModel,
) -> Captioner:
    """Return a captioner for the model in a folder; its weights are loaded when first needed.

    Args:
        folder: in the layout of ``save_pretrained``.
        device: where it computes, and in which dtype.
        name: its name in results; the folder's name by default.
        load: creates language models; another stage may share what it returns.

    Raises:
        ModelUnsupported: the model's family is none that captions.
    """
    family = str(read_config(folder).get("model_type"))
    name = name or folder.name
    if family == "blip":
        return BlipCaptioner(folder, device=device, name=name)
    if family in FAMILIES:
        model = load(folder, device=device, name=name)
        return VisionLanguageCaptioner(model, name=name)
    if family in NEEDS_TORCHVISION:
        raise ModelUnsupported(
            "{model} is a {family} model, whose images need torchvision, which Marsam does "
            "without; captions come from models of these families: {known}.",
            model=name,
            family=NEEDS_TORCHVISION[family],
            known=["blip", *FAMILIES],
        )
    raise ModelUnsupported(
        "{model} is a {family!r} model; captions come from models of these families: {known}.",
        model=name,
        family=family,
        known=["blip", *FAMILIES],
    )
