"""Compare Marsam, the baseline and peers on full-size models with random weights.

``python -m benchmarks.full_size [ROUNDS]`` (``make bench``) prints the report and writes it to
``benchmarks/RESULTS.md``, or to ``RESULTS-float32.md`` on a CPU without native bfloat16. With 0
rounds it only renders the last measurements again. Each engine runs in its own process; they take
turns, and the machine should be otherwise idle. Faithful pictures are timed for a few steps, and
extrapolated from the fastest step and the decoding; ``--full`` times whole ones.
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
from benchmarks import engines, random_models
from benchmarks.processor import processor_name
from benchmarks.psnr import psnr
from PIL import Image

from marsam.recipes import Recipe

HERE = Path(__file__).parent
RESULTS = {"bfloat16": HERE / "RESULTS.md", "float32": HERE / "RESULTS-float32.md"}
"""Report by the CPU's fastest dtype."""
TARGETS: Mapping[str, Mapping[Recipe, float]] = {
    "bfloat16": {
        Recipe.FAITHFUL: 2.0,
        Recipe.BALANCED: 8.0,
        Recipe.DRAFT: 35.0,
        Recipe.INSTANT: 200.0,
    },
    "float32": {
        Recipe.FAITHFUL: 1.7,
        Recipe.BALANCED: 7.0,
        Recipe.DRAFT: 28.0,
        Recipe.INSTANT: 120.0,
    },
}
"""How many times as fast as the baseline a picture should be, by the CPU's fastest dtype."""
PNDM_UNET_CALLS = 51
"""PNDM calls the U-Net once more than its 50 steps."""
PREVIEWS_PER_PICTURE = 6
Times = dict[str, float]


