"""A reduced vocabulary gives the results of a model whose other tokens are masked."""

from typing import Any

import pytest
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    T5Config,
    T5ForConditionalGeneration,
)

from marsam.cpu.vocabulary_reduction import MaskedVocabulary, ReducedVocabulary
from marsam.device import Device

KEPT = [0, 1, 2, 3, 5, 9, 14, 20, 33, 38]
"""The token ids that are kept, out of 40: special tokens, a language token and some others."""
SHAPE: dict[str, Any] = {
    "vocab_size": 40,
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "init_std": 0.5,
}
T5_SHAPE: dict[str, Any] = {
    **{name: value for name, value in SHAPE.items() if name.endswith(("_id", "_size"))},
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 1,
    "num_heads": 2,
    "initializer_factor": 5.0,
    "tie_word_embeddings": False,
}
PLAIN = Device(kind="cpu", dtype="float16", reason="for a test; nothing is quantised")
DEVICES = [
    Device(kind="cpu", dtype="float32", reason="for a test"),
    Device(kind="cpu", dtype="bfloat16", reason="for a test"),
]


@pytest.fixture(params=["m2m100", "marian", "t5"])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    if request.param == "m2m100":
        return M2M100ForConditionalGeneration(M2M100Config(**SHAPE)).eval()
    if request.param == "t5":
        return T5ForConditionalGeneration(T5Config(**T5_SHAPE)).eval()
    marian = MarianMTModel(MarianConfig(**SHAPE, forced_eos_token_id=2)).eval()
    marian.final_logits_bias = torch.randn(1, 40)
    marian.generation_config.bad_words_ids = [[1]]
    return marian


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("more", [{}, {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2}])
def test_reduced_vocabulary_matches_a_masked_head(model: Any, beams: int, more: Any) -> None:
    ids = torch.tensor([[4, 17, 30, 2], [4, 6, 35, 2]])
    options = {"forced_bos_token_id": 38, "max_new_tokens": 8, "num_beams": beams, **more}
    with torch.inference_mode():
        output = ReducedVocabulary(model, KEPT, PLAIN).generate(model, input_ids=ids, **options)
        head = model.lm_head
        wanted = MaskedVocabulary(model, KEPT, PLAIN).generate(model, input_ids=ids, **options)
        assert model.lm_head is head
        free = model.generate(input_ids=ids, **options)
    assert torch.equal(output, wanted)
    assert not torch.equal(output, free)
    assert set(output.flatten().tolist()) <= set(KEPT)
    assert len(set(output.flatten().tolist())) > 2


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.dtype)
def test_reduced_vocabulary_restores_the_model(model: Any, device: Device) -> None:
    model = model.to(device.torch_dtype)
    head, embedding = model.lm_head, model.get_decoder().embed_tokens
    ids = torch.tensor([[4, 17, 30, 2]])
    options = {"input_ids": ids, "forced_bos_token_id": 7, "max_new_tokens": 8}
    with torch.inference_mode():
        before = model.generate(**options)
        vocabulary = ReducedVocabulary(model, [*KEPT, 7], device)
        vocabulary.generate(model, **options)
        after = model.generate(**options)
    assert torch.equal(after, before)
    assert model.lm_head is head
    assert model.get_decoder().embed_tokens is embedding


def _uses_all_tokens(model: Any, tokens: list[int], **options: Any) -> bool:
    """Whether the output is that of all tokens, and has a token outside the reduced vocabulary."""
    options = {"input_ids": torch.tensor([[4, 17, 30, 2]]), "max_new_tokens": 8, **options}
    with torch.inference_mode():
        output = ReducedVocabulary(model, tokens, PLAIN).generate(model, **options)
        return torch.equal(output, model.generate(**options)) and not set(
            output[0].tolist()
        ) <= set(tokens)


def test_a_token_outside_the_vocabulary_uses_all_tokens(model: Any) -> None:
    assert _uses_all_tokens(model, KEPT, forced_bos_token_id=7)
    assert not _uses_all_tokens(model, KEPT, forced_bos_token_id=38)


def test_an_unsupported_option_uses_all_tokens(model: Any) -> None:
    assert _uses_all_tokens(model, KEPT, forced_bos_token_id=38, suppress_tokens=[14])


def test_reduced_vocabulary_keeps_pad_id(model: Any) -> None:
    # Without token 0, padding gets reduced id 0, and another token gets 1, the model's pad id.
    without_bos = [token for token in KEPT if token != 0]
    model.generation_config.bos_token_id = None
    reads_padding = hasattr(model.get_decoder(), "padding_idx")  # T5's does not
    assert _uses_all_tokens(model, without_bos, forced_bos_token_id=38) is reads_padding


def test_reduced_vocabulary_restores_the_model_after_an_error(model: Any) -> None:
    head, embedding = model.lm_head, model.get_decoder().embed_tokens
    ids = torch.tensor([[4, 2]])
    with pytest.raises(RuntimeError, match="negative"):
        ReducedVocabulary(model, KEPT, PLAIN).generate(
            model, input_ids=ids, max_new_tokens=4, num_beams=-1
        )
    assert model.lm_head is head
    assert model.get_decoder().embed_tokens is embedding
