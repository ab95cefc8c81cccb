"""Tiny versions of the three standard repositories: the same files, with small random weights.

The file names are those on the hub; files that Marsam never downloads have filler contents.
"""

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, PNDMScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from safetensors.torch import save
from torch import nn
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPTextConfig,
    CLIPTextModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
    NllbTokenizer,
)

BLIP = "Salesforce/blip-image-captioning-large"
BLIP_FILES = [
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "vocab.txt",
]
"""The files that are needed, with each weight once."""
NLLB = "facebook/nllb-200-distilled-600M"
DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
ADAPTER = "latent-consistency/lcm-lora-sdv1-5"
ONE_STEP = "ByteDance/Hyper-SD"
DECODER = "madebyollin/taesd"
FILLER = b"never pulled" * 100

Files = dict[str, bytes]


def standard_repositories() -> dict[str, Files]:
    """Hub id to files."""
    torch.manual_seed(0)
    return {
        BLIP: blip(),
        NLLB: nllb(),
        DIFFUSION: diffusion(),
        ADAPTER: adapter(),
        ONE_STEP: adapter("Hyper-SD15-1step-lora.safetensors"),
        DECODER: decoder(),
    }


def blip() -> Files:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sea", "[DEC]", "[ENC]"]
    model = BlipForConditionalGeneration(
        BlipConfig(
            vision_config={
                "image_size": 32,
                "patch_size": 16,
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
            },
            text_config={
                "vocab_size": len(pieces),
                "hidden_size": 16,
                "encoder_hidden_size": 16,
                "intermediate_size": 32,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "max_position_embeddings": 32,
                "bos_token_id": 8,
                "pad_token_id": 0,
                "eos_token_id": 3,
                "sep_token_id": 3,
            },
            projection_dim=16,
        )
    )
    processor = {
        "do_normalize": True,
        "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "BlipImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "processor_class": "BlipProcessor",
        "resample": 3,
        "size": {"height": 32, "width": 32},
    }
    return {
        ".gitattributes": b"*.bin filter=lfs",
        "README.md": b"# BLIP",
        "config.json": _config(model),
        "model.safetensors": _safetensors(model),
        "preprocessor_config.json": _json(processor),
        "pytorch_model.bin": _pickled(model),
        "special_tokens_map.json": _json({"cls_token": "[CLS]", "sep_token": "[SEP]"}),
        "tf_model.h5": FILLER,
        "tokenizer_config.json": _json({"tokenizer_class": "BertTokenizer"}),
        "vocab.txt": "\n".join(pieces).encode() + b"\n",
    }


def nllb() -> Files:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "c", "t", "▁a", "▁c"]
    tokenizer = NllbTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)},
        merges=[("▁", "a"), ("▁", "c")],
        extra_special_tokens=["eng_Latn", "arb_Arab"],
        src_lang="eng_Latn",
        tgt_lang="arb_Arab",
    )
    model = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(tokenizer),
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            max_position_embeddings=32,
            bos_token_id=0,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
        )
    )
    return {
        ".gitattributes": b"*.bin filter=lfs",
        "README.md": b"# NLLB",
        "config.json": _config(model),
        "generation_config.json": _json({"decoder_start_token_id": 2, "max_length": 32}),
        "pytorch_model.bin": _pickled(model),
        "sentencepiece.bpe.model": b"\n\x0esentencepiece",
        "special_tokens_map.json": _json({"pad_token": "<pad>"}),
        **_saved(tokenizer, "tokenizer.json", "tokenizer_config.json"),
    }


def tiny_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def adapter(file: str = "pytorch_lora_weights.safetensors") -> Files:
    layers = {
        name: layer
        for name, layer in tiny_unet().named_modules()
        if name.endswith(("to_q", "to_v", "conv1"))
    }
    weights = {}
    for name, layer in layers.items():
        outputs, inputs, *side = layer.weight.shape
        weights[f"unet.{name}.lora_A.weight"] = torch.randn(2, inputs, *side)
        weights[f"unet.{name}.lora_B.weight"] = torch.randn(outputs, 2, *(1 for _ in side))
    return {"README.md": FILLER, "another.safetensors": FILLER, file: save(weights)}


