"""Families of painters as data: how the pipelines of diffusers are meant to be used.

The values are the defaults and checks of the pipelines in diffusers, and what the makers of the
models recommend. None of them has been tuned by measurements of quality.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marsam.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Family:
    """How painters of one family are used.

    Attributes:
        steps: number of steps by recipe, with the scheduler that the model ships.
        guidance_scale: the default.
        guidance_argument: what the pipeline calls it.
        guidance_off: guidance has no effect at this scale or below.
        classifier_free_guidance: whether guidance is a second forward pass of each step.
        embedded_guidance: whether the network reads the guidance scale as an input instead.
        negative_prompts: whether the pipeline takes a negative prompt.
        blank_negative: negative prompt for guidance without one, where the pipeline needs it.
        size_multiple: what width and height must be multiples of, in pixels.
        default_side: width and height of its pictures by default, in pixels.
        tokenizer: folder of the tokenizer that reads most of the prompt.
        max_tokens: tokens of the prompt that are read; None is the tokenizer's own limit.
        arguments: other arguments of the pipeline that the family needs.
        other_schedulers: whether recipes may replace the scheduler of the model.
        float16: whether it can compute in float16.
        image_to_image: the pipeline of the same parts that starts from an image; empty for none.
        whole_steps: as of :class:`marsam.recipes.SamplingConfig`.
        reads_arabic: whether the training texts of its text encoder had Arabic among them: those of
            Qwen do, those of CLIP, T5 and Gemma 2 are (nearly) English only. What its pictures of
            Arabic prompts are like is another question, and not measured.
    """

    steps: Mapping[Recipe, int]
    guidance_scale: float = 1.0
    guidance_argument: str = "guidance_scale"
    guidance_off: float = 1.0
    classifier_free_guidance: bool = True
    embedded_guidance: bool = False
    negative_prompts: bool = True
    blank_negative: str = ""
    size_multiple: int = 8
    default_side: int = 1024
    tokenizer: str = "tokenizer"
    max_tokens: int | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    other_schedulers: bool = False
    float16: bool = False
    image_to_image: str = ""
    whole_steps: bool = True
    reads_arabic: bool = False


def by_recipe(draft: int, balanced: int, faithful: int) -> Mapping[Recipe, int]:
    """Return steps by recipe."""
    return {Recipe.DRAFT: draft, Recipe.BALANCED: balanced, Recipe.FAITHFUL: faithful}


AS_ASKED: Mapping[str, object] = {"use_resolution_binning": False, "clean_caption": False}
"""Paint the size that was asked for, not one of a list that is then scaled and cropped; and read
the prompt as it is, whatever other libraries are installed."""

_STABLE_DIFFUSION = Family(
    steps=by_recipe(20, 30, 50),
    guidance_scale=7.5,
    default_side=512,
    other_schedulers=True,
    float16=True,
    image_to_image="StableDiffusionImg2ImgPipeline",
)
_STABLE_DIFFUSION_XL = replace(
    _STABLE_DIFFUSION,
    guidance_scale=5.0,
    default_side=1024,
    image_to_image="StableDiffusionXLImg2ImgPipeline",
)
_STABLE_DIFFUSION_3 = Family(
    steps=by_recipe(20, 28, 40),
    guidance_scale=4.5,
    size_multiple=16,
    tokenizer="tokenizer_3",
    max_tokens=256,
    float16=True,
    image_to_image="StableDiffusion3Img2ImgPipeline",
    whole_steps=False,
)
_FLUX = Family(
    steps=by_recipe(20, 28, 50),
    guidance_scale=3.5,
    classifier_free_guidance=False,
    embedded_guidance=True,
    negative_prompts=False,
    size_multiple=16,
    tokenizer="tokenizer_2",
    max_tokens=512,
    image_to_image="FluxImg2ImgPipeline",
    whole_steps=False,
)
_FLUX_2_KLEIN = Family(
    steps=by_recipe(20, 28, 50),
    guidance_scale=4.0,
    negative_prompts=False,
    size_multiple=16,
    max_tokens=509,  # 512 without the beginning of the chat's template
    reads_arabic=True,
)
_Z_IMAGE = Family(
    steps=by_recipe(20, 28, 50),
    guidance_scale=5.0,
    guidance_off=0.0,
    size_multiple=16,
    max_tokens=509,  # as above
    reads_arabic=True,
    image_to_image="ZImageImg2ImgPipeline",
    whole_steps=False,
)
_SANA = Family(
    steps=by_recipe(12, 20, 30),
    guidance_scale=4.5,
    size_multiple=32,
    max_tokens=299,  # 300 without the token before its instruction
    arguments=AS_ASKED,
)
_QWEN_IMAGE = Family(
    steps=by_recipe(20, 30, 50),
    guidance_scale=4.0,
    guidance_argument="true_cfg_scale",
    blank_negative=" ",
    size_multiple=16,
    max_tokens=512,
    reads_arabic=True,
    image_to_image="QwenImageImg2ImgPipeline",
    whole_steps=False,
)

FAMILIES: Mapping[str, Family] = {
    "StableDiffusionPipeline": _STABLE_DIFFUSION,
    "StableDiffusionXLPipeline": _STABLE_DIFFUSION_XL,
    "LatentConsistencyModelPipeline": Family(
        steps=by_recipe(4, 6, 8),
        guidance_scale=8.5,
        default_side=768,
        classifier_free_guidance=False,
        embedded_guidance=True,
        negative_prompts=False,
        float16=True,
    ),
    "StableDiffusion3Pipeline": _STABLE_DIFFUSION_3,
    "FluxPipeline": _FLUX,
    "Flux2KleinPipeline": _FLUX_2_KLEIN,
    "ZImagePipeline": _Z_IMAGE,
    "Lumina2Pipeline": Family(
        steps=by_recipe(20, 30, 50),
        guidance_scale=4.0,
        size_multiple=16,
        max_tokens=226,  # 256 without about 30 of its instruction
    ),
    "SanaPipeline": _SANA,
    "SanaSprintPipeline": replace(
        _SANA,
        steps=by_recipe(1, 2, 4),
        classifier_free_guidance=False,
        embedded_guidance=True,
        negative_prompts=False,
    ),
    "PixArtSigmaPipeline": Family(
        steps=by_recipe(12, 20, 40),
        guidance_scale=4.5,
        size_multiple=16,
        max_tokens=300,
        arguments=AS_ASKED,
        float16=True,
    ),
    "QwenImagePipeline": _QWEN_IMAGE,
    "ChromaPipeline": Family(
        steps=by_recipe(20, 35, 50),
        guidance_scale=5.0,
        size_multiple=16,
        max_tokens=512,
        image_to_image="ChromaImg2ImgPipeline",
        whole_steps=False,
    ),
}
"""Families by pipeline class."""


def _few_steps(family: Family, draft: int, balanced: int, faithful: int) -> Family:
    """Return a family that was distilled to few steps and paints without guidance by default."""
    return replace(
        family,
        steps=by_recipe(draft, balanced, faithful),
        guidance_scale=family.guidance_off,
        other_schedulers=False,
    )


DISTILLED: Mapping[str, Mapping[str, Family]] = {
    "StableDiffusionPipeline": {
        "turbo": _few_steps(_STABLE_DIFFUSION, 1, 2, 4),
        "lightning": _few_steps(_STABLE_DIFFUSION, 4, 4, 8),
        "lcm": _few_steps(_STABLE_DIFFUSION, 4, 6, 8),
    },
    "StableDiffusionXLPipeline": {
        "turbo": _few_steps(_STABLE_DIFFUSION_XL, 1, 2, 4),
        "lightning": _few_steps(_STABLE_DIFFUSION_XL, 4, 4, 8),
        "lcm": _few_steps(_STABLE_DIFFUSION_XL, 4, 6, 8),
    },
    "StableDiffusion3Pipeline": {"turbo": _few_steps(_STABLE_DIFFUSION_3, 4, 4, 8)},
    "FluxPipeline": {
        "schnell": replace(
            _few_steps(_FLUX, 2, 4, 4),
            embedded_guidance=False,
            max_tokens=256,
            arguments={"max_sequence_length": 256},
        )
    },
    "Flux2KleinPipeline": {
        "distilled": replace(_few_steps(_FLUX_2_KLEIN, 2, 4, 4), classifier_free_guidance=False)
    },
    "ZImagePipeline": {"turbo": _few_steps(_Z_IMAGE, 4, 8, 8)},
    "QwenImagePipeline": {"lightning": _few_steps(_QWEN_IMAGE, 4, 8, 8)},
}
"""Families of models that were distilled to few steps, by pipeline class and kind of model.

The kinds are words of the models' names, and ``distilled``, which only the files say.
"""

IMAGE_IS_OPTIONAL = (
    "Flux2Pipeline",
    "GlmImagePipeline",
    "OmniGenPipeline",
    "QwenImage21Pipeline",
    "ZImageOmniPipeline",
)
"""Pipelines beside those of the table that take an image and paint from words alone, too."""

OTHER_TASKS = frozenset(
    {
        *("image", "images", "input_images", "mask_image", "control_image", "gligen_images"),
        *("controlnet_conditioning_scale", "mask_token_id", "frame_size", "lyrics"),
        *("num_frames", "frames", "video", "video_length", "num_videos_per_prompt"),
        *("audio_duration", "audio_duration_s", "audio_end_in_s", "audio_length_in_s", "duration"),
    }
)
"""Arguments of pipelines that edit images, or make videos, sounds, shapes or texts."""
