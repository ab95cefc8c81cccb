"""What a recipe does, step by step."""

import itertools
from typing import Any

import pytest
import torch
from torch import nn

from marsam.options import Recipe
from marsam.recipes import OUTERMOST, Method, recipes
from marsam.reusing import DeepLayers, can_rest


class Block(nn.Module):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return states + 1


class Unet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList([Block(), Block(), Block()])
        self.mid_block = Block()
        self.up_blocks = nn.ModuleList([Block(), Block(), Block()])

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        for block in (*self.down_blocks, self.mid_block, *self.up_blocks):
            states = block(states)
        return states

    def asked(self) -> list[int]:
        blocks: list[Any] = [*self.down_blocks, self.mid_block, *self.up_blocks]
        return [block.asked for block in blocks]


def test_resting_layers_say_what_they_said_and_the_outermost_look_again() -> None:
    unet = Unet()
    deep = DeepLayers(unet)
    first = unet(torch.zeros(1))
    deep.resting = True
    rested = unet(torch.full((1,), 100.0))
    assert unet.asked() == [2, 1, 1, 1, 1, 1, 2]
    assert rested == first  # this U-Net has nothing that leads around the deep layers
    deep.wake()
    assert unet(torch.full((1,), 100.0)) == 107
    assert unet.asked() == [3, 2, 2, 2, 2, 2, 3]


def test_a_u_net_of_one_level_and_none_at_all_have_nothing_to_rest() -> None:
    unet = Unet()
    assert can_rest(unet)
    unet.down_blocks = nn.ModuleList([Block()])
    assert not can_rest(unet)
    assert not can_rest(None)


@pytest.mark.parametrize("steps", [1, 2, 5, 16, 50])
@pytest.mark.parametrize("guided", [0.0, 0.5, 0.75, 1.0])
def test_deep_layers_never_rest_first_nor_where_guidance_just_ended(
    steps: int, guided: float
) -> None:
    method = Method(steps=steps, scheduler=None, guided=guided, resting=True)
    resting = [method.rests(step, steps) for step in range(steps)]
    assert not resting[0]
    end = method.guided_steps(steps)
    assert end == steps or not resting[end]
    assert not any(a and b for a, b in itertools.pairwise(resting))


def test_looks_are_counted_by_what_they_cost() -> None:
    method = Method(steps=4, scheduler=None, guided=0.5, resting=True)
    assert method.passes(4) == pytest.approx(2 + 2 * OUTERMOST + 1 + OUTERMOST)
    assert Method(steps=4, scheduler=None).passes(4) == 8


def test_faithful_and_draft_never_rest() -> None:
    for adapter in (True, False):
        known = recipes(adapter=adapter)
        assert known[Recipe.BALANCED].resting
        assert not known[Recipe.FAITHFUL].resting
        assert not known[Recipe.DRAFT].resting
