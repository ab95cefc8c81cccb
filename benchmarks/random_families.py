"""Today's models at full size with random weights, to measure speed and memory.

Their shapes are those that the makers publish; the vocabularies are small, and what they write or
paint is meaningless. Built once into the folder of :mod:`benchmarks.random_models`, one network at
a time, since two of them do not fit into the memory of a small machine.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from benchmarks.random_models import CLIP_TEXT, VAE, clip_tokenizer, nllb_tokenizer, random_model
from tests.helpers.tiny_painters import qwen_tokenizer

SDXL_UNET: Mapping[str, Any] = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
SDXL_TEXT_2: Mapping[str, Any] = {
    **CLIP_TEXT,
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
    "projection_dim": 1280,
}
KLEIN_TRANSFORMER: Mapping[str, Any] = {
    "patch_size": 1,
    "in_channels": 128,
    "num_layers": 5,
    "num_single_layers": 20,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 7680,
    "guidance_embeds": False,
}
QWEN3_4B: Mapping[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
QWEN3_5_TEXT: Mapping[str, Any] = {
    "vocab_size": 248_320,
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 24,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 16,
    "rope_parameters": {
        "mrope_section": [11, 11, 10],
        "mrope_interleaved": True,
        "rope_type": "default",
        "rope_theta": 10_000_000.0,
        "partial_rotary_factor": 0.25,
    },
}
QWEN3_5_VISION: Mapping[str, Any] = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "out_hidden_size": 2048,
}
MADLAD: Mapping[str, Any] = {
    "vocab_size": 256_000,
    "d_model": 1024,
    "d_kv": 128,
    "d_ff": 8192,
    "num_layers": 32,
    "num_decoder_layers": 32,
    "num_heads": 16,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}


Make = Callable[..., Any]
"""Makes a network of a class, with the arguments of its constructor."""
Parts = Mapping[str, Any]
"""Parts of a pipeline by name; a network as a :class:`functools.partial` that makes it."""


def sdxl(make: Make) -> Parts:
    """Stable Diffusion XL: 2.6 billion weights in the U-Net."""
    text, projected = transformers.CLIPTextModel, transformers.CLIPTextModelWithProjection
    config = transformers.CLIPTextConfig
    return {
        "unet": partial(make, diffusers.UNet2DConditionModel, **SDXL_UNET),
        "vae": partial(make, diffusers.AutoencoderKL, **{**VAE, "sample_size": 1024}),
        "text_encoder": partial(make, text, config(**CLIP_TEXT)),
        "text_encoder_2": partial(make, projected, config(**SDXL_TEXT_2)),
        "tokenizer": clip_tokenizer(),
        "tokenizer_2": clip_tokenizer(),
        "scheduler": diffusers.EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
        ),
        "force_zeros_for_empty_prompt": True,
    }


def klein(make: Make) -> Parts:
    """FLUX.2-klein-4B: 3.9 billion weights in the denoiser, 4.0 in the text encoder."""
    reader, config = transformers.Qwen3ForCausalLM, transformers.Qwen3Config(**QWEN3_4B)
    return {
        "transformer": partial(make, diffusers.Flux2Transformer2DModel, **KLEIN_TRANSFORMER),
        "text_encoder": partial(make, reader, config),
        "vae": partial(make, diffusers.AutoencoderKLFlux2),
        "tokenizer": qwen_tokenizer(),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "is_distilled": True,
    }


def qwen3_5(make: Make) -> Any:
    """Qwen3.5-2B: 2.2 billion weights; it reads images."""
    from tests.helpers import tiny_captioners as tiny

    config = transformers.Qwen3_5Config(
        text_config={**QWEN3_5_TEXT, "eos_token_id": tiny.token(tiny.END)},
        vision_config=dict(QWEN3_5_VISION),
        tie_word_embeddings=True,
        **tiny.qwen_ids(),
    )
    return make(transformers.Qwen3_5ForConditionalGeneration, config)


def save_qwen_files(folder: Path) -> None:
    """Save the tokenizer and the image processor of Qwen3.5."""
    from tests.helpers import tiny_captioners as tiny

    words = tiny.tokenizer()
    words.chat_template = tiny.CHATML.replace("PICTURE", tiny.PICTURES["qwen3_5"])
    words.save_pretrained(folder)
    transformers.Qwen2VLImageProcessorPil(**tiny.PROCESSORS["qwen3_5"]).save_pretrained(folder)


def _captioner(folder: Path) -> None:
    qwen3_5(partial(random_model, dtype=torch.bfloat16)).save_pretrained(folder)
    save_qwen_files(folder)


def _translator(folder: Path) -> None:
    """MADLAD-400-3B-MT: 2.7 billion weights."""
    config = transformers.T5Config(**MADLAD)
    model = random_model(transformers.T5ForConditionalGeneration, config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    pieces = [piece for piece in nllb_tokenizer().get_vocab() if piece.startswith("▁")]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), ("<2ar>", -1.0), ("<2en>", -1.0)]
    listed = [(piece, -9.0) for piece in pieces[: MADLAD["vocab_size"] - len(special)]]
    transformers.T5Tokenizer(vocab=[*special, *listed], extra_ids=0).save_pretrained(folder)


def _painter(
    pipeline: str, parts: Callable[[Make], Parts], dtype: torch.dtype, folder: Path
) -> None:
    save_pipeline(
        folder,
        pipeline,
        parts(partial(random_model, dtype=dtype)),
        lambda network, part: network().save_pretrained(part),
    )


def save_pipeline(
    folder: Path, pipeline: str, parts: Parts, save_network: Callable[[Any, Path], object]
) -> None:
    """Save a pipeline as ``save_pretrained`` does, one network at a time.

    ``save_network`` gets what makes a network, and the folder of its files.
    """
    index: dict[str, Any] = {"_class_name": pipeline, "_diffusers_version": diffusers.__version__}
    for name, part in parts.items():
        is_network = isinstance(part, partial)
        kind = part.args[0] if is_network else type(part)
        if is_network:
            save_network(part, folder / name)
        elif hasattr(part, "save_pretrained"):
            part.save_pretrained(folder / name)
        else:
            index[name] = [None, None] if part is None else part
            continue
        index[name] = [kind.__module__.partition(".")[0], kind.__name__]
    (folder / "model_index.json").write_text(json.dumps(index))


BUILDERS: Mapping[str, Callable[[Path], None]] = {
    "sdxl": partial(_painter, "StableDiffusionXLPipeline", sdxl, torch.float16),
    "flux2-klein-4b": partial(_painter, "Flux2KleinPipeline", klein, torch.bfloat16),
    "qwen3.5-2b": _captioner,
    "madlad-3b": _translator,
}
