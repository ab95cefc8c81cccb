"""Tiled attention gives the results of torch's kernel."""

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch.nn.functional import scaled_dot_product_attention

from marsam.cpu import tiled_attention as module
from marsam.cpu.tiled_attention import TiledAttnProcessor, apply_tiled_attention, tiled_attention


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


@pytest.mark.parametrize("size", [0.1, 1, 20, 1000])
@pytest.mark.parametrize("sign", [-1, 1])
def test_tiled_attention_takes_scores_of_any_size(size: float, sign: int) -> None:
    """Without the fallback their powers would overflow, or all underflow."""
    query, key, value = torch.rand(3, 1, 2, 50, 8, dtype=torch.float64).unbind()
    query = query * size * sign
    wanted = scaled_dot_product_attention(query, key, value)
    got = tiled_attention(query.float(), key.float(), value.float())
    assert got.isfinite().all()
    torch.testing.assert_close(got, wanted.float(), rtol=1e-3, atol=1e-4)


def test_tiled_attention_error_is_that_of_bfloat16_for_small_scores() -> None:
    query, key, value = torch.randn(3, 1, 2, 50, 8).bfloat16().unbind()
    exact = scaled_dot_product_attention(query.double(), key.double(), value.double())
    error = (tiled_attention(query, key, value).double() - exact).norm() / exact.norm()
    assert error < 2**-7


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
