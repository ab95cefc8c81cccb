"""Tiny random painters of every family, in the true classes of diffusers and transformers.

Each is built in a second or two and saved as a folder, as ``save_pretrained`` writes it.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from marsam.hub.catalog import MINI, bundled_folder

WIDTH = 32
"""Of the embeddings of every text encoder."""
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = ["a", "cat", "dog", "on", "the", "blue", "red", "background", "user", "assistant"]


@cache
def clip_tokenizer() -> Any:
    return CLIPTokenizer.from_pretrained(bundled_folder(MINI.painter) / "tokenizer")


def clip(*, projected: bool = False, width: int = WIDTH // 2) -> Any:
    words = clip_tokenizer()
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=width,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def pieces() -> list[str]:
    """Pieces of a SentencePiece vocabulary: words and letters."""
    return [*(f"▁{word}" for word in WORDS), *"abcdefghijklmnopqrstuvwxyz▁.,"]


def t5_tokenizer() -> Any:
    scored = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((p, -1.0) for p in pieces())]
    return T5Tokenizer(vocab=scored, extra_ids=0)


def t5() -> Any:
    config = T5Config(
        vocab_size=len(t5_tokenizer()) + 8,
        d_model=WIDTH,
        d_kv=8,
        d_ff=WIDTH,
        num_layers=1,
        num_heads=2,
    )
    return T5EncoderModel(config).eval()


def gemma_tokenizer() -> Any:
    listed = ["<pad>", "<eos>", "<bos>", "<unk>", *pieces()]
    return GemmaTokenizer(vocab={piece: i for i, piece in enumerate(listed)}, merges=[])


def gemma() -> Any:
    config = Gemma2Config(
        vocab_size=len(gemma_tokenizer()) + 8,
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
    )
    return Gemma2Model(config).eval()


def qwen_tokenizer() -> Any:
    from tokenizers.pre_tokenizers import ByteLevel

    listed = sorted(ByteLevel.alphabet())
    words = Qwen2Tokenizer(vocab={letter: i for i, letter in enumerate(listed)}, merges=[])
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    words.chat_template = CHAT
    words.model_max_length = 131_072
    return words


SMALL_QWEN = {
    "vocab_size": 300,
    "hidden_size": WIDTH,
    "intermediate_size": WIDTH,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def qwen3(layers: int) -> Any:
    config = Qwen3Config(**SMALL_QWEN, head_dim=16, num_hidden_layers=layers)
    return Qwen3ForCausalLM(config).eval()


def qwen_vl() -> Any:
    config = Qwen2_5_VLConfig(
        text_config={
            **SMALL_QWEN,
            "num_hidden_layers": 1,
            "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default", "type": "default"},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
        },
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def vae(kind: Any = AutoencoderKL, **config: Any) -> Any:
    blocks = {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "latent_channels": 4,
    }
    return kind(**blocks | config)


def flow_vae() -> Any:
    """As of the flow-matching painters: latents have a mean, and there are no quantising layers."""
    return vae(
        scaling_factor=0.36, shift_factor=0.1, use_quant_conv=False, use_post_quant_conv=False
    )


def dc_vae() -> Any:
    """Sana's: a pixel of its latents is 32 pixels wide."""
    return diffusers.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        encoder_block_types=("ResBlock",) * 5 + ("EfficientViTBlock",),
        decoder_block_types=("ResBlock",) * 5 + ("EfficientViTBlock",),
        encoder_block_out_channels=(8,) * 6,
        decoder_block_out_channels=(8,) * 6,
        encoder_qkv_multiscales=((),) * 5 + ((5,),),
        decoder_qkv_multiscales=((),) * 5 + ((5,),),
        encoder_layers_per_block=(1,) * 6,
        decoder_layers_per_block=[1] * 6,
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41,
    )


def unet(**config: Any) -> Any:
    small = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "sample_size": 8,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 2,
        "norm_num_groups": 4,
        "cross_attention_dim": WIDTH // 2,
    }
    return diffusers.UNet2DConditionModel(**small | config)


def scheduler(name: str, **config: Any) -> Any:
    kind = getattr(diffusers, f"{name}Scheduler")
    stable = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    stable |= {"steps_offset": 1, "clip_sample": False}
    known = inspect.signature(kind).parameters
    return kind(**{k: v for k, v in (stable | config).items() if k in known})


