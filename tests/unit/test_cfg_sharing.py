"""Half the batch is computed where both halves are equal, and all of it anywhere else."""

import pytest
import torch

from marsam.cpu.cfg_sharing import share_cfg_halves


class Layer:
    """Adds its inputs, and records their batch sizes."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def __call__(self, states: torch.Tensor, *more: torch.Tensor | None) -> torch.Tensor:
        self.batch_sizes.append(len(states))
        return sum((tensor for tensor in more if tensor is not None), states * 2)


def equal_halves(*shape: int) -> torch.Tensor:
    half = torch.arange(float(torch.tensor(shape).prod())).view(shape)
    return torch.cat([half, half])


def test_equal_halves_are_computed_once() -> None:
    layer = Layer()
    states, more = equal_halves(3, 4, 5), equal_halves(3, 4, 5) + 1
    assert torch.equal(share_cfg_halves(layer)(states, more, None), Layer()(states, more))
    assert layer.batch_sizes == [3]


@pytest.mark.parametrize(
    ("states", "more"),
    [
        (torch.arange(8.0).view(4, 2), None),
        (equal_halves(2, 2), torch.arange(8.0).view(4, 2)),
        (torch.ones(1, 2), None),
        (torch.ones(3, 2), None),
        (torch.ones(0, 2), None),
    ],
    ids=["different halves", "second input differs", "one", "three", "none"],
)
def test_other_batches_are_computed_in_full(
    states: torch.Tensor, more: torch.Tensor | None
) -> None:
    layer = Layer()
    assert torch.equal(share_cfg_halves(layer)(states, more), Layer()(states, more))
    assert layer.batch_sizes == [len(states)]


def test_keyword_inputs_are_compared_too() -> None:
    batch_sizes = []

    def layer(states: torch.Tensor, *, mask: torch.Tensor | None, scale: float) -> torch.Tensor:
        batch_sizes.append(len(states))
        return states * scale if mask is None else states * mask

    shared = share_cfg_halves(layer)
    shared(equal_halves(1, 2), mask=None, scale=2.0)
    shared(equal_halves(1, 2), mask=equal_halves(1, 2), scale=2.0)
    shared(equal_halves(1, 2), mask=torch.tensor([[1.0], [0.0]]), scale=2.0)
    assert batch_sizes == [1, 1, 2]
