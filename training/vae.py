"""The painter's autoencoder: 128×128 RGB ↔ 8 channels of 16×16.

It is trained on 64-pixel crops. Noise on the latents makes the decoder robust to small errors of
the diffusion model, so that edges stay clean.
"""

import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import Tensor

from training.scenes import LATENT_CELL, SIZE, random_scene, render_scene
from training.trainer import AUTOCAST, Trainer

CROP_PX = 64
BATCH_SIZE = 16
STEPS = 5_000


def new_vae() -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        num_encoder_blocks=(1, 2, 2, 2),
        num_decoder_blocks=(3, 3, 2, 1),
        latent_channels=8,
        scaling_factor=1.0,
    )


def to_tensor(pictures: list[np.ndarray]) -> Tensor:
    """Pictures as a batch (n, 3, height, width) in [-1, 1], in channels-last memory format."""
    stack = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return (stack.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def _crops(rng: random.Random) -> Tensor:
    crops: list[np.ndarray] = []
    while len(crops) < BATCH_SIZE:
        picture = np.asarray(render_scene(random_scene(rng), rng))
        for _ in range(2):
            x, y = (rng.randrange(0, SIZE - CROP_PX + 1, LATENT_CELL) for _ in range(2))
            crops.append(picture[y : y + CROP_PX, x : x + CROP_PX])
    return to_tensor(crops)


def _gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical differences of neighbouring pixels."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def _loss(vae: AutoencoderTiny, pictures: Tensor) -> tuple[Tensor, float]:
    """The training loss, and the MSE of the reconstruction."""
    with AUTOCAST():
        latents = vae.encoder(pictures).float()
        noisy = latents + torch.randn_like(latents) * torch.rand(len(latents), 1, 1, 1) * 0.2
        decoded = vae.decoder(noisy).float()
    pixel_loss = F.l1_loss(decoded, pictures) + F.mse_loss(decoded, pictures)
    gradient_pairs = zip(_gradients(decoded), _gradients(pictures), strict=True)
    gradient_loss = sum(F.l1_loss(a, b) for a, b in gradient_pairs)
    flat = latents.permute(1, 0, 2, 3).flatten(1)
    latent_loss = flat.mean(1).square().mean() + (flat.std(1) - 1).square().mean()
    loss = pixel_loss + gradient_loss + 0.01 * latent_loss
    return loss, float(F.mse_loss(decoded.clamp(-1, 1), pictures).detach())


def train(*, resume: bool = True) -> AutoencoderTiny:
    """The autoencoder with averaged weights, trained to the end unless ``resume`` is False."""
    torch.manual_seed(0)
    vae = new_vae().to(memory_format=torch.channels_last)
    trainer = Trainer(
        "vae", vae, [torch.optim.AdamW(vae.parameters(), lr=1.5e-3, weight_decay=0)], steps=STEPS
    )
    rng = random.Random(trainer.step)
    while resume and trainer.step < trainer.steps:
        loss, mse = _loss(vae, _crops(rng))
        trainer.update(loss)
        trainer.log_and_save(
            100, 500, loss=float(loss.detach()), psnr=float(-10 * np.log10(mse / 4))
        )
    return trainer.ema_model


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    train()
