"""Families of vision-language models that caption pictures, as data.

Each is read with the image processor for Pillow and a tokenizer, without ``AutoProcessor``, which
needs torchvision. What a processor would write into the text in the place of a picture is in the
table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marsam.options import CaptionLength
from marsam.text.languages import ARABIC, ENGLISH

MAX_IMAGE_TOKENS = 256
"""Tokens of a picture, at most, where the family can be told: a huge picture costs no more."""

Inputs = Mapping[str, Any]
"""What an image processor returns for one picture."""


@dataclass(frozen=True, kw_only=True)
class VisionFamily:
    """What is special about a family of vision-language models.

    Attributes:
        image_processor: the class in transformers.
        picture: what stands for a picture in the text that the model reads. ``{image}`` is the
            token of one place, as often as the picture has places; others are the tokens whose
            numbers the model's configuration has under that name.
        written: what the chat template writes for a picture, in the same way.
        places: how many places a picture has, of the model's configuration, the image processor
            and its output.
        bound: settings of the image processor that bound the picture's size, of the processor.
        inputs: which of the image processor's outputs the model reads.
        token_types: the model's input that tells places of the picture (1) from text (0); empty
            where there is none.
        languages: NLLB codes of the languages that it captions in.
        requests: fixed requests by length, of models that were trained for these alone; empty for
            models that read a chat, and any request.
    """

    image_processor: str
    picture: str = "{image}"
    written: str = "{image}"
    places: Callable[[Any, Any, Inputs], int]
    bound: Callable[[Any], dict[str, Any]] = field(default=lambda _: {})
    inputs: tuple[str, ...] = ("pixel_values",)
    token_types: str = ""
    languages: tuple[str, ...] = (ENGLISH.code, ARABIC.code)
    requests: Mapping[CaptionLength, str] = field(default_factory=dict)


def _qwen_places(_config: Any, processor: Any, inputs: Inputs) -> int:
    return int(inputs["image_grid_thw"][0].prod() // processor.merge_size**2)


def _qwen_bound(processor: Any) -> dict[str, Any]:
    """Between the least that the model was made for and ``MAX_IMAGE_TOKENS`` tokens."""
    pixels = (processor.patch_size * processor.merge_size) ** 2
    least, most = processor.size["shortest_edge"], processor.size["longest_edge"]
    most = min(most, MAX_IMAGE_TOKENS * pixels)
    return {"size": {"shortest_edge": min(least, most), "longest_edge": most}}


def _smolvlm_places(config: Any, *_: object) -> int:
    vision = config.vision_config
    side: int = vision.image_size // vision.patch_size // config.scale_factor
    return side**2


def _florence2_places(config: Any, _processor: Any, inputs: Inputs) -> int:
    """One for each cell of the last feature map, and one for the whole picture."""
    height, width = inputs["pixel_values"].shape[-2:]
    vision = config.vision_config
    for kernel, stride, padding in zip(
        vision.patch_size, vision.patch_stride, vision.patch_padding, strict=True
    ):
        height, width = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    return int(height * width) + 1


_QWEN = VisionFamily(
    image_processor="Qwen2VLImageProcessorPil",
    places=_qwen_places,
    bound=_qwen_bound,
    inputs=("pixel_values", "image_grid_thw"),
    token_types="mm_token_type_ids",  # noqa: S106 - no password
)
FAMILIES: Mapping[str, VisionFamily] = {
    "qwen2_vl": _QWEN,
    "qwen2_5_vl": _QWEN,
    "qwen3_vl": _QWEN,
    "qwen3_5": _QWEN,
    "gemma3": VisionFamily(
        image_processor="Gemma3ImageProcessorPil",
        picture="\n\n{boi}{image}{eoi}\n\n",
        written="{boi}",
        places=lambda config, *_: int(config.mm_tokens_per_image),
        bound=lambda _: {"do_pan_and_scan": False},
        token_types="token_type_ids",  # noqa: S106 - no password
    ),
    "gemma4": VisionFamily(
        image_processor="Gemma4ImageProcessorPil",
        picture="{boi}{image}{eoi}",
        places=lambda *given: int(given[2]["num_soft_tokens_per_image"][0]),
        # The least of its sizes that is not smaller than the limit.
        bound=lambda processor: {"max_soft_tokens": min(processor.max_soft_tokens, 280)},
        inputs=("pixel_values", "image_position_ids"),
        token_types="mm_token_type_ids",  # noqa: S106 - no password
    ),
    "smolvlm": VisionFamily(
        image_processor="SmolVLMImageProcessorPil",
        picture="<fake_token_around_image><global-img>{image}<fake_token_around_image>",
        places=_smolvlm_places,
        bound=lambda _: {"do_image_splitting": False},
        inputs=("pixel_values", "pixel_attention_mask"),
        languages=(ENGLISH.code,),
    ),
    "florence2": VisionFamily(
        image_processor="CLIPImageProcessorPil",
        places=_florence2_places,
        languages=(ENGLISH.code,),
        requests={
            CaptionLength.SHORT: "What does the image describe?",
            CaptionLength.SENTENCE: "Describe in detail what is shown in the image.",
            CaptionLength.PARAGRAPH: "Describe with a paragraph what is shown in the image.",
        },
    ),
}
"""By ``model_type`` in ``config.json``."""
