"""Tiny random vision-language models of every family, in the true classes of transformers.

Each is built in a second or two and saved as a folder: ``config.json``, weights, tokenizer with its
chat template, and the configuration of the image processor.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import Qwen2Tokenizer

WIDTH = 32
"""Of the embeddings."""
SIDE = 28
"""Of the pictures that the vision encoders of one fixed size see, in pixels."""
END, THINK = "<|im_end|>", "<think>\n\n</think>\n\n"
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}PICTURE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
"""A chat template in the manner of Qwen's; thinking is on unless it is switched off."""
PICTURES = {
    "qwen2_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen2_5_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_vl": "<|vision_start|><|image_pad|><|vision_end|>",
    "qwen3_5": "<|vision_start|><|image_pad|><|vision_end|>",
    "gemma3": "<start_of_image>",
    "gemma4": "<|image|>",
    "smolvlm": "<image>",
}
"""What each family's chat template writes for a picture."""
TOKENS = [
    *("<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
    *("<start_of_image>", "<image_soft_token>", "<end_of_image>"),
    *("<|image>", "<|image|>", "<image|>", "<|video|>", "<|audio|>"),
    *("<image>", "<fake_token_around_image>", "<global-img>", "<s>", "</s>"),
]


def tokenizer() -> Any:
    """One token a byte, so that it writes in any script."""
    from tokenizers.pre_tokenizers import ByteLevel

    listed = {letter: i for i, letter in enumerate(sorted(ByteLevel.alphabet()))}
    words = Qwen2Tokenizer(vocab=listed, merges=[], eos_token=END, pad_token="<|endoftext|>")
    words.add_special_tokens({"additional_special_tokens": TOKENS})
    return words


def token(name: str) -> int:
    return int(tokenizer().convert_tokens_to_ids(name))


TEXT = {
    "vocab_size": 300,
    "hidden_size": WIDTH,
    "intermediate_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "bos_token_id": None,
    "eos_token_id": token(END),
    "pad_token_id": token("<|endoftext|>"),
}
ROPE = {"mrope_section": [2, 3, 3], "rope_type": "default", "type": "default"}


def qwen_ids() -> dict[str, int]:
    return {
        "image_token_id": token("<|image_pad|>"),
        "video_token_id": token("<|video_pad|>"),
        "vision_start_token_id": token("<|vision_start|>"),
        "vision_end_token_id": token("<|vision_end|>"),
    }


def qwen2_vl() -> Any:
    config = transformers.Qwen2VLConfig(
        text_config={**TEXT, "rope_scaling": ROPE},
        vision_config={"depth": 1, "embed_dim": 16, "hidden_size": WIDTH, "num_heads": 2},
        **qwen_ids(),
    )
    return transformers.Qwen2VLForConditionalGeneration(config)


def qwen2_5_vl() -> Any:
    config = transformers.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_scaling": ROPE},
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
        },
        **qwen_ids(),
    )
    return transformers.Qwen2_5_VLForConditionalGeneration(config)


def qwen3_vl() -> Any:
    config = transformers.Qwen3VLConfig(
        text_config={
            **TEXT,
            "head_dim": 16,
            "rope_scaling": {"mrope_section": [4, 2, 2], "rope_type": "default"},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        **qwen_ids(),
    )
    return transformers.Qwen3VLForConditionalGeneration(config)


def qwen3_5() -> Any:
    config = transformers.Qwen3_5Config(
        text_config={
            **TEXT,
            "head_dim": 16,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 2,
            "rope_parameters": {
                "mrope_section": [1, 1, 0],
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_interleaved": True,
                "partial_rotary_factor": 0.25,
            },
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "num_position_embeddings": 16,
        },
        **qwen_ids(),
    )
    return transformers.Qwen3_5ForConditionalGeneration(config)


def gemma3() -> Any:
    config = transformers.Gemma3Config(
        text_config={**TEXT, "head_dim": 16, "sliding_window": 64, "query_pre_attn_scalar": 16},
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 7,
        },
        mm_tokens_per_image=4,
        boi_token_index=token("<start_of_image>"),
        eoi_token_index=token("<end_of_image>"),
        image_token_index=token("<image_soft_token>"),
    )
    return transformers.Gemma3ForConditionalGeneration(config)


def gemma4() -> Any:
    config = transformers.Gemma4Config(
        text_config={
            **TEXT,
            "head_dim": 16,
            "global_head_dim": 16,
            "sliding_window": 64,
            "vocab_size_per_layer_input": 300,
            "hidden_size_per_layer_input": 4,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "position_embedding_size": 1024,
        },
        audio_config=None,
        boi_token_id=token("<|image>"),
        eoi_token_id=token("<image|>"),
        image_token_id=token("<|image|>"),
        video_token_id=token("<|video|>"),
        audio_token_id=token("<|audio|>"),
    )
    return transformers.Gemma4ForConditionalGeneration(config)


def smolvlm() -> Any:
    config = transformers.SmolVLMConfig(
        text_config={**TEXT, "model_type": "llama"},
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 7,
        },
        scale_factor=2,
        image_token_id=token("<image>"),
    )
    return transformers.SmolVLMForConditionalGeneration(config)


def florence2() -> Any:
    config = transformers.Florence2Config(
        text_config={
            "model_type": "bart",
            "vocab_size": 300,
            "d_model": WIDTH,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "max_position_embeddings": 256,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": WIDTH,
            "decoder_ffn_dim": WIDTH,
            "bos_token_id": token("<s>"),
            "eos_token_id": token("</s>"),
            "pad_token_id": token("<|endoftext|>"),
            "decoder_start_token_id": token("</s>"),
            "forced_eos_token_id": None,
        },
        vision_config={
            "depths": (1, 1, 1, 1),
            "embed_dim": (8, 8, 8, 8),
            "num_heads": (1, 1, 1, 1),
            "num_groups": (1, 1, 1, 1),
            "window_size": 2,
            "projection_dim": WIDTH,
        },
        image_token_id=token("<image>"),
    )
    return transformers.Florence2ForConditionalGeneration(config)


PROCESSORS: Mapping[str, Mapping[str, Any]] = {
    "qwen2_vl": {"patch_size": 14, "merge_size": 2},
    "qwen2_5_vl": {"patch_size": 14, "merge_size": 2},
    "qwen3_vl": {"patch_size": 16, "merge_size": 2},
    "qwen3_5": {"patch_size": 16, "merge_size": 2},
    "gemma3": {"size": {"height": SIDE, "width": SIDE}},
    "gemma4": {"max_soft_tokens": 280},
    "smolvlm": {"size": {"longest_edge": 4 * SIDE}, "max_image_size": {"longest_edge": SIDE}},
    "florence2": {"size": {"height": 64, "width": 64}, "do_center_crop": False},
}
BUILDERS: Mapping[str, Callable[[], Any]] = {
    one.__name__: one
    for one in (qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_5, gemma3, gemma4, smolvlm, florence2)
}


def build(family: str, folder: Path) -> Path:
    """Save a tiny model of a family in a new folder of that name, and return the folder."""
    from marsam.stages.vision_families import FAMILIES

    torch.manual_seed(7)
    folder = folder / family
    model = BUILDERS[family]()
    model.save_pretrained(folder)
    words = tokenizer()
    if family in PICTURES:
        words.chat_template = CHATML.replace("PICTURE", PICTURES[family])
    else:
        words.bos_token, words.eos_token = "<s>", "</s>"
    words.save_pretrained(folder)
    kind = getattr(transformers, FAMILIES[family].image_processor)
    kind(**PROCESSORS[family]).save_pretrained(folder)
    return folder
