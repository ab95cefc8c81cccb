"""Model sets and models as data: source, needed files, licence."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from marsam.errors import OptionError
from marsam.messages import InBothLanguages, Sentence
from marsam.recipes import Recipe

ALIASES: Mapping[str, str] = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5"
}
"""Hub ids that moved, and their new ids."""

TEXT_FILES = ("*.json", "*.txt", "*.model")  # patterns of configurations and vocabularies


class Licence(NamedTuple):
    """A licence and, in plain words, its conditions; ``commercial`` use is allowed or not."""

    name: str
    url: str
    en: str
    ar: str
    commercial: bool


_ATTRIBUTION = "free for any use, with attribution", "متاح لأي استخدام مع ذكر المصدر", True
_NO_HARM = (
    "free to use, except for the harmful uses it lists",
    "متاح للاستخدام إلا في الأغراض الضارة التي تعدّدها رخصته",
    True,
)
_NO_SALE = "not for commercial use", "لا يُسمح باستخدامه تجاريًا", False
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


ENGLISH = Sentence("English", "الإنجليزية")
ENGLISH_AND_ARABIC = Sentence("English, Arabic", "الإنجليزية والعربية")
EN_TO_AR = Sentence("English to Arabic", "من الإنجليزية إلى العربية")
AR_TO_EN = Sentence("Arabic to English", "من العربية إلى الإنجليزية")
BYTES_PER_WEIGHT = {"float32": 4, "float16": 2, "bfloat16": 2}


REFERENCE = Sentence(
    "two cores of an AMD EPYC with bfloat16", "نواتين من معالج AMD EPYC يحسب بصيغة bfloat16"
)
"""The machine of the times below; ``benchmarks/RESULTS.md`` and ``RESULTS-families.md``."""


class Time(NamedTuple):
    """Seconds of a model's work on the reference machine, with weights of its size.

    The work is a caption of an image, a translation of a caption, or a balanced picture of the
    set's default size (512x512 pixels). ``is_measured``: otherwise it is computed.
    """

    low: float
    high: float
    is_measured: bool


def _measured(seconds: float) -> Time:
    return Time(seconds, seconds, True)


def _computed(low: float, high: float | None = None) -> Time:
    return Time(low, low if high is None else high, False)


@dataclass(frozen=True)
class Model:
    """One stage's model in a set.

    Attributes:
        stage: ``captioner``, ``translator``, ``painter``, ``adapter`` or ``decoder``.
        source: a hub id or, for the bundled set, the folder inside the package.
        licence: of the weights.
        gigabytes: of the files.
        files: patterns of the files that a pull downloads; none for those that
            :func:`marsam.hub.model_files.select_files` selects.
        parameters: its weights, in billions.
        languages: what a captioner writes, a translator translates, or a painter reads; None for
            other parts.
        guidance_scale: a painter's default; None is its family's.
        styles: whether a painter knows the words of styles.
        time: of its work; None if that is not known.
        timestep: the only one that an adapter for one step was trained at.
    """

    stage: str
    source: str
    licence: Licence
    gigabytes: float
    files: tuple[str, ...] = ()
    parameters: float = 0.0
    languages: InBothLanguages | None = None
    guidance_scale: float | None = None
    styles: bool = True
    time: Time | None = None
    timestep: int | None = None

    @property
    def bundled(self) -> bool:
        """Whether it is in the package."""
        return "/" not in self.source

    def memory(self, dtype: str) -> float:
        """Gigabytes of its weights in memory, where the device computes in a dtype.

        Painters store them in 16 bits on every device.
        """
        dtype = "float16" if self.stage == "painter" else dtype
        return self.parameters * BYTES_PER_WEIGHT[dtype]


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """Models that work together.

    Attributes:
        translators: one, or several for different directions.
        adapters: LoRAs for few steps, by the recipe that uses them.
        decoder: a tiny VAE decoder (TAESD) for these recipes and for previews.
        description: what it is for, in a few words.
    """

    name: str
    captioner: Model
    translators: tuple[Model, ...]
    painter: Model
    adapters: Mapping[Recipe, Model] = field(default_factory=dict)
    decoder: Model | None = None
    bundled: bool = False
    description: InBothLanguages

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of the three stages, in the order of the workflow."""
        return self.captioner, *self.translators, self.painter

    @property
    def parts(self) -> tuple[Model, ...]:
        """Everything that a pull downloads; a model of two stages once."""
        optional = [*self.adapters.values(), *filter(None, [self.decoder])]
        found: dict[str, Model] = {}
        for model in (*self.models, *optional):
            found.setdefault(model.source, model)
        return tuple(found.values())

    @property
    def gigabytes(self) -> float:
        """Size of all files."""
        return sum(model.gigabytes for model in self.parts)

    @property
    def strictest(self) -> Licence:
        """Of its licences, the one with most conditions."""
        order = [_ATTRIBUTION[0], _NO_HARM[0], _NO_SALE[0]]
        return max((model.licence for model in self.parts), key=lambda one: order.index(one.en))

    def memory(self, dtype: str) -> float:
        """Gigabytes of all weights in memory, where the device computes in a dtype."""
        return sum(model.memory(dtype) for model in self.parts)


