"""Images outside of a captioner's world: their border is not plain, or the caption is unsure."""

from pathlib import Path

import torch

from marsam.stages.novelty import NoveltyDetector, plain_border


def test_a_picture_on_a_plain_background_is_told_from_a_photograph() -> None:
    torch.manual_seed(0)
    pictures = torch.full((3, 3, 128, 128), 0.3)
    pictures[:2, :, 20:100, 20:100] = torch.rand(2, 3, 80, 80)  # a thing
    pictures[1] += 0.05 * torch.randn(3, 128, 128)  # as the painter's backgrounds are
    pictures[2] = torch.rand(3, 128, 128) * 2 - 1
    plain, noisy, photograph = plain_border(pictures).tolist()
    assert plain == 1
    assert noisy > 0.9
    assert photograph < 0.3


def test_the_limits_are_in_the_captioners_folder(tmp_path: Path) -> None:
    assert NoveltyDetector.in_folder(tmp_path) is None
    NoveltyDetector(min_plain_border=0.8, min_score=-0.1).save(tmp_path)
    detector = NoveltyDetector.in_folder(tmp_path)
    assert detector is not None
    assert not detector.is_outside(0.9, -0.05)
    assert detector.is_outside(0.5, -0.05)
    assert detector.is_outside(0.9, -0.5)
