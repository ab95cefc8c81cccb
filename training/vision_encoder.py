"""The captioner's vision encoder, trained as a CNN and then converted to a vision transformer.

A transformer has to learn translation equivariance, for which these few drawings do not suffice; a
CNN has it by construction. Attention whose queries and keys depend only on positions is a
convolution: each head attends to one neighbour (Cordonnier et al., 2020). So in training each layer
shifts one ninth of the channels to each of the nine neighbours, without any attention. The trained
weights are then written into BLIP's vision encoder so that it computes the same function: 32
channels per patch encode the position, all others the content.

The first layers use adjacent patches. The later ones have a dilation of two, so that the four
phases (even or odd row, even or odd column) do not interact. One phase per step is enough in
training, which saves three quarters of the computation.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BlipVisionModel

from training.scenes import SIZE

PATCH = 8
SIDE = SIZE // PATCH
CONTENT_DIM, POSITION_DIM = 256, 2 * SIDE
HIDDEN_DIM = CONTENT_DIM + POSITION_DIM
"""Channels of a patch: the content, then one-hot codes of row and column."""
HEADS, MLP_DIM = 9, 512
ADJACENT_LAYERS, DILATED_LAYERS = 2, 5
"""Layers with a dilation of one, and those after them, with a dilation of two."""
PHASES = [(0, 0), (0, 1), (1, 0), (1, 1)]
"""Even or odd row, even or odd column."""
POSITION_SCALE = 16.0
"""The magnitude of the one-hot position codes."""
POSITION_ENERGY = POSITION_SCALE**2 * 2 * (1 - 1 / SIDE) + POSITION_DIM
"""The sum of squares of a position code, equal for all positions."""
EPS = 1e-5
"""The epsilon of BLIP's layer norms."""
OFFSETS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def _layer_norm(content: Tensor, energy: float = POSITION_ENERGY) -> Tensor:
    """The content channels of a layer norm over all channels of a patch.

    The position channels add the constant ``energy`` to the sum of squares, like an epsilon.
    """
    return F.layer_norm(content, (CONTENT_DIM,), eps=(energy + EPS * HIDDEN_DIM) / CONTENT_DIM)


def _shift(x: Tensor, step: int, dim: int) -> Tensor:
    """Shift by one along a dimension; the edge is repeated."""
    if step == 0:
        return x
    rest, size = x.narrow(dim, max(step, 0), x.shape[dim] - 1), x.shape[dim]
    edge = x.narrow(dim, size - 1 if step > 0 else 0, 1)
    return torch.cat([rest, edge] if step > 0 else [edge, rest], dim)


class Layer(nn.Module):
    """A transformer layer whose nine heads attend to fixed neighbours.

    The names of the attributes are those of the checkpoint: ``deep`` and ``back`` are the MLP.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value, self.out = (
            nn.Linear(CONTENT_DIM, HIDDEN_DIM),
            nn.Linear(HIDDEN_DIM, CONTENT_DIM),
        )
        self.deep, self.back = nn.Linear(CONTENT_DIM, MLP_DIM), nn.Linear(MLP_DIM, CONTENT_DIM)

    def forward(self, patches: Tensor, cls: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (n, phases, rows, columns, content) and the class token (n, content)."""
        values, cls_value = self.value(_layer_norm(patches)), self.value(_layer_norm(cls, 0))
        count = patches.shape[1] * patches.shape[2] * patches.shape[3]
        mean = (values.sum((1, 2, 3)) + cls_value) / (count + 1)
        heads = values.chunk(HEADS, dim=-1)
        shifted = torch.cat(
            [_shift(_shift(h, dy, 2), dx, 3) for h, (dy, dx) in zip(heads, OFFSETS, strict=True)],
            dim=-1,
        )
        return self._mlp(patches + self.out(shifted)), self._mlp(cls + self.out(mean), 0)

    def _mlp(self, content: Tensor, energy: float = POSITION_ENERGY) -> Tensor:
        return content + self.back(F.gelu(self.deep(_layer_norm(content, energy))))


