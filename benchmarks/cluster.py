"""What a cluster costs, and what it brings: real replicas of the mini set, on this machine.

``python -m benchmarks.cluster`` prints, as JSON:

- ``calls``: seconds of a call through the cluster with stages that do nothing: a text, a prompt's
  length, a picture described at two sizes, one painted at two sizes. That is the overhead.
- ``sleeping``: pictures a second from one and from two replicas that only wait, a second a picture,
  as they would for a GPU: what the cluster itself loses.
- ``painting``: the same with the mini set, in one thread each; and, in turn with it, of plain
  processes without a cluster (``plain painting``). On a machine that is busy, neither doubles.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
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
PICTURES = 24
"""Of one measurement: enough for what one picture takes longer than another, and few enough for a
machine to stay as fast as it is."""
IDLE = Share(replicas=0, most=1)
"""Of a stage that is not measured: it does not start, as nobody asks it."""
APPLICATION = "measured"
Rate = Callable[[], float]
"""Measures pictures a second."""
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


def rate(pool: Executor, paint: Callable[[int], Any], together: int) -> float:
    """Pictures a second while there are always ``together`` asked for.

    Neither the first nor the last of them count: what is measured is in full work all the time.
    """
    ended: list[float] = []

    def ask(place: int) -> Future[Any]:
        asked = pool.submit(paint, place)
        asked.add_done_callback(lambda _: ended.append(time.perf_counter()))
        return asked

    for each in [ask(place) for place in range(PICTURES + 2 * together)]:
        each.result()
    return PICTURES / (ended[together + PICTURES - 1] - ended[together - 1])


_plain: list[Studio] = []
"""The studio of a plain process."""


def _ready() -> None:
    import torch

    torch.set_num_threads(1)
    _plain.append(Studio.load("mini"))
    _paint(0)


def _paint(_: int) -> None:
    list(_plain[0].painter.paint(PROMPT, PaintOptions(pictures=1, seed=1)))


@contextmanager
def replicas(plan: Callable[[Share], Plan], n: int) -> Iterator[Rate]:
    """So many replicas, and what they paint a second."""
    import ray.serve

    name = f"{APPLICATION}-{n}"
    share = Share(replicas=n, threads=1, cpus=0.1)
    painter = cluster_studio(plan=plan(share), application=name).painter

    def paint(_: int) -> None:
        list(painter.paint(PROMPT, PaintOptions(pictures=1, seed=1)))

    with ThreadPoolExecutor(2 * n) as pool:
        yield lambda: rate(pool, paint, 2 * n)
    ray.serve.delete(name)


@contextmanager
def processes(n: int) -> Iterator[Rate]:
    """So many plain processes, and what they paint a second."""
    with ProcessPoolExecutor(n, mp_context=get_context("spawn"), initializer=_ready) as pool:
        list(pool.map(_paint, range(2 * n)))
        yield lambda: rate(pool, _paint, 2 * n)


def gains(pairs: Mapping[str, tuple[Rate, Rate]], rounds: int) -> dict[str, Any]:
    """How much more two do than one, of each kind.

    All of them in turn, there and back, as a machine is not always equally fast.
    """
    told: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, (one, two) in pairs.items():
            first, both, again, last = one(), two(), two(), one()
            seen = {"one": (first + last) / 2, "two": (both + again) / 2}
            for key, value in {**seen, "gain": seen["two"] / seen["one"]}.items():
                told.setdefault(name, {}).setdefault(key, []).append(round(value, 3))
    return {
        name: {
            **{key: statistics.median(values) for key, values in each.items()},
            "gains": each["gain"],
        }
        for name, each in told.items()
    }


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

    def mini(share: Share) -> Plan:
        return Plan(models="mini", captioner=IDLE, translator=IDLE, painter=share)

    with replicas(of("sleeping"), 1) as one, replicas(of("sleeping"), 2) as two:
        told |= gains({"sleeping": (one, two)}, 1)
    told["load before painting"] = os.getloadavg()
    with (
        replicas(mini, 1) as one,
        replicas(mini, 2) as two,
        processes(1) as plain,
        processes(2) as twice,
    ):
        told |= gains({"painting": (one, two), "plain painting": (plain, twice)}, rounds)
    told["load after painting"] = os.getloadavg()
    json.dump(told, sys.stdout, indent=1)
    print()
    ray.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
