"""Text decoders that read less memory for each word they write.

Writing a word reads every weight of the decoder once; on a processor that is all the time there is.
Weights of eight bits with a scale a row are half of that, and differ from the model's own by less
than its bfloat16 arithmetic does; where that arithmetic is emulated, so is theirs, and they are
left alone. A vocabulary cut to the target's script spares most of NLLB's
quarter of a million rows, and cannot answer in a wrong script.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

FEW = 8
"""Rows up to which torch's kernel for eight-bit weights is the faster one."""


class NarrowLinear(nn.Module):
    """A linear layer with its weights (outputs, inputs) in eight bits."""

    narrow: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        full = weight.detach().float()
        scale = full.abs().amax(1).clamp_min(1e-12) / 127
        self.register_buffer("narrow", (full / scale[:, None]).round().to(torch.int8))
        self.register_buffer("scale", scale.to(weight.dtype))
        self.register_buffer("bias", bias)

    @property
    def weight(self) -> Tensor:
        """As it would be in full; some models ask a layer for its number format."""
        full: Tensor = self.narrow.to(self.scale.dtype) * self.scale[:, None]
        return full

    def forward(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs)."""
        rows = states.reshape(-1, states.shape[-1])
        if len(rows) > FEW:
            return linear(states, self.weight, self.bias)
        answer = torch._weight_int8pack_mm(rows, self.narrow, self.scale)
        answer = answer.view(*states.shape[:-1], -1)
        return answer if self.bias is None else answer + self.bias


class ScriptHead(nn.Module):
    """A last layer that can only choose among some tokens; all others are impossible."""

    tokens: Tensor

    def __init__(self, full: nn.Linear, tokens: Tensor, *, eight_bits: bool) -> None:
        super().__init__()
        rows = full.weight[tokens]
        self.some: nn.Module
        if eight_bits:
            self.some = NarrowLinear(rows, None)
        else:
            self.some = nn.Linear(rows.shape[1], rows.shape[0], bias=False, dtype=rows.dtype)
            self.some.weight = nn.Parameter(rows, requires_grad=False)
        self.register_buffer("tokens", tokens)
        self.vocabulary = full.weight.shape[0]

    def forward(self, states: Tensor) -> Tensor:
        """States (…, inputs) to scores (…, vocabulary)."""
        scores = states.new_full((*states.shape[:-1], self.vocabulary), float("-inf"))
        scores[..., self.tokens] = self.some(states)
        return scores


def narrow(decoder: nn.Module) -> None:
    """Exchange every linear layer of a decoder for one of eight bits, where the kernel takes it."""
    for module in list(decoder.modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is nn.Linear and layer.in_features % 32 == 0:
                setattr(module, name, NarrowLinear(layer.weight, layer.bias))


@contextmanager
def head_of(model: Any, head: nn.Module | None) -> Iterator[None]:
    """The model with another last layer; its own when None."""
    full = model.lm_head
    model.lm_head = head or full
    try:
        yield
    finally:
        model.lm_head = full
