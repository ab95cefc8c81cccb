"""The painter: a small Stable Diffusion (CLIP text encoder, U-Net on 8×16×16 latents, tiny VAE).

It is trained with v-prediction on a squared-cosine schedule, 10 % empty prompts for classifier-free
guidance, and averaged weights. The latents of the training pictures are computed once and cached.
"""

import json
import random
import sys

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.grammar import prompt
from training.scenes import Scene, random_scene, render_scene
from training.trainer import AUTOCAST, MATH_ATTENTION, Trainer, optimisers
from training.vae import to_tensor
from training.vae import train as trained_vae
from training.workspace import WORKSPACE

PICTURES = 40_000
BATCH_SIZE = 64
STEPS = 12_000
EMPTY_PROMPTS = 0.1
"""The share of training prompts that are empty, for classifier-free guidance."""


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
    path = WORKSPACE / "latents.pt"
    if not path.is_file():
        vae = trained_vae()
        rng = random.Random(1)
        scenes, encoded = [], []
        with torch.no_grad(), AUTOCAST():
            for _ in range(PICTURES // 32):
                batch = [random_scene(rng) for _ in range(32)]
                pictures = to_tensor([np.asarray(render_scene(s, rng)) for s in batch])
                encoded.append(vae.encoder(pictures).half())
                scenes += [(s.things, s.count, s.colour) for s in batch]
        latents = torch.cat(encoded).contiguous()
        torch.save({"scenes": scenes, "latents": latents}, path)
    saved = torch.load(path, weights_only=True)
    factor = 1 / float(saved["latents"].float().std())
    return [Scene(*s) for s in saved["scenes"]], saved["latents"], factor


def train(*, resume: bool = True) -> tuple[Painter, CLIPTokenizer, float]:
    """The painter with averaged weights, its tokenizer, and the VAE's scaling factor."""
    torch.manual_seed(0)
    scenes, latents, scaling_factor = training_latents()
    clip_tokenizer = tokenizer()
    model = Painter(clip_tokenizer)
    trainer = Trainer(
        "painter",
        model,
        optimisers(model, muon_lr=4e-3, adam_lr=1e-3, decay=0.01),
        steps=STEPS,
        ema_decay=0.9985,
    )
    rng = random.Random(trainer.step)
    generator = torch.Generator().manual_seed(trainer.step)
    alphas_cumprod = new_scheduler().alphas_cumprod
    mean_loss = 0.0
    while resume and trainer.step < trainer.steps:
        chosen = [rng.randrange(len(scenes)) for _ in range(BATCH_SIZE)]
        clean = latents[chosen].float() * scaling_factor
        prompts = ["" if rng.random() < EMPTY_PROMPTS else prompt(scenes[i], rng) for i in chosen]
        tokens = clip_tokenizer(
            prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        # Stratified sampling of timesteps reduces the variance of the loss.
        slices = torch.randperm(BATCH_SIZE, generator=generator)
        uniform = (slices + torch.rand(BATCH_SIZE, generator=generator)) / BATCH_SIZE
        # More weight on high noise levels, which determine the content of the picture.
        timesteps = ((1 - (1 - uniform) ** 1.5) * 1000).long().clamp(max=999)
        alpha = alphas_cumprod[timesteps].sqrt().view(-1, 1, 1, 1)
        sigma = (1 - alphas_cumprod[timesteps]).sqrt().view(-1, 1, 1, 1)
        noise = torch.randn(clean.shape, generator=generator)
        with MATH_ATTENTION(), AUTOCAST():
            prediction = model(alpha * clean + sigma * noise, timesteps, tokens).float()
        loss = F.mse_loss(prediction, alpha * noise - sigma * clean)
        trainer.update(loss)
        current = float(loss.detach())
        mean_loss = current if mean_loss == 0 else 0.99 * mean_loss + 0.01 * current
        trainer.log_and_save(100, 500, loss=mean_loss)
    return trainer.ema_model, clip_tokenizer, scaling_factor


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


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
