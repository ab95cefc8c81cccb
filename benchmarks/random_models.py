"""The standard set's architectures at full size, with random weights, to measure speed and memory.

Built once into a cache folder, with the files that ``marsam models pull`` would download. Their
output is meaningless, so quality cannot be measured with them.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import platformdirs
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from torch import nn
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    M2M100Config,
    M2M100ForConditionalGeneration,
    NllbTokenizer,
)

from marsam.hub.model_files import ADAPTER_FILE

CACHE = Path(platformdirs.user_cache_dir("marsam")) / "benchmarks"
BLIP_VISION: Mapping[str, Any] = {
    "image_size": 384,
    "patch_size": 16,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
}
BLIP_TEXT: Mapping[str, Any] = {
    "vocab_size": 30524,
    "hidden_size": 768,
    "encoder_hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 512,
    "bos_token_id": 30522,
    "pad_token_id": 0,
    "eos_token_id": 102,
    "sep_token_id": 102,
}
NLLB: Mapping[str, Any] = {
    "vocab_size": 256206,
    "d_model": 1024,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "max_position_embeddings": 1024,
    "scale_embedding": True,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
UNET: Mapping[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
CLIP_TEXT: Mapping[str, Any] = {
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
}
VAE: Mapping[str, Any] = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
SCHEDULER: Mapping[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
ARABIC_LETTERS = "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأإةىئؤ"
LORA_LAYERS = (
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "proj_in",
    "proj_out",
    "ff.net.0.proj",
    "ff.net.2",
    "conv1",
    "conv2",
    "conv_shortcut",
    "downsamplers.0.conv",
    "upsamplers.0.conv",
    "time_emb_proj",
)


BUFFERS: Mapping[str, Callable[[torch.Tensor], Any]] = {
    "position_ids": lambda buffer: torch.arange(buffer.shape[-1]).expand(buffer.shape),
    "running_mean": lambda buffer: torch.zeros(buffer.shape),
    "running_var": lambda buffer: torch.ones(buffer.shape),
    "num_batches_tracked": lambda buffer: torch.zeros(buffer.shape),
}
"""The values of buffers that are saved with a model."""


def random_model(
    kind: Callable[..., Any], *args: Any, dtype: torch.dtype = torch.float32, **kwargs: Any
) -> Any:
    """Build a model with normal weights; much faster than the libraries' own initialisation.

    A standard deviation of fan-in ** -0.5 keeps the scale of the activations.
    """
    with torch.device("meta"):
        model = kind(*args, **kwargs).to(dtype)
    buffers = {
        name: BUFFERS[name.rpartition(".")[2]](buffer)
        for name, buffer in model.named_buffers()
        if name.rpartition(".")[2] in BUFFERS
    }
    model = with_random_weights(model.to_empty(device="cpu"))
    for name, values in buffers.items():
        model.get_buffer(name).copy_(values)
    return model


@torch.no_grad()
def with_random_weights(model: Any) -> Any:
    """Give a model normal weights, and set the others as they are at first."""
    model.eval()
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
            else:
                parameter.zero_()
        if "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None:
            module.weight.fill_(1)
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    return model


def blip_large() -> BlipForConditionalGeneration:
    config = BlipConfig(
        vision_config=dict(BLIP_VISION),
        text_config=dict(BLIP_TEXT),
        image_text_hidden_size=256,
        projection_dim=512,
    )
    return random_model(BlipForConditionalGeneration, config)


def nllb_600m() -> M2M100ForConditionalGeneration:
    return random_model(M2M100ForConditionalGeneration, M2M100Config(**NLLB))


def unet() -> UNet2DConditionModel:
    return random_model(UNet2DConditionModel, **UNET)


def clip_text() -> CLIPTextModel:
    return random_model(CLIPTextModel, CLIPTextConfig(**CLIP_TEXT))


def vae() -> AutoencoderKL:
    return random_model(AutoencoderKL, **VAE)


def blip_tokenizer() -> BertTokenizer:
    special = ["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *(f"word{i}" for i in range(30522 - len(special)))]
    return BertTokenizer(
        vocab={word: i for i, word in enumerate(words)}, extra_special_tokens=["[DEC]", "[ENC]"]
    )


def nllb_tokenizer() -> NllbTokenizer:
    """A vocabulary of the real size, a tenth of whose pieces are Arabic, as in the real one."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyz", *ARABIC_LETTERS]
    pieces: dict[str, int] = {piece: i for i, piece in enumerate([*special, *letters])}
    number = 0
    while len(pieces) < 256_000:
        script = ARABIC_LETTERS if number % 10 == 0 else "abcdefghijklmnopqrstuvwxyz"
        digits, rest = [], number
        for _ in range(4):
            rest, digit = divmod(rest, len(script))
            digits.append(script[digit])
        pieces.setdefault("▁" + "".join(digits) + script[number % 3], len(pieces))
        number += 1
    codes = ["eng_Latn", "arb_Arab", *(f"x{i:02}_Latn" for i in range(204))]
    return NllbTokenizer(vocab=pieces, merges=[], src_lang="eng_Latn", extra_special_tokens=codes)


