"""Tiny random language models of every family that can be asked, in the true classes.

Each is built in a moment and saved as a folder, as ``save_pretrained`` writes it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.helpers.tiny_painters import SMALL_QWEN, WIDTH, qwen_tokenizer

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
"""As of Qwen3: a template with thinking on unless it is switched off."""
TEXT = {**SMALL_QWEN, "num_hidden_layers": 2, "head_dim": 16}
GEMMA = {**TEXT, "sliding_window": 16}
VISION = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2}


def _qwen(kind: str, vision: Mapping[str, Any], **text: Any) -> Any:
    return getattr(transformers, kind)(
        text_config={**TEXT, **text}, vision_config={**VISION, **vision}
    )


def _gemma4_text() -> dict[str, Any]:
    return {
        **GEMMA,
        "vocab_size_per_layer_input": 300,
        "hidden_size_per_layer_input": 8,
        "global_head_dim": 16,
        "num_kv_shared_layers": 0,
        "layer_types": ["sliding_attention", "full_attention"],
    }


_SIGLIP = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
_MROPE = {"rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default", "type": "default"}}
_HYBRID = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
"""Layers of Qwen3.5: every other one is recurrent."""

CONFIGS: Mapping[str, Callable[[], Any]] = {
    "cohere": lambda: transformers.CohereConfig(**TEXT),
    "cohere2": lambda: transformers.Cohere2Config(**GEMMA),
    "gemma2": lambda: transformers.Gemma2Config(**GEMMA),
    "gemma3_text": lambda: transformers.Gemma3TextConfig(**GEMMA),
    "gemma4_text": lambda: transformers.Gemma4TextConfig(**_gemma4_text()),
    "llama": lambda: transformers.LlamaConfig(**TEXT),
    "mistral": lambda: transformers.MistralConfig(**TEXT),
    "qwen2": lambda: transformers.Qwen2Config(**TEXT),
    "qwen3": lambda: transformers.Qwen3Config(**TEXT),
    "qwen3_5_text": lambda: transformers.Qwen3_5TextConfig(**TEXT, **_HYBRID),
    "gemma3": lambda: transformers.Gemma3Config(
        text_config=GEMMA, vision_config=_SIGLIP, mm_tokens_per_image=4
    ),
    "gemma4": lambda: transformers.Gemma4Config(text_config=_gemma4_text(), vision_config=None),
    "qwen2_vl": lambda: transformers.Qwen2VLConfig(
        text_config={**TEXT, **_MROPE},
        vision_config={"depth": 1, "embed_dim": 16, "hidden_size": WIDTH, "num_heads": 2},
    ),
    "qwen2_5_vl": lambda: _qwen("Qwen2_5_VLConfig", {"out_hidden_size": WIDTH}, **_MROPE),
    "qwen3_vl": lambda: _qwen(
        "Qwen3VLConfig", {"out_hidden_size": WIDTH, "deepstack_visual_indexes": [0]}, **_MROPE
    ),
    "qwen3_5": lambda: _qwen("Qwen3_5Config", {"out_hidden_size": WIDTH}, **_HYBRID),
}
"""Configurations by ``model_type``."""


def tokenizer(chat: str | None = CHAT) -> Any:
    """A tokenizer of single bytes, with this chat template."""
    found = qwen_tokenizer()
    found.add_special_tokens({"eos_token": "<|im_end|>"})
    found.chat_template = chat
    return found


def build(model_type: str, folder: Path, *, chat: str | None = CHAT) -> Path:
    """Build a model and its tokenizer in a folder of its own, which is returned."""
    from marsam.stages.language_model import FAMILIES

    folder = folder / model_type
    torch.manual_seed(0)
    words = tokenizer(chat)
    config = CONFIGS[model_type]()
    model = getattr(transformers, FAMILIES[model_type].model_class)(config).eval()
    # As the repositories of many models do; Marsam's translations are not sampled.
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=[words.eos_token_id], do_sample=True, temperature=0.7, top_p=0.8, top_k=20
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
