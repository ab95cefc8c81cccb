"""A decoder that makes its rows as they are asked for draws what it drew."""

from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch.nn.functional import group_norm, interpolate, silu

from marsam.cpu import vae_decoder, winograd
from marsam.cpu.vae_decoder import doubled, normalised


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def whole(rows: winograd.Rows, by: int = 3) -> torch.Tensor:
    """All rows, asked for some at a time, one of them each time anew."""
    height = rows.shape[2]
    parts = [
        rows.made(max(0, top - 1), min(height, top + by))[:, 1 if top else 0 :]
        for top in range(0, height, by)
    ]
    return torch.cat(parts, 1).permute(0, 3, 1, 2)


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "channels first"])
@pytest.mark.parametrize("together", [1, 2**20])
def test_rows_are_normalised_as_the_whole(
    last: bool, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vae_decoder, "TOGETHER", together)
    pictures = torch.randn(2, 64, 10, 7) * 3 + torch.arange(64.0)[:, None, None]
    if last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    norm = torch.nn.GroupNorm(32, 64, eps=1e-6)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
        wanted = silu(group_norm(pictures, 32, norm.weight, norm.bias, norm.eps))
        rows = normalised(pictures, norm)
        assert rows.shape == pictures.shape
        torch.testing.assert_close(whole(rows), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("by", [1, 2, 3, 4])
def test_rows_are_doubled_as_the_whole(by: int) -> None:
    pictures = torch.randn(2, 5, 4, 3)
    rows = doubled(pictures)
    wanted = interpolate(pictures, scale_factor=2.0, mode="nearest")
    assert rows.shape == wanted.shape
    assert torch.equal(whole(rows, by), wanted)


def autoencoder() -> Any:
    return AutoencoderKL(
        block_out_channels=(128, 256),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
    ).eval()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7)])
def test_a_decoder_draws_what_it_drew(height: int, width: int) -> None:
    vae = autoencoder()
    latents = torch.randn(2, 4, height, width)
    with torch.inference_mode():
        before = vae.decode(latents, return_dict=False)[0]
        winograd.install(winograd.suited(vae.decoder))
        vae_decoder.install(vae.decoder)
        vae.to(memory_format=torch.channels_last)
        after = vae.decode(latents, return_dict=False)[0]
    blocks = [part for part in vae.decoder.modules() if isinstance(part, ResnetBlock2D)]
    assert all(type(block.forward).__name__ == "_Residual" for block in blocks)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_layers_with_torchs_own_convolutions_are_left_alone() -> None:
    vae = autoencoder()
    vae_decoder.install(vae.decoder)
    assert not any("forward" in vars(part) for part in vae.decoder.modules())
