"""Large images: a VAE decodes them in overlapping tiles, so that its memory has a bound.

Its last layers have a hundred and more channels for each pixel, so they need the most memory of a
whole run. Diffusers decodes tiles and blends them where they overlap; the tones of neighbouring
tiles differ slightly, so smaller images are decoded whole.
"""

from typing import Any

TILE_SIDE = 768
"""Pixels per side of a tile, and of the largest image that is always decoded whole."""


def tile_large_images(vae: Any) -> None:
    """Decode images in tiles if a side is longer than ``TILE_SIDE`` and what the VAE is made for.

    Does nothing for VAEs other than those of Stable Diffusion and their tiny copies (TAESD).
    """
    from diffusers import AutoencoderKL, AutoencoderTiny

    if isinstance(vae, AutoencoderKL):
        made_for = vae.config.sample_size
        side = max(TILE_SIDE, *(made_for if isinstance(made_for, list | tuple) else [made_for]))
        vae.enable_tiling()  # for images larger than a tile
        vae.tile_sample_min_size = side
        vae.tile_latent_min_size = side // 2 ** (len(vae.config.block_out_channels) - 1)
    elif isinstance(vae, AutoencoderTiny):
        _tile_tiny(vae)


def _tile_tiny(vae: Any) -> None:
    """It would tile small images too, so tiling is turned on for each large one."""
    vae.tile_sample_min_size = TILE_SIDE
    vae.tile_latent_min_size = TILE_SIDE // vae.spatial_scale_factor
    decode = vae.decode

    def decode_in_tiles_if_large(latents: Any, *args: Any, **more: Any) -> Any:
        vae.use_tiling = max(latents.shape[-2:]) > vae.tile_latent_min_size
        try:
            return decode(latents, *args, **more)
        finally:
            vae.use_tiling = False  # its tiled encoder knows no latents but those of 4 channels

    vae.decode = decode_in_tiles_if_large