class EngineProcess:
    """An engine in a subprocess that runs one task at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.engines", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, task: str) -> Times:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} failed at {task}")
        times: Times = json.loads(line)
        return times

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def run_in_new_process(name: str, task: str) -> Times:
    """Run one task in a new process; ``wall`` is its time including the start."""
    started = time.perf_counter()
    process = EngineProcess(name)
    times = process.run(task)
    times["wall"] = time.perf_counter() - started
    process.close()
    return times


def run_rounds(tasks: Mapping[str, tuple[str, ...]], count: int) -> dict[str, list[Times]]:
    """Run the tasks of each engine ``count`` times in turn, after one warm-up round.

    Returns:
        The times of each round, by ``engine task``.
    """
    processes = {name: EngineProcess(name) for name in tasks}
    results: dict[str, list[Times]] = {}
    for turn in range(count + 1):
        for name, names in tasks.items():
            for task in names:
                times = processes[name].run(task)
                print(f"{turn}  {name:<10} {task:<17} {times}", flush=True)
                if turn:
                    results.setdefault(f"{name} {task}", []).append(times)
    for process in processes.values():
        process.close()
    return results


def peak_gflops(dtype: torch.dtype, side: int = 2048) -> float:
    """GFLOPS of the fastest of twelve square matrix products."""
    a, b = torch.randn(side, side, dtype=dtype), torch.randn(side, side, dtype=dtype)
    best = float("inf")
    for _ in range(12):
        started = time.perf_counter()
        _ = a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best / 1e9


def unet_gflop() -> float:
    """Billions of operations of one step with classifier-free guidance, counted by torch."""
    from diffusers import UNet2DConditionModel
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = UNet2DConditionModel(**random_models.UNET)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(2, 4, 64, 64), torch.tensor(1), torch.empty(2, 77, 768))
    return float(counter.get_total_flops()) / 1e9


class Seconds:
    """Repeated measurements of one duration; as text, the median and the range."""

    def __init__(self, values: list[float]) -> None:
        self.values = values
        self.median = statistics.median(values)

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        digits = 0 if self.median >= 20 else 2
        return f"{self.median:.{digits}f} s ({low:.{digits}f}–{high:.{digits}f})"


def picture_seconds(results: dict[str, list[Times]], *, full: bool) -> dict[str, Seconds]:
    """Seconds of whole pictures, by ``engine recipe``; extrapolated where only some steps ran."""
    seconds: dict[str, Seconds] = {}
    for key, rounds in results.items():
        task = key.split()[1]
        if task not in [str(recipe) for recipe in Recipe]:
            continue
        whole = full or task != "faithful"
        seconds[key] = Seconds(
            [t["total"] if whole else PNDM_UNET_CALLS * t["step"] + t["decode"] for t in rounds]
        )
    return seconds


def measure(count: int) -> dict[str, Any]:
    """Measure everything; plain data for JSON, with times by ``engine task``."""
    dtype = engines.native_dtype()
    peaks = {name: peak_gflops(getattr(torch, name)) for name in ("float32", dtype)}
    starts = {
        name: [run_in_new_process(name, "start")["wall"] for _ in range(2)]
        for name in ("baseline", "marsam")
    }
    tasks = ("caption", "translate", "folder", "caption_greedy", "translate_greedy")
    text = run_rounds({"baseline": ("caption", "translate"), "marsam": tasks}, 2 * count)
    painted = run_rounds(
        {"baseline": ("faithful",), "marsam": ("faithful", "balanced", "draft", "instant")}, count
    )
    peers: dict[str, list[Times]] = {}
    for peer, names in (
        ("diffusers", ("faithful",)),
        ("openvino", ("faithful",)),
        ("openvino", ("draft", "instant")),
        ("openvino-int8", ("draft", "instant")),
    ):
        # One peer at a time: three float32 engines would need more than 24 GB of memory.
        both = run_rounds({"marsam": names, peer: names}, max(1, count - 1))
        for key, times in both.items():
            peers.setdefault(key, []).extend(times)
    if find_spec("stable_diffusion_cpp"):
        # One of its steps takes as long as eight of ours, so it runs once, for three steps.
        peers["stable-diffusion.cpp faithful"] = [
            run_in_new_process("stable-diffusion.cpp", "faithful")
        ]
    overhead = run_rounds({"marsam": ("caption", "translate", "balanced", "preview", "save")}, 1)
    ours, baseline = (
        Image.open(random_models.CACHE / f"{name}.png") for name in ("faithful", "baseline")
    )
    return {
        "full": engines.STEPS is None,
        "peaks": peaks,
        "starts": starts,
        "text": text,
        "painted": painted,
        "peers": peers,
        "overhead": overhead,
        "psnr_db": psnr(ours, baseline),
    }


def main(count: int = 3) -> None:
    """Measure ``count`` rounds and write the report; with 0, from the last measurements."""
    cache = random_models.CACHE / "measured.json"
    if count:
        cache.write_text(json.dumps(measure(count)), encoding="utf-8")
    measured = json.loads(cache.read_text(encoding="utf-8"))
    markdown = report(
        peaks=measured["peaks"],
        starts={name: Seconds(times) for name, times in measured["starts"].items()},
        text={key: Seconds([t["total"] for t in ts]) for key, ts in measured["text"].items()},
        painted=picture_seconds(measured["painted"], full=measured["full"]),
        steps={
            key: min(t["step"] for t in times)
            for key, times in (measured["peers"] | measured["painted"]).items()
        },
        peers=picture_seconds(measured["peers"], full=measured["full"]),
        overhead=measured["overhead"],
        psnr_db=measured["psnr_db"],
        fuse=max(t.get("fuse", 0.0) for times in measured["painted"].values() for t in times),
        steps_timed=None if measured["full"] else engines.STEPS,
    )
    print(markdown)
    RESULTS[native_dtype(measured["peaks"])].write_text(markdown, encoding="utf-8")


def native_dtype(peaks: Mapping[str, float]) -> str:
    """The fastest dtype of the measured CPU, in which the engines ran."""
    return "bfloat16" if "bfloat16" in peaks else "float32"


def report(
    *,
    peaks: dict[str, float],
    starts: dict[str, Seconds],
    text: dict[str, Seconds],
    painted: dict[str, Seconds],
    peers: dict[str, Seconds],
    steps: dict[str, float],
    overhead: dict[str, list[Times]],
    psnr_db: float,
    fuse: float,
    steps_timed: int | None,
) -> str:
    """The report as Markdown: each metric with its target, then all times."""
    dtype = native_dtype(peaks)
    baseline_picture = painted["baseline faithful"].median
    baseline_text = text["baseline caption"].median + text["baseline translate"].median
    our_text = text["marsam caption"].median + text["marsam translate"].median
    balanced = painted["marsam balanced"].median
    preview = min(t["total"] for t in overhead["marsam preview"])
    save = min(t["total"] for t in overhead["marsam save"])
    extra = PREVIEWS_PER_PICTURE * preview + save
    overhead_percent = 100 * extra / (balanced + extra)
    peak_memory = max(t["peak"] for times in overhead.values() for t in times)
    resident = max(t["resident"] for times in overhead.values() for t in times)
    nllb = text["baseline translate"].median / text["marsam translate_greedy"].median
    ours_with_peers = peers["marsam faithful"].median
    targets = [
        *(
            (f"{recipe}, one picture", baseline_picture / found.median, target, "×")
            for recipe, target in TARGETS[dtype].items()
            if (found := painted.get(f"marsam {recipe}"))
        ),
        (f"faithful, PSNR to the fp32 picture ({steps_timed or 50} steps)", psnr_db, 30.0, " dB"),
        ("caption and Arabic translation, one picture", baseline_text / our_text, 2.5, "×"),
        (
            "the same, per picture of a folder",
            baseline_text / text["marsam folder"].median,
            2.5,
            "×",
        ),
        ("NLLB against bf16 baseline, both greedy", nllb, 2.0, "×"),
        (
            "first caption against the baseline's first output (one picture)",
            (baseline_text + baseline_picture) / text["marsam caption"].median,
            100.0,
            "×",
        ),
        ("command to first caption", starts["baseline"].median / starts["marsam"].median, 2.0, "×"),
        (
            f"faithful against plain diffusers in {dtype}",
            peers["diffusers faithful"].median / ours_with_peers,
            1.0,
            "×",
        ),
        *(
            (
                f"{recipe} against OpenVINO in {kind}",
                peers[f"{peer} {recipe}"].median / peers[f"marsam {recipe}"].median,
                1.0,
                "×",
            )
            for recipe in (Recipe.FAITHFUL, Recipe.DRAFT, Recipe.INSTANT)
            for peer, kind in (("openvino", dtype), ("openvino-int8", "int8"))
            if f"{peer} {recipe}" in peers
        ),
    ]
    if "stable-diffusion.cpp faithful" in peers:
        ratio = peers["stable-diffusion.cpp faithful"].median / ours_with_peers
        targets.append(("faithful against stable-diffusion.cpp in float16", ratio, 1.0, "×"))
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench`: full-size architectures with random weights. Speed does not",
        "depend on the values of weights; `make bench-recipes` measures quality, on the mini set.",
        "Pictures are 512×512. The baseline is the original notebook: BLIP and Stable Diffusion",
        "(50 PNDM steps) in fp32, NLLB in bf16. Times are medians, with the range in brackets.",
        "`balanced` and `draft` pictures are timed whole; `faithful` ones"
        + (f" for {steps_timed} steps, extrapolated to" if steps_timed else " as well, with"),
        f"{PNDM_UNET_CALLS} U-Net calls (PNDM makes one more than its 50 steps).",
        "stable-diffusion.cpp, if installed, is timed once, for three steps (or all). The share of",
        "the peak counts the operations of direct convolutions, so Winograd can exceed 100 %.",
        "",
        f"Machine: {processor_name()}, {torch.get_num_threads()} threads; "
        f"torch {torch.__version__}. Peak of a matrix product:",
        ", ".join(f"{peak:.0f} GFLOPS in {kind}" for kind, peak in peaks.items())
        + ("." if dtype == "bfloat16" else ". No native bfloat16."),
        "",
        "| metric | result | target | |",
        "|---|---|---|---|",
    ]
    for name, value, target, unit in targets:
        met = "met" if value >= target else "**missed**"
        lines.append(f"| {name} | {value:.1f}{unit} | ≥ {target:g}{unit} | {met} |")
    for name, value, target, unit in (
        ("previews and saving, share of a balanced picture", overhead_percent, 2.0, " %"),
        ("peak memory, standard set loaded and painting", peak_memory, 6.0, " GB"),
    ):
        met = "met" if value <= target else "**missed**"
        lines.append(f"| {name} | {value:.1f}{unit} | ≤ {target:g}{unit} | {met} |")
    gflop = unet_gflop()
    lines += [
        "",
        f"Resident memory after painting: {resident:.1f} GB. Fusing a LoRA into the weights, once",
        f"after another recipe was chosen: {fuse:.1f} s; the times of pictures leave it out.",
        "",
        "| engine | recipe | one picture | fastest step | share of peak |",
        "|---|---|---|---|---|",
    ]
    for key, seconds in (peers | painted).items():
        name, recipe = key.split()
        step = steps[key]
        kind = "float32" if name in ("baseline", "stable-diffusion.cpp") else dtype
        work = gflop / 2 if recipe in ("draft", "instant") else gflop
        share = 100 * work / step / peaks[kind]
        lines.append(f"| {name} | {recipe} | {seconds} | {step:.2f} s | {share:.0f} % of {kind} |")
    lines += ["", "| engine | task | time |", "|---|---|---|"]
    lines += [f"| {key.replace(' ', ' | ')} | {seconds} |" for key, seconds in text.items()]
    lines += [
        f"| {name} | command to first caption | {seconds} |" for name, seconds in starts.items()
    ]
    if dtype == "bfloat16":
        lines += ["", *_notes().splitlines()]
    else:
        lines += ["", "The optimisations, kept and dropped, are in [RESULTS.md](RESULTS.md)."]
    return "\n".join(lines) + "\n"


def _notes() -> str:
    return Path(__file__).with_name("NOTES.md").read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    torch.manual_seed(0)
    arguments = sys.argv[1:]
    if "--full" in arguments:
        arguments.remove("--full")
        os.environ[engines.STEPS_VARIABLE] = "0"
        engines.STEPS = None
    main(*map(int, arguments))
