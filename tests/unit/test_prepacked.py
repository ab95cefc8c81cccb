"""Prepacked weights give bit-equal results."""

from typing import Any

import pytest
import torch
from diffusers.models.activations import GEGLU
from torch import nn

from marsam.cpu import prepacked, torch_ops
from marsam.cpu.prepacked import PrepackedGEGLU, PrepackedLinear, prepack_weights
from marsam.device import Device

BFLOAT16 = Device(kind="cpu", dtype="bfloat16", reason="for a test")


@pytest.fixture(params=["onednn", "fallback"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN's kernels where the CPU has bfloat16; torch's plain ones on every CPU."""
    if request.param == "fallback":
        monkeypatch.setattr(prepacked, "prepacks_onednn", lambda _device: True)
        monkeypatch.setattr(torch_ops, "has_onednn", lambda _dtype: False)
    elif not prepacked.prepacks_onednn(BFLOAT16):
        pytest.skip("oneDNN has no bfloat16 kernels for this CPU")


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_prepacked_linear_is_bit_equal(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(72, 33, bias=bias).bfloat16()
    states = torch.randn(2, rows, 72).bfloat16()
    with torch.inference_mode():
        wanted = layer(states)
        prepack_weights(nn.Sequential(layer), BFLOAT16)
        assert isinstance(layer.forward, PrepackedLinear)
        assert torch.equal(layer(states), wanted)
    assert layer.weight.dtype == torch.bfloat16


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "groups"), [(3, 1), (1, 1), (3, 2)])
def test_prepacked_convolution_is_bit_equal(kernel: int, groups: int, stride: int) -> None:
    torch.manual_seed(0)
    layer: Any = nn.Conv2d(32, 48, kernel, stride, padding=kernel // 2, groups=groups)
    layer = layer.bfloat16().to(memory_format=torch.channels_last)
    images = torch.randn(2, 32, 11, 7).bfloat16().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = layer(images)
        prepack_weights(layer, BFLOAT16)
        got = layer(images)
    assert torch.equal(got, wanted)
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_takes_images_of_one_size_after_another(groups: int) -> None:
    torch.manual_seed(0)
    layer: Any = nn.Conv2d(96, 96, 3, padding=1, groups=groups).bfloat16()
    images = [torch.randn(2, 96, side, side).bfloat16() for side in (16, 4, 16, 9)]
    with torch.inference_mode():
        wanted = [layer(one) for one in images]
        prepack_weights(layer, BFLOAT16)
        for one, result in zip(images, wanted, strict=True):
            torch.testing.assert_close(layer(one), result)
        changed = layer.weight.to_dense() if layer.weight.is_mkldnn else layer.weight
        layer.forward.set_weight(changed * 2)
        torch.testing.assert_close(
            layer(images[1]) - layer.bias[:, None, None],
            2 * (wanted[1] - layer.bias[:, None, None]),
            rtol=0.05,
            atol=0.05,
        )


@pytest.mark.usefixtures("kernels")
def test_a_convolution_is_prepacked_while_another_model_is_loaded() -> None:
    accelerate: Any = pytest.importorskip("accelerate")
    layer: Any = nn.Conv2d(96, 96, 3, padding=1).bfloat16()
    images = torch.randn(1, 96, 8, 8).bfloat16()
    with torch.inference_mode():
        wanted = layer(images)
        prepack_weights(layer, BFLOAT16)
        with accelerate.init_empty_weights():  # what it changes holds for all threads
            torch.testing.assert_close(layer(images), wanted)
    assert layer.weight.device.type == "cpu"


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("bias", [True, False])
def test_prepacked_geglu_matches_geglu(bias: bool) -> None:
    torch.manual_seed(0)
    gate = GEGLU(32, 24, bias=bias)
    states = torch.randn(2, 9, 32)
    with torch.inference_mode():
        wanted = gate(states)
        got = PrepackedGEGLU(gate.bfloat16().proj)(states.bfloat16()).float()
    assert got.shape == wanted.shape
    assert (got - wanted).norm() / wanted.norm() < 0.01


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("kind", [PrepackedLinear, PrepackedGEGLU])
def test_prepacked_forward_takes_new_weights(
    kind: type[PrepackedLinear] | type[PrepackedGEGLU],
) -> None:
    one, other = (nn.Linear(16, 8, bias=False).bfloat16() for _ in range(2))
    weight, states = other.weight.detach().clone(), torch.randn(3, 16).bfloat16()
    with torch.inference_mode():
        changed, wanted = kind(one), kind(other)
        assert not torch.equal(changed(states), wanted(states))
        changed.set_weight(weight)
        assert torch.equal(changed(states), wanted(states))


def test_unsupported_layers_are_not_prepacked() -> None:
    own: Any = nn.Linear(8, 8).bfloat16()
    own.forward = torch.neg
    reflect = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect").bfloat16()
    prepack_weights(nn.Sequential(own, reflect), BFLOAT16)
    assert own.forward is torch.neg
    assert "forward" not in vars(reflect)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_other_dtypes_are_not_prepacked(dtype: str) -> None:
    layer = nn.Linear(8, 8)
    prepack_weights(layer, Device(kind="cpu", dtype=dtype, reason="for a test"))
    assert "forward" not in vars(layer)
