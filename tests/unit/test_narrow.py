"""Weights in eight bits, and a last layer that cannot leave the target's script."""

import pytest
import torch
from torch import nn

from marsam.narrow import NarrowLinear, ScriptHead, head_of, narrow


@pytest.mark.parametrize("rows", [1, 5, 8, 9, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_eight_bits_are_close_to_sixteen(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    full = nn.Linear(256, 96, bias=bias).bfloat16()
    small = NarrowLinear(full.weight, full.bias)
    states = torch.randn(2, rows, 256).bfloat16()
    with torch.inference_mode():
        wanted, got = full(states).float(), small(states).float()
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 0.03 * wanted.abs().max()


def test_a_row_of_zeros_stays_one() -> None:
    full = nn.Linear(64, 32, bias=False).bfloat16()
    with torch.no_grad():
        full.weight[3] = 0
        answer = NarrowLinear(full.weight, None)(torch.ones(1, 64).bfloat16())
    assert answer[0, 3] == 0
    assert answer.isfinite().all()


def test_every_layer_of_a_decoder_is_exchanged() -> None:
    inner = nn.Sequential(nn.Linear(64, 8))
    decoder = nn.Sequential(nn.Linear(64, 64), inner, nn.Linear(8, 4))
    narrow(decoder)
    assert isinstance(decoder[0], NarrowLinear)
    assert isinstance(inner[0], NarrowLinear)
    assert type(decoder[2]) is nn.Linear  # too slim for the kernel


@pytest.mark.parametrize("eight_bits", [True, False])
def test_only_some_tokens_can_be_chosen(eight_bits: bool) -> None:
    torch.manual_seed(0)
    full = nn.Linear(64, 20, bias=False).bfloat16()
    tokens = torch.tensor([0, 2, 3, 11])
    with torch.inference_mode():
        states = torch.randn(3, 1, 64).bfloat16()
        scores = ScriptHead(full, tokens, eight_bits=eight_bits)(states)
        wanted = full(states)[..., tokens]
    assert scores.shape == (3, 1, 20)
    assert (scores[..., tokens] - wanted).abs().max() < 0.1
    assert scores.isfinite().nonzero()[:, 2].unique().tolist() == tokens.tolist()


def test_the_models_own_head_comes_back() -> None:
    model = nn.Module()
    model.lm_head = own = nn.Linear(8, 8)
    with head_of(model, nn.Identity()):
        assert isinstance(model.lm_head, nn.Identity)
    assert model.lm_head is own
    with head_of(model, None):
        assert model.lm_head is own
