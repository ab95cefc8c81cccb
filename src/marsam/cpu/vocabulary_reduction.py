"""A translator that writes with some of its tokens: those of the target's script.

NLLB knows a quarter of a million tokens, of which Arabic's script has a tenth. A model that sees
only those has less to multiply, to sort and to remember for each word, and cannot answer in a wrong
script.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from marsam.cpu.quantized_linear import narrowed
from marsam.device import Device

SPECIAL = (
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "bad_words_ids",
)
"""What ``generate`` is told in tokens."""
OTHERS = (
    "suppress_tokens",
    "begin_suppress_tokens",
    "sequence_bias",
    "encoder_repetition_penalty",
    "encoder_no_repeat_ngram_size",
)
"""Options in tokens that are not given new ids: with one of them, all tokens are used."""


class Vocabulary:
    """Some tokens, and a last layer for them.

    Args:
        model: an encoder-decoder with an ``lm_head``.
        tokens: those it may write.
        device: what it computes on.
    """

    def __init__(self, model: Any, tokens: Sequence[int], device: Device) -> None:
        self.tokens = torch.tensor(tokens, device=device.kind)
        self._places = {token: place for place, token in enumerate(tokens)}
        rows = model.lm_head.weight[self.tokens]
        some = nn.Linear(rows.shape[1], rows.shape[0], bias=False, device="meta")
        some.weight = nn.Parameter(rows, requires_grad=False)
        self._head = narrowed(some, device)

    def generate(self, model: Any, **options: Any) -> Tensor:
        """What the model's own ``generate`` would return with these tokens alone, as its own ids.

        With all its tokens where an option names one that is not among these, or where a token's
        new id is the one it pads with.
        """

        def told(names: Sequence[str]) -> dict[str, Any]:
            settings = {**vars(model.generation_config), **options}
            return {name: settings[name] for name in names if settings.get(name) is not None}

        try:
            among = {name: self._among(value) for name, value in told(SPECIAL).items()}
        except KeyError:
            among = None
        if among is None or told(OTHERS) or self._mistakes_padding(model):
            whole: Tensor = model.generate(**options)
            return whole
        with self._installed(model):
            return self.tokens[model.generate(**(options | among))]

    def _mistakes_padding(self, model: Any) -> bool:
        """Whether another token has the number by which a decoder knows padding."""
        padding: int = model.get_decoder().padding_idx
        return self._places.get(padding, padding) != padding and padding < len(self.tokens)

    def _among(self, tokens: Any) -> Any:
        """The places of a token, or of lists of them."""
        if isinstance(tokens, list):
            return [self._among(one) for one in tokens]
        return self._places[int(tokens)]

    @contextmanager
    def _installed(self, model: Any) -> Iterator[None]:
        """The model with these tokens alone, until the end."""
        decoder, full = model.get_decoder(), model.lm_head
        embedding, bias = decoder.embed_tokens, getattr(model, "final_logits_bias", None)
        try:
            model.lm_head, decoder.embed_tokens = self._head, _Embedding(embedding, self.tokens)
            if bias is not None:
                model.final_logits_bias = bias[:, self.tokens]
            yield
        finally:
            model.lm_head, decoder.embed_tokens = full, embedding
            if bias is not None:
                model.final_logits_bias = bias


class _Embedding(nn.Module):
    """What a decoder reads its own words with, by their places among some tokens."""

    def __init__(self, full: nn.Module, tokens: Tensor) -> None:
        super().__init__()
        self.full, self.tokens = full, tokens

    def forward(self, places: Tensor) -> Tensor:
        """Places (n, words) to (n, words, width)."""
        answer: Tensor = self.full(self.tokens[places])
        return answer
