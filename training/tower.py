"""The captioner's eyes, trained as the convolutions that a vision transformer can be.

A transformer has to find out that a cat moved aside is the same cat, and with drawings as few as
ours it does not find enough. Convolutions know it from birth. But attention whose queries and keys
see nothing but places *is* a convolution: each head looks at one neighbour (Cordonnier et al.,
2020). So every layer here moves each ninth of what it knows to one of the nine neighbours, which
costs no attention at all, and is then written into BLIP's vision tower, exactly: 32 of its
numbers a patch tell the place, all the others what is seen.

The first layers meet neighbours next door. The later ones meet every other patch, so that the four
quarters of a picture (odd and even rows and columns) never meet again, and while learning one of
them is enough: three quarters of the work are spared.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BlipVisionModel

from training.world import SIZE

PATCH = 8
SIDE = SIZE // PATCH
SEEN, PLACE = 256, 2 * SIDE
"""How many numbers of a patch tell what is seen there, and where it is."""
HEADS, DEEP = 9, 512
NEAR, FAR = 2, 5
"""Layers whose neighbours are next door, and those after them, where they are two patches away."""
QUARTERS = [(0, 0), (0, 1), (1, 0), (1, 1)]
LOUD = 16.0
"""A place is told in ones so large."""
ENERGY = LOUD**2 * 2 * (1 - 1 / SIDE) + PLACE
"""The sum of the squares of what tells a place, the same everywhere."""
EPS = 1e-5
"""Of BLIP's own layer norms."""
OFFSETS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]


def _normed(seen: Tensor, energy: float = ENERGY) -> Tensor:
    """Layer norm of all of a patch's numbers, of which only these are wanted.

    The places are worth ``energy`` everywhere, and so are a constant under the root.
    """
    return F.layer_norm(seen, (SEEN,), eps=(energy + EPS * (SEEN + PLACE)) / SEEN)


