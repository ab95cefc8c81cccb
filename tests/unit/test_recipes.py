"""What a recipe does, step by step."""

from marsam.recipes import Method


def test_a_guided_step_looks_twice() -> None:
    assert Method(steps=4, scheduler=None).passes(4) == 8
    assert Method(steps=4, scheduler=None, guided=False).passes(4) == 4
