"""The training loop: averaged weights (EMA), resumable checkpoints, the Muon optimiser."""

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

MATH_ATTENTION = functools.partial(sdpa_kernel, SDPBackend.MATH)
"""On a CPU, with sequences this short, SDPA's math backend trains faster than the fused kernel."""
NATIVE_BFLOAT16 = choose_device().dtype == "bfloat16"
"""Whether the CPU has native bfloat16; emulated products are a hundred times slower."""
AUTOCAST = functools.partial(torch.autocast, "cpu", torch.bfloat16, enabled=NATIVE_BFLOAT16)
"""Mixed precision with bfloat16 where it is native, float32 elsewhere."""


def autocast(device: str) -> torch.autocast:
    """Mixed precision with bfloat16 on a GPU, and on a CPU where it is native."""
    return torch.autocast("cuda", torch.bfloat16) if device == "cuda" else AUTOCAST()


class Muon(torch.optim.Optimizer):
    """Momentum SGD whose updates are orthogonalised.

    The Newton-Schulz iteration and its coefficients are Keller Jordan's (Muon, 2024). torch's own
    version takes matrices only; most weights here are convolutions, which are flattened to
    (output channels, all else).
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
                matrix *= 0.2 * math.sqrt(max(rows, columns))  # match the RMS of an Adam update
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(matrix.reshape(p.shape), alpha=-group["lr"])


def _orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The Newton-Schulz iteration, on the Gram matrix: a convolution has far more columns."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T.float() if tall else matrix.float()
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    transform = identity = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(iterations):
        factor = 3.4445 * identity - 4.7750 * gram + 2.0315 * gram @ gram
        transform = factor @ transform
        gram = factor @ gram @ factor
    x = transform @ x
    return (x.T if tall else x).to(matrix.dtype)


def optimisers(
    model: nn.Module, *, muon_lr: float, adam_lr: float, decay: float = 0.0
) -> list[torch.optim.Optimizer]:
    """Muon for hidden weights; AdamW for embeddings, input and output layers, biases and norms."""
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


class Trainer:
    """A resumable training run: a model, its optimisers, averaged weights and the step count.

    If a checkpoint ``NAME.pt`` exists, it is loaded, and training resumes at its step.

    Args:
        name: of the checkpoint file.
        model: to train; its parameter names are those of the checkpoint.
        optimisers: with their peak learning rates.
        steps: in total.
        warmup: steps in which the learning rate rises linearly.
        cooldown: the last share of the steps, in which it falls linearly to zero.
        ema_decay: of the averaged weights.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        optimisers: list[torch.optim.Optimizer],
        *,
        steps: int,
        warmup: int = 100,
        cooldown: float = 0.3,
        ema_decay: float = 0.999,
    ) -> None:
        self.name, self.model, self.optimisers = name, model, optimisers
        self.steps, self.warmup, self.cooldown, self.ema_decay = steps, warmup, cooldown, ema_decay
        self.ema_model = copy.deepcopy(model).requires_grad_(False).eval()
        self.base_lrs = [[g["lr"] for g in opt.param_groups] for opt in optimisers]
        self.step = 0
        self.path: Path = WORKSPACE / f"{name}.pt"
        self.started = time.monotonic()
        self._stop_requested = False
        if self.path.is_file():
            self._load()

    def _request_stop(self, *_: object) -> None:
        """Handle SIGTERM: save and stop after this step."""
        self._stop_requested = True

    def _load(self) -> None:
        saved: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.ema_model.load_state_dict(saved["averaged"])
        for opt, state in zip(self.optimisers, saved["opts"], strict=True):
            opt.load_state_dict(state)
        self.step = saved["step"]
        print(f"{self.name}: resumed at step {self.step}", flush=True)

    def save(self) -> None:
        partial = self.path.with_suffix(".partial")
        torch.save(
            {
                "model": self.model.state_dict(),
                "averaged": self.ema_model.state_dict(),
                "opts": [opt.state_dict() for opt in self.optimisers],
                "step": self.step,
            },
            partial,
        )
        partial.replace(self.path)

    def lr_scale(self) -> float:
        """The factor of the learning rates at this step: warm-up, constant, linear cooldown."""
        remaining = (self.steps - self.step) / max(1, self.cooldown * self.steps)
        return max(0.0, min(1.0, (self.step + 1) / self.warmup, remaining))

    def update(self, loss: Tensor, *, clip: float = 1.0) -> None:
        """Backpropagate, clip the gradients' norm, and update the weights and their average."""
        # Not in the constructor: loading a finished run must not install a signal handler.
        signal.signal(signal.SIGTERM, self._request_stop)
        for opt in self.optimisers:
            opt.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        scale = self.lr_scale()
        for opt, lrs in zip(self.optimisers, self.base_lrs, strict=True):
            for group, lr in zip(opt.param_groups, lrs, strict=True):
                group["lr"] = lr * scale
            opt.step()
        self.step += 1
        # A smaller decay at first, so that the average forgets the random initialisation.
        decay = min(self.ema_decay, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for averaged, current in zip(
                self.ema_model.parameters(), self.model.parameters(), strict=True
            ):
                averaged.lerp_(current, 1 - decay)

    def log_and_save(self, log_every: int, save_every: int, **metrics: float) -> None:
        """Print metrics and save checkpoints at these intervals; stop after SIGTERM."""
        if self.step % log_every == 0:
            minutes = (time.monotonic() - self.started) / 60
            text = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
            print(f"{self.name} {self.step}/{self.steps}  {text}  {minutes:.1f} min", flush=True)
        if self.step % save_every == 0 or self.step == self.steps or self._stop_requested:
            self.save()
        if self._stop_requested:
            raise SystemExit(f"{self.name}: stopped at step {self.step}; run again to resume")