def _moved(x: Tensor, step: int, dim: int) -> Tensor:
    """Each takes its neighbour's; at the edge, where there is none, its own."""
    if step == 0:
        return x
    rest, size = x.narrow(dim, max(step, 0), x.shape[dim] - 1), x.shape[dim]
    edge = x.narrow(dim, size - 1 if step > 0 else 0, 1)
    return torch.cat([rest, edge] if step > 0 else [edge, rest], dim)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = SEEN + PLACE
        self.value, self.out = nn.Linear(SEEN, width), nn.Linear(width, SEEN)
        self.deep, self.back = nn.Linear(SEEN, DEEP), nn.Linear(DEEP, SEEN)

    def forward(self, seen: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (n, quarters, rows, columns, seen), and one for the whole picture, (n, seen)."""
        values, mine = self.value(_normed(seen)), self.value(_normed(whole, 0))
        places = seen.shape[1] * seen.shape[2] * seen.shape[3]
        mean = (values.sum((1, 2, 3)) + mine) / (places + 1)
        heads = values.chunk(HEADS, dim=-1)
        moved = torch.cat(
            [_moved(_moved(h, dy, 2), dx, 3) for h, (dy, dx) in zip(heads, OFFSETS, strict=True)],
            dim=-1,
        )
        return self._thought(seen + self.out(moved)), self._thought(whole + self.out(mean), 0)

    def _thought(self, seen: Tensor, energy: float = ENERGY) -> Tensor:
        return seen + self.back(F.gelu(self.deep(_normed(seen, energy))))


class Tower(nn.Module):
    """Pictures (n, 3, 128, 128) in [-1, 1] to what is seen: the whole, and then each patch."""

    place: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, SEEN, PATCH, stride=PATCH)
        self.embed_whole = nn.Parameter(torch.randn(SEEN))
        self.layers = nn.ModuleList(Layer() for _ in range(NEAR + FAR))
        self.norm = nn.LayerNorm(SEEN + PLACE)
        self.register_buffer("place", places(), persistent=False)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            for linear in (layer.out, layer.back):
                nn.init.normal_(linear.weight, std=0.5 / linear.in_features**0.5)
                nn.init.zeros_(linear.bias)

    def forward(self, pixels: Tensor, quarters: Sequence[tuple[int, int]] = QUARTERS) -> Tensor:
        """(n, 1 + quarters × 64, 288); patches by quarter, then row, then column."""
        seen = self.patch_embed(pixels).permute(0, 2, 3, 1)[:, None]
        whole = self.embed_whole.expand(len(pixels), -1)
        for number, layer in enumerate(self.layers):
            if number == NEAR:
                seen = torch.cat([seen[:, :, y::2, x::2] for y, x in quarters], dim=1)
            seen, whole = layer(seen, whole)
        table = self.place[1:].unflatten(0, (SIDE, SIDE))
        where = torch.stack([table[y::2, x::2] for y, x in quarters]).flatten(0, 2)
        both = torch.cat([whole[:, None], seen.flatten(1, 3)], dim=1)
        where = torch.cat([self.place[:1], where]).expand(len(pixels), -1, -1)
        return self.norm(torch.cat([both - both.mean(2, keepdim=True), where], dim=2))  # type: ignore[no-any-return]


def places() -> Tensor:
    """(1 + 256, 32): row and column of each patch in ones, less their mean; the whole has none.

    Places have something in common, too: what rows tell is one more, what columns tell one less.
    """
    ones = LOUD * (torch.eye(SIDE) - 1 / SIDE)
    rows, columns = ones.repeat_interleave(SIDE, 0) + 1, ones.repeat(SIDE, 1) - 1
    return torch.cat([torch.zeros(1, PLACE), torch.cat([rows, columns], dim=1)])


def config() -> dict[str, float | int]:
    """What BLIP has to know to make room for the tower."""
    return {
        "image_size": SIZE,
        "patch_size": PATCH,
        "hidden_size": SEEN + PLACE,
        "intermediate_size": DEEP,
        "num_hidden_layers": NEAR + FAR,
        "num_attention_heads": HEADS,
        "attention_dropout": 0.0,
    }


def _quiet(weight: Tensor) -> Tensor:
    """The same for layer norm, which takes the mean away; then it finds none."""
    return weight - weight.mean(0, keepdim=True)


def _looking(step: int, offset: tuple[int, int]) -> Tensor:
    """Queries of one head (32, 32): of each place, the place it looks at, and no other.

    Keys are as loud as their patches are quiet, so whatever is not looked at has to be below zero:
    of two ones that agree, less 1/8 for their means, 1.275 are taken away.
    """
    common = torch.cat([torch.ones(SIDE), -torch.ones(SIDE)])
    blocks, counts = [], []
    for d in offset:
        there = torch.arange(SIDE) + d * step
        outside = there.lt(0) | there.ge(SIDE)
        there = torch.where(outside, torch.arange(SIDE), there)
        look = torch.eye(SIDE)[there].T
        blocks.append(look - look.mean(1, keepdim=True))
        counts.append(look.mean(1))  # which the mean has taken, and what is common gives back
    back = LOUD * torch.cat(counts) - 1.275 * LOUD**2 / PLACE * common
    return torch.block_diag(*blocks) + torch.outer(back, common) / PLACE


@torch.no_grad()
def write(tower: Tower, vision: BlipVisionModel, pixels: Tensor) -> None:
    """BLIP's tower does as this one does.

    Args:
        tower: what was learned.
        vision: BLIP's tower, of this ``config``.
        pixels: pictures (n, 3, 128, 128) to see by how sharp each layer has to look.
    """
    loudest = _loudest(tower, pixels)
    for p in vision.parameters():
        p.zero_()
    patches = vision.embeddings
    patches.patch_embedding.weight[:SEEN] = _quiet(tower.patch_embed.weight)
    patches.patch_embedding.bias[:SEEN] = _quiet(tower.patch_embed.bias)
    patches.class_embedding[..., :SEEN] = _quiet(tower.embed_whole)
    patches.position_embedding[0, :, SEEN:] = tower.place
    width = SEEN + PLACE
    # BLIP's norm is over all numbers of a patch, ours over those that are seen.
    gain = (SEEN / width) ** 0.5
    common = torch.cat([torch.ones(SIDE), -torch.ones(SIDE)])
    centred = torch.block_diag(*[torch.eye(SIDE) - 1 / SIDE] * 2)
    key = centred + torch.outer(common, common) / PLACE
    for number, (ours, theirs) in enumerate(zip(tower.layers, vision.encoder.layers, strict=True)):
        assert isinstance(ours, Layer)
        for norm in (theirs.layer_norm1, theirs.layer_norm2):
            norm.weight.fill_(gain)
        step = 1 if number < NEAR else 2
        # Where patches are loudest, the one looked at is e^16 times the whole, and all others less.
        sharp = 16 * PLACE**0.5 * loudest[number] / width / (0.6 * LOUD**2)
        attention = theirs.self_attn
        query, keys, value = attention.qkv.weight.split(width)
        for head, offset in enumerate(OFFSETS):
            rows = slice(head * PLACE, (head + 1) * PLACE)
            query[rows, SEEN:] = sharp * _looking(step, offset)
            keys[rows, SEEN:] = key
        value[:, :SEEN] = ours.value.weight
        attention.qkv.bias[2 * width :] = ours.value.bias
        attention.projection.weight[:SEEN] = _quiet(ours.out.weight)
        attention.projection.bias[:SEEN] = _quiet(ours.out.bias)
        theirs.mlp.fc1.weight[:, :SEEN] = ours.deep.weight
        theirs.mlp.fc1.bias.copy_(ours.deep.bias)
        theirs.mlp.fc2.weight[:SEEN] = _quiet(ours.back.weight)
        theirs.mlp.fc2.bias[:SEEN] = _quiet(ours.back.bias)
    vision.post_layernorm.weight.copy_(tower.norm.weight)
    vision.post_layernorm.bias.copy_(tower.norm.bias)


def _loudest(tower: Tower, pixels: Tensor) -> list[float]:
    """The largest sum of squares of a patch before each layer, with its place."""
    sums: list[float] = []

    def listen(_: nn.Module, given: tuple[Tensor, Tensor]) -> None:
        seen = given[0] - given[0].mean(-1, keepdim=True)
        sums.append(float(seen.square().sum(-1).max()) + ENERGY)

    hooks = [layer.register_forward_pre_hook(listen) for layer in tower.layers]
    tower(pixels)
    for hook in hooks:
        hook.remove()
    return sums


@torch.inference_mode()
def apart(tower: Tower, vision: BlipVisionModel, pixels: Tensor) -> float:
    """How far what the two see in pictures (n, 3, 128, 128) is apart, at most."""
    table = torch.arange(SIDE * SIDE).view(SIDE, SIDE)
    order = torch.cat([table[y::2, x::2].flatten() for y, x in QUARTERS])
    theirs = vision(pixels).last_hidden_state
    theirs = torch.cat([theirs[:, :1], theirs[:, 1:][:, order]], dim=1)
    return float((tower(pixels) - theirs).abs().max())
