"""What every training here shares: averaged weights, resumable checkpoints, the Muon optimiser."""

import copy
import functools
import math
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from marsam.device import choose_device
from training.workspace import WORKSPACE

PLAIN_ATTENTION = functools.partial(sdpa_kernel, SDPBackend.MATH)
"""On a CPU, with sequences this short, the plain formula learns faster than the fused kernel."""
HALF = choose_device().dtype == "bfloat16"
"""Whether bfloat16 products are the chip's own; emulated, they are a hundred times slower."""
MIXED = functools.partial(torch.autocast, "cpu", torch.bfloat16, enabled=HALF)
"""bfloat16 where it is the faster, float32 elsewhere."""


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised: each weight matrix moves by (almost) a rotation.

    The Newton-Schulz iteration and its coefficients are Keller Jordan's (Muon, 2024). torch's own
    version takes matrices only; most weights here are convolutions, flattened to
    (output, everything else).
    """

    def __init__(
        self, params: Iterable[Tensor], *, lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(state["momentum"], group["momentum"])
                matrix = _orthogonal(update.reshape(len(update), -1))
                rows, columns = matrix.shape
                matrix *= 0.2 * math.sqrt(max(rows, columns))  # as large as an Adam step
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(matrix.reshape(p.shape), alpha=-group["lr"])


def _orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    x = matrix.bfloat16() if HALF else matrix
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


def optimisers(
    model: nn.Module, *, muon_lr: float, adam_lr: float, decay: float = 0.0
) -> list[torch.optim.Optimizer]:
    """Muon for hidden weights, AdamW for embeddings, first and last layers, biases and norms."""
    matrices, others = [], []
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        outer = any(part in name for part in ("embed", "conv_in", "conv_out", "shared", "head"))
        hidden = p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 16 and not outer
        (matrices if hidden else others).append(p)
    return [
        Muon(matrices, lr=muon_lr, decay=decay),
        torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


class Training:
    """One resumable run: a model, its optimisers, averaged weights, a step count.

    ``step`` in the checkpoint decides where a run goes on; a finished run is simply loaded.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        opts: list[torch.optim.Optimizer],
        *,
        steps: int,
        warmup: int = 100,
        cooldown: float = 0.3,
        average: float = 0.999,
    ) -> None:
        self.name, self.model, self.opts = name, model, opts
        self.steps, self.warmup, self.cooldown, self.average = steps, warmup, cooldown, average
        self.averaged = copy.deepcopy(model).requires_grad_(False).eval()
        self.base_lrs = [[g["lr"] for g in opt.param_groups] for opt in opts]
        self.step = 0
        self.path: Path = WORKSPACE / f"{name}.pt"
        self.started = time.monotonic()
        self._stopping = False
        if self.path.is_file():
            self._load()

    def _stop(self, *_: object) -> None:
        """Asked to end: after this step, with nothing lost."""
        self._stopping = True

    def _load(self) -> None:
        saved: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.averaged.load_state_dict(saved["averaged"])
        for opt, state in zip(self.opts, saved["opts"], strict=True):
            opt.load_state_dict(state)
        self.step = saved["step"]
        print(f"{self.name}: resumed at step {self.step}", flush=True)

    def save(self) -> None:
        partial = self.path.with_suffix(".partial")
        torch.save(
            {
                "model": self.model.state_dict(),
                "averaged": self.averaged.state_dict(),
                "opts": [opt.state_dict() for opt in self.opts],
                "step": self.step,
            },
            partial,
        )
        partial.replace(self.path)

    def rate(self) -> float:
        """Warm up, hold, then fall linearly to zero over the last ``cooldown`` of the steps."""
        left = (self.steps - self.step) / max(1, self.cooldown * self.steps)
        return max(0.0, min(1.0, (self.step + 1) / self.warmup, left))

    def update(self, loss: Tensor, *, clip: float = 1.0) -> None:
        # Here, not at the start: a finished run that is merely loaded must not take it over.
        signal.signal(signal.SIGTERM, self._stop)
        for opt in self.opts:
            opt.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        rate = self.rate()
        for opt, lrs in zip(self.opts, self.base_lrs, strict=True):
            for group, lr in zip(opt.param_groups, lrs, strict=True):
                group["lr"] = lr * rate
            opt.step()
        self.step += 1
        # A short memory at first, so that the average does not drag its random start along.
        keep = min(self.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for mine, theirs in zip(
                self.averaged.parameters(), self.model.parameters(), strict=True
            ):
                mine.lerp_(theirs, 1 - keep)

    def report(self, every: int, save_every: int, **figures: float) -> None:
        if self.step % every == 0:
            minutes = (time.monotonic() - self.started) / 60
            shown = "  ".join(f"{key} {value:.4f}" for key, value in figures.items())
            print(f"{self.name} {self.step}/{self.steps}  {shown}  {minutes:.1f} min", flush=True)
        if self.step % save_every == 0 or self.step == self.steps or self._stopping:
            self.save()
        if self._stopping:
            raise SystemExit(f"{self.name}: stopped at step {self.step}, to be resumed")
