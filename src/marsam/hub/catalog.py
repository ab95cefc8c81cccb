"""Model sets and models as data: source, needed files, licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from marsam.errors import OptionError

ALIASES: Mapping[str, str] = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5"
}
"""Hub ids that moved, and their new ids."""

TEXT_FILES = ("*.json", "*.txt", "*.model")  # patterns of configurations and vocabularies


class Licence(NamedTuple):
    """A licence and, in plain words, its conditions."""

    name: str
    url: str
    en: str
    ar: str


_ATTRIBUTION = "free for any use, with attribution", "متاح لأي استخدام مع ذكر المصدر"
_NO_HARM = (
    "free to use, except for the harmful uses it lists",
    "متاح للاستخدام إلا في الأغراض الضارة التي تعدّدها رخصته",
)
_NO_SALE = "not for commercial use", "لا يُسمح باستخدامه تجاريًا"
APACHE_2 = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", *_ATTRIBUTION)
BSD_3 = Licence("BSD-3-Clause", "https://opensource.org/license/bsd-3-clause", *_ATTRIBUTION)
MIT = Licence("MIT", "https://opensource.org/license/mit", *_ATTRIBUTION)
CC_BY_4 = Licence("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/", *_ATTRIBUTION)
CC_BY_NC_4 = Licence("CC-BY-NC-4.0", "https://creativecommons.org/licenses/by-nc/4.0/", *_NO_SALE)
OPENRAIL_M = Licence(
    "CreativeML OpenRAIL-M",
    "https://huggingface.co/spaces/CompVis/stable-diffusion-license",
    *_NO_HARM,
)
OPENRAIL_PP = Licence(
    "CreativeML OpenRAIL++",
    "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/blob/main/LICENSE.md",
    *_NO_HARM,
)


@dataclass(frozen=True)
class Model:
    """One stage's model in a set."""

    stage: str
    source: str  # a hub id or, for the bundled set, the folder inside the package
    licence: Licence
    gigabytes: float  # of the files
    files: tuple[str, ...] = ()  # patterns of the files that a pull downloads
    guidance_scale: float = 7.5  # the default of a painter


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """Three models that work together."""

    name: str
    captioner: Model
    translator: Model
    painter: Model
    adapter: Model | None = None  # a LoRA for drafts in few steps
    decoder: Model | None = None  # a tiny VAE decoder (TAESD) for drafts and previews
    bundled: bool = False

    @property
    def models(self) -> tuple[Model, Model, Model]:
        """The models of the three stages, in the order of the workflow."""
        return self.captioner, self.translator, self.painter

    @property
    def parts(self) -> tuple[Model, ...]:
        """Everything that a pull downloads."""
        return (*self.models, *(m for m in (self.adapter, self.decoder) if m is not None))


STANDARD = ModelSet(
    name="standard",
    captioner=Model(
        "captioner",
        "Salesforce/blip-image-captioning-large",
        BSD_3,
        gigabytes=1.88,
        files=(*TEXT_FILES, "model.safetensors"),
    ),
    translator=Model(
        "translator",
        "facebook/nllb-200-distilled-600M",
        CC_BY_NC_4,
        gigabytes=2.48,
        # The repository has no safetensors; the weights are loaded without pickle's code.
        files=(*TEXT_FILES, "pytorch_model.bin"),
    ),
    painter=Model(
        "painter",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        OPENRAIL_M,
        gigabytes=2.74,
        files=("model_index.json", *(f"*/{name}" for name in TEXT_FILES), "*/*.fp16.safetensors"),
    ),
    adapter=Model(
        "adapter",
        "latent-consistency/lcm-lora-sdv1-5",
        OPENRAIL_PP,
        gigabytes=0.13,
        files=("pytorch_lora_weights.safetensors",),
    ),
    decoder=Model(
        "decoder",
        "madebyollin/taesd",
        MIT,
        gigabytes=0.01,
        files=("config.json", "diffusion_pytorch_model.safetensors"),
    ),
)

MINI = ModelSet(
    name="mini",
    captioner=Model("captioner", "captioner", APACHE_2, gigabytes=0.01),
    translator=Model("translator", "translator", APACHE_2, gigabytes=0.01),
    painter=Model("painter", "painter", APACHE_2, gigabytes=0.03, guidance_scale=3.0),
    bundled=True,
)

ALTERNATIVES = (
    Model("translator", "facebook/m2m100_418M", MIT, 1.94, (*TEXT_FILES, "pytorch_model.bin")),
    Model(
        "translator",
        "Helsinki-NLP/opus-mt-tc-big-en-ar",
        CC_BY_4,
        gigabytes=0.48,
        files=(*TEXT_FILES, "*.spm", "pytorch_model.bin"),
    ),
)
"""Translators with licences for commercial use, for ``--translator ID``."""

SETS: Mapping[str, ModelSet] = {s.name: s for s in (STANDARD, MINI)}


def model_set(name: str) -> ModelSet:
    """Return the set of that name; OptionError when there is none."""
    if name not in SETS:
        raise OptionError(f"There is no model set {name!r}; there are {' and '.join(SETS)}.")
    return SETS[name]


def model_of(source: str) -> Model | None:
    """Return the catalog's model of a hub id, or None when the catalog does not list it."""
    fetched = (*(m for s in SETS.values() if not s.bundled for m in s.parts), *ALTERNATIVES)
    return next((model for model in fetched if model.source == source), None)


def bundled_folder(model: Model) -> Path:
    """Return the folder of a bundled model inside the installed package."""
    return Path(str(resources.files("marsam"))) / "mini" / model.source