_BLIP = Model(
    "captioner",
    "Salesforce/blip-image-captioning-large",
    BSD_3,
    gigabytes=1.88,
    files=(*TEXT_FILES, "model.safetensors"),
    parameters=0.47,
    languages=ENGLISH,
    time=_measured(0.75),
)
_NLLB = Model(
    "translator",
    "facebook/nllb-200-distilled-600M",
    CC_BY_NC_4,
    gigabytes=2.48,
    # The repository has no safetensors; the weights are loaded without pickle's code.
    files=(*TEXT_FILES, "pytorch_model.bin"),
    parameters=0.62,
    languages=Sentence("202 languages", "202 لغة"),
    time=_measured(0.29),
)
_OPUS_EN_AR = Model(
    "translator",
    "Helsinki-NLP/opus-mt-tc-big-en-ar",
    CC_BY_4,
    gigabytes=0.48,
    files=(*TEXT_FILES, "*.spm", "pytorch_model.bin"),
    parameters=0.24,
    languages=EN_TO_AR,
    time=_computed(0.11),  # NLLB's, in proportion to the weights
)
_OPUS_AR_EN = replace(_OPUS_EN_AR, source="Helsinki-NLP/opus-mt-tc-big-ar-en", languages=AR_TO_EN)
_STABLE_DIFFUSION = Model(
    "painter",
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    OPENRAIL_M,
    gigabytes=2.74,
    files=("model_index.json", *(f"*/{name}" for name in TEXT_FILES), "*/*.fp16.safetensors"),
    parameters=1.37,
    languages=ENGLISH,
    time=_measured(27),
)
_LCM_LORA = Model(
    "adapter",
    "latent-consistency/lcm-lora-sdv1-5",
    OPENRAIL_PP,
    gigabytes=0.13,
    files=("pytorch_lora_weights.safetensors",),
    parameters=0.07,
)
_ONE_STEP_LORA = Model(
    "adapter",
    "ByteDance/Hyper-SD",
    OPENRAIL_PP,
    gigabytes=0.27,
    files=("Hyper-SD15-1step-lora.safetensors",),
    parameters=0.07,
    timestep=999,
)
_TAESD = Model(
    "decoder",
    "madebyollin/taesd",
    MIT,
    gigabytes=0.01,
    files=("config.json", "diffusion_pytorch_model.safetensors"),
)

STANDARD = ModelSet(
    name="standard",
    captioner=_BLIP,
    translators=(_NLLB,),
    painter=_STABLE_DIFFUSION,
    adapters={Recipe.INSTANT: _ONE_STEP_LORA, Recipe.DRAFT: _LCM_LORA},
    decoder=_TAESD,
    description=Sentence("photographs, 202 languages", "للصور الفوتوغرافية، بـ202 لغة"),
)

