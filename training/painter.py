"""The painter: a small Stable Diffusion (CLIP text encoder, UNet on 16×16×8 latents, tiny VAE).

v-prediction on a squared-cosine schedule, 10 % empty prompts for classifier-free guidance, averaged
weights. The latents of the training pictures are computed once and kept on disk.
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
from training.loop import MIXED, PLAIN_ATTENTION, Training, optimisers
from training.vae import to_tensor
from training.vae import train as trained_vae
from training.workspace import WORKSPACE
from training.world import Scene, random_scene, tidy_picture

PICTURES = 40_000
BATCH = 64
STEPS = 12_000
EMPTY = 0.1


def tokenizer() -> CLIPTokenizer:
    """The CLIP tokenizer, made once: ties between merges are broken by chance."""
    folder = WORKSPACE / "clip-tokenizer"
    if not folder.is_dir():
        new_tokenizer().save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def new_tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer in which every word of the world is one token."""
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
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):  # so that no word is ever unknown
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
    """What is trained together: the text encoder and the UNet."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text_encoder = new_text_encoder(tokenizer)
        self.unet = new_unet()  # channels last would cost half as much again: the group norms

    def forward(self, latents: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        words = self.text_encoder(tokens)[0]
        return self.unet(latents, times, words).sample


def latents() -> tuple[list[Scene], Tensor, float]:
    """Scenes, latents (n, 8, 16, 16) in half precision, and the factor that makes them unit."""
    path = WORKSPACE / "latents.pt"
    if not path.is_file():
        vae = trained_vae()
        rng = random.Random(1)
        scenes, stacks = [], []
        with torch.no_grad(), MIXED():
            for _ in range(PICTURES // 32):
                batch = [random_scene(rng) for _ in range(32)]
                pictures = to_tensor([np.asarray(tidy_picture(s, rng)) for s in batch])
                stacks.append(vae.encoder(pictures).half())
                scenes += [(s.things, s.count, s.colour) for s in batch]
        together = torch.cat(stacks).contiguous()
        torch.save({"scenes": scenes, "latents": together}, path)
    saved = torch.load(path, weights_only=True)
    factor = 1 / float(saved["latents"].float().std())
    return [Scene(*s) for s in saved["scenes"]], saved["latents"], factor


def train(*, more: bool = True) -> tuple[Painter, CLIPTokenizer, float]:
    """The trained painter (averaged weights), its tokenizer, and the VAE's scaling factor."""
    torch.manual_seed(0)
    scenes, pictures, factor = latents()
    words = tokenizer()
    model = Painter(words)
    run = Training(
        "painter",
        model,
        optimisers(model, muon_lr=4e-3, adam_lr=1e-3, decay=0.01),
        steps=STEPS,
        average=0.9985,
    )
    rng = random.Random(run.step)
    generator = torch.Generator().manual_seed(run.step)
    signal = new_scheduler().alphas_cumprod
    average = 0.0
    while more and run.step < run.steps:
        chosen = [rng.randrange(len(scenes)) for _ in range(BATCH)]
        clean = pictures[chosen].float() * factor
        prompts = ["" if rng.random() < EMPTY else prompt(scenes[i], rng) for i in chosen]
        tokens = words(
            prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        # One time from each of BATCH equal slices: the loss is far less noisy than with free draws.
        slices = torch.randperm(BATCH, generator=generator)
        places = (slices + torch.rand(BATCH, generator=generator)) / BATCH
        # What is shown is decided in heavy noise; nearly clean pictures teach little.
        times = ((1 - (1 - places) ** 1.5) * 1000).long().clamp(max=999)
        keep = signal[times].sqrt().view(-1, 1, 1, 1)
        blur = (1 - signal[times]).sqrt().view(-1, 1, 1, 1)
        noise = torch.randn(clean.shape, generator=generator)
        with PLAIN_ATTENTION(), MIXED():
            guess = model(keep * clean + blur * noise, times, tokens).float()
        loss = F.mse_loss(guess, keep * noise - blur * clean)
        run.update(loss)
        now = float(loss.detach())
        average = now if average == 0 else 0.99 * average + 0.01 * now
        run.report(100, 500, loss=average)
    return run.averaged, words, factor


def pipeline(painter: Painter, words: CLIPTokenizer, factor: float) -> StableDiffusionPipeline:
    vae = trained_vae()
    vae.register_to_config(scaling_factor=factor)
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=painter.text_encoder,
        tokenizer=words,
        unet=painter.unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    train()
