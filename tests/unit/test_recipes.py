"""What a recipe does, step by step."""

from marsam.recipes import SamplingConfig


def test_a_guided_step_looks_twice() -> None:
    assert SamplingConfig(steps=4, scheduler=None).forward_passes(4) == 8
    assert (
        SamplingConfig(steps=4, scheduler=None, classifier_free_guidance=False).forward_passes(4)
        == 4
    )


def test_guidance_off_halves_the_passes_of_each_family() -> None:
    usual = SamplingConfig(steps=4, scheduler=None)
    assert [usual.forward_passes(4, None, scale) for scale in (None, 0, 1, 1.5)] == [8, 4, 4, 8]
    assert [usual.effective_guidance(scale) for scale in (None, 0, 1.5)] == [7.5, 1.0, 1.5]
    z_image = SamplingConfig(steps=4, scheduler=None, guidance_scale=0.0, guidance_off=0.0)
    assert [z_image.forward_passes(4, None, scale) for scale in (None, 0, 0.5)] == [4, 4, 8]
    embedded = SamplingConfig(
        steps=4, scheduler=None, classifier_free_guidance=False, embedded_guidance=True
    )
    assert (embedded.effective_guidance(5), embedded.forward_passes(4, None, 5)) == (5, 4)
    unguided = SamplingConfig(steps=4, scheduler=None, classifier_free_guidance=False)
    assert (unguided.effective_guidance(5), unguided.forward_passes(4, None, 5)) == (1.0, 4)
