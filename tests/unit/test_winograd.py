"""Winograd convolutions give the results of plain ones."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from marsam.cpu import winograd
from marsam.cpu.winograd import (
    F2x2,
    F4x4,
    LazyRows,
    WinogradTransform,
    apply_winograd,
    supported_layers,
    transform_kernel,
    winograd_conv2d,
)

both = pytest.mark.parametrize("transform", [F2x2, F4x4], ids=["F2x2", "F4x4"])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@both
@pytest.mark.parametrize("min_tiles", [1, 12, 10**6])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (16, 12), (13, 7)])
def test_winograd_matches_conv2d_for_all_sizes(
    transform: WinogradTransform,
    min_tiles: int,
    height: int,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "MIN_TILES_PER_GEMM", min_tiles)
    images = torch.randn(3, 5, height, width, dtype=torch.float64)
    weight, bias = torch.randn(7, 5, 3, 3).double(), torch.randn(7).double()
    plain = conv2d(images, weight, bias, padding=1)
    got = winograd_conv2d(images, transform_kernel(weight, transform), bias, transform)
    torch.testing.assert_close(got, plain)
    without = winograd_conv2d(images, transform_kernel(weight, transform), None, transform)
    torch.testing.assert_close(without, conv2d(images, weight, padding=1))


@both
@pytest.mark.parametrize(("height", "width"), [(8, 8), (13, 7)])
def test_winograd_adds_to_a_residual_in_place(
    transform: WinogradTransform, height: int, width: int
) -> None:
    images, weight = torch.randn(2, 5, height, width), torch.randn(7, 5, 3, 3)
    bias = torch.randn(7)
    residual = torch.randn(2, 7, height, width).contiguous(memory_format=torch.channels_last)
    wanted = residual.double() + conv2d(images.double(), weight.double(), bias.double(), padding=1)
    got = winograd_conv2d(
        images, transform_kernel(weight, transform), bias, transform, residual=residual
    )
    assert got is residual or got.data_ptr() == residual.data_ptr()
    torch.testing.assert_close(residual.double(), wanted, rtol=1e-4, atol=1e-4)


@both
def test_lazy_rows_are_computed_a_few_at_a_time(
    transform: WinogradTransform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "MIN_TILES_PER_GEMM", 1)
    images, weight = torch.randn(1, 5, 16, 12), transform_kernel(torch.randn(7, 5, 3, 3), transform)
    computed: list[int] = []

    def compute(top: int, bottom: int) -> torch.Tensor:
        computed.append(bottom - top)
        return images.permute(0, 2, 3, 1)[:, top:bottom]

    rows = LazyRows(shape=(1, 5, 16, 12), compute=compute)
    assert torch.equal(
        winograd_conv2d(rows, weight, None, transform),
        winograd_conv2d(images, weight, None, transform),
    )
    assert max(computed) == transform.input_tile


@both
@pytest.mark.parametrize(("outlier", "offset"), [(1, 0), (40, 0), (1, 10)])
def test_winograd_rounding_error_is_small(
    transform: WinogradTransform, outlier: float, offset: float
) -> None:
    """In float32 and with weights in fp16, where a plain convolution in bfloat16 loses 0.0029."""
    images, weight = torch.randn(1, 128, 32, 32) + offset, torch.randn(128, 128, 3, 3).half()
    images[:, 5] *= outlier
    weight[:, 7] *= outlier
    exact = conv2d(images.double(), weight.double(), padding=1)
    transformed = transform_kernel(weight, transform)
    for stored, most in ((transformed, 5e-6), (transformed.half().float(), 0.0025)):
        got = winograd_conv2d(images, stored, None, transform).double()
        assert (got - exact).norm() / exact.norm() < most


@both
def test_winograd_result_does_not_depend_on_the_batch(transform: WinogradTransform) -> None:
    images = torch.randn(2, 128, 16, 16)
    weight = transform_kernel(torch.randn(128, 128, 3, 3), transform)
    batched = winograd_conv2d(images, weight, None, transform)
    torch.testing.assert_close(winograd_conv2d(images[:1], weight, None, transform), batched[:1])


def _layer(channels: int = 128, out: int = 128, **kind: Any) -> nn.Conv2d:
    shape: dict[str, Any] = {"kernel_size": 3, "padding": 1}
    return nn.Conv2d(channels, out, **(shape | kind))


@pytest.mark.parametrize("max_weights", [0, 10**9])
def test_apply_winograd_keeps_the_output_of_a_network(
    max_weights: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "MAX_F4X4_WEIGHTS", max_weights)
    network = nn.Sequential(_layer(3), nn.SiLU(), _layer(), nn.SiLU(), _layer(out=160, bias=False))
    images = torch.randn(2, 3, 12, 20).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        before = network(images)
        apply_winograd(supported_layers(network))
        after = network(images)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    matrices = 16 if max_weights == 0 else 36
    assert network[2].weight.shape == (matrices, 128, 128)


@pytest.mark.parametrize(
    "layer",
    [
        _layer(channels=127),
        _layer(out=127),
        _layer(kernel_size=1, padding=0),
        _layer(padding=0),
        _layer(padding="same"),
        _layer(stride=2),
        _layer(dilation=2, padding=2),
        _layer(groups=2),
        _layer(padding_mode="reflect"),
    ],
    ids=repr,
)
def test_unsupported_layers_are_left_alone(layer: nn.Conv2d) -> None:
    assert supported_layers(nn.Sequential(layer)) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("max_weights", [0, winograd.MAX_F4X4_WEIGHTS], ids=["F2x2", "F4x4"])
def test_winograd_forward_takes_new_weights(
    max_weights: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "MAX_F4X4_WEIGHTS", max_weights)
    layer: Any
    layer, plain, other = _layer(), _layer(), _layer()
    for one in (layer, plain):
        one.load_state_dict(other.state_dict())
    layer.weight.data = layer.weight.data.to(dtype)
    apply_winograd([layer])
    assert layer.weight.dtype == dtype
    weight = torch.randn_like(plain.weight)
    plain.weight.data = weight
    layer.forward.set_weight(weight)
    images = torch.randn(1, 128, 9, 9)
    with torch.no_grad():
        wanted, got = plain(images), layer(images)
    assert (got - wanted).norm() / wanted.norm() < (1e-5 if dtype == torch.float32 else 5e-3)


def test_layers_with_fewer_channels_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "MIN_CHANNELS", 160)
    network = nn.Sequential(_layer(), _layer(out=160), _layer(channels=160, out=160))
    assert supported_layers(network) == [network[2]]
