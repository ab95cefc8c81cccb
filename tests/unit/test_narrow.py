"""Weights in eight bits or sixteen say what they said before."""

import pytest
import torch
from torch import nn

from marsam.cpu.quantized_linear import PIECE, HalfLinear, NarrowLinear, narrow
from marsam.device import Device

BFLOAT16 = Device(kind="cpu", dtype="bfloat16", reason="for a test")
FLOAT32 = Device(kind="cpu", dtype="float32", reason="for a test")
GPU = Device(kind="cuda", dtype="float16", reason="for a test")
packing = pytest.mark.skipif(not FLOAT32.packs_weights, reason="FBGEMM is for x86 with AVX2")


@pytest.mark.parametrize("rows", [1, 5, 16, 17, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_eight_bits_are_close_to_sixteen(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    full = nn.Linear(256, 96, bias=bias).bfloat16()
    small = NarrowLinear(full.weight, full.bias)
    states = torch.randn(2, rows, 256).bfloat16()
    with torch.inference_mode():
        wanted, got = full(states).float(), small(states).float()
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 0.03 * wanted.abs().max()


def test_a_row_of_zeros_stays_one() -> None:
    full = nn.Linear(64, 32, bias=False).bfloat16()
    with torch.no_grad():
        full.weight[3] = 0
        answer = NarrowLinear(full.weight, None)(torch.ones(1, 64).bfloat16())
    assert answer[0, 3] == 0
    assert answer.isfinite().all()


@packing
@pytest.mark.parametrize("outputs", [96, PIECE + 5])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_that_come_in_float16_lose_nothing(outputs: int, bias: bool) -> None:
    torch.manual_seed(0)
    full = nn.Linear(64, outputs, bias=bias).half().float()
    packed = HalfLinear(full.weight, full.bias)
    states = torch.randn(2, 7, 64)
    with torch.inference_mode():
        wanted, got = full(states), packed(states)
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 1e-5


@packing
def test_float32_is_rounded_to_half_precision_alone() -> None:
    torch.manual_seed(0)
    full = nn.Linear(256, 96)
    with torch.inference_mode():
        states = torch.randn(5, 256)
        wanted, got = full(states), HalfLinear(full.weight, full.bias)(states)
    assert (got - wanted).abs().max() < 1e-3 * wanted.abs().max()


@packing
def test_where_float32_is_computed_layers_are_packed() -> None:
    decoder = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 4))
    narrow(decoder, FLOAT32)
    assert all(isinstance(layer, HalfLinear) for layer in decoder)


def test_on_a_gpu_layers_stay_as_they_are() -> None:
    decoder = nn.Sequential(nn.Linear(64, 64))
    narrow(decoder, GPU)
    assert type(decoder[0]) is nn.Linear


def test_every_layer_of_a_decoder_is_exchanged() -> None:
    inner = nn.Sequential(nn.Linear(64, 8))
    decoder = nn.Sequential(nn.Linear(64, 64), inner, nn.Linear(8, 4))
    narrow(decoder, BFLOAT16)
    assert isinstance(decoder[0], NarrowLinear)
    assert isinstance(inner[0], NarrowLinear)
    assert type(decoder[2]) is nn.Linear  # too slim for the kernel
