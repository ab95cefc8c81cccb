"""The painter's autoencoder: 128×128 RGB ↔ 8 channels of 16×16.

Trained on 64-pixel crops. Noise on the latents while it learns makes the decoder forgiving: the
diffusion model's small errors then come out as clean edges.
"""

import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import Tensor

from training.loop import MIXED, Training
from training.world import GRID, SIZE, random_scene, tidy_picture

CROP = 64
BATCH = 16
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
    """Pictures as a batch in [-1, 1], channels first."""
    stack = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return (stack.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def _crops(rng: random.Random) -> Tensor:
    crops: list[np.ndarray] = []
    while len(crops) < BATCH:
        picture = np.asarray(tidy_picture(random_scene(rng), rng))
        for _ in range(2):
            x, y = (rng.randrange(0, SIZE - CROP + 1, GRID) for _ in range(2))
            crops.append(picture[y : y + CROP, x : x + CROP])
    return to_tensor(crops)


def _edges(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def _loss(vae: AutoencoderTiny, pictures: Tensor) -> tuple[Tensor, float]:
    with MIXED():
        latents = vae.encoder(pictures).float()
        noisy = latents + torch.randn_like(latents) * torch.rand(len(latents), 1, 1, 1) * 0.2
        again = vae.decoder(noisy).float()
    wrong = F.l1_loss(again, pictures) + F.mse_loss(again, pictures)
    edges = sum(F.l1_loss(a, b) for a, b in zip(_edges(again), _edges(pictures), strict=True))
    flat = latents.permute(1, 0, 2, 3).flatten(1)
    tidy = flat.mean(1).square().mean() + (flat.std(1) - 1).square().mean()
    return wrong + edges + 0.01 * tidy, float(F.mse_loss(again.clamp(-1, 1), pictures).detach())


def train(*, more: bool = True) -> AutoencoderTiny:
    """The trained autoencoder (averaged weights), resumed from its checkpoint."""
    torch.manual_seed(0)
    vae = new_vae().to(memory_format=torch.channels_last)
    run = Training(
        "vae", vae, [torch.optim.AdamW(vae.parameters(), lr=1.5e-3, weight_decay=0)], steps=STEPS
    )
    rng = random.Random(run.step)
    while more and run.step < run.steps:
        loss, mse = _loss(vae, _crops(rng))
        run.update(loss)
        run.report(100, 500, loss=float(loss.detach()), psnr=float(-10 * np.log10(mse / 4)))
    return run.averaged


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    train()
