"""The painter: a small Stable Diffusion (CLIP text encoder, U-Net on 8×16×16 latents, tiny VAE).

It is trained with v-prediction on a squared-cosine schedule, 10 % empty prompts for classifier-free
guidance, min-SNR weights (Hang et al., 2023) and averaged weights. The latents of the training
pictures are computed once and cached.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from marsam.cpu.allocator import retain_freed_memory
from training.grammar import prompt
from training.scenes import Scene, random_scene, render_scene
from training.trainer import AUTOCAST, MATH_ATTENTION, Trainer, autocast, optimisers
from training.vae import to_tensor
from training.vae import train as trained_vae
from training.workspace import WORKSPACE

PICTURES = 48_000
BATCH_SIZE = 64
STEPS = 6_000
EMPTY_PROMPTS = 0.1
"""The share of training prompts that are empty, for classifier-free guidance."""
PACKED, PACKED_PICTURES = "latents-packed.pt", 28_000
"""The file for another machine, and its pictures."""
SNR_LIMIT = 5.0
"""Of the min-SNR weights."""


def tokenizer() -> CLIPTokenizer:
    """The CLIP tokenizer, trained once and cached, because BPE training is not deterministic."""
    folder = WORKSPACE / "clip-tokenizer"
    if not folder.is_dir():
        new_tokenizer().save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def new_tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer in which every word of the grammar is one token."""
    rng = random.Random(0)
    start, end = "<|startoftext|>", "<|endoftext|>"
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=end))
    bpe.normalizer = normalizers.Lowercase()
    words = Regex(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        min_frequency=2,
        special_tokens=[start, end],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        end_of_word_suffix="</w>",
    )
    bpe.train_from_iterator((prompt(random_scene(rng), rng) for _ in range(30_000)), trainer)
    trained = json.loads(bpe.to_str())["model"]
    vocab = dict(trained["vocab"])
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):  # so that no word is unknown
        for token in (letter, f"{letter}</w>"):
            vocab.setdefault(token, len(vocab))
    merges = [tuple(m) for m in trained["merges"]]
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            intermediate_size=512,
            projection_dim=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        block_out_channels=(96, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=192,
        attention_head_dim=(2, 4, 4),
        norm_num_groups=16,
        # The pooled prompt in the time embedding reaches every layer, not only the cross-attention.
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )


def new_scheduler() -> DDIMScheduler:
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )


