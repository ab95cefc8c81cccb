"""What a recipe does, step by step."""

from marsam.recipes import SamplingConfig


def test_a_guided_step_looks_twice() -> None:
    assert SamplingConfig(steps=4, scheduler=None).forward_passes(4) == 8
    assert (
        SamplingConfig(steps=4, scheduler=None, classifier_free_guidance=False).forward_passes(4)
        == 4
    )
