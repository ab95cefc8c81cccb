"""Attention in pieces says what torch's own says."""

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from marsam.cpu import tiled_attention
from marsam.cpu.tiled_attention import PiecewiseAttention, attend, install


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that a few places make several of them."""
    monkeypatch.setattr(tiled_attention, "SCORES", 64 * 16 * 3)
    monkeypatch.setattr(tiled_attention, "ROWS", 16)
    torch.manual_seed(0)


@pytest.mark.parametrize("places", [1, 16, 50])
def test_the_pieces_make_the_whole(places: int) -> None:
    query, key, value = torch.randn(3, 2, 4, places, 8).unbind()
    whole = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(attend(query, key, value), whole)


@pytest.mark.parametrize("size", [0.1, 1, 20, 1000])
@pytest.mark.parametrize("sign", [-1, 1])
def test_scores_may_be_of_any_size(size: float, sign: int) -> None:
    """Their powers would be too large for a number, or all of them too small."""
    query, key, value = torch.rand(3, 1, 2, 50, 8, dtype=torch.float64).unbind()
    whole = torch.nn.functional.scaled_dot_product_attention(query * size * sign, key, value)
    given = (query * size * sign, key, value)
    said = attend(*(tensor.float() for tensor in given))
    assert said.isfinite().all()
    torch.testing.assert_close(said, whole.float(), rtol=1e-3, atol=1e-4)


def test_rounding_is_no_worse_than_bfloat16_is() -> None:
    query, key, value = torch.randn(3, 1, 2, 50, 8).bfloat16().unbind()
    exact = torch.nn.functional.scaled_dot_product_attention
    whole = exact(query.double(), key.double(), value.double())
    off = (attend(query, key, value).double() - whole).norm() / whole.norm()
    assert off < 2**-7


@pytest.mark.parametrize("places", [39, 41])
@pytest.mark.parametrize("words", [None, 7])
def test_a_block_answers_as_before(places: int, words: int | None) -> None:
    width = 12 if words else None
    block = Attention(query_dim=32, cross_attention_dim=width, heads=4, dim_head=8).eval()
    states = torch.randn(2, places, 32)
    seen = torch.randn(2, words, 12) if words else None
    with torch.inference_mode():
        before = block(states, encoder_hidden_states=seen)
        install(torch.nn.Sequential(block))
        assert isinstance(block.processor, PiecewiseAttention)
        after = block(states, encoder_hidden_states=seen)
    torch.testing.assert_close(after, before)


def test_a_block_that_does_more_is_left_alone() -> None:
    block = Attention(query_dim=32, heads=4, dim_head=8, residual_connection=True)
    install(torch.nn.Sequential(block))
    assert type(block.processor) is AttnProcessor2_0
