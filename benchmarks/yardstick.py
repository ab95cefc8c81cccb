"""Compare Marsam, the baseline and peers on full-size models with random weights.

``python -m benchmarks.yardstick`` (``make bench``) prints the table and writes
``benchmarks/RESULTS.md``, or ``RESULTS-float32.md`` where the processor does not compute bfloat16
itself; with 0, it writes the last table again. Every engine is a process of its
own; they take turns, and nothing else should run meanwhile. A picture is timed for a few steps and
reckoned up to all of them from its steps and its decoding; with ``--full``, whole ones are painted.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from benchmarks import engines, fullsize
from benchmarks.likeness import psnr
from PIL import Image

from marsam.cpu.autotune import processor_name
from marsam.options import Recipe

HERE = Path(__file__).parent
RESULTS = {"bfloat16": HERE / "RESULTS.md", "float32": HERE / "RESULTS-float32.md"}
"""By what a processor computes."""
PNDM = 51
"""PNDM looks once more than it has steps."""
PREVIEWS = 6
Times = dict[str, float]


class Process:
    """An engine, asked for one unit at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.engines", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, unit: str) -> Times:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(unit + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} failed at {unit}")
        told: Times = json.loads(line)
        return told

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def alone(name: str, unit: str) -> Times:
    """One unit in a fresh process, started and ended for it; with its whole time as ``wall``."""
    started = time.perf_counter()
    process = Process(name)
    told = process.do(unit)
    told["wall"] = time.perf_counter() - started
    process.close()
    return told


def rounds(work: Mapping[str, tuple[str, ...]], count: int) -> dict[str, list[Times]]:
    """Every unit of every engine ``count`` times, taking turns, after one of each to warm up."""
    processes = {name: Process(name) for name in work}
    found: dict[str, list[Times]] = {}
    for turn in range(count + 1):
        for name, units in work.items():
            for unit in units:
                told = processes[name].do(unit)
                print(f"{turn}  {name:<10} {unit:<17} {told}", flush=True)
                if turn:
                    found.setdefault(f"{name} {unit}", []).append(told)
    for process in processes.values():
        process.close()
    return found


def matrix_peak(dtype: torch.dtype, side: int = 2048) -> float:
    """The most multiply-adds a second the chip was seen to do, in billions of operations."""
    a, b = torch.randn(side, side, dtype=dtype), torch.randn(side, side, dtype=dtype)
    best = float("inf")
    for _ in range(12):
        started = time.perf_counter()
        _ = a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best / 1e9


def unet_work() -> float:
    """Operations of one guided step, in billions, counted rather than looked up."""
    from diffusers import UNet2DConditionModel
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = UNet2DConditionModel(**fullsize.UNET)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(2, 4, 64, 64), torch.tensor(1), torch.empty(2, 77, 768))
    return float(counter.get_total_flops()) / 1e9


