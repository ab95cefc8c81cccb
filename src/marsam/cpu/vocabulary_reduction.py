"""Vocabulary reduction: an LM head for the tokens of the target script alone.

NLLB has a quarter of a million tokens, a tenth of them in Arabic script. With only those the
model multiplies, sorts and stores less for each new token, and cannot answer in another script.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from marsam.cpu.prepacked import prepack_weights
from marsam.cpu.quantized_linear import quantized
from marsam.cpu.torch_ops import replace_weight
from marsam.device import Device

TOKEN_OPTIONS = ("_token_id", "bad_words_ids")
"""Ends of the names of ``generate``'s options that hold token ids."""
UNSUPPORTED_OPTIONS = (
    "suppress_tokens",
    "begin_suppress_tokens",
    "sequence_bias",
    "encoder_repetition_penalty",
    "encoder_no_repeat_ngram_size",
)
"""Options that depend on token ids in other ways: with one of them, all tokens are used."""


class ReducedVocabulary:
    """A subset of a model's tokens, and an LM head for it.

    Args:
        model: an encoder-decoder with an ``lm_head``.
        tokens: ids of the tokens it may generate; their indices here are the reduced ids.
        device: what it computes on.
    """

    def __init__(self, model: Any, tokens: Sequence[int], device: Device) -> None:
        self.tokens = torch.tensor(tokens, device=device.kind)
        self._reduced_ids = {token: index for index, token in enumerate(tokens)}
        rows = model.lm_head.weight[self.tokens]
        head = nn.Linear(rows.shape[1], rows.shape[0], bias=False, device="meta")
        replace_weight(head, rows)
        self._head = quantized(head, device)
        prepack_weights(self._head, device)

    def generate(self, model: Any, **options: Any) -> Tensor:
        """Call the model's ``generate`` with these tokens alone; return the model's own ids.

        All tokens are used where an option names another token or is unsupported, or where a
        token's reduced id is the id that the decoder takes for padding.
        """
        settings = {**vars(model.generation_config), **options}
        settings = {name: value for name, value in settings.items() if value is not None}
        try:
            reduced = {
                name: self._to_reduced_ids(value)
                for name, value in settings.items()
                if name.endswith(TOKEN_OPTIONS)
            }
        except KeyError:
            reduced = None
        unsupported = any(name in settings for name in UNSUPPORTED_OPTIONS)
        if reduced is None or unsupported or self._pad_id_conflicts(model):
            output: Tensor = model.generate(**options)
            return output
        with self._active(model):
            return self.tokens[model.generate(**(options | reduced))]

    def _pad_id_conflicts(self, model: Any) -> bool:
        """Whether the decoder would take another token for padding."""
        padding: int | None = getattr(model.get_decoder(), "padding_idx", None)  # T5's has none
        if padding is None:
            return False
        return self._reduced_ids.get(padding, padding) != padding and padding < len(self.tokens)

    def _to_reduced_ids(self, tokens: Any) -> Any:
        """Reduced ids of a token id, or of nested lists of them."""
        if isinstance(tokens, list):
            return [self._to_reduced_ids(token) for token in tokens]
        return self._reduced_ids[int(tokens)]

    @contextmanager
    def _active(self, model: Any) -> Iterator[None]:
        """Reduce the model's LM head and decoder embedding; restore them at the end."""
        decoder, head = model.get_decoder(), model.lm_head
        embedding, bias = decoder.embed_tokens, getattr(model, "final_logits_bias", None)
        try:
            model.lm_head = self._head
            decoder.embed_tokens = _ReducedEmbedding(embedding, self.tokens)
            if bias is not None:
                model.final_logits_bias = bias[:, self.tokens]
            yield
        finally:
            model.lm_head, decoder.embed_tokens = head, embedding
            if bias is not None:
                model.final_logits_bias = bias


class MaskedVocabulary:
    """The same choice of tokens, by masking the scores of all others.

    It is not faster than all tokens, but takes no memory; the arguments are those of
    :class:`ReducedVocabulary`.
    """

    def __init__(self, model: Any, tokens: Sequence[int], device: Device) -> None:
        excluded = torch.ones(model.lm_head.out_features, dtype=torch.bool)
        excluded[list(tokens)] = False
        self._excluded = excluded.to(device.kind)

    def generate(self, model: Any, **options: Any) -> Tensor:
        """Call the model's ``generate`` with these tokens alone."""
        head = model.lm_head
        try:
            model.lm_head = _MaskedHead(head, self._excluded)
            output: Tensor = model.generate(**options)
        finally:
            model.lm_head = head
        return output


class _MaskedHead(nn.Module):
    """An LM head that gives some tokens no score."""

    def __init__(self, head: nn.Module, excluded: Tensor) -> None:
        super().__init__()
        self.head, self.excluded = head, excluded

    def forward(self, states: Tensor) -> Tensor:
        """States (n, tokens, channels) to scores (n, tokens, vocabulary)."""
        scores: Tensor = self.head(states)
        return scores.masked_fill(self.excluded, -torch.inf)


class _ReducedEmbedding(nn.Module):
    """The decoder's token embedding, read by reduced ids."""

    def __init__(self, embedding: nn.Module, tokens: Tensor) -> None:
        super().__init__()
        self.embedding, self.tokens = embedding, tokens

    def forward(self, reduced_ids: Tensor) -> Tensor:
        """Reduced ids (n, tokens) to (n, tokens, channels)."""
        output: Tensor = self.embedding(self.tokens[reduced_ids])
        return output