FREE = replace(
    STANDARD,
    name="free",
    translators=(_OPUS_EN_AR, _OPUS_AR_EN),
    description=Sentence(
        "photographs, English and Arabic", "للصور الفوتوغرافية، بالعربية والإنجليزية"
    ),
)

_QWEN = Model(
    "captioner",
    "Qwen/Qwen3.5-2B",
    APACHE_2,
    gigabytes=4.6,
    parameters=2.3,
    languages=ENGLISH_AND_ARABIC,
    time=_measured(20),  # 30 tokens
)

MODERN = ModelSet(
    name="modern",
    # One model for two stages: it is downloaded and loaded once.
    captioner=_QWEN,
    translators=(
        replace(
            _QWEN,
            stage="translator",
            languages=Sentence(
                "201 languages and dialects, its makers say", "201 لغة ولهجة كما يقول صانعوه"
            ),
            time=_computed(13),  # 20 tokens, each as long as one of a caption
        ),
    ),
    painter=Model(
        "painter",
        "black-forest-labs/FLUX.2-klein-4B",
        APACHE_2,
        gigabytes=16.0,
        parameters=8.0,
        languages=ENGLISH_AND_ARABIC,
        time=_computed(56, 107),  # 47 TFLOP at 0.84 and 0.44 TFLOP/s
    ),
    description=Sentence(
        "photographs, English and Arabic, best with a GPU",
        "للصور الفوتوغرافية، بالعربية والإنجليزية، ويُستحسن له معالج رسوميات (GPU)",
    ),
)

MINI = ModelSet(
    name="mini",
    captioner=Model(
        "captioner", "captioner", APACHE_2, gigabytes=0.01, parameters=0.006, languages=ENGLISH
    ),
    translators=(
        Model(
            "translator",
            "translator",
            APACHE_2,
            gigabytes=0.01,
            parameters=0.003,
            languages=Sentence("English and Arabic", "بين الإنجليزية والعربية"),
        ),
    ),
    painter=Model(
        "painter",
        "painter",
        APACHE_2,
        gigabytes=0.03,
        parameters=0.014,
        languages=ENGLISH,
        guidance_scale=3.0,
        styles=False,
    ),
    adapters={
        Recipe.INSTANT: Model(
            "adapter", "one-step", APACHE_2, gigabytes=0.01, parameters=0.003, timestep=859
        )
    },
    bundled=True,
    description=Sentence("116 pictograms, to try Marsam", "116 رسمًا مبسّطًا، لتجربة مرسم"),
)

ALTERNATIVES = (
    Model(
        "translator",
        "facebook/m2m100_418M",
        MIT,
        gigabytes=1.94,
        files=(*TEXT_FILES, "pytorch_model.bin"),
        parameters=0.48,
        languages=Sentence("100 languages", "100 لغة"),
        time=_computed(0.22),  # as of OPUS-MT
    ),
)
"""Other models that Marsam knows, for ``--translator ID``."""

SETS: Mapping[str, ModelSet] = {s.name: s for s in (STANDARD, FREE, MODERN, MINI)}


def model_set(name: str) -> ModelSet:
    """Return the set of that name; OptionError when there is none."""
    if name not in SETS:
        raise OptionError(
            "There is no model set {name!r}; choose one of {sets}.", name=name, sets=list(SETS)
        )
    return SETS[name]


def model_of(source: str) -> Model | None:
    """Return the catalog's model of a hub id, or None when the catalog does not list it."""
    fetched = (*(m for s in SETS.values() if not s.bundled for m in s.parts), *ALTERNATIVES)
    return next((model for model in fetched if model.source == source), None)


def bundled_folder(model: Model) -> Path:
    """Return the folder of a bundled model inside the installed package."""
    return Path(str(resources.files("marsam"))) / "mini" / model.source
