"""Quantised linear layers for text models on a CPU: int8 or fp16 weights.

Each new token reads every weight of the decoder once, and on a CPU that reading is all the time it
takes. Smaller weights are read sooner.

With bfloat16: int8 weights, half the size. With one scale per output they are less exact: the
relative rms error of a 1,000 x 1,024 layer is 0.008 where its weights are Gaussian and 0.013 where
they are from a Laplace distribution; bfloat16's is 0.003 (0.0016 if the weights were published in
bfloat16). Where one input column is 40 times as large as the others it would be 0.056: layers whose
weights lose more than ``MAX_INT8_ERROR`` stay in bfloat16, which is measured as they are packed.

With float32: fp16 weights, half the size, rounded about eight times as finely as bfloat16 (not at
all where they were published in fp16). They are stored as FBGEMM multiplies them: its products of
few rows take as long as reading the weights, torch's own many times that.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from marsam.cpu.allocator import release_pages
from marsam.cpu.torch_ops import fp16_linear, has_fbgemm_fp16, int8_linear, prepack_linear_fp16
from marsam.device import Device

MAX_ROWS_INT8 = 16
"""Input rows up to which torch's int8 kernel is the faster one on every chip that was measured."""
MAX_INT8_ERROR = 1 / 64
"""Relative rms error of a layer's int8 weights above which it stays in bfloat16."""
CHUNK_OUTPUTS = 16_384
"""Outputs quantised or packed at once: more take longer for each of them, and more memory."""


class Int8WeightOnlyLinear(nn.Module):
    """Linear layer with int8 weights (outputs, inputs) and one scale per output.

    Attributes:
        error: relative rms error of the weights.
    """

    int8_weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        chunks = torch.split(weight.detach(), CHUNK_OUTPUTS)
        rounded, scales, lost, total = [], [], 0.0, 0.0
        for chunk in chunks:
            exact = chunk.float()
            scale = (exact.abs().amax(1).clamp_min(1e-12) / 127).to(weight.dtype)
            steps = (exact / scale[:, None].float()).round_()
            rounded.append(steps.to(torch.int8))
            scales.append(scale)
            total += float(exact.square().sum())
            lost += float(steps.mul_(scale[:, None].float()).sub_(exact).square_().sum())
        self.error = (lost / total) ** 0.5 if total else 0.0
        self.register_buffer("int8_weight", torch.cat(rounded))
        self.register_buffer("scale", torch.cat(scales))
        self.register_buffer("bias", bias)
        release_pages(weight)

    @property
    def weight(self) -> Tensor:
        """The dequantised weights; some models read a layer's dtype from them."""
        return torch.mul(self.int8_weight.to(self.scale.dtype), self.scale[:, None])

    def forward(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs)."""
        rows = states.reshape(-1, states.shape[-1])
        if len(rows) > MAX_ROWS_INT8:
            return linear(states, self.weight, self.bias)
        output = int8_linear(rows, self.int8_weight, self.scale).view(*states.shape[:-1], -1)
        return output if self.bias is None else output + self.bias


class Fp16WeightLinear(nn.Module):
    """Linear layer that computes in float32 with fp16 weights (outputs, inputs)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        chunks = torch.split(weight.detach(), CHUNK_OUTPUTS)
        # A copy: a view of a memory-mapped file would keep the whole file in memory.
        bias = bias.detach().to(torch.float32, copy=True) if bias is not None else None
        biases = [None] * len(chunks) if bias is None else torch.split(bias, CHUNK_OUTPUTS)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            self._packed = list(
                pool.map(lambda w, b: prepack_linear_fp16(w.float(), b), chunks, biases)
            )
        release_pages(weight)

    def forward(self, states: Tensor) -> Tensor:
        """States (…, inputs) to (…, outputs)."""
        outputs = [fp16_linear(states, packed) for packed in self._packed]
        return torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0]


def uses_fbgemm(device: Device) -> bool:
    """Whether text models use :class:`Fp16WeightLinear` on this device."""
    return device.stores_half and has_fbgemm_fp16()


def quantized(layer: nn.Linear, device: Device) -> nn.Module:
    """The layer's fastest replacement for few rows.

    The layer itself where nothing is faster, or int8 would lose too much.
    """
    if device.has_bf16 and layer.in_features % 32 == 0:
        replacement = Int8WeightOnlyLinear(layer.weight, layer.bias)
        return replacement if replacement.error <= MAX_INT8_ERROR else layer
    if uses_fbgemm(device):
        return Fp16WeightLinear(layer.weight, layer.bias)
    return layer


def quantize_linears(network: nn.Module, device: Device, *, skip: Collection[str] = ()) -> None:
    """Replace the linear layers of a network that computes few rows at once, as text models do.

    Layers whose ``forward`` was replaced already stay, and those with a name in ``skip``.
    """
    found = [
        (module, name)
        for module in network.modules()
        for name, layer in module.named_children()
        if type(layer) is nn.Linear and "forward" not in vars(layer) and name not in skip
    ]

    def replace(module: nn.Module, name: str) -> None:
        setattr(module, name, quantized(getattr(module, name), device))

    # Packing a layer takes one core as long as a few tokens do: one layer per core.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(lambda entry: replace(*entry), found))
