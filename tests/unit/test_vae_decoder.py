"""The streaming decoder gives the images of the plain one."""

from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch.nn.functional import group_norm, interpolate, silu

from marsam.cpu import vae_decoder, winograd
from marsam.cpu.vae_decoder import apply_streaming_decoder, groupnorm_silu_rows, upsample2x_rows


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def all_rows(rows: winograd.LazyRows, by: int = 3) -> torch.Tensor:
    """All rows, read some at a time; each time the row before them once more."""
    height = rows.shape[2]
    parts = [
        rows.compute(max(0, top - 1), min(height, top + by))[:, 1 if top else 0 :]
        for top in range(0, height, by)
    ]
    return torch.cat(parts, 1).permute(0, 3, 1, 2)


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("chunk", [1, 2**20])
def test_groupnorm_silu_rows_match_the_whole_image(
    last: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vae_decoder, "GROUPNORM_CHUNK_NUMEL", chunk)
    images = torch.randn(2, 64, 10, 7) * 3 + torch.arange(64.0)[:, None, None]
    if last:
        images = images.contiguous(memory_format=torch.channels_last)
    norm = torch.nn.GroupNorm(32, 64, eps=1e-6)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
        wanted = silu(group_norm(images, 32, norm.weight, norm.bias, norm.eps))
        rows = groupnorm_silu_rows(images, norm)
        assert rows.shape == images.shape
        torch.testing.assert_close(all_rows(rows), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("by", [1, 2, 3, 4])
def test_upsample2x_rows_match_interpolate(by: int) -> None:
    images = torch.randn(2, 5, 4, 3)
    rows = upsample2x_rows(images)
    wanted = interpolate(images, scale_factor=2.0, mode="nearest")
    assert rows.shape == wanted.shape
    assert torch.equal(all_rows(rows, by), wanted)


def autoencoder() -> Any:
    return AutoencoderKL(
        block_out_channels=(128, 256),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
    ).eval()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7)])
def test_streaming_decoder_matches_the_plain_decoder(height: int, width: int) -> None:
    vae = autoencoder()
    latents = torch.randn(2, 4, height, width)
    with torch.inference_mode():
        before = vae.decode(latents, return_dict=False)[0]
        winograd.apply_winograd(winograd.supported_layers(vae.decoder))
        apply_streaming_decoder(vae.decoder)
        vae.to(memory_format=torch.channels_last)
        after = vae.decode(latents, return_dict=False)[0]
    blocks = [part for part in vae.decoder.modules() if isinstance(part, ResnetBlock2D)]
    assert all(block.forward.func is vae_decoder._streaming_resnet_block for block in blocks)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_plain_convolutions_are_not_streamed() -> None:
    vae = autoencoder()
    apply_streaming_decoder(vae.decoder)
    assert not any("forward" in vars(part) for part in vae.decoder.modules())
