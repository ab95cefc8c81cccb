"""What a cluster costs, and what it brings: real replicas of the mini set, on this machine.

``python -m benchmarks.cluster`` prints, as JSON:

- ``calls``: seconds of a call through the cluster with stages that do nothing: a text, a prompt's
  length, a picture described at two sizes, one painted at two sizes. That is the overhead.
- ``sleeping``: pictures a second from one and from two replicas that only wait, a second a picture,
  as they would for a GPU: what the cluster itself loses.
- ``painting``: the same with the mini set, in one thread each; and beside it, at the same time, the
  same of plain processes without a cluster. On a machine that is busy, neither doubles.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Studio, TranslateOptions
from marsam.cluster import Plan, Share, cluster_studio
from marsam.testing import FakePainter, fake_studio

SIZES = (64, 512)
ROUNDS = 60
PICTURES = 60
"""Painted in a measurement; at its end one of two may be without work for a picture's time."""
IDLE = Share(replicas=0, most=1)
"""Of a stage that is not measured: it does not start, as nobody asks it."""
APPLICATION = "measured"
PROMPT = "a cat on a blue background"


class Canvas(FakePainter):
    """Paints a picture of the size asked for, at once."""

    def paint(self, prompt: str, options: PaintOptions) -> Any:
        """One step, one picture."""
        for event in super().paint(prompt, replace(options, steps=1)):
            if isinstance(event, Painted):
                image = Image.new("RGB", (options.width or 64, options.height or 64), (9, 9, 9))
                event = replace(event, picture=replace(event.picture, image=image))
            yield event


class Sleeper(FakePainter):
    """A second a picture, and no processor."""

    def paint(self, prompt: str, options: PaintOptions) -> Any:
        """Sixteen steps."""
        for event in super().paint(prompt, replace(options, steps=16)):
            time.sleep(0 if isinstance(event, Painted) else 1 / 16)
            yield event


def nothing() -> Studio:
    """Stages that take no time."""
    return replace(fake_studio(), painter=Canvas())


def sleeping() -> Studio:
    """A painter that waits."""
    return replace(fake_studio(), painter=Sleeper())


def median(call: Callable[[], Any]) -> float:
    """Milliseconds of a call, after a few that do not count."""
    for _ in range(5):
        call()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return round(1000 * statistics.median(taken), 2)


def calls(studio: Studio) -> dict[str, float]:
    """Milliseconds of each kind of call."""
    told = {
        "translate": median(lambda: studio.translator.translate("a cat", TranslateOptions())),
        "measure": median(lambda: studio.painter.measure("a cat")),
    }
    for side in SIZES:
        image = Image.effect_noise((side, side), 50).convert("RGB")
        options = PaintOptions(pictures=1, seed=0, width=side, height=side)
        told[f"caption {side}"] = median(
            lambda i=image: studio.captioner.caption(i, CaptionOptions())
        )
        told[f"paint {side}"] = median(lambda o=options: list(studio.painter.paint("a cat", o)))
    return told


def timed(submit: Callable[..., Any], paint: Callable[[int], Any]) -> float:
    """Pictures a second."""
    started = time.perf_counter()
    list(submit(paint, range(PICTURES)))
    return PICTURES / (time.perf_counter() - started)


def rate(studio: Studio, together: int) -> float:
    """Pictures a second with so many asked for at once."""

    def paint(_: int) -> None:
        list(studio.painter.paint(PROMPT, PaintOptions(pictures=1, seed=1)))

    with ThreadPoolExecutor(together) as pool:
        return timed(pool.map, paint)


_plain: list[Studio] = []
"""The studio of a plain process."""


def _ready() -> None:
    import torch

    torch.set_num_threads(1)
    _plain.append(Studio.load("mini"))
    _paint(0)


def _paint(_: int) -> None:
    list(_plain[0].painter.paint(PROMPT, PaintOptions(pictures=1, seed=1)))


def compared(plan: Callable[[Share], Plan], rounds: int, *, plain: bool) -> Any:
    """One replica and two, in turn, as the machine is not always equally fast.

    Only what is measured is there: replicas that wait cost a few thousandths of a core each.
    """
    import ray.serve

    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for n in (1, 2):
            share = Share(replicas=n, threads=1, cpus=0.1)
            studio = cluster_studio(plan=plan(share), application=APPLICATION)
            rates.setdefault(f"replicas {n}", []).append(rate(studio, 2 * n))
            ray.serve.delete(APPLICATION)
            if plain:
                spawn = get_context("spawn")
                with ProcessPoolExecutor(n, mp_context=spawn, initializer=_ready) as pool:
                    list(pool.map(_paint, range(2 * n)))
                    rates.setdefault(f"processes {n}", []).append(timed(pool.map, _paint))
    told: dict[str, Any] = {k: round(statistics.median(v), 3) for k, v in rates.items()}
    for kind in ("replicas", "processes") if plain else ("replicas",):
        told[f"gain of {kind}"] = round(told[f"{kind} 2"] / told[f"{kind} 1"], 2)
    return told


def main(rounds: int = 5) -> None:
    """Measure, and print."""
    # Before Ray is imported, so that replicas find this file.
    os.environ["PYTHONPATH"] = str(Path.cwd())
    light = Share(cpus=0.1)

    def of(function: str) -> Callable[[Share], Plan]:
        return lambda share: Plan(
            studio=f"benchmarks.cluster:{function}",
            captioner=light,
            translator=light,
            painter=share,
        )

    studio = cluster_studio(plan=of("nothing")(light), application=APPLICATION)
    told: dict[str, Any] = {"load": os.getloadavg(), "calls": calls(studio)}
    import ray.serve

    ray.serve.delete(APPLICATION)
    told["sleeping"] = compared(of("sleeping"), rounds, plain=False)
    told["load before painting"] = os.getloadavg()
    told["painting"] = compared(
        lambda share: Plan(models="mini", captioner=IDLE, translator=IDLE, painter=share),
        rounds,
        plain=True,
    )
    told["load after painting"] = os.getloadavg()
    json.dump(told, sys.stdout, indent=1)
    print()
    ray.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