def stable_diffusion(shipped: Any, **config: Any) -> dict[str, Any]:
    return {
        "vae": vae(),
        "text_encoder": clip(),
        "tokenizer": clip_tokenizer(),
        "unet": unet(**config),
        "scheduler": shipped,
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }


def stable_diffusion_xl(shipped: Any) -> dict[str, Any]:
    width = WIDTH // 2
    return {
        "vae": vae(),
        "text_encoder": clip(),
        "text_encoder_2": clip(projected=True),
        "tokenizer": clip_tokenizer(),
        "tokenizer_2": clip_tokenizer(),
        "unet": unet(
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + width,
            cross_attention_dim=WIDTH,
        ),
        "scheduler": shipped,
        "add_watermarker": False,
    }


def stable_diffusion_3() -> dict[str, Any]:
    return {
        "vae": flow_vae(),
        "text_encoder": clip(projected=True),
        "text_encoder_2": clip(projected=True),
        "text_encoder_3": t5(),
        "tokenizer": clip_tokenizer(),
        "tokenizer_2": clip_tokenizer(),
        "tokenizer_3": t5_tokenizer(),
        "transformer": diffusers.SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=WIDTH,
            caption_projection_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            pos_embed_max_size=16,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }


SMALL_FLUX = {
    "patch_size": 1,
    "in_channels": 16,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
}


def flux(*, guidance_embeds: bool) -> dict[str, Any]:
    return {
        "vae": flow_vae(),
        "text_encoder": clip(),
        "tokenizer": clip_tokenizer(),
        "text_encoder_2": t5(),
        "tokenizer_2": t5_tokenizer(),
        "transformer": diffusers.FluxTransformer2DModel(
            **SMALL_FLUX,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH // 2,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=guidance_embeds,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=guidance_embeds),
    }


def klein(*, is_distilled: bool) -> dict[str, Any]:
    return {
        "vae": vae(diffusers.AutoencoderKLFlux2),
        "text_encoder": qwen3(layers=28),
        "tokenizer": qwen_tokenizer(),
        "transformer": diffusers.Flux2Transformer2DModel(
            **SMALL_FLUX, joint_attention_dim=3 * WIDTH, axes_dims_rope=(4, 4, 4, 4)
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "is_distilled": is_distilled,
    }


def z_image() -> dict[str, Any]:
    return {
        "vae": flow_vae(),
        "text_encoder": qwen3(layers=2),
        "tokenizer": qwen_tokenizer(),
        "transformer": diffusers.ZImageTransformer2DModel(
            in_channels=4,
            dim=WIDTH,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDTH,
            axes_dims=[8, 4, 4],
            axes_lens=[1024, 32, 32],
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }


def lumina_2() -> dict[str, Any]:
    return {
        "vae": flow_vae(),
        "text_encoder": gemma(),
        "tokenizer": gemma_tokenizer(),
        "transformer": diffusers.Lumina2Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            hidden_size=16,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 2, 2),
            axes_lens=(600, 32, 32),
            cap_feat_dim=WIDTH,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=6.0),
    }


def sana(shipped: Any, **config: Any) -> dict[str, Any]:
    return {
        "vae": dc_vae(),
        "text_encoder": gemma(),
        "tokenizer": gemma_tokenizer(),
        "transformer": diffusers.SanaTransformer2DModel(
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            num_attention_heads=2,
            attention_head_dim=4,
            num_cross_attention_heads=2,
            cross_attention_head_dim=4,
            cross_attention_dim=8,
            caption_channels=WIDTH,
            sample_size=32,
            **config,
        ),
        "scheduler": shipped,
    }


def pixart() -> dict[str, Any]:
    return {
        "vae": vae(),
        "text_encoder": t5(),
        "tokenizer": t5_tokenizer(),
        "transformer": diffusers.PixArtTransformer2DModel(
            sample_size=8,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_channels=WIDTH,
            in_channels=4,
            cross_attention_dim=16,
            out_channels=8,
            use_additional_conditions=False,
        ),
        "scheduler": scheduler("DPMSolverMultistep"),
    }


def qwen_image() -> dict[str, Any]:
    return {
        "vae": diffusers.AutoencoderKLQwenImage(
            base_dim=24,
            z_dim=4,
            dim_mult=[1, 2, 2, 2],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.1] * 4,
            latents_std=[1.2] * 4,
        ),
        "text_encoder": qwen_vl(),
        "tokenizer": qwen_tokenizer(),
        "transformer": diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(8, 4, 4),
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    }