class ConvVisionEncoder(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to hidden states of the class token and each patch."""

    position_codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, CONTENT_DIM, PATCH, stride=PATCH)
        self.embed_whole = nn.Parameter(torch.randn(CONTENT_DIM))
        self.layers = nn.ModuleList(Layer() for _ in range(ADJACENT_LAYERS + DILATED_LAYERS))
        self.norm = nn.LayerNorm(HIDDEN_DIM)
        self.register_buffer("position_codes", position_codes(), persistent=False)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            for linear in (layer.out, layer.back):
                nn.init.normal_(linear.weight, std=0.5 / linear.in_features**0.5)
                nn.init.zeros_(linear.bias)

    def forward(self, pixels: Tensor, phases: Sequence[tuple[int, int]] = PHASES) -> Tensor:
        """Hidden states (n, 1 + phases × 64, 288); patches by phase, then row, then column."""
        patches = self.patch_embed(pixels).permute(0, 2, 3, 1)[:, None]
        cls = self.embed_whole.expand(len(pixels), -1)
        for index, layer in enumerate(self.layers):
            if index == ADJACENT_LAYERS:
                patches = torch.cat([patches[:, :, y::2, x::2] for y, x in phases], dim=1)
            patches, cls = layer(patches, cls)
        grid = self.position_codes[1:].unflatten(0, (SIDE, SIDE))
        codes = torch.stack([grid[y::2, x::2] for y, x in phases]).flatten(0, 2)
        content = torch.cat([cls[:, None], patches.flatten(1, 3)], dim=1)
        codes = torch.cat([self.position_codes[:1], codes]).expand(len(pixels), -1, -1)
        centred = content - content.mean(2, keepdim=True)
        return self.norm(torch.cat([centred, codes], dim=2))  # type: ignore[no-any-return]


def position_codes() -> Tensor:
    """Position codes (1 + 256, 32): zero-mean one-hot rows and columns; zero for the class token.

    A constant is added, +1 to row and -1 to column channels, which all patches share and the class
    token lacks.
    """
    one_hot = POSITION_SCALE * (torch.eye(SIDE) - 1 / SIDE)
    rows, columns = one_hot.repeat_interleave(SIDE, 0) + 1, one_hot.repeat(SIDE, 1) - 1
    return torch.cat([torch.zeros(1, POSITION_DIM), torch.cat([rows, columns], dim=1)])


def config() -> dict[str, float | int]:
    """The vision configuration of a BLIP that can hold these weights."""
    return {
        "image_size": SIZE,
        "patch_size": PATCH,
        "hidden_size": HIDDEN_DIM,
        "intermediate_size": MLP_DIM,
        "num_hidden_layers": ADJACENT_LAYERS + DILATED_LAYERS,
        "num_attention_heads": HEADS,
        "attention_dropout": 0.0,
    }


def _zero_mean(weight: Tensor) -> Tensor:
    """Subtract the mean over the outputs; layer norm, which does the same, is not affected."""
    return weight - weight.mean(0, keepdim=True)


def _query_weight(step: int, offset: tuple[int, int]) -> Tensor:
    """The query weights of one head (32, 32): each position attends to one neighbour only.

    After layer norm, the scale of a key depends on its patch's content, so the scores of all other
    positions must be negative: 1.275 is subtracted, where the target scores 2 and the means
    take 1/8.
    """
    common = torch.cat([torch.ones(SIDE), -torch.ones(SIDE)])
    blocks, means = [], []
    for d in offset:
        target = torch.arange(SIDE) + d * step
        outside = target.lt(0) | target.ge(SIDE)
        target = torch.where(outside, torch.arange(SIDE), target)
        selection = torch.eye(SIDE)[target].T
        blocks.append(selection - selection.mean(1, keepdim=True))
        means.append(selection.mean(1))  # restored below through the constant channels
    restored = POSITION_SCALE * torch.cat(means)
    restored -= 1.275 * POSITION_SCALE**2 / POSITION_DIM * common
    return torch.block_diag(*blocks) + torch.outer(restored, common) / POSITION_DIM


@torch.no_grad()
def write_blip_weights(encoder: ConvVisionEncoder, vision: BlipVisionModel, pixels: Tensor) -> None:
    """Write the weights of BLIP's vision encoder so that it computes the same function.

    Args:
        encoder: the trained CNN.
        vision: BLIP's vision encoder with this module's ``config``; overwritten.
        pixels: pictures (n, 3, 128, 128) that calibrate the scale of the attention scores.
    """
    energies = _max_energies(encoder, pixels)
    for p in vision.parameters():
        p.zero_()
    patches = vision.embeddings
    patches.patch_embedding.weight[:CONTENT_DIM] = _zero_mean(encoder.patch_embed.weight)
    patches.patch_embedding.bias[:CONTENT_DIM] = _zero_mean(encoder.patch_embed.bias)
    patches.class_embedding[..., :CONTENT_DIM] = _zero_mean(encoder.embed_whole)
    patches.position_embedding[0, :, CONTENT_DIM:] = encoder.position_codes
    # BLIP normalises over all channels, the CNN over the content channels.
    gain = (CONTENT_DIM / HIDDEN_DIM) ** 0.5
    common = torch.cat([torch.ones(SIDE), -torch.ones(SIDE)])
    centred = torch.block_diag(*[torch.eye(SIDE) - 1 / SIDE] * 2)
    key = centred + torch.outer(common, common) / POSITION_DIM
    for index, (layer, target) in enumerate(
        zip(encoder.layers, vision.encoder.layers, strict=True)
    ):
        assert isinstance(layer, Layer)
        for norm in (target.layer_norm1, target.layer_norm2):
            norm.weight.fill_(gain)
        step = 1 if index < ADJACENT_LAYERS else 2
        # Even for the patch of highest energy, the target's weight is e^16 times the class token's,
        # and all others are smaller.
        scale = 16 * POSITION_DIM**0.5 * energies[index] / HIDDEN_DIM / (0.6 * POSITION_SCALE**2)
        attention = target.self_attn
        query, keys, value = attention.qkv.weight.split(HIDDEN_DIM)
        for head, offset in enumerate(OFFSETS):
            rows = slice(head * POSITION_DIM, (head + 1) * POSITION_DIM)
            query[rows, CONTENT_DIM:] = scale * _query_weight(step, offset)
            keys[rows, CONTENT_DIM:] = key
        value[:, :CONTENT_DIM] = layer.value.weight
        attention.qkv.bias[2 * HIDDEN_DIM :] = layer.value.bias
        attention.projection.weight[:CONTENT_DIM] = _zero_mean(layer.out.weight)
        attention.projection.bias[:CONTENT_DIM] = _zero_mean(layer.out.bias)
        target.mlp.fc1.weight[:, :CONTENT_DIM] = layer.deep.weight
        target.mlp.fc1.bias.copy_(layer.deep.bias)
        target.mlp.fc2.weight[:CONTENT_DIM] = _zero_mean(layer.back.weight)
        target.mlp.fc2.bias[:CONTENT_DIM] = _zero_mean(layer.back.bias)
    vision.post_layernorm.weight.copy_(encoder.norm.weight)
    vision.post_layernorm.bias.copy_(encoder.norm.bias)


@torch.no_grad()
def read_blip_weights(encoder: ConvVisionEncoder, vision: BlipVisionModel) -> None:
    """The inverse of :func:`write_blip_weights`, to continue the training of an encoder."""
    patches = vision.embeddings
    encoder.patch_embed.weight.copy_(patches.patch_embedding.weight[:CONTENT_DIM])
    encoder.patch_embed.bias.copy_(patches.patch_embedding.bias[:CONTENT_DIM])
    encoder.embed_whole.copy_(patches.class_embedding[0, 0, :CONTENT_DIM])
    for layer, source in zip(encoder.layers, vision.encoder.layers, strict=True):
        assert isinstance(layer, Layer)
        attention, mlp = source.self_attn, source.mlp
        layer.value.weight.copy_(attention.qkv.weight[2 * HIDDEN_DIM :, :CONTENT_DIM])
        layer.value.bias.copy_(attention.qkv.bias[2 * HIDDEN_DIM :])
        layer.out.weight.copy_(attention.projection.weight[:CONTENT_DIM])
        layer.out.bias.copy_(attention.projection.bias[:CONTENT_DIM])
        layer.deep.weight.copy_(mlp.fc1.weight[:, :CONTENT_DIM])
        layer.deep.bias.copy_(mlp.fc1.bias)
        layer.back.weight.copy_(mlp.fc2.weight[:CONTENT_DIM])
        layer.back.bias.copy_(mlp.fc2.bias[:CONTENT_DIM])
    encoder.norm.weight.copy_(vision.post_layernorm.weight)
    encoder.norm.bias.copy_(vision.post_layernorm.bias)


def _max_energies(encoder: ConvVisionEncoder, pixels: Tensor) -> list[float]:
    """The largest sum of squares of a patch's channels before each layer."""
    energies: list[float] = []

    def record(_: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        content = inputs[0] - inputs[0].mean(-1, keepdim=True)
        energies.append(float(content.square().sum(-1).max()) + POSITION_ENERGY)

    hooks = [layer.register_forward_pre_hook(record) for layer in encoder.layers]
    encoder(pixels)
    for hook in hooks:
        hook.remove()
    return energies


@torch.inference_mode()
def max_difference(encoder: ConvVisionEncoder, vision: BlipVisionModel, pixels: Tensor) -> float:
    """The largest difference of the two encoders' hidden states for pictures (n, 3, 128, 128)."""
    grid = torch.arange(SIDE * SIDE).view(SIDE, SIDE)
    order = torch.cat([grid[y::2, x::2].flatten() for y, x in PHASES])
    states = vision(pixels).last_hidden_state
    states = torch.cat([states[:, :1], states[:, 1:][:, order]], dim=1)
    return float((encoder(pixels) - states).abs().max())
