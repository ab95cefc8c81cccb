"""Models with random weights that are made on a GPU: no file of weights is written or read.

Their folders have configurations and tokenizers only. Marsam loads them in its own way, except that
``from_pretrained`` of the library is given the networks.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import diffusers
import torch
import transformers
from benchmarks import random_families
from benchmarks.random_families import Make, Parts, save_pipeline
from benchmarks.random_models import (
    CLIP_TEXT,
    SCHEDULER,
    UNET,
    VAE,
    clip_tokenizer,
    with_random_weights,
)
from safetensors.torch import save_file
from tests.helpers import tiny_captioners, tiny_painters
from torch import nn


@dataclass(frozen=True)
class Made:
    """A model that was made.

    Attributes:
        folder: its configurations.
        kind: the class of diffusers or transformers that loads it.
        networks: its networks by name; none where the folder has their weights.
    """

    folder: Path
    kind: Any
    networks: Mapping[str, nn.Module] = field(default_factory=dict)

    @contextmanager
    def loading(self, free_bytes: float | None = None) -> Iterator[None]:
        """Let ``from_pretrained`` return the networks; the GPU seems to have so much memory.

        By default it has what is free without them.
        """
        load, memory = self.kind.from_pretrained, torch.cuda.mem_get_info

        def from_pretrained(folder: Path, **options: Any) -> Any:
            if issubclass(self.kind, nn.Module):
                return self.networks["model"]
            return load(folder, **self.networks, **options)

        def mem_get_info() -> tuple[float, float]:
            free, total = memory()
            made = sum(p.nbytes for part in self.networks.values() for p in part.parameters())
            return (free + made if free_bytes is None else free_bytes), total

        with patch.object(torch.cuda, "mem_get_info", mem_get_info):
            if not self.networks:
                yield
                return
            with patch.object(self.kind, "from_pretrained", from_pretrained):
                yield


def make_on(device: str, dtype: torch.dtype) -> Make:
    """Return what makes a network on a device, with normal weights."""

    def make(kind: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        usual = torch.get_default_dtype()
        torch.set_default_dtype(dtype)  # of weights; positions and the like stay as they are
        try:
            with torch.device(device):
                return with_random_weights(kind(*args, **kwargs))
        finally:
            torch.set_default_dtype(usual)

    return make


def stable_diffusion(make: Make) -> Parts:
    """Stable Diffusion 1.5: 0.86 billion weights in the U-Net."""
    config = transformers.CLIPTextConfig(**CLIP_TEXT)
    return {
        "unet": partial(make, diffusers.UNet2DConditionModel, **UNET),
        "vae": partial(make, diffusers.AutoencoderKL, **VAE),
        "text_encoder": partial(make, transformers.CLIPTextModel, config),
        "tokenizer": clip_tokenizer(),
        "scheduler": diffusers.PNDMScheduler(**SCHEDULER),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def pipeline(folder: Path, name: str, parts: Parts) -> Made:
    """Make the networks of a pipeline, and write the rest to its folder."""
    networks: dict[str, nn.Module] = {}

    def keep(make: Callable[[], nn.Module], part: Path) -> None:
        network: Any = make()
        networks[part.name] = network
        if isinstance(network, diffusers.ModelMixin):
            network.save_config(part)
        else:
            network.config.save_pretrained(part)
        save_file({}, part / "model.safetensors")  # for the check that no file is missing

    save_pipeline(folder, name, parts, keep)
    return Made(folder, getattr(diffusers, name), networks)


def tiny_pipeline(folder: Path, tiny: str, device: str, dtype: torch.dtype) -> Made:
    """The same of a tiny painter of the tests."""
    name, parts = tiny_painters.PAINTERS[tiny]
    torch.manual_seed(0)

    def moved(_kind: type, network: nn.Module) -> nn.Module:
        return network.to(device, dtype)

    return pipeline(
        folder,
        name,
        {
            part: partial(moved, type(one), one) if isinstance(one, nn.Module) else one
            for part, one in parts().items()
        },
    )


def captioner(folder: Path, device: str, dtype: torch.dtype) -> Made:
    """Qwen3.5-2B."""
    network = random_families.qwen3_5(make_on(device, dtype))
    network.config.save_pretrained(folder)
    save_file({}, folder / "model.safetensors")
    random_families.save_qwen_files(folder)
    return Made(folder, type(network), {"model": network})


def tiny_captioner(folder: Path) -> Made:
    """A tiny Qwen3.5, with its weights in the folder."""
    kind = transformers.Qwen3_5ForConditionalGeneration
    return Made(tiny_captioners.build("qwen3_5", folder), kind)
