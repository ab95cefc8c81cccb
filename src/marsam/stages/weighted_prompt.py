"""Weights of words in a prompt, as embeddings of the text encoders, with compel."""

from typing import Any

import torch
from torch import Tensor

from marsam.text.prompt_syntax import plain_text, weighted_parts

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
"""Pipelines of diffusers in which weights work."""


def encode_prompts(pipe: Any, prompt: str, negative: str) -> dict[str, Any]:
    """Return the arguments of a pipeline for a weighted prompt and a negative prompt.

    Prompts without weights are passed on as texts, so that the pipeline reads them as it always
    does. Texts that are longer than the encoder's limit are cut, as the pipeline cuts them.
    """
    weights = [weight for text in (prompt, negative) for _, weight in weighted_parts(text)]
    if type(pipe).__name__ not in PIPELINES or all(weight == 1 for weight in weights):
        return {"prompt": plain_text(prompt), "negative_prompt": plain_text(negative) or None}
    if type(pipe).__name__ == "StableDiffusionPipeline":
        return {
            "prompt_embeds": _last_layer(pipe, prompt),
            "negative_prompt_embeds": _last_layer(pipe, negative),
        }
    embeds, pooled = _penultimate_layers(pipe, prompt)
    no_embeds, no_pooled = _penultimate_layers(pipe, negative)
    if not negative and pipe.config.force_zeros_for_empty_prompt:
        no_embeds, no_pooled = torch.zeros_like(embeds), torch.zeros_like(pooled)
    return {
        "prompt_embeds": embeds,
        "pooled_prompt_embeds": pooled,
        "negative_prompt_embeds": no_embeds,
        "negative_pooled_prompt_embeds": no_pooled,
    }


def _last_layer(pipe: Any, prompt: str) -> Tensor:
    from compel import Compel

    return _embeddings(Compel(tokenizer=pipe.tokenizer, text_encoder=pipe.text_encoder), prompt)


def _penultimate_layers(pipe: Any, prompt: str) -> tuple[Tensor, Tensor]:
    """Embeddings of both text encoders of SDXL, side by side, and the second one's pooled."""
    from compel import Compel, ReturnedEmbeddingsType

    encoders = [
        Compel(
            tokenizer=tokenizer,
            text_encoder=encoder,
            returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
        )
        for tokenizer, encoder in (
            (pipe.tokenizer, pipe.text_encoder),
            (pipe.tokenizer_2, pipe.text_encoder_2),
        )
    ]
    embeds = torch.cat([_embeddings(encoder, prompt) for encoder in encoders], dim=-1)
    provider = encoders[-1].conditioning_provider
    return embeds, provider.get_pooled_embeddings([plain_text(prompt)], device=encoders[-1].device)


def _embeddings(encoder: Any, prompt: str) -> Tensor:
    """Embed the parts of a prompt: 1 × tokens × width."""
    from compel.prompt_parser import FlattenedPrompt

    parts = FlattenedPrompt(list(weighted_parts(prompt)))
    embeds: Tensor
    (embeds, _), _ = encoder.build_conditioning_tensor_for_prompt_object(parts)
    return embeds
