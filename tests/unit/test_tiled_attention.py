"""Tiled attention gives the results of torch's kernel."""

import itertools
from collections.abc import Callable

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch.nn.functional import scaled_dot_product_attention

from marsam.cpu import tiled_attention as module
from marsam.cpu.tiled_attention import (
    TiledAttnProcessor,
    apply_tiled_attention,
    tiled_attention,
    uses_tiled_attention,
)
from marsam.device import Device


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles so small that a few tokens make several of them."""
    monkeypatch.setattr(module, "MAX_SCORES", 64 * 16 * 3)
    monkeypatch.setattr(module, "MIN_QUERY_ROWS", 16)
    torch.manual_seed(0)


@pytest.mark.parametrize("tokens", [1, 16, 50])
def test_tiled_attention_matches_sdpa(tokens: int) -> None:
    query, key, value = torch.randn(3, 2, 4, tokens, 8).unbind()
    wanted = scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(tiled_attention(query, key, value), wanted)


@pytest.mark.parametrize("size", [0.1, 20, 1000, 1e15])
@pytest.mark.parametrize("sign", [-1, 1])
def test_tiled_attention_takes_scores_of_any_size(size: float, sign: int) -> None:
    query, key, value = torch.rand(3, 1, 2, 50, 8, dtype=torch.float64).unbind()
    query = query * size * sign
    wanted = scaled_dot_product_attention(query.float(), key.float(), value.float())
    got = tiled_attention(query.float(), key.float(), value.float())
    assert got.isfinite().all()
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)


def _gaussian(states: torch.Tensor) -> torch.Tensor:
    return states


def _heavy_tails(states: torch.Tensor) -> torch.Tensor:
    """Student's t with three degrees of freedom, and tokens of very different sizes."""
    tails = torch.distributions.StudentT(torch.tensor(3.0)).sample(states.shape)
    return tails * torch.randn(*states.shape[:-1], 1).mul(0.8).exp()


def _outlier_channel(states: torch.Tensor) -> torch.Tensor:
    factors = torch.ones(states.shape[-1])
    factors[3] = 20
    return states * factors


def _smooth(states: torch.Tensor) -> torch.Tensor:
    """Neighbours that are alike, as pixels are: what is rounded alike does not average out."""
    some = states[:, :, :8].transpose(2, 3).flatten(0, 1)
    line = torch.nn.functional.interpolate(some, states.shape[2], mode="linear")
    return 1.5 * line.view(*states.shape[:2], states.shape[3], -1).transpose(2, 3) + 0.3 * states


def _relative_error(got: torch.Tensor, exact: torch.Tensor) -> float:
    """Root mean square over rows: where tails are heavy, a few rows are most of the norm."""
    errors = (got.double() - exact).norm(dim=-1) / exact.norm(dim=-1)
    return float(errors.square().mean().sqrt())


@pytest.mark.parametrize("statistics", [_gaussian, _heavy_tails, _outlier_channel, _smooth])
@pytest.mark.parametrize(
    ("head_dim", "key_tokens"), [(40, 4096), (40, 77), (64, 577), (80, 1024), (160, 256)]
)
def test_tiled_attention_is_about_as_exact_as_sdpa_in_bfloat16(
    statistics: Callable[[torch.Tensor], torch.Tensor],
    head_dim: int,
    key_tokens: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For scores of any spread, and for keys that have an offset in common."""
    monkeypatch.undo()  # tiles of the usual size
    query = statistics(torch.randn(1, 2, 96, head_dim))
    plain_key = statistics(torch.randn(1, 2, key_tokens, head_dim))
    value = torch.randn(1, 2, key_tokens, head_dim).bfloat16()
    offset = torch.nn.functional.normalize(torch.randn(1, 2, 1, head_dim), dim=-1)
    largest = (query @ plain_key.mT).abs().max() * head_dim**-0.5
    for spread, shift in itertools.product([0, 2, 8, 20, 40, 70], [0, 20, 60]):
        states = query * (spread / largest), plain_key + shift * offset
        rounded, key = (tensor.bfloat16() for tensor in states)
        exact = scaled_dot_product_attention(rounded.double(), key.double(), value.double())
        error, sdpa_error = (
            _relative_error(attend(rounded, key, value), exact)
            for attend in (tiled_attention, scaled_dot_product_attention)
        )
        assert error < 1.5 * sdpa_error, (spread, shift)


@pytest.mark.parametrize(
    ("dtype", "amx", "used"),
    [("bfloat16", False, True), ("bfloat16", True, False), ("float32", False, False)],
)
def test_attention_is_tiled_with_bfloat16_unless_torch_has_a_faster_kernel(
    dtype: str, amx: bool, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "has_amx", lambda: amx)
    assert uses_tiled_attention(Device(kind="cpu", dtype=dtype, reason="")) is used


@pytest.mark.parametrize("tokens", [39, 41])
@pytest.mark.parametrize("context_tokens", [None, 7])
def test_tiled_processor_matches_the_default_processor(
    tokens: int, context_tokens: int | None
) -> None:
    channels = 12 if context_tokens else None
    block = Attention(query_dim=32, cross_attention_dim=channels, heads=4, dim_head=8).eval()
    states = torch.randn(2, tokens, 32)
    context = torch.randn(2, context_tokens, 12) if context_tokens else None
    with torch.inference_mode():
        before = block(states, encoder_hidden_states=context)
        apply_tiled_attention(torch.nn.Sequential(block))
        assert isinstance(block.processor, TiledAttnProcessor)
        after = block(states, encoder_hidden_states=context)
    torch.testing.assert_close(after, before)


def test_attention_with_a_residual_connection_keeps_its_processor() -> None:
    block = Attention(query_dim=32, heads=4, dim_head=8, residual_connection=True)
    apply_tiled_attention(torch.nn.Sequential(block))
    assert type(block.processor) is AttnProcessor2_0
