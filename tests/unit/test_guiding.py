"""Half the work is enough for two equal halves; for anything else, all of it is done."""

import pytest
import torch

from marsam.cpu.cfg_sharing import once


class Layer:
    """Adds its inputs, and remembers of how many rows."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, states: torch.Tensor, *more: torch.Tensor | None) -> torch.Tensor:
        self.rows.append(len(states))
        return sum((tensor for tensor in more if tensor is not None), states * 2)


def pair(*shape: int) -> torch.Tensor:
    half = torch.arange(float(torch.tensor(shape).prod())).view(shape)
    return torch.cat([half, half])


def test_equal_halves_are_worked_out_once() -> None:
    layer = Layer()
    given, more = pair(3, 4, 5), pair(3, 4, 5) + 1
    assert torch.equal(once(layer)(given, more, None), Layer()(given, more))
    assert layer.rows == [3]


@pytest.mark.parametrize(
    ("states", "more"),
    [
        (torch.arange(8.0).view(4, 2), None),
        (pair(2, 2), torch.arange(8.0).view(4, 2)),
        (torch.ones(1, 2), None),
        (torch.ones(3, 2), None),
        (torch.ones(0, 2), None),
    ],
    ids=["two pictures", "another beside", "one", "three", "none"],
)
def test_anything_else_is_done_in_full(states: torch.Tensor, more: torch.Tensor | None) -> None:
    layer = Layer()
    assert torch.equal(once(layer)(states, more), Layer()(states, more))
    assert layer.rows == [len(states)]


def test_named_inputs_count_too() -> None:
    rows = []

    def layer(states: torch.Tensor, *, mask: torch.Tensor | None, scale: float) -> torch.Tensor:
        rows.append(len(states))
        return states * scale if mask is None else states * mask

    once(layer)(pair(1, 2), mask=None, scale=2.0)
    once(layer)(pair(1, 2), mask=pair(1, 2), scale=2.0)
    once(layer)(pair(1, 2), mask=torch.tensor([[1.0], [0.0]]), scale=2.0)
    assert rows == [1, 1, 2]
