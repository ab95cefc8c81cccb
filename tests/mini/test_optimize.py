"""An optimised U-Net gives the results of the plain one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from marsam import PaintOptions, Studio, device
from marsam.cpu import optimize, prepacked, torch_ops
from marsam.cpu.cfg_sharing import apply_cfg_sharing
from marsam.cpu.optimize import optimize_pipeline
from marsam.device import Device
from marsam.results import Painted
from marsam.stages.painter import DiffusionPainter

BFLOAT16 = Device(kind="cpu", dtype="bfloat16", reason="for a test")


@pytest.fixture
def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    model = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
    )
    return model.bfloat16().eval()


def _output(unet: UNet2DConditionModel, *, images: int = 1, side: int = 8) -> torch.Tensor:
    """For a batch with classifier-free guidance: each latent twice, with different prompts."""
    torch.manual_seed(1)
    noise = torch.randn(images, 4, side, side).to(unet.dtype).repeat(2, 1, 1, 1)
    prompts = torch.randn(2 * images, 5, 16).to(unet.dtype)
    with torch.inference_mode():
        output: torch.Tensor = unet(noise, torch.tensor(3), prompts, return_dict=False)[0]
    return output


@pytest.mark.parametrize("images", [1, 3])
def test_layers_before_cross_attention_compute_half_the_batch(
    unet: UNet2DConditionModel, images: int
) -> None:
    unet = unet.float()
    before = _output(unet, images=images)
    apply_cfg_sharing(unet)
    rows: list[int] = []
    attention = unet.down_blocks[0].attentions[0].transformer_blocks[0]
    for layer in (unet.down_blocks[0].resnets[0].conv1, attention.attn1.to_q, attention.attn2.to_q):
        layer.register_forward_pre_hook(lambda _layer, inputs: rows.append(len(inputs[0])))
    after = _output(unet, images=images)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert rows == [images, images, 2 * images]
    assert not torch.equal(*after.chunk(2))


def test_cfg_sharing_with_a_thread_count_that_does_not_divide_the_batch(
    unet: UNet2DConditionModel,
) -> None:
    unet = unet.float().to(memory_format=torch.channels_last)
    apply_cfg_sharing(unet)
    rows: list[int] = []
    attention = unet.down_blocks[0].attentions[0].transformer_blocks[0]
    attention.attn1.to_q.register_forward_pre_hook(
        lambda _layer, inputs: rows.append(len(inputs[0]))
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        _output(unet, side=40)
    finally:
        torch.set_num_threads(threads)
    assert rows == [1]


def test_prepacked_unet_matches_the_plain_one(
    unet: UNet2DConditionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With torch's own kernels, so that it runs on every CPU."""
    for module in (prepacked, optimize):
        monkeypatch.setattr(module, "prepacks_onednn", lambda _device: True)
    monkeypatch.setattr(torch_ops, "has_onednn", lambda _dtype: False)
    monkeypatch.setattr(device, "_memory", lambda: 0)
    before = _output(unet)
    optimize_pipeline(SimpleNamespace(unet=unet, vae=None), BFLOAT16)
    torch.testing.assert_close(_output(unet), before, rtol=0.05, atol=0.05)
    gate: Any = unet.down_blocks[0].attentions[0].transformer_blocks[0].ff.net[0]
    assert isinstance(gate.forward, prepacked.PrepackedGEGLU)
    assert isinstance(unet.time_embedding.linear_1.forward, prepacked.PrepackedLinear)


def test_fp16_weight_storage_paints_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(kind="cpu", dtype="float32", reason="for a test")
    ours = Studio.load("mini").painter
    assert isinstance(ours, DiffusionPainter)
    options = PaintOptions(pictures=1, seed=3, steps=25)

    def painted() -> tuple[DiffusionPainter, np.ndarray]:
        painter = DiffusionPainter(ours.folder, device=device)
        events = [e for e in painter.paint("a cat", options) if isinstance(e, Painted)]
        return painter, np.asarray(events[0].picture.image, int)

    cast, picture = painted()
    monkeypatch.setattr(DiffusionPainter, "_half_storage", False)
    full, wanted = painted()
    assert abs(picture - wanted).max() <= 3
    memory = []
    for painter in (cast, full):
        pipe = painter._loaded[0]
        parts = pipe.unet, pipe.vae, pipe.text_encoder
        assert all(part.dtype == torch.float32 for part in parts)
        memory.append(sum(w.nbytes for part in parts for w in part.parameters()))
    assert memory[0] < 0.55 * memory[1]
