"""Embeddings of prompts, kept for the next picture: all pictures of a run have the same prompt.

The text encoders of today's painters have billions of weights. On a small GPU they also share its
memory with the denoiser, in turn.
"""

from collections.abc import Callable
from typing import Any

import torch

KEPT = 4
"""Embeddings that are kept: a prompt and a negative prompt, of pictures and of variations."""


class EmbeddingCache:
    """The last embeddings of a painter's prompts."""

    def __init__(self) -> None:
        self._kept: list[tuple[object, Any]] = []

    def use_in(self, pipe: Any) -> None:
        """Make a pipeline of diffusers use the cache."""
        if hasattr(pipe, "encode_prompt"):
            pipe.encode_prompt = self._cached(pipe.encode_prompt)

    def _cached(self, encode_prompt: Callable[..., Any]) -> Callable[..., Any]:
        def encode(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(value, torch.Tensor) for value in (*args, *kwargs.values())):
                return encode_prompt(*args, **kwargs)  # it is given embeddings
            key = (encode_prompt.__qualname__, args, kwargs)
            for known, embeddings in self._kept:
                if known == key:
                    return _copied(embeddings)
            embeddings = encode_prompt(*args, **kwargs)
            self._kept = [(key, _copied(embeddings)), *self._kept][:KEPT]
            return embeddings

        return encode


def _copied(embeddings: Any) -> Any:
    """Copy the lists and tuples, which pipelines may change, but not the tensors in them."""
    if isinstance(embeddings, list | tuple):
        return type(embeddings)(_copied(one) for one in embeddings)
    return embeddings
