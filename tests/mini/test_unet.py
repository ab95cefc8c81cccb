"""A U-Net that is made quicker says what it said before."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from marsam import PaintOptions, Studio, device
from marsam.cpu import cfg_sharing, winograd
from marsam.cpu.optimize import suit_processor
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


def _said(unet: UNet2DConditionModel, *, pictures: int = 1, side: int = 8) -> torch.Tensor:
    """Of pictures as guidance shows them: twice, with words and without."""
    torch.manual_seed(1)
    noise = torch.randn(pictures, 4, side, side).to(unet.dtype).repeat(2, 1, 1, 1)
    words = torch.randn(2 * pictures, 5, 16).to(unet.dtype)
    with torch.inference_mode():
        answer: torch.Tensor = unet(noise, torch.tensor(3), words, return_dict=False)[0]
    return answer


@pytest.mark.parametrize("pictures", [1, 3])
def test_what_a_guided_pair_shares_is_worked_out_once(
    unet: UNet2DConditionModel, pictures: int
) -> None:
    unet = unet.float()
    before = _said(unet, pictures=pictures)
    cfg_sharing.install(unet)
    rows: list[int] = []
    attention = unet.down_blocks[0].attentions[0].transformer_blocks[0]
    for layer in (unet.down_blocks[0].resnets[0].conv1, attention.attn1.to_q, attention.attn2.to_q):
        layer.register_forward_pre_hook(lambda _layer, given: rows.append(len(given[0])))
    after = _said(unet, pictures=pictures)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert rows == [pictures, pictures, 2 * pictures]
    assert not torch.equal(*after.chunk(2))


def test_so_it_is_where_the_cores_do_not_part_the_halves_evenly(unet: UNet2DConditionModel) -> None:
    unet = unet.float().to(memory_format=torch.channels_last)
    cfg_sharing.install(unet)
    rows: list[int] = []
    attention = unet.down_blocks[0].attentions[0].transformer_blocks[0]
    attention.attn1.to_q.register_forward_pre_hook(lambda _layer, given: rows.append(len(given[0])))
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        _said(unet, side=40)
    finally:
        torch.set_num_threads(threads)
    assert rows == [1]


@pytest.mark.parametrize("pays", [True, False])
def test_the_outermost_layers_change_and_say_the_same(
    unet: UNet2DConditionModel, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_memory", lambda: float("inf"))
    monkeypatch.setattr(winograd, "TRIED", (32, 8))
    monkeypatch.setattr(winograd, "pays", lambda: pays)
    before = _said(unet)
    suit_processor(SimpleNamespace(unet=unet, vae=None), BFLOAT16)
    after = _said(unet)
    assert after.dtype == before.dtype == torch.bfloat16
    torch.testing.assert_close(after, before, rtol=0.05, atol=0.05)
    changed = {
        name.rpartition(".")[0]
        for name, weight in unet.named_parameters()
        if weight.dtype == torch.float32
    }
    outer = {
        "down_blocks.0.resnets.0.conv1",
        "down_blocks.0.resnets.0.conv2",
        "up_blocks.0.upsamplers.0.conv",
        *(f"up_blocks.1.resnets.{n}.conv{c}" for n in (0, 1) for c in (1, 2)),
    }
    assert changed == (outer if pays else set())
    assert unet.dtype == torch.bfloat16


def test_a_painter_whose_weights_take_half_paints_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = Device(kind="cpu", dtype="float32", reason="for a test")
    ours = Studio.load("mini").painter
    assert isinstance(ours, DiffusionPainter)
    options = PaintOptions(pictures=1, seed=3, steps=4)

    def painted() -> tuple[DiffusionPainter, np.ndarray]:
        painter = DiffusionPainter(ours.folder, device=device)
        told = [e for e in painter.paint("a cat", options) if isinstance(e, Painted)]
        return painter, np.asarray(told[0].picture.image, int)

    halved, picture = painted()
    monkeypatch.setattr("marsam.stages.painter.HALVED", ())
    full, wanted = painted()
    assert abs(picture - wanted).max() <= 3
    memory = []
    for painter in (halved, full):
        pipe = painter._loaded[0]
        parts = pipe.unet, pipe.vae, pipe.text_encoder
        assert all(part.dtype == torch.float32 for part in parts)
        memory.append(sum(w.nbytes for part in parts for w in part.parameters()))
    assert memory[0] < 0.55 * memory[1]