class Figure:
    """Repeated measurements of one thing."""

    def __init__(self, values: list[float]) -> None:
        self.values = values
        self.median = statistics.median(values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        digits = 0 if self.median >= 20 else 2
        return f"{self.median:.{digits}f} s ({low:.{digits}f}–{high:.{digits}f})"


def pictures(found: dict[str, list[Times]], *, full: bool) -> dict[str, Figure]:
    """Seconds of whole pictures, by engine and recipe."""
    made: dict[str, Figure] = {}
    for key, told in found.items():
        unit = key.split()[1]
        if unit not in [str(recipe) for recipe in Recipe]:
            continue
        whole = full or unit != "faithful"
        made[key] = Figure(
            [times["total"] if whole else PNDM * times["step"] + times["decode"] for times in told]
        )
    return made


def measure(count: int) -> dict[str, Any]:
    """Everything that is measured, as plain data; times by ``engine unit``."""
    own = engines.number_format()
    peaks = {kind: matrix_peak(getattr(torch, kind)) for kind in ("float32", own)}
    starts = {
        name: [alone(name, "start")["wall"] for _ in range(2)] for name in ("baseline", "marsam")
    }
    units = ("caption", "translate", "folder", "caption_greedy", "translate_greedy")
    words = rounds({"baseline": ("caption", "translate"), "marsam": units}, 2 * count)
    painted = rounds(
        {"baseline": ("faithful",), "marsam": ("faithful", "balanced", "draft")}, count
    )
    peers: dict[str, list[Times]] = {}
    for peer in ("diffusers", "openvino"):
        # Three engines of float32 at once would need more than 24 GB of memory.
        both = rounds({"marsam": ("faithful",), peer: ("faithful",)}, max(1, count - 1))
        for key, told in both.items():
            peers.setdefault(key, []).extend(told)
    if find_spec("stable_diffusion_cpp"):
        # A step of it takes as long as eight of ours: once, and for three, shows where it stands.
        peers["stable-diffusion.cpp faithful"] = [alone("stable-diffusion.cpp", "faithful")]
    around = rounds({"marsam": ("caption", "translate", "balanced", "sketch", "save")}, 1)
    ours, baseline = (
        Image.open(fullsize.CACHE / f"{name}.png") for name in ("faithful", "baseline")
    )
    return {
        "full": engines.STEPS is None,
        "peaks": peaks,
        "starts": starts,
        "words": words,
        "painted": painted,
        "peers": peers,
        "around": around,
        "likeness": psnr(ours, baseline),
    }


def main(count: int = 3) -> None:
    """Measure ``count`` rounds; with 0, only write the table of the last measurement again."""
    kept = fullsize.CACHE / "measured.json"
    if count:
        kept.write_text(json.dumps(measure(count)), encoding="utf-8")
    told = json.loads(kept.read_text(encoding="utf-8"))
    text = report(
        peaks=told["peaks"],
        starts={name: Figure(times) for name, times in told["starts"].items()},
        words={key: Figure([t["total"] for t in times]) for key, times in told["words"].items()},
        made=pictures(told["painted"], full=told["full"]),
        steps={
            key: min(t["step"] for t in times)
            for key, times in (told["peers"] | told["painted"]).items()
        },
        beside=pictures(told["peers"], full=told["full"]),
        around=told["around"],
        likeness=told["likeness"],
        steps_timed=None if told["full"] else engines.STEPS,
    )
    print(text)
    RESULTS[own_format(told["peaks"])].write_text(text, encoding="utf-8")


def own_format(peaks: Mapping[str, float]) -> str:
    """What the measured processor computes, and engines were asked for."""
    return "bfloat16" if "bfloat16" in peaks else "float32"


def report(
    *,
    peaks: dict[str, float],
    starts: dict[str, Figure],
    words: dict[str, Figure],
    made: dict[str, Figure],
    beside: dict[str, Figure],
    steps: dict[str, float],
    around: dict[str, list[Times]],
    likeness: float,
    steps_timed: int | None,
) -> str:
    """The table, with every goal beside its figure."""
    own = own_format(peaks)
    baseline_picture = made["baseline faithful"].median
    baseline_words = words["baseline caption"].median + words["baseline translate"].median
    our_words = words["marsam caption"].median + words["marsam translate"].median
    balanced = made["marsam balanced"].median
    sketch = min(t["total"] for t in around["marsam sketch"])
    save = min(t["total"] for t in around["marsam save"])
    share = (PREVIEWS * sketch + save) / (balanced + PREVIEWS * sketch + save)
    memory = max(t["peak"] for told in around.values() for t in told)
    held = max(t["resident"] for told in around.values() for t in told)
    nllb = words["baseline translate"].median / words["marsam translate_greedy"].median
    ours = made["marsam faithful"].median
    near = beside["marsam faithful"].median
    goals = [
        ("faithful, one picture", baseline_picture / ours, 2.0, "×"),
        (f"faithful, PSNR to the fp32 picture ({steps_timed or 50} steps)", likeness, 30.0, " dB"),
        ("balanced, one picture", baseline_picture / balanced, 8.0, "×"),
        ("draft, one picture", baseline_picture / made["marsam draft"].median, 35.0, "×"),
        ("caption and Arabic translation, one picture", baseline_words / our_words, 2.5, "×"),
        (
            "the same, per picture of a folder",
            baseline_words / words["marsam folder"].median,
            2.5,
            "×",
        ),
        ("NLLB against bf16 baseline, both greedy", nllb, 2.0, "×"),
        (
            "first caption against the baseline's first output (one picture)",
            (baseline_words + baseline_picture) / words["marsam caption"].median,
            100.0,
            "×",
        ),
        ("command to first caption", starts["baseline"].median / starts["marsam"].median, 2.0, "×"),
        (
            f"faithful against plain diffusers in {own}",
            beside["diffusers faithful"].median / near,
            1.0,
            "×",
        ),
        (
            f"faithful against OpenVINO in {own}",
            beside["openvino faithful"].median / near,
            1.0,
            "×",
        ),
    ]
    if "stable-diffusion.cpp faithful" in beside:
        ratio = beside["stable-diffusion.cpp faithful"].median / near
        goals.append(("faithful against stable-diffusion.cpp in float16", ratio, 1.0, "×"))
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench`: full-size architectures with random weights. Speed does not",
        "depend on the values of weights; `make bench-recipes` measures quality, on the mini set.",
        "Pictures are 512×512. The baseline is the original notebook: BLIP and Stable Diffusion",
        "(50 PNDM steps) in fp32, NLLB in bf16. Times are medians, with the range in brackets.",
        "`balanced` and `draft` pictures are timed whole; `faithful` ones"
        + (f" for {steps_timed} steps, extrapolated to" if steps_timed else " as well, with"),
        f"{PNDM} U-Net calls (PNDM makes one more than its 50 steps). stable-diffusion.cpp, if",
        "installed, is timed once, for three steps (or all). The share of the peak counts the",
        "operations of direct convolutions, so Winograd convolutions can exceed 100 %.",
        "",
        f"Machine: {processor_name()}, {torch.get_num_threads()} threads; "
        f"torch {torch.__version__}. Peak of a matrix product:",
        ", ".join(f"{peak:.0f} GFLOPS in {kind}" for kind, peak in peaks.items())
        + ("." if own == "bfloat16" else ". No native bfloat16."),
        "",
        "| metric | result | target | |",
        "|---|---|---|---|",
    ]
    for name, value, goal, unit in goals:
        met = "met" if value >= goal else "**missed**"
        lines.append(f"| {name} | {value:.1f}{unit} | ≥ {goal:g}{unit} | {met} |")
    for name, value, goal, unit in (
        ("previews and saving, share of a balanced picture", 100 * share, 2.0, " %"),
        ("peak memory, standard set loaded and painting", memory, 6.0, " GB"),
    ):
        met = "met" if value <= goal else "**missed**"
        lines.append(f"| {name} | {value:.1f}{unit} | ≤ {goal:g}{unit} | {met} |")
    work = unet_work()
    lines += [
        "",
        f"Resident memory after painting: {held:.1f} GB.",
        "",
        "| engine | recipe | one picture | fastest step | share of peak |",
        "|---|---|---|---|---|",
    ]
    for key, figure in (beside | made).items():
        name, recipe = key.split()
        step = steps[key]
        kind = "float32" if name in ("baseline", "stable-diffusion.cpp") else own
        done = work / 2 if key == "marsam draft" else work
        reach = 100 * done / step / peaks[kind]
        lines.append(f"| {name} | {recipe} | {figure} | {step:.2f} s | {reach:.0f} % of {kind} |")
    lines += ["", "| engine | task | time |", "|---|---|---|"]
    lines += [f"| {key.replace(' ', ' | ')} | {figure} |" for key, figure in words.items()]
    lines += [
        f"| {name} | command to first caption | {figure} |" for name, figure in starts.items()
    ]
    if own == "bfloat16":
        lines += ["", *_notes().splitlines()]
    else:
        lines += [
            "",
            "The optimisations, kept and dropped, are in [RESULTS.md](RESULTS.md).",
        ]
    return "\n".join(lines) + "\n"


def _notes() -> str:
    return Path(__file__).with_name("NOTES.md").read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    torch.manual_seed(0)
    given = sys.argv[1:]
    if "--full" in given:
        given.remove("--full")
        os.environ[engines.VARIABLE] = "0"
        engines.STEPS = None
    main(*map(int, given))
