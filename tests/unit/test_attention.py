"""Attention in pieces says what torch's own says."""

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0

from marsam import attention
from marsam.attention import PiecewiseAttention, attend, install


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that a few places make several of them."""
    monkeypatch.setattr(attention, "ROWS", 16)
    monkeypatch.setattr(attention, "WORTHWHILE", 40)
    torch.manual_seed(0)


@pytest.mark.parametrize("places", [1, 16, 50])
def test_the_pieces_make_the_whole(places: int) -> None:
    query, key, value = torch.randn(3, 2, 4, places, 8).unbind()
    whole = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(attend(query, key, value), whole)


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
