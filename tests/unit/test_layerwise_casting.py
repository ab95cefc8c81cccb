"""fp16 weight storage gives the results of float32 weights."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from marsam.cpu import layerwise_casting
from marsam.cpu.layerwise_casting import apply_layerwise_casting
from marsam.cpu.winograd import apply_winograd, supported_layers


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Network(nn.Module):
    """A layer of each kind; the head shares the embedding's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(12, 16, padding_idx=0)
        self.mlp = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.LayerNorm(16))
        self.conv = nn.Conv2d(1, 4, 3, padding=1, stride=2)
        self.head = nn.Linear(16, 12, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("shift", torch.randn(16))
        self.register_buffer("indices", torch.arange(4))

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.mlp(self.embedding(ids) + self.shift)
        return self.head(states), self.conv(states[:, None])


def outputs(network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        result: tuple[torch.Tensor, torch.Tensor] = network(torch.tensor([[3, 0, 11, 7]]))
    return result


@pytest.mark.parametrize("chunk", [layerwise_casting.CAST_CHUNK_NUMEL, 50])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_weights_published_in_fp16_lose_nothing(
    dtype: torch.dtype, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layerwise_casting, "CAST_CHUNK_NUMEL", chunk)
    monkeypatch.setattr(layerwise_casting, "LINEAR_CHUNK_NUMEL", chunk)
    full = Network().half().float()
    cast = copy.deepcopy(full).to(dtype)
    apply_layerwise_casting(cast)
    for wanted, got in zip(outputs(full), outputs(cast), strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6)


def test_float32_weights_change_by_fp16_rounding_alone() -> None:
    full = Network()
    cast = copy.deepcopy(full)
    apply_layerwise_casting(cast)
    for wanted, got in zip(outputs(full), outputs(cast), strict=True):
        assert (got - wanted).abs().max() < 2e-3 * wanted.abs().max()


@pytest.mark.parametrize("outlier", [1, 40])
def test_fp16_rounding_is_relative_to_each_weight(outlier: float) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(256, 96, bias=False)
    layer.weight.data[:, 7] *= outlier
    states = torch.randn(5, 256)
    with torch.inference_mode():
        wanted = layer(states)
        apply_layerwise_casting(layer)
        assert (layer(states) - wanted).norm() < 3e-4 * wanted.norm()


def test_weights_are_stored_in_fp16_and_stay_shared() -> None:
    network = Network()
    apply_layerwise_casting(network)
    weights = [network.mlp[0].weight, network.conv.weight, network.embedding.weight]
    assert all(weight.dtype == torch.float16 for weight in weights)
    assert network.head.weight is network.embedding.weight
    others = [network.mlp[0].bias, network.mlp[2].weight, network.shift]
    assert all(other.dtype == torch.float32 for other in others)
    assert network.indices.dtype == torch.int64


def test_the_skipped_weight_stays_float32() -> None:
    network = Network()
    apply_layerwise_casting(network, skip=network.conv.weight)
    assert network.conv.weight.dtype == torch.float32
    assert network.embedding.weight.dtype == torch.float16


def test_what_a_model_keeps_in_float32_stays() -> None:
    network = Network()
    network._keep_in_fp32_modules = ["conv"]  # type: ignore[assignment]
    network._keep_in_fp32_modules_strict = {"0"}  # type: ignore[assignment]
    apply_layerwise_casting(network)
    assert network.conv.weight.dtype == network.mlp[0].weight.dtype == torch.float32
    assert network.embedding.weight.dtype == torch.float16


def test_no_weight_is_a_view_of_the_file(tmp_path: Any) -> None:
    from safetensors.torch import load_file, save_file

    plain = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64))
    save_file(plain.state_dict(), tmp_path / "weights.safetensors")
    network = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64))
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"), assign=True)
    of_file = {p.untyped_storage().data_ptr() for p in network.parameters()}
    apply_layerwise_casting(network)
    assert not of_file & {p.untyped_storage().data_ptr() for p in network.parameters()}


def test_bfloat16_weights_lose_nothing_and_stay_in_their_file(tmp_path: Any) -> None:
    from safetensors.torch import load_file, save_file

    published: Any = nn.Sequential(nn.Embedding(20, 64), nn.Linear(64, 64), nn.LayerNorm(64))
    published[1].weight.data[0] *= 1e-6  # less than float16 can tell from zero
    published.bfloat16()
    save_file(published.state_dict(), tmp_path / "weights.safetensors")
    network: Any = nn.Sequential(
        nn.Embedding(20, 64), nn.Linear(64, 64), nn.LayerNorm(64)
    ).bfloat16()
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"), assign=True)
    layers = list(network)[:2]
    of_file = [layer.weight.data_ptr() for layer in layers]
    apply_layerwise_casting(network)
    assert [layer.weight.data_ptr() for layer in layers] == of_file
    ids = torch.arange(20)
    with torch.inference_mode():
        assert torch.equal(network(ids), published.float()(ids))


def test_winograd_convolutions_store_fp16_too() -> None:
    full = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1))
    images = torch.randn(2, 128, 12, 20)
    with torch.inference_mode():
        wanted = full(images)
        apply_layerwise_casting(full)
        apply_winograd(supported_layers(full))
        got = full(images)
    assert full[0].weight.dtype == torch.float16
    assert full[0].weight.shape == (36, 128, 128)
    assert (got - wanted).norm() / wanted.norm() < 5e-3
