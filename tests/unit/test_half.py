"""Weights kept in half the memory say what they said before."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from marsam.cpu import layerwise_casting
from marsam.cpu.layerwise_casting import halve
from marsam.cpu.winograd import install, suited


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Network(nn.Module):
    """One of each kind of layer, the last one with the embedding's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(12, 16, padding_idx=0)
        self.inner = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.LayerNorm(16))
        self.picture = nn.Conv2d(1, 4, 3, padding=1, stride=2)
        self.last = nn.Linear(16, 12, bias=False)
        self.last.weight = self.words.weight
        self.register_buffer("shift", torch.randn(16))
        self.register_buffer("places", torch.arange(4))

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen = self.inner(self.words(ids) + self.shift)
        return self.last(seen), self.picture(seen[:, None])


def answers(network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        said: tuple[torch.Tensor, torch.Tensor] = network(torch.tensor([[3, 0, 11, 7]]))
    return said


@pytest.mark.parametrize("piece", [layerwise_casting.PIECE, 50])
@pytest.mark.parametrize("came", [torch.float16, torch.float32])
def test_what_is_of_half_precision_loses_nothing(
    came: torch.dtype, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layerwise_casting, "PIECE", piece)
    full = Network().half().float()
    halved = copy.deepcopy(full).to(came)
    halve(halved)
    for wanted, got in zip(answers(full), answers(halved), strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6)


def test_float32_changes_by_half_precisions_rounding_alone() -> None:
    full = Network()
    halved = copy.deepcopy(full)
    halve(halved)
    for wanted, got in zip(answers(full), answers(halved), strict=True):
        assert (got - wanted).abs().max() < 2e-3 * wanted.abs().max()


def test_weights_take_half_and_shared_ones_stay_shared() -> None:
    network = Network()
    halve(network)
    weights = [network.inner[0].weight, network.picture.weight, network.words.weight]
    assert all(weight.dtype == torch.float16 for weight in weights)
    assert network.last.weight is network.words.weight
    others = [network.inner[0].bias, network.inner[2].weight, network.shift]
    assert all(other.dtype == torch.float32 for other in others)
    assert network.places.dtype == torch.int64


def test_the_weight_by_which_a_network_tells_its_format_stays() -> None:
    network = Network()
    halve(network, but=network.picture.weight)
    assert network.picture.weight.dtype == torch.float32
    assert network.words.weight.dtype == torch.float16


def test_no_file_is_held_in_memory(tmp_path: Any) -> None:
    from safetensors.torch import load_file, save_file

    plain = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64))
    save_file(plain.state_dict(), tmp_path / "weights.safetensors")
    network = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64))
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"), assign=True)
    of_file = {p.untyped_storage().data_ptr() for p in network.parameters()}
    halve(network)
    assert not of_file & {p.untyped_storage().data_ptr() for p in network.parameters()}


def test_convolutions_with_fewer_multiplications_take_half_as_well() -> None:
    full = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1))
    pictures = torch.randn(2, 128, 12, 20)
    with torch.inference_mode():
        wanted = full(pictures)
        halve(full)
        install(suited(full))
        got = full(pictures)
    assert full[0].weight.dtype == torch.float16
    assert full[0].weight.shape == (36, 128, 128)
    assert (got - wanted).norm() / wanted.norm() < 5e-3
