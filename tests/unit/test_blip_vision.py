"""An optimised BLIP gives the results of the plain one."""

from typing import Any

import pytest
import torch
from transformers import BlipConfig, BlipForConditionalGeneration

from marsam.cpu import blip_vision, prepacked, torch_ops
from marsam.cpu.blip_vision import apply_blip_optimizations
from marsam.device import Device


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return BlipForConditionalGeneration(
        BlipConfig(
            vision_config={**shape, "intermediate_size": 64, "image_size": 32, "patch_size": 8},
            text_config={
                **shape,
                "intermediate_size": 64,
                "encoder_hidden_size": 32,
                "vocab_size": 40,
                "bos_token_id": 38,
                "sep_token_id": 2,
                "eos_token_id": 2,
                "initializer_range": 0.5,
            },
        )
    ).eval()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_blip_generates_the_same_with_less_work(
    model: Any, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32, so that results are comparable; the paths of bfloat16 with torch's kernels."""
    for module in (prepacked, blip_vision):
        monkeypatch.setattr(module, "prepacks_onednn", lambda _device: dtype == "bfloat16")
    monkeypatch.setattr(torch_ops, "has_onednn", lambda _dtype: False)
    images = torch.randn(2, 3, 32, 32)
    options = {"pixel_values": images, "num_beams": 3, "max_new_tokens": 6}
    with torch.inference_mode():
        states, tokens = model.vision_model(images)[0], model.generate(**options)
        projections = apply_blip_optimizations(model, Device(kind="cpu", dtype=dtype, reason=""))
        batch_sizes: list[int] = []
        for projection in projections:
            projection.beams = 3
            projection.layer.register_forward_pre_hook(
                lambda _layer, inputs: batch_sizes.append(len(inputs[0]))
            )
        torch.testing.assert_close(model.vision_model(images)[0], states, rtol=1e-4, atol=1e-4)
        assert torch.equal(model.generate(**options), tokens)
    assert batch_sizes
    assert set(batch_sizes) == {2}
