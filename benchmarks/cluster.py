"""Measure the overhead and the scaling of a local cluster with replicas of the mini set.

``python -m benchmarks.cluster`` prints, as JSON:

- ``calls``: milliseconds of a call through the cluster to stages that do nothing (a translation, a
  prompt's length, a caption and a picture at two sizes): the overhead.
- ``sleeping``: pictures per second of one and of two replicas that wait one second per picture, as
  for a GPU: the scaling of the cluster itself.
- ``painting``: the same with the mini set, one thread per replica; and, in turn with it, with
  processes without a cluster (``plain painting``). On a busy machine neither doubles.
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
from marsam.cluster import Plan, StageResources, cluster_studio
from marsam.testing import FakePainter, fake_studio

SIDES_PX = (64, 512)
CALLS = 60
PICTURES = 24
"""Per measurement: enough to average, few enough for the machine's speed to stay stable."""
IDLE = StageResources(replicas=0, max_replicas=1)
"""For stages that are not measured: without requests, no replica starts."""
APPLICATION = "measured"
Rate = Callable[[], float]
"""Measures pictures per second."""
PROMPT = "a cat on a blue background"


class BlankPainter(FakePainter):
    """Returns a picture of the requested size immediately."""

    def paint(self, prompt: str, options: PaintOptions, start: Image.Image | None = None) -> Any:
        """One step, one picture."""
        for event in super().paint(prompt, replace(options, steps=1), start):
            if isinstance(event, Painted):
                image = Image.new("RGB", (options.width or 64, options.height or 64), (9, 9, 9))
                event = replace(event, picture=replace(event.picture, image=image))
            yield event


class SleepingPainter(FakePainter):
    """Takes one second per picture without using the CPU."""

    def paint(self, prompt: str, options: PaintOptions, start: Image.Image | None = None) -> Any:
        """Sixteen steps."""
        for event in super().paint(prompt, replace(options, steps=16), start):
            time.sleep(0 if isinstance(event, Painted) else 1 / 16)
            yield event


def no_op() -> Studio:
    """A studio whose stages take no time."""
    return replace(fake_studio(), painter=BlankPainter())


def sleeping() -> Studio:
    """A studio whose painter only waits."""
    return replace(fake_studio(), painter=SleepingPainter())


def median_ms(call: Callable[[], Any]) -> float:
    """Median milliseconds of a call, after five to warm up."""
    for _ in range(5):
        call()
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return round(1000 * statistics.median(times), 2)


def calls(studio: Studio) -> dict[str, float]:
    """Median milliseconds of each kind of call."""
    results = {
        "translate": median_ms(lambda: studio.translator.translate("a cat", TranslateOptions())),
        "measure": median_ms(lambda: studio.painter.measure("a cat")),
    }
    for side in SIDES_PX:
        image = Image.effect_noise((side, side), 50).convert("RGB")
        options = PaintOptions(pictures=1, seed=0, width=side, height=side)
        results[f"caption {side}"] = median_ms(
            lambda i=image: studio.captioner.caption(i, CaptionOptions())
        )
        results[f"paint {side}"] = median_ms(
            lambda o=options: list(studio.painter.paint("a cat", o))
        )
    return results


def throughput(pool: Executor, paint: Callable[[int], Any], concurrency: int) -> float:
    """Pictures per second at full load, with ``concurrency`` requests in progress.

    The first and the last ``concurrency`` pictures are not counted.
    """
    ended: list[float] = []

    def submit(index: int) -> Future[Any]:
        future = pool.submit(paint, index)
        future.add_done_callback(lambda _: ended.append(time.perf_counter()))
        return future

    for future in [submit(index) for index in range(PICTURES + 2 * concurrency)]:
        future.result()
    return PICTURES / (ended[concurrency + PICTURES - 1] - ended[concurrency - 1])


_process_studio: list[Studio] = []
"""The studio of a worker process."""


def _initialise() -> None:
    import torch

    torch.set_num_threads(1)
    _process_studio.append(Studio.load("mini"))
    _paint(0)


def _paint(_: int) -> None:
    list(_process_studio[0].painter.paint(PROMPT, PaintOptions(pictures=1, seed=1)))


@contextmanager
def replicas(plan: Callable[[StageResources], Plan], n: int) -> Iterator[Rate]:
    """Start ``n`` replicas; yields the measurement of their throughput."""
    import ray.serve

    name = f"{APPLICATION}-{n}"
    share = StageResources(replicas=n, threads=1, cpus=0.1)
    painter = cluster_studio(plan=plan(share), application=name).painter

    def paint(_: int) -> None:
        list(painter.paint(PROMPT, PaintOptions(pictures=1, seed=1)))

    with ThreadPoolExecutor(2 * n) as pool:
        yield lambda: throughput(pool, paint, 2 * n)
    ray.serve.delete(name)


@contextmanager
def processes(n: int) -> Iterator[Rate]:
    """Start ``n`` processes without a cluster; yields the measurement of their throughput."""
    with ProcessPoolExecutor(n, mp_context=get_context("spawn"), initializer=_initialise) as pool:
        list(pool.map(_paint, range(2 * n)))
        yield lambda: throughput(pool, _paint, 2 * n)


def speedups(pairs: Mapping[str, tuple[Rate, Rate]], rounds: int) -> dict[str, Any]:
    """Throughput of one and of two workers of each kind, and the ratio.

    Measured in the order one, two, two, one, to cancel drift of the machine's speed.
    """
    results: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, (one, two) in pairs.items():
            one_a, two_a, two_b, one_b = one(), two(), two(), one()
            means = {"one": (one_a + one_b) / 2, "two": (two_a + two_b) / 2}
            for key, value in {**means, "speedup": means["two"] / means["one"]}.items():
                results.setdefault(name, {}).setdefault(key, []).append(round(value, 3))
    return {
        name: {
            **{key: statistics.median(values) for key, values in each.items()},
            "speedups": each["speedup"],
        }
        for name, each in results.items()
    }


def main(rounds: int = 5) -> None:
    """Measure everything and print it as JSON."""
    # Set before Ray is imported, so that replicas can import this module.
    os.environ["PYTHONPATH"] = str(Path.cwd())
    light = StageResources(cpus=0.1)

    def of(function: str) -> Callable[[StageResources], Plan]:
        return lambda share: Plan(
            studio=f"benchmarks.cluster:{function}",
            captioner=light,
            translator=light,
            painter=share,
        )

    studio = cluster_studio(plan=of("no_op")(light), application=APPLICATION)
    results: dict[str, Any] = {"load": os.getloadavg(), "calls": calls(studio)}
    import ray.serve

    ray.serve.delete(APPLICATION)

    def mini(share: StageResources) -> Plan:
        return Plan(models="mini", captioner=IDLE, translator=IDLE, painter=share)

    with replicas(of("sleeping"), 1) as one, replicas(of("sleeping"), 2) as two:
        results |= speedups({"sleeping": (one, two)}, 1)
    results["load before painting"] = os.getloadavg()
    with (
        replicas(mini, 1) as one,
        replicas(mini, 2) as two,
        processes(1) as plain,
        processes(2) as twice,
    ):
        results |= speedups({"painting": (one, two), "plain painting": (plain, twice)}, rounds)
    results["load after painting"] = os.getloadavg()
    json.dump(results, sys.stdout, indent=1)
    print()
    ray.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