def chroma() -> dict[str, Any]:
    return {
        "vae": flow_vae(),
        "text_encoder": t5(),
        "tokenizer": t5_tokenizer(),
        "transformer": diffusers.ChromaTransformer2DModel(
            **SMALL_FLUX,
            joint_attention_dim=WIDTH,
            axes_dims_rope=(4, 4, 8),
            approximator_hidden_dim=WIDTH,
            approximator_layers=1,
            approximator_num_channels=16,
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(),
    }


PAINTERS: Mapping[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "stable-diffusion": (
        "StableDiffusionPipeline",
        lambda: stable_diffusion(scheduler("DDIM", prediction_type="v_prediction")),
    ),
    "sdxl": ("StableDiffusionXLPipeline", lambda: stable_diffusion_xl(scheduler("EulerDiscrete"))),
    "sd-trailing": (  # as SD-Turbo is published, under a name that does not say it
        "StableDiffusionPipeline",
        lambda: stable_diffusion(scheduler("EulerDiscrete", timestep_spacing="trailing")),
    ),
    "sdxl-lightning": (
        "StableDiffusionXLPipeline",
        lambda: stable_diffusion_xl(scheduler("EulerDiscrete", timestep_spacing="trailing")),
    ),
    "lcm": (
        "LatentConsistencyModelPipeline",
        lambda: stable_diffusion(scheduler("LCM"), time_cond_proj_dim=16),
    ),
    "sd3": ("StableDiffusion3Pipeline", stable_diffusion_3),
    "flux-dev": ("FluxPipeline", lambda: flux(guidance_embeds=True)),
    "flux-schnell": ("FluxPipeline", lambda: flux(guidance_embeds=False)),
    "klein": ("Flux2KleinPipeline", lambda: klein(is_distilled=True)),
    "klein-base": ("Flux2KleinPipeline", lambda: klein(is_distilled=False)),
    "z-image": ("ZImagePipeline", z_image),
    "z-image-turbo": ("ZImagePipeline", z_image),
    "lumina2": ("Lumina2Pipeline", lumina_2),
    "sana": (
        "SanaPipeline",
        lambda: sana(
            diffusers.DPMSolverMultistepScheduler(
                use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=3.0
            )
        ),
    ),
    "sana-sprint": (
        "SanaSprintPipeline",
        lambda: sana(
            diffusers.SCMScheduler(), guidance_embeds=True, qk_norm="rms_norm_across_heads"
        ),
    ),
    "pixart-sigma": ("PixArtSigmaPipeline", pixart),
    "pixart-alpha": ("PixArtAlphaPipeline", pixart),  # not in the table of families
    "qwen-image": ("QwenImagePipeline", qwen_image),
    "chroma": ("ChromaPipeline", chroma),
}
"""By name: the pipeline class, and what makes its parts."""


def build(name: str, folder: Path) -> Path:
    """Save the tiny painter of that name in a folder of its name, and return this folder."""
    pipeline, parts = PAINTERS[name]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of diffusers about itself
        painter = getattr(diffusers, pipeline)(**parts())
        painter.save_pretrained(folder / name)
    return folder / name


def build_lora(painter: Path, file: Path, *, rank: int = 2, part: str = "") -> Path:
    """Save a random LoRA of a painter's attention, or of one of its other networks.

    Args:
        painter: folder of the painter.
        file: to write.
        rank: of the LoRA.
        part: folder of the network; by default the denoiser's.
    """
    part = part or ("unet" if (painter / "unet").is_dir() else "transformer")
    torch.manual_seed(1)
    adapters = {}
    for weights in sorted((painter / part).glob("*.safetensors")):
        for name, weight in load_file(weights).items():
            if name.endswith(("to_q.weight", "to_v.weight", "to_out.0.weight", "v_proj.weight")):
                outputs, inputs = weight.shape
                layer = f"{part}.{name.removesuffix('.weight')}"
                adapters[f"{layer}.lora_A.weight"] = torch.randn(rank, inputs)
                adapters[f"{layer}.lora_B.weight"] = 4 * torch.randn(outputs, rank)
    save_file(adapters, file)
    return file
