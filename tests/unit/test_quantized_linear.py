"""int8 and fp16 weights give about the results of the full weights."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from marsam.cpu.quantized_linear import (
    CHUNK_OUTPUTS,
    Fp16WeightLinear,
    Int8WeightOnlyLinear,
    quantize_linears,
    quantized,
    uses_fbgemm,
)
from marsam.device import Device

BFLOAT16 = Device(kind="cpu", dtype="bfloat16", reason="for a test")
FLOAT32 = Device(kind="cpu", dtype="float32", reason="for a test")
GPU = Device(kind="cuda", dtype="float16", reason="for a test")
needs_fbgemm = pytest.mark.skipif(not uses_fbgemm(FLOAT32), reason="FBGEMM needs x86 with AVX2")


@pytest.mark.parametrize("rows", [1, 5, 16, 17, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_int8_weights_are_close_to_bfloat16(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    full = nn.Linear(256, 96, bias=bias).bfloat16()
    small = Int8WeightOnlyLinear(full.weight, full.bias)
    states = torch.randn(2, rows, 256).bfloat16()
    with torch.inference_mode():
        wanted, got = full(states).float(), small(states).float()
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 0.03 * wanted.abs().max()


def test_int8_weights_of_zero_give_zero() -> None:
    full = nn.Linear(64, 32, bias=False).bfloat16()
    with torch.no_grad():
        full.weight[3] = 0
        output = Int8WeightOnlyLinear(full.weight, None)(torch.ones(1, 64).bfloat16())
    assert output[0, 3] == 0
    assert output.isfinite().all()


def _laplace(*shape: int) -> torch.Tensor:
    return torch.distributions.Laplace(0.0, 1.0).sample(torch.Size(shape))


def _error(layer: nn.Module, full: nn.Linear) -> float:
    """Relative rms error against the full layer in float64."""
    states = torch.randn(16, full.in_features).bfloat16()
    with torch.inference_mode():
        exact = linear(states.double(), full.weight.double())
        return float((layer(states).double() - exact).norm() / exact.norm())


@pytest.mark.parametrize(("weights", "most"), [(torch.randn, 0.009), (_laplace, 0.0135)])
def test_int8_weights_lose_what_is_said(weights: Callable[..., torch.Tensor], most: float) -> None:
    torch.manual_seed(0)
    full = nn.Linear(1024, 500, bias=False).bfloat16()
    full.weight.data = weights(500, 1024).bfloat16()
    small = quantized(full, BFLOAT16)
    assert isinstance(small, Int8WeightOnlyLinear)
    assert _error(small, full) < most


@pytest.mark.parametrize("columns", [1, 8, 100])
@pytest.mark.parametrize("size", [20, 40])
def test_a_layer_with_outlier_columns_stays_about_as_exact_as_bfloat16(
    columns: int, size: int
) -> None:
    torch.manual_seed(0)
    full = nn.Linear(1024, 500, bias=False).bfloat16()
    full.weight.data = torch.randn(500, 1024).bfloat16()
    full.weight.data[:, :columns] *= size
    replaced = nn.Sequential(full)
    quantize_linears(replaced, BFLOAT16)
    assert _error(replaced[0], full) <= 2 * _error(full, full)


@needs_fbgemm
@pytest.mark.parametrize("outputs", [96, CHUNK_OUTPUTS + 5])
@pytest.mark.parametrize("bias", [True, False])
def test_weights_published_in_fp16_lose_nothing(outputs: int, bias: bool) -> None:
    torch.manual_seed(0)
    full = nn.Linear(64, outputs, bias=bias).half().float()
    packed = Fp16WeightLinear(full.weight, full.bias)
    states = torch.randn(2, 7, 64)
    with torch.inference_mode():
        wanted, got = full(states), packed(states)
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 1e-5


@needs_fbgemm
def test_fp16_weight_linear_rounds_the_weights_alone() -> None:
    torch.manual_seed(0)
    full = nn.Linear(256, 96)
    with torch.inference_mode():
        states = torch.randn(5, 256)
        wanted, got = full(states), Fp16WeightLinear(full.weight, full.bias)(states)
    assert (got - wanted).abs().max() < 1e-3 * wanted.abs().max()


@needs_fbgemm
def test_float32_layers_get_fp16_weights() -> None:
    decoder = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 4))
    quantize_linears(decoder, FLOAT32)
    assert all(isinstance(layer, Fp16WeightLinear) for layer in decoder)


def test_layers_on_a_gpu_are_not_quantized() -> None:
    decoder = nn.Sequential(nn.Linear(64, 64))
    quantize_linears(decoder, GPU)
    assert type(decoder[0]) is nn.Linear


def test_every_linear_of_a_decoder_is_quantized() -> None:
    inner = nn.Sequential(nn.Linear(64, 8))
    decoder = nn.Sequential(nn.Linear(64, 64), inner, nn.Linear(8, 4))
    quantize_linears(decoder, BFLOAT16)
    assert isinstance(decoder[0], Int8WeightOnlyLinear)
    assert isinstance(inner[0], Int8WeightOnlyLinear)
    assert type(decoder[2]) is nn.Linear  # too few inputs for the kernel