def clip_tokenizer() -> CLIPTokenizer:
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += [f"word{i}</w>" for i in range(49406 - len(pieces))]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], model_max_length=77
    )


def _captioner(folder: Path) -> None:
    blip_large().save_pretrained(folder)
    blip_tokenizer().save_pretrained(folder)
    size = {"height": 384, "width": 384}
    BlipImageProcessorPil(size=size).save_pretrained(folder)


def _translator(folder: Path) -> None:
    nllb_600m().save_pretrained(folder)
    nllb_tokenizer().save_pretrained(folder)


def _painter(folder: Path) -> None:
    pipe = StableDiffusionPipeline(
        vae=vae(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=unet(),
        scheduler=PNDMScheduler(**SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(dtype=torch.float16).save_pretrained(folder, variant="fp16")


def _taesd(folder: Path) -> None:
    random_model(AutoencoderTiny).to(torch.float16).save_pretrained(folder)


def _adapter(folder: Path, rank: int = 64) -> None:
    """A LoRA on the layers of LCM-LoRA, with its rank."""
    with torch.device("meta"):
        model = UNet2DConditionModel(**UNET)
    weights: dict[str, torch.Tensor] = {}
    for name, layer in model.named_modules():
        if not name.endswith(LORA_LAYERS):
            continue
        kernel = layer.kernel_size if isinstance(layer, nn.Conv2d) else ()
        ones = (1,) * len(kernel)
        outputs, inputs = layer.weight.shape[:2]
        down = torch.randn(rank, inputs, *kernel) * (inputs * max(1, math.prod(kernel))) ** -0.5
        weights[f"unet.{name}.lora_A.weight"] = down
        weights[f"unet.{name}.lora_B.weight"] = torch.randn(outputs, rank, *ones) * 0.01
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: weight.half().contiguous() for name, weight in weights.items()}
    save_file(tensors, folder / ADAPTER_FILE)


PARTS: Mapping[str, Callable[[Path], None]] = {
    "captioner": _captioner,
    "translator": _translator,
    "painter": _painter,
    "tiny": _taesd,
    "adapter": _adapter,
}


def folder(part: str, build: Callable[[Path], None] | None = None) -> Path:
    """The folder of a part, in the layout of the hub's cache; built if it does not exist."""
    path = CACHE / part / "snapshots" / "random"
    if not (path / "complete").is_file():
        shutil.rmtree(path, ignore_errors=True)
        torch.manual_seed(0)
        with torch.inference_mode():
            (build or PARTS[part])(path)
        (path / "complete").write_text(json.dumps({"torch": torch.__version__}))
    return path


if __name__ == "__main__":
    for part in PARTS:
        print(folder(part))
