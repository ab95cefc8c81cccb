"""Recognise images that are unlike everything a small captioner was trained on.

The bundled captioner knows 116 pictograms, and names one of them whatever it sees. Its folder holds
a small classifier (``novelty.safetensors``) that says whether an image shows one of them. It reads
the vision encoder's hidden states; captions with a low score are not trusted, either.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

FILE_NAME = "novelty.safetensors"


def pooled(hidden_states: Tensor) -> Tensor:
    """Hidden states (n, 1 + patches, d) as (n, 4 d): class token, mean, maximum and spread."""
    states = hidden_states.float()
    patches = states[:, 1:]
    return torch.cat([states[:, 0], patches.mean(1), patches.amax(1), patches.std(1)], dim=1)


class NoveltyDetector:
    """A classifier with one hidden layer.

    Args:
        weights: ``mean`` and ``scale`` of the features (f,), ``hidden.weight`` (h, f),
            ``hidden.bias`` (h,), ``out.weight`` (1, h), ``out.bias`` (1,) and ``min_score`` (1,).
    """

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self._weights = {name: tensor.float() for name, tensor in weights.items()}

    @classmethod
    def in_folder(cls, folder: Path) -> "NoveltyDetector | None":
        """Load the classifier of a captioner; None for a captioner of the open world."""
        path = folder / FILE_NAME
        if not path.is_file():
            return None
        from safetensors.torch import load_file

        return cls(load_file(path))

    def logits(self, hidden_states: Tensor) -> Tensor:
        """How unlike its world each image is, (n,); above 0 it is outside."""
        w = self._weights
        features = (pooled(hidden_states.cpu()) - w["mean"]) / w["scale"]
        hidden = torch.relu(features @ w["hidden.weight"].T + w["hidden.bias"])
        return (hidden @ w["out.weight"].T + w["out.bias"])[:, 0]

    def are_outside(self, hidden_states: Tensor, scores: Sequence[float]) -> list[bool]:
        """Whether each image is outside of what the captioner knows.

        Args:
            hidden_states: of the vision encoder, (n, 1 + patches, d).
            scores: of the best caption of each image.
        """
        unsure = torch.tensor(scores) < self._weights["min_score"]
        return [bool(one) for one in (self.logits(hidden_states) > 0) | unsure]
