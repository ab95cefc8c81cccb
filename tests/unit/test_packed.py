"""Weights that are arranged once say what they said before, to the last bit."""

from typing import Any

import pytest
import torch
from diffusers.models.activations import GEGLU
from torch import nn

from marsam.cpu.prepacked import Gated, PackedLinear, pack
from marsam.device import Device

BFLOAT16 = Device(kind="cpu", dtype="bfloat16", reason="for a test")
packing = pytest.mark.skipif(
    not BFLOAT16.packs_bfloat16, reason="oneDNN multiplies no bfloat16 on this processor"
)


@packing
@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_answers_the_same(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(72, 33, bias=bias).bfloat16()
    states = torch.randn(2, rows, 72).bfloat16()
    with torch.inference_mode():
        wanted = layer(states)
        pack(nn.Sequential(layer), BFLOAT16)
        assert isinstance(layer.forward, PackedLinear)
        assert torch.equal(layer(states), wanted)
    assert layer.weight.dtype == torch.bfloat16


@packing
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "groups"), [(3, 1), (1, 1), (3, 2)])
def test_a_convolution_answers_the_same(kernel: int, groups: int, stride: int) -> None:
    torch.manual_seed(0)
    layer: Any = nn.Conv2d(32, 48, kernel, stride, padding=kernel // 2, groups=groups)
    layer = layer.bfloat16().to(memory_format=torch.channels_last)
    pictures = torch.randn(2, 32, 11, 7).bfloat16().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = layer(pictures)
        pack(layer, BFLOAT16)
        got = layer(pictures)
    assert torch.equal(got, wanted)
    assert got.is_contiguous(memory_format=torch.channels_last)


@packing
@pytest.mark.parametrize("bias", [True, False])
def test_a_gate_lets_through_what_it_did(bias: bool) -> None:
    torch.manual_seed(0)
    gate = GEGLU(32, 24, bias=bias)
    states = torch.randn(2, 9, 32)
    with torch.inference_mode():
        wanted = gate(states)
        got = Gated(gate.bfloat16().proj)(states.bfloat16()).float()
    assert got.shape == wanted.shape
    assert (got - wanted).norm() / wanted.norm() < 0.01


@packing
@pytest.mark.parametrize("kind", [PackedLinear, Gated])
def test_a_layer_takes_other_weights(kind: type[PackedLinear] | type[Gated]) -> None:
    one, other = (nn.Linear(16, 8, bias=False).bfloat16() for _ in range(2))
    weight, states = other.weight.detach().clone(), torch.randn(3, 16).bfloat16()
    with torch.inference_mode():
        changed, wanted = kind(one), kind(other)
        assert not torch.equal(changed(states), wanted(states))
        changed.set_weight(weight)
        assert torch.equal(changed(states), wanted(states))


def test_layers_that_are_something_else_stay() -> None:
    own: Any = nn.Linear(8, 8).bfloat16()
    own.forward = torch.neg
    bent = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect").bfloat16()
    pack(nn.Sequential(own, bent), BFLOAT16)
    assert own.forward is torch.neg
    assert "forward" not in vars(bent)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_other_number_formats_stay(dtype: str) -> None:
    layer = nn.Linear(8, 8)
    pack(layer, Device(kind="cpu", dtype=dtype, reason="for a test"))
    assert "forward" not in vars(layer)
