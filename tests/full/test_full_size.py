"""The full-size architectures of the standard set, from their real configurations.

Weights are random, so nothing is downloaded: this proves sizes and that every part runs at them.
bfloat16 keeps the largest model under two gigabytes.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPTextConfig,
    CLIPTextModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
)

pytestmark = pytest.mark.skipif(
    os.environ.get("MARSAM_FULL") != "1",
    reason="builds gigabytes of models; run it with: make test-full",
)


@pytest.fixture(autouse=True)
def half() -> Iterator[None]:
    """Build everything in bfloat16, and leave no trace of it."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    torch.manual_seed(0)
    with torch.inference_mode():
        yield
    torch.set_default_dtype(before)


def test_blip_large_writes_a_token() -> None:
    model = _random(
        BlipForConditionalGeneration,
        BlipConfig(
            vision_config={
                "image_size": 384,
                "patch_size": 16,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
            },
            text_config={
                "vocab_size": 30524,
                "hidden_size": 768,
                "encoder_hidden_size": 1024,
                "intermediate_size": 3072,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "max_position_embeddings": 512,
                "bos_token_id": 30522,
                "pad_token_id": 0,
                "eos_token_id": 2,
                "sep_token_id": 102,
            },
            image_text_hidden_size=256,
            projection_dim=512,
        ),
    )
    # The file on the hub holds 470 million: the word list twice, as input and as output.
    words = model.get_input_embeddings().weight.numel() / 1e6
    assert _millions(model) == pytest.approx(446.3, abs=0.1)
    assert _millions(model) + words == pytest.approx(469.7, abs=0.1)
    tokens = model.generate(
        pixel_values=torch.zeros(1, 3, 384, 384), min_new_tokens=1, max_new_tokens=1
    )
    assert tokens.shape[1] >= 2


def test_nllb_600m_translates_a_token() -> None:
    model = _random(
        M2M100ForConditionalGeneration,
        M2M100Config(
            vocab_size=256206,
            d_model=1024,
            encoder_layers=12,
            decoder_layers=12,
            encoder_ffn_dim=4096,
            decoder_ffn_dim=4096,
            encoder_attention_heads=16,
            decoder_attention_heads=16,
            max_position_embeddings=1024,
            scale_embedding=True,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
        ),
    )
    arabic = 256011  # arb_Arab in the real vocabulary
    assert _millions(model) == pytest.approx(615, abs=1)
    tokens = model.generate(
        input_ids=torch.tensor([[256047, 9, 9, 2]]), forced_bos_token_id=arabic, max_new_tokens=2
    )
    assert tokens[0, :2].tolist() == [2, arabic]


def test_stable_diffusion_takes_a_step() -> None:
    unet = _random(
        UNet2DConditionModel,
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
    )
    text = _random(
        CLIPTextModel,
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            projection_dim=768,
        ),
    )
    assert _millions(unet) == pytest.approx(859.5, abs=0.1)
    assert _millions(text) == pytest.approx(123.06, abs=0.1)
    words = text(torch.full((1, 77), 49407)).last_hidden_state
    assert words.shape == (1, 77, 768)
    assert unet(torch.randn(1, 4, 64, 64), 500, words).sample.shape == (1, 4, 64, 64)


def test_the_vae_decodes() -> None:
    vae = _random(
        AutoencoderKL,
        sample_size=512,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    assert _millions(vae) == pytest.approx(83.65, abs=0.01)
    # A quarter of each side: the layers are the same, and the rest is only time.
    assert vae.decode(torch.randn(1, 4, 16, 16)).sample.shape == (1, 3, 128, 128)


def _random(kind: Any, *args: Any, **kwargs: Any) -> Any:
    """A model filled with small noise: the libraries' own initialisation takes far longer."""
    with torch.device("meta"):
        model = kind(*args, **kwargs)
    buffers = {
        name: torch.arange(buffer.shape[-1]).expand(buffer.shape).clone()
        for name, buffer in model.named_buffers()
        if name.endswith("position_ids")
    }
    model = model.to_empty(device="cpu").eval()
    for parameter in model.parameters():
        parameter.normal_(std=0.02)
    for name, values in buffers.items():
        model.get_buffer(name).copy_(values)
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    return model


def _millions(model: nn.Module) -> float:
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6
