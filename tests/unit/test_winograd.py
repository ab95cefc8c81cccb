"""Convolutions with fewer multiplications say what plain ones say."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from marsam import device
from marsam.cpu import autotune, winograd
from marsam.cpu.winograd import FOUR, TWO, Rows, Tiles, convolve, install, suited, transformed
from marsam.device import Device

tiles = pytest.mark.parametrize("tiles", [TWO, FOUR], ids=["two", "four"])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@tiles
@pytest.mark.parametrize("together", [1, 12, 10**6])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (16, 12), (13, 7)])
def test_every_size_in_every_block(
    tiles: Tiles, together: int, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "TOGETHER", together)
    pictures = torch.randn(3, 5, height, width, dtype=torch.float64)
    weight, bias = torch.randn(7, 5, 3, 3).double(), torch.randn(7).double()
    plain = conv2d(pictures, weight, bias, padding=1)
    mine = convolve(pictures, transformed(weight, tiles), bias, tiles)
    torch.testing.assert_close(mine, plain)
    without = convolve(pictures, transformed(weight, tiles), None, tiles)
    torch.testing.assert_close(without, conv2d(pictures, weight, padding=1))


@tiles
@pytest.mark.parametrize(("height", "width"), [(8, 8), (13, 7)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_an_answer_may_be_added_to_another(
    tiles: Tiles, height: int, width: int, dtype: torch.dtype
) -> None:
    pictures, weight = torch.randn(2, 5, height, width).to(dtype), torch.randn(7, 5, 3, 3).to(dtype)
    bias = torch.randn(7).to(dtype)
    onto = torch.randn(2, 7, height, width).to(dtype).contiguous(memory_format=torch.channels_last)
    wanted = onto.double() + conv2d(pictures.double(), weight.double(), bias.double(), padding=1)
    answer = convolve(pictures, transformed(weight, tiles), bias, tiles, onto=onto)
    assert answer is onto or answer.data_ptr() == onto.data_ptr()
    near = 0.05 if dtype == torch.bfloat16 else 1e-6
    torch.testing.assert_close(onto.double(), wanted, rtol=near, atol=near)


@tiles
def test_rows_are_made_when_they_are_wanted_and_never_all_at_once(
    tiles: Tiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "TOGETHER", 1)
    pictures, weight = torch.randn(1, 5, 16, 12), transformed(torch.randn(7, 5, 3, 3), tiles)
    asked: list[int] = []

    def made(top: int, bottom: int) -> torch.Tensor:
        asked.append(bottom - top)
        return pictures.permute(0, 2, 3, 1)[:, top:bottom]

    rows = Rows(shape=(1, 5, 16, 12), dtype=pictures.dtype, made=made)
    assert torch.equal(convolve(rows, weight, None, tiles), convolve(pictures, weight, None, tiles))
    assert max(asked) == tiles.seen


@tiles
def test_rounding_stays_small(tiles: Tiles) -> None:
    pictures, weight = torch.randn(1, 128, 32, 32), torch.randn(128, 128, 3, 3)
    exact = conv2d(pictures.double(), weight.double(), padding=1)
    mine = convolve(pictures, transformed(weight, tiles), None, tiles).double()
    assert (mine - exact).norm() / exact.norm() < 1e-5


@tiles
def test_a_picture_is_the_same_alone(tiles: Tiles) -> None:
    pictures = torch.randn(2, 128, 16, 16)
    weight = transformed(torch.randn(128, 128, 3, 3), tiles)
    together = convolve(pictures, weight, None, tiles)
    torch.testing.assert_close(convolve(pictures[:1], weight, None, tiles), together[:1])


@tiles
def test_bfloat16_comes_out_as_near_as_plain(tiles: Tiles) -> None:
    pictures = torch.randn(1, 64, 14, 17).bfloat16()
    weight, bias = torch.randn(64, 64, 3, 3).bfloat16(), torch.randn(64).bfloat16()
    exact = conv2d(pictures.double(), weight.double(), bias.double(), padding=1)
    mine = convolve(pictures, transformed(weight, tiles), bias, tiles)
    assert mine.dtype == torch.bfloat16
    # Rounded once, at the end.
    torch.testing.assert_close(mine, exact.bfloat16(), rtol=0.01, atol=0.01)


def _layer(channels: int = 128, out: int = 128, **kind: Any) -> nn.Conv2d:
    shape: dict[str, Any] = {"kernel_size": 3, "padding": 1}
    return nn.Conv2d(channels, out, **(shape | kind))


@pytest.mark.parametrize("largest", [0, 10**9])
def test_a_network_answers_as_before(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "LARGEST", largest)
    network = nn.Sequential(_layer(3), nn.SiLU(), _layer(), nn.SiLU(), _layer(out=160, bias=False))
    pictures = torch.randn(2, 3, 12, 20).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        before = network(pictures)
        install(suited(network))
        after = network(pictures)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    seen = 16 if largest == 0 else 36
    assert network[2].weight.shape == (seen, 128, 128)


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
def test_other_layers_are_left_alone(layer: nn.Conv2d) -> None:
    assert suited(nn.Sequential(layer)) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("largest", [0, winograd.LARGEST], ids=["two", "four"])
def test_a_layer_takes_other_weights(
    largest: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "LARGEST", largest)
    layer: Any
    layer, plain, other = _layer(), _layer(), _layer()
    for one in (layer, plain):
        one.load_state_dict(other.state_dict())
    layer.weight.data = layer.weight.data.to(dtype)
    install([layer])
    assert layer.weight.dtype == dtype
    weight = torch.randn_like(plain.weight)
    plain.weight.data = weight
    layer.forward.set_weight(weight)
    pictures = torch.randn(1, 128, 9, 9)
    with torch.no_grad():
        wanted, got = plain(pictures), layer(pictures)
    assert (got - wanted).norm() / wanted.norm() < (1e-5 if dtype == torch.float32 else 5e-3)


def test_layers_narrower_than_asked_are_left_alone() -> None:
    network = nn.Sequential(_layer(), _layer(out=160), _layer(channels=160, out=160))
    assert suited(network, fewest=160) == [network[2]]


@pytest.mark.parametrize(
    ("kind", "dtype", "gigabytes", "used"),
    [
        ("cpu", "float32", 16, True),
        ("cpu", "float32", 11, True),
        ("cpu", "float32", 8, False),
        ("cuda", "float16", 16, False),
    ],
)
def test_where_it_is_used(
    kind: str, dtype: str, gigabytes: int, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_memory", lambda: gigabytes * 2.0**30)
    chosen = Device(kind=kind, dtype=dtype, reason="")
    assert chosen.has_room is used
    assert any("fewer multiplications" in line for line in chosen.tuning) is used


@pytest.mark.parametrize(("share", "used"), [(0.6, True), (1.2, False)])
def test_where_bfloat16_is_computed_a_trial_decides(
    share: float, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_memory", lambda: 16 * 2.0**30)
    monkeypatch.setattr(winograd, "TRIED", (8, 4))
    monkeypatch.setattr(autotune, "_share", lambda *_ways: share)
    chosen = Device(kind="cpu", dtype="bfloat16", reason="")
    assert any("tried at the first" in line for line in chosen.tuning)
    assert winograd.pays() is used
    told = next(line for line in chosen.tuning if "fewer multiplications" in line)
    assert told.endswith("are not used") is not used
    assert f"{share:.0%}" in told