class Painter(nn.Module):
    """The text encoder and the U-Net, which are trained together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text_encoder = new_text_encoder(tokenizer)
        self.unet = new_unet()  # channels last is 50 % slower, because of the group norms

    def forward(self, latents: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        hidden_states = self.text_encoder(tokens)[0]
        return self.unet(latents, timesteps, hidden_states).sample


def training_latents() -> tuple[list[Scene], Tensor, float]:
    """Scenes, latents (n, 8, 16, 16) in float16, and the scaling factor to unit variance."""
    path, packed = WORKSPACE / "latents.pt", WORKSPACE / PACKED
    if not path.is_file() and packed.is_file():
        saved = torch.load(packed, weights_only=True)
        saved["latents"] = (saved["latents"].float() * saved["scale"]).half()
    else:
        if not path.is_file():
            _encode_pictures(path)
        saved = torch.load(path, weights_only=True)
    factor = 1 / float(saved["latents"].float().std())
    return [Scene(*s) for s in saved["scenes"]], saved["latents"], factor


def _encode_pictures(path: Path) -> None:
    vae = trained_vae()
    rng = random.Random(1)
    scenes, encoded = [], []
    with torch.no_grad(), AUTOCAST():
        for _ in range(PICTURES // 32):
            batch = [random_scene(rng) for _ in range(32)]
            pictures = to_tensor([np.asarray(render_scene(s, rng)) for s in batch])
            encoded.append(vae.encoder(pictures).half())
            scenes += [(s.things, s.count, s.colour) for s in batch]
    torch.save({"scenes": scenes, "latents": torch.cat(encoded).contiguous()}, path)


def pack() -> None:
    """Write the latents of the first pictures in int8, 57 MB, to train on another machine."""
    saved = torch.load(WORKSPACE / "latents.pt", weights_only=True)
    latents = saved["latents"][:PACKED_PICTURES].float()
    scale = latents.abs().amax((0, 2, 3), keepdim=True) / 127
    packed = (latents / scale).round().to(torch.int8)
    scenes = saved["scenes"][:PACKED_PICTURES]
    torch.save({"scenes": scenes, "latents": packed, "scale": scale}, WORKSPACE / PACKED)


class PromptBatches(IterableDataset[tuple[list[int], Tensor]]):
    """Endless batches: indices of scenes, and the tokens of a random prompt for each (n, 77)."""

    def __init__(self, scenes: list[Scene], tokenizer: CLIPTokenizer, size: int, seed: int) -> None:
        self.scenes, self.tokenizer, self.size, self.seed = scenes, tokenizer, size, seed

    def __iter__(self) -> Iterator[tuple[list[int], Tensor]]:
        worker = get_worker_info()
        rng = random.Random(1000 * self.seed + (worker.id if worker else 0))
        while True:
            chosen = [rng.randrange(len(self.scenes)) for _ in range(self.size)]
            prompts = [
                "" if rng.random() < EMPTY_PROMPTS else prompt(self.scenes[i], rng) for i in chosen
            ]
            tokens = self.tokenizer(
                prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
            )
            yield chosen, tokens.input_ids


def _loss_weights(alphas_cumprod: Tensor) -> Tensor:
    """Min-SNR weights of the velocity's loss, (n, 1, 1, 1), with a floor for the highest noise.

    Without the floor the steps that place a thing are hardly trained, and it is torn between two
    places.
    """
    snr = alphas_cumprod / (1 - alphas_cumprod)
    return (2 * snr.clamp(max=SNR_LIMIT) / (snr + 1)).clamp(min=0.1).view(-1, 1, 1, 1)


def train(
    *, resume: bool = True, batch_size: int = BATCH_SIZE, steps: int = STEPS, workers: int = 0
) -> tuple[Painter, CLIPTokenizer, float]:
    """The painter with averaged weights, its tokenizer, and the VAE's scaling factor.

    It trains on a GPU if there is one; a larger batch and worker processes that write the prompts
    keep it busy.
    """
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    scenes, latents, scaling_factor = training_latents()
    clip_tokenizer = tokenizer()
    model = Painter(clip_tokenizer).to(device)
    trainer = Trainer(
        "painter",
        model,
        optimisers(model, muon_lr=4e-3, adam_lr=1e-3, decay=0.01),
        steps=steps,
        ema_decay=0.998,
    )
    generator = torch.Generator().manual_seed(trainer.step)
    alphas_cumprod = new_scheduler().alphas_cumprod
    mean_loss = 0.0
    dataset = PromptBatches(scenes, clip_tokenizer, batch_size, trainer.step)
    batches = iter(DataLoader(dataset, batch_size=None, num_workers=workers))
    while resume and trainer.step < trainer.steps:
        chosen, tokens = next(batches)
        clean = latents[chosen].float() * scaling_factor
        # Stratified sampling of timesteps reduces the variance of the loss.
        slices = torch.randperm(batch_size, generator=generator)
        uniform = (slices + torch.rand(batch_size, generator=generator)) / batch_size
        # More weight on high noise levels, which determine the content of the picture.
        timesteps = ((1 - (1 - uniform) ** 1.5) * 1000).long().clamp(max=999)
        alphas = alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        alpha, sigma = alphas.sqrt(), (1 - alphas).sqrt()
        noise = torch.randn(clean.shape, generator=generator)
        target = (alpha * noise - sigma * clean).to(device)
        noisy = (alpha * clean + sigma * noise).to(device)
        with MATH_ATTENTION(), autocast(device):
            prediction = model(noisy, timesteps.to(device), tokens.to(device)).float()
        weights = _loss_weights(alphas_cumprod[timesteps]).to(device)
        loss = (weights * (prediction - target).square()).mean()
        trainer.update(loss)
        if trainer.step % 10 == 0:  # reading the loss waits for a GPU
            current = float(loss.detach())
            mean_loss = current if mean_loss == 0 else 0.9 * mean_loss + 0.1 * current
        trainer.log_and_save(50, 250, loss=mean_loss)
    return trainer.ema_model.cpu(), clip_tokenizer, scaling_factor


def pipeline(
    painter: Painter, clip_tokenizer: CLIPTokenizer, scaling_factor: float
) -> StableDiffusionPipeline:
    """The diffusers pipeline of what ``train`` returns."""
    vae = trained_vae()
    vae.register_to_config(scaling_factor=scaling_factor)
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=painter.text_encoder,
        tokenizer=clip_tokenizer,
        unet=painter.unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("threads", type=int, nargs="?", default=1)
    parser.add_argument("--pack", action="store_true", help="only write the packed latents")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.pack:
        pack()
        return
    torch.set_num_threads(arguments.threads)
    retain_freed_memory()
    train(batch_size=arguments.batch_size, steps=arguments.steps, workers=arguments.workers)


if __name__ == "__main__":
    main()
