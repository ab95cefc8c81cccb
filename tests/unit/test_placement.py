"""Where a painter's networks go, by the memory of the GPU that is free."""

from typing import Any

import pytest
import torch
from torch import nn

from marsam.device import Device
from marsam.stages.placement import place_pipeline

LARGE, SMALL = 4 * 100 * 100, 4 * 100 * 20
"""Bytes of the two networks."""


class Pipe:
    """Says how it was placed."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {
            "transformer": nn.Linear(100, 100, bias=False),
            "text_encoder": nn.Linear(100, 20, bias=False),
            "tokenizer": object(),
        }
        self.placed = ""

    def to(self, kind: str) -> None:
        self.placed = kind

    def enable_model_cpu_offload(self) -> None:
        self.placed = "network by network"

    def enable_sequential_cpu_offload(self) -> None:
        self.placed = "layer by layer"


@pytest.mark.parametrize(
    ("free", "placed"),
    [
        (2 * (LARGE + SMALL), "cuda"),
        (LARGE + 2 * SMALL, "network by network"),
        (LARGE, "layer by layer"),
    ],
)
def test_a_pipeline_that_does_not_fit_is_offloaded(
    free: int, placed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, 10 * free))
    pipe = Pipe()
    place_pipeline(pipe, Device(kind="cuda", dtype="bfloat16", reason="a test"))
    assert pipe.placed == placed


@pytest.mark.parametrize("kind", ["cpu", "mps"])
def test_other_devices_share_the_memory_of_the_machine(kind: str) -> None:
    pipe = Pipe()
    place_pipeline(pipe, Device(kind=kind, dtype="bfloat16", reason="a test"))
    assert pipe.placed == kind