def decoder() -> Files:
    # Two upsampling steps, as in the tiny pipeline's own decoder.
    model = AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return files | {"taesd_decoder.safetensors": FILLER}


def diffusion() -> Files:
    letters = [
        "<|startoftext|>",
        "<|endoftext|>",
        *"act",
        "a</w>",
        "c</w>",
        "t</w>",
        "ca",
        "cat</w>",
    ]
    text = CLIPTextConfig(
        vocab_size=len(letters),
        hidden_size=16,
        intermediate_size=32,
        projection_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    vision = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision, projection_dim=16)
    )
    unet = tiny_unet()
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        sample_size=16,
    )
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
    )
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.6.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
    }
    extractor = {
        "crop_size": 32,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
        "size": 32,
    }
    top = (
        "v1-5-pruned-emaonly.ckpt",
        "v1-5-pruned-emaonly.safetensors",
        "v1-5-pruned.ckpt",
        "v1-5-pruned.safetensors",
    )
    return {
        ".gitattributes": b"*.bin filter=lfs",
        "README.md": b"# Stable Diffusion",
        "feature_extractor/preprocessor_config.json": _json(extractor),
        "model_index.json": _json(index),
        **_component("safety_checker", checker, "model", "pytorch_model"),
        **_saved(scheduler, "scheduler_config.json", folder="scheduler"),
        **_component("text_encoder", CLIPTextModel(text), "model", "pytorch_model"),
        "tokenizer/merges.txt": b"#version: 0.2\nc a\nca t</w>\n",
        "tokenizer/special_tokens_map.json": _json(special),
        "tokenizer/tokenizer_config.json": _json(
            {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer", **special}
        ),
        "tokenizer/vocab.json": _json({letter: i for i, letter in enumerate(letters)}),
        **_component("unet", unet, "diffusion_pytorch_model"),
        "unet/diffusion_pytorch_model.non_ema.bin": FILLER,
        "unet/diffusion_pytorch_model.non_ema.safetensors": FILLER,
        **dict.fromkeys(top, FILLER),
        "v1-inference.yaml": b"model:",
        **_component("vae", vae, "diffusion_pytorch_model"),
    }


def _component(folder: str, model: nn.Module, name: str, pickled_name: str = "") -> Files:
    """A component in the four weight formats of the repository."""
    pickled_name = pickled_name or name
    half = {key: value.half() for key, value in model.state_dict().items()}
    return {
        f"{folder}/config.json": _config(model),
        f"{folder}/{name}.fp16.safetensors": save(half, {"format": "pt"}),
        f"{folder}/{name}.safetensors": _safetensors(model),
        f"{folder}/{pickled_name}.bin": _pickled(model),
        f"{folder}/{pickled_name}.fp16.bin": FILLER,
    }


def _config(model: Any) -> bytes:
    with TemporaryDirectory() as folder:
        if hasattr(model, "save_config"):
            model.save_config(folder)
        else:
            model.config.architectures = [type(model).__name__]
            model.config.save_pretrained(folder)
        return Path(folder, "config.json").read_bytes()


def _saved(thing: Any, *names: str, folder: str = "") -> Files:
    with TemporaryDirectory() as path:
        thing.save_pretrained(path)
        return {f"{folder}/{n}" if folder else n: Path(path, n).read_bytes() for n in names}


def _safetensors(model: nn.Module) -> bytes:
    # Tied weights share memory, which safetensors does not support.
    saved: bytes = save({k: v.clone() for k, v in model.state_dict().items()}, {"format": "pt"})
    return saved


def _pickled(model: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()
