"""With some tokens alone, a translator says what it would say if all others were impossible."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
)

from marsam.cpu.vocabulary_reduction import Vocabulary
from marsam.device import Device

SOME = [0, 1, 2, 3, 5, 9, 14, 20, 33, 38]
"""Special tokens, a language's and some words; of forty."""
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
PLAIN = Device(kind="cpu", dtype="float16", reason="for a test; nothing is rounded")
DEVICES = [
    Device(kind="cpu", dtype="float32", reason="for a test"),
    Device(kind="cpu", dtype="bfloat16", reason="for a test"),
]


class OnlySome(nn.Module):
    """The long way: everything is scored, and most of it made impossible."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        scores = self.head(states)
        kept = torch.full_like(scores, float("-inf"))
        kept[..., SOME] = scores[..., SOME]
        return kept


@pytest.fixture(params=["m2m100", "marian"])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    if request.param == "m2m100":
        return M2M100ForConditionalGeneration(M2M100Config(**SHAPE)).eval()
    marian = MarianMTModel(MarianConfig(**SHAPE, forced_eos_token_id=2)).eval()
    marian.final_logits_bias = torch.randn(1, 40)
    marian.generation_config.bad_words_ids = [[1]]
    return marian


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("more", [{}, {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2}])
def test_the_answer_is_that_of_a_masked_model(model: Any, beams: int, more: Any) -> None:
    ids = torch.tensor([[4, 17, 30, 2], [4, 6, 35, 2]])
    asked = {"forced_bos_token_id": 38, "max_new_tokens": 8, "num_beams": beams, **more}
    with torch.inference_mode():
        got = Vocabulary(model, SOME, PLAIN).generate(model, input_ids=ids, **asked)
        model.lm_head = OnlySome(model.lm_head)
        wanted = model.generate(input_ids=ids, **asked)
    assert torch.equal(got, wanted)
    assert set(got.flatten().tolist()) <= set(SOME)
    assert len(set(got.flatten().tolist())) > 2


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.dtype)
def test_the_model_is_left_as_it_was(model: Any, device: Device) -> None:
    model = model.to(device.torch_dtype)
    head, embedding = model.lm_head, model.get_decoder().embed_tokens
    ids = torch.tensor([[4, 17, 30, 2]])
    asked = {"input_ids": ids, "forced_bos_token_id": 7, "max_new_tokens": 8}
    with torch.inference_mode():
        before = model.generate(**asked)
        vocabulary = Vocabulary(model, [*SOME, 7], device)
        vocabulary.generate(model, **asked)
        after = model.generate(**asked)
    assert torch.equal(after, before)
    assert model.lm_head is head
    assert model.get_decoder().embed_tokens is embedding


def _is_whole(model: Any, tokens: list[int], **asked: Any) -> bool:
    """Whether the answer is that of all tokens, and another one than with some."""
    asked = {"input_ids": torch.tensor([[4, 17, 30, 2]]), "max_new_tokens": 8, **asked}
    with torch.inference_mode():
        got = Vocabulary(model, tokens, PLAIN).generate(model, **asked)
        return torch.equal(got, model.generate(**asked)) and not set(got[0].tolist()) <= set(tokens)


def test_a_language_it_does_not_know_has_the_whole_vocabulary(model: Any) -> None:
    assert _is_whole(model, SOME, forced_bos_token_id=7)
    assert not _is_whole(model, SOME, forced_bos_token_id=38)


def test_so_has_whoever_speaks_of_tokens_in_other_ways(model: Any) -> None:
    assert _is_whole(model, SOME, forced_bos_token_id=38, suppress_tokens=[14])


def test_no_word_is_taken_for_padding(model: Any) -> None:
    # Without the first token, padding is the first and a word the second.
    moved = [token for token in SOME if token != 0]
    model.generation_config.bos_token_id = None
    assert _is_whole(model, moved, forced_bos_token_id=38)


def test_the_model_comes_back_from_a_failure(model: Any) -> None:
    head, embedding = model.lm_head, model.get_decoder().embed_tokens
    ids = torch.tensor([[4, 2]])
    with pytest.raises(RuntimeError, match="negative"):
        Vocabulary(model, SOME, PLAIN).generate(
            model, input_ids=ids, max_new_tokens=4, num_beams=-1
        )
    assert model.lm_head is head
    assert model.get_decoder().embed_tokens is embedding
