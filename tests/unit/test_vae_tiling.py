"""Large images are decoded in tiles, so that memory has a bound; others exactly as before."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from marsam.stages.vae_tiling import TILE_SIDE, tile_large_images

SCALE = 8


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The networks are small: more threads would wait for each other."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def stable_diffusion(sample_size: int = 512) -> AutoencoderKL:
    """The architecture of Stable Diffusion's VAE, with few channels."""
    blocks = 4
    return AutoencoderKL(
        block_out_channels=(2,) * blocks,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        layers_per_block=1,
        norm_num_groups=1,
        sample_size=sample_size,
        mid_block_add_attention=False,
    )


def tiny() -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(4,) * 4,
        decoder_block_out_channels=(4,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    )


def decoded(vae: Any, width: int, height: int) -> tuple[Tensor, list[int]]:
    """The image, and the longest side in pixels of each part that the decoder got."""
    sides: list[int] = []
    hook = vae.decoder.register_forward_pre_hook(
        lambda _layer, inputs: sides.append(SCALE * max(inputs[0].shape[-2:]))
    )
    latents = torch.randn(
        1, 4, height // SCALE, width // SCALE, generator=torch.Generator().manual_seed(1)
    )
    with torch.inference_mode():
        image = vae.decode(latents, return_dict=False)[0]
    hook.remove()
    return image, sides


@pytest.mark.parametrize("make", [stable_diffusion, tiny])
def test_images_of_a_tile_or_less_are_the_same_as_without_tiles(make: Any) -> None:
    torch.manual_seed(0)
    plain = make().eval()
    tiled = copy.deepcopy(plain)
    tile_large_images(tiled)
    for width, height in ((64, 64), (512, 768), (768, 768)):
        image, sides = decoded(tiled, width, height)
        assert torch.equal(image, decoded(plain, width, height)[0])
        assert len(sides) == 1


@pytest.mark.parametrize("make", [stable_diffusion, tiny])
def test_larger_images_are_decoded_in_tiles(make: Any) -> None:
    torch.manual_seed(0)
    plain = make().eval()
    tiled = copy.deepcopy(plain)
    tile_large_images(tiled)
    for width, height in ((776, 768), (2048, 256)):
        image, sides = decoded(tiled, width, height)
        assert image.shape == (1, 3, height, width)
        assert len(sides) > 1
        assert max(sides) == TILE_SIDE
        whole = decoded(plain, width, height)[0]
        # Tiles differ in their mean and variance, by which normalisation divides; not in content.
        pairs = torch.stack((image.flatten(), whole.flatten()))
        assert torch.corrcoef(pairs)[0, 1] > 0.95
    # One VAE decodes small images after large ones.
    assert torch.equal(decoded(tiled, 256, 256)[0], decoded(plain, 256, 256)[0])


def test_a_vae_made_for_larger_images_decodes_those_whole() -> None:
    vae = stable_diffusion(1024).eval()
    tile_large_images(vae)
    assert decoded(vae, 1024, 256)[1] == [1024]
    assert max(decoded(vae, 1536, 256)[1]) == 1024


def test_other_parts_are_left_alone() -> None:
    tile_large_images(nn.Linear(1, 1))
    tile_large_images(None)
