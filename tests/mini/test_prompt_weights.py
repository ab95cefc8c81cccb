"""Weights in prompts, by the bundled painter and by a tiny random SDXL."""

from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from marsam import Painted, PaintOptions, Studio
from marsam.device import choose_device
from marsam.hub.catalog import MINI
from marsam.hub.selection import stage_folder
from marsam.recipes import Recipe
from marsam.stages.painter import DiffusionPainter
from marsam.stages.protocols import Painter


def painted(painter: Painter, prompt: str, negative: str = "") -> Image.Image:
    options = PaintOptions(
        pictures=1, seed=5, steps=3, width=64, height=64, negative_prompt=negative
    )
    (event,) = (e for e in painter.paint(prompt, options) if isinstance(e, Painted))
    assert event.picture.image is not None
    assert (event.picture.prompt, event.picture.negative_prompt) == (prompt, negative)
    return event.picture.image


def differs(one: Image.Image, other: Image.Image) -> bool:
    return one.tobytes() != other.tobytes()


@pytest.fixture
def sdxl(tmp_path: Path) -> DiffusionPainter:
    tokenizer = CLIPTokenizer.from_pretrained(stage_folder(MINI, MINI.painter, None) / "tokenizer")
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        projection_dim=16,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    unet = UNet2DConditionModel(
        block_out_channels=(16, 16),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        norm_num_groups=4,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        cross_attention_dim=32,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
    )
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        text_encoder_2=CLIPTextModelWithProjection(text),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=EulerDiscreteScheduler(),
        add_watermarker=False,
    )
    pipe.save_pretrained(tmp_path)
    return DiffusionPainter(tmp_path, device=choose_device("cpu"))


@pytest.mark.parametrize("family", ["mini", "sdxl"])
def test_a_weight_changes_the_picture(
    studio: Studio, family: str, request: pytest.FixtureRequest
) -> None:
    painter = request.getfixturevalue("sdxl") if family == "sdxl" else studio.painter
    assert painter.sampling(Recipe.BALANCED).prompt_weights
    plain = painted(painter, "a cat on a blue background")
    assert differs(painted(painter, "a (cat:1.5) on a blue background"), plain)
    # A weight of 1 is none: the embeddings are exactly those of the pipeline.
    assert not differs(painted(painter, "a (cat:1) on a blue background"), plain)
    negative = painted(painter, "a cat on a blue background", "dog")
    weighted = painted(painter, "a cat on a blue background", "(dog:1.5)")
    assert differs(negative, weighted)
    # What is weighted elsewhere leaves the negative prompt as the pipeline reads it.
    assert differs(painted(painter, "a (cat:1.5) on a blue background", "dog"), weighted)


def test_escaped_brackets_are_brackets(studio: Studio) -> None:
    assert not differs(
        painted(studio.painter, r"a cat, ratio \(3:2\)"),
        painted(studio.painter, "a cat, ratio ( 3 : 2 )"),
    )
