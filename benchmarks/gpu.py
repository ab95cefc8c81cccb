"""A GPU: checks with tiny models, and the time and memory of today's models at full size.

``python -m benchmarks.gpu`` (``make bench-gpu``) takes at most eight minutes and writes
``benchmarks/RESULTS-gpu.md`` after every line of it, so that nothing is lost when it is stopped.
What does not fit into the time or the memory is left out, and said. Weights are random and made on
the GPU: speed and memory only, nothing about quality.

``--tiny`` does the same with tiny models on any device, to test this script.
"""

import argparse
import gc
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks import gpu_models, random_families
from benchmarks.gpu_checks import checks
from PIL import Image

from marsam.device import Device, choose_device
from marsam.options import CaptionOptions, PaintOptions
from marsam.recipes import Recipe
from marsam.results import Painted
from marsam.stages.loading import silence
from marsam.stages.painter import DiffusionPainter

RESULTS = Path(__file__).parent / "RESULTS-gpu.md"
SECONDS = 480.0
"""The whole script, at most."""
PROMPT = "a cat on the blue background"
BEAMS, TOKENS, TINY_STEPS = 3, 30, 2
NO_TIME = "not run: no time was left"
DTYPES = {"cuda": ("bfloat16", "float16"), "mps": ("bfloat16", "float16"), "cpu": ("float32",)}


class TimeUp(BaseException):
    """The time of the script is over; a BaseException, as checks catch every other error."""


@dataclass
class Budget:
    """The time of the script."""

    seconds: float
    started: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.perf_counter() - self.started)

    def holds(self, seconds: float) -> bool:
        """Whether work that is expected to take so long still fits."""
        return seconds < self.left

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Raise TimeUp when the time is over."""

        def stop(*_: object) -> None:
            raise TimeUp

        earlier = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, max(self.left, 0.001))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, earlier)


@dataclass
class Report:
    """The page of results, written after every line."""

    file: Path
    lines: list[str] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        """Add lines, and write the page."""
        for line in lines:
            print(line, flush=True)
        self.lines += lines
        self.file.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class PainterTask:
    """A painter that is timed by recipe.

    Attributes:
        made: makes it in a folder, on a device.
        seconds: that it takes to make, at most.
    """

    name: str
    pipeline: str
    parts: Callable[[Any], Any]
    dtype: str
    side: int
    tiny: str
    seconds: float = 30

    def made(self, folder: Path, device: Device, *, is_tiny: bool) -> gpu_models.Made:
        """Make the networks on the device."""
        if is_tiny:
            return gpu_models.tiny_pipeline(folder, self.tiny, device.kind, device.torch_dtype)
        make = gpu_models.make_on(device.kind, device.torch_dtype)
        return gpu_models.pipeline(folder, self.pipeline, self.parts(make))


PAINTERS = (
    PainterTask(
        name="Stable Diffusion 1.5",
        pipeline="StableDiffusionPipeline",
        parts=gpu_models.stable_diffusion,
        dtype="float16",
        side=512,
        tiny="stable-diffusion",
    ),
    PainterTask(
        name="Stable Diffusion XL",
        pipeline="StableDiffusionXLPipeline",
        parts=random_families.sdxl,
        dtype="float16",
        side=1024,
        tiny="sdxl",
    ),
    PainterTask(
        name="FLUX.2-klein-4B",
        pipeline="Flux2KleinPipeline",
        parts=random_families.klein,
        dtype="bfloat16",
        side=1024,
        tiny="klein",
        seconds=60,
    ),
)
CAPTIONER = f"Qwen3.5-2B, a caption of {TOKENS} tokens, {BEAMS} beams"


def run(arguments: Sequence[str]) -> None:
    """Check and measure, and write the results."""
    parser = argparse.ArgumentParser(description="Check and measure a GPU.")
    parser.add_argument("--tiny", action="store_true", help="tiny models, on any device")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="at most, in total")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    silence("transformers", "diffusers")
    budget, report, device = Budget(given.seconds), Report(given.out), choose_device()
    where = torch.cuda.get_device_name() if device.kind == "cuda" else f"no GPU ({device.kind})"
    report.add(
        "# Full-size models on a GPU, with random weights",
        "",
        f"Written by `make bench-gpu`, which takes at most {SECONDS / 60:.0f} minutes. {where}, "
        f"torch {torch.__version__}.",
        "Random weights: speed and memory only, nothing about quality. Each figure is one run, "
        "after one of a step or a token.",
    )
    can_run = device.kind == "cuda" or given.tiny
    try:
        with budget.enforced(), tempfile.TemporaryDirectory() as folder:
            _check(report, budget, Path(folder), device, can_run=can_run)
            _measure(report, budget, Path(folder), device, can_run=can_run, is_tiny=given.tiny)
    except TimeUp:
        report.add("", f"Stopped after {given.seconds:.0f} seconds.")


def _check(report: Report, budget: Budget, folder: Path, device: Device, *, can_run: bool) -> None:
    dtypes = DTYPES[device.kind if can_run else "cuda"]
    report.add(
        "", f"| Check with tiny models | {' | '.join(dtypes)} |", "|---|" + "---|" * len(dtypes)
    )
    for name, check in checks(folder):
        cells = []
        for dtype in dtypes:
            if not can_run:
                cells.append("not run: no GPU")
            elif not budget.holds(20):
                cells.append(NO_TIME)
            else:
                one = Device(kind=device.kind, dtype=dtype, reason="to be checked")
                cells.append(_outcome(partial(check, one)))
        report.add(f"| {name} | {' | '.join(cells)} |")
        _free()


def _outcome(work: Callable[[], object]) -> str:
    try:
        work()
    except Exception as error:  # whatever a device does
        return f"FAILED: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return "ok"


def _measure(
    report: Report, budget: Budget, folder: Path, device: Device, *, can_run: bool, is_tiny: bool
) -> None:
    report.add("", "| Model and work | By | Seconds | Peak memory |", "|---|---|---|---|")
    for task in PAINTERS:
        if not can_run or not budget.holds(task.seconds):
            why = NO_TIME if can_run else "not run: no GPU"
            report.add(f"| {task.name}, {task.side}x{task.side} | both | {why} | |")
            continue
        one = Device(kind=device.kind, dtype=task.dtype, reason="to be measured")
        if is_tiny:
            one = Device(kind=device.kind, dtype="float32", reason="to be measured")
        try:
            _measure_painter(report, budget, task, folder / task.pipeline, one, is_tiny=is_tiny)
        except (torch.OutOfMemoryError, MemoryError):
            report.add(f"| {task.name} | both | not run: too little memory | |")
        _free()
    if not can_run or not budget.holds(30):
        report.add(f"| {CAPTIONER} | both | {NO_TIME if can_run else 'not run: no GPU'} | |")
        return
    dtype = "float32" if is_tiny else "bfloat16"
    _measure_captioner(
        report, folder / "captioner", Device(kind=device.kind, dtype=dtype, reason=""), is_tiny
    )


def _measure_painter(
    report: Report,
    budget: Budget,
    task: PainterTask,
    folder: Path,
    device: Device,
    *,
    is_tiny: bool,
) -> None:
    made = task.made(folder, device, is_tiny=is_tiny)
    side = 64 if is_tiny else task.side
    with made.loading():
        plain = made.kind.from_pretrained(folder, dtype=device.torch_dtype).to(device.kind)
        plain.set_progress_bar_config(disable=True)
        # Marsam leaves out what only variations need, so the other is loaded first.
        painter = DiffusionPainter(folder, device=device)
    work = f"{task.name}, {side}x{side}"
    per_pass = 0.0

    def by_diffusers(recipe: Recipe, steps: int) -> None:
        plain(
            prompt=_prompt(recipe, steps),
            width=side,
            height=side,
            num_inference_steps=steps,
            guidance_scale=painter.sampling(recipe).guidance_scale,
            generator=torch.Generator("cpu").manual_seed(1),
        )

    def by_marsam(recipe: Recipe, steps: int) -> None:
        with made.loading():
            _paint(painter, steps, side, recipe)

    for recipe in painter.recipes:
        sampling = painter.sampling(recipe)
        steps = min(sampling.steps, TINY_STEPS) if is_tiny else sampling.steps
        passes = sampling.forward_passes(steps)
        title = f"{work}, {recipe}: {steps} steps, {passes} passes"
        if not budget.holds(2.5 * per_pass * passes):
            report.add(f"| {title} | both | {NO_TIME} | |")
            continue
        for engine, paint in (("diffusers", by_diffusers), ("Marsam", by_marsam)):
            paint(recipe, 1)
            seconds, memory = _timed(partial(paint, recipe, steps), device)
            per_pass = max(per_pass, seconds / passes)
            report.add(f"| {title} | {engine} | {seconds:.2f} | {memory} |")
    if device.kind == "cuda":
        _measure_offloaded(report, budget, made, work, side, device)


def _measure_offloaded(
    report: Report, budget: Budget, made: gpu_models.Made, work: str, side: int, device: Device
) -> None:
    """The same networks on a GPU that has too little memory for all of them, or even for one."""
    sizes = [sum(p.nbytes for p in network.parameters()) for network in made.networks.values()]
    whole, offloaded = DiffusionPainter(made.folder, device=device), 0.0
    with made.loading():
        expected = _paint(whole, 4, side, Recipe.DRAFT)
    for limit, how in ((0.9 * sum(sizes), "one network at a time"), (0.9 * max(sizes), "by layer")):
        title = f"{work}, 4 steps, offloaded, {how}"
        if not budget.holds(30 + offloaded):
            report.add(f"| {title} | Marsam | {NO_TIME} | |")
            continue
        painter = DiffusionPainter(made.folder, device=device)
        with made.loading(free_bytes=limit / 0.8):
            _paint(painter, 1, side, Recipe.DRAFT)
        paint = partial(_paint, painter, 4, side, Recipe.DRAFT)
        offloaded, memory = _timed(paint, device)
        same = "the same picture" if _difference(paint(), expected) <= 3 else "ANOTHER PICTURE"
        report.add(f"| {title}: {same} | Marsam | {offloaded:.2f} | {memory} |")


def _difference(one: Image.Image, other: Image.Image) -> int:
    import numpy as np

    return int(abs(np.asarray(one, int) - np.asarray(other, int)).max())


def _paint(painter: DiffusionPainter, steps: int, side: int, recipe: Recipe) -> Image.Image:
    options = PaintOptions(pictures=1, seed=1, width=side, height=side, steps=steps, recipe=recipe)
    *_, last = painter.paint(_prompt(recipe, steps), options)
    assert isinstance(last, Painted)
    assert last.picture.image is not None
    return last.picture.image


def _prompt(recipe: Recipe, steps: int) -> str:
    """A prompt that was not encoded before: Marsam keeps the last ones."""
    return f"{PROMPT}, {recipe} {steps}"


def _measure_captioner(report: Report, folder: Path, device: Device, is_tiny: bool) -> None:
    from marsam.stages.language_model import LanguageModel
    from marsam.stages.vision_language import VisionLanguageCaptioner

    made = (
        gpu_models.tiny_captioner(folder)
        if is_tiny
        else gpu_models.captioner(folder, device.kind, device.torch_dtype)
    )
    captioner = VisionLanguageCaptioner(LanguageModel(made.folder, device=device))
    with made.loading():
        plain = made.kind.from_pretrained(made.folder, dtype=device.torch_dtype).to(device.kind)
        assert captioner.model._model
    processor, config = captioner._reader
    images = [Image.effect_noise((768, 768), sigma).convert("RGB") for sigma in (50, 90)]

    def by_transformers(image: Image.Image, tokens: int) -> None:
        seen = processor(images=[image], return_tensors="pt", **captioner.family.bound(processor))
        places = captioner.family.places(config, processor, seen)
        prompt = captioner._prompt(CaptionOptions(), config, places)
        ids = torch.tensor([captioner.model.token_ids(prompt)]).to(device.kind)
        inputs = {n: captioner._on_device(seen[n]) for n in captioner.family.inputs if n in seen}
        inputs[captioner.family.token_types] = (ids == config.image_token_id).int()
        plain.generate(ids, **inputs, num_beams=BEAMS, min_new_tokens=tokens, max_new_tokens=tokens)

    def by_marsam(image: Image.Image, tokens: int) -> None:
        options = CaptionOptions(beams=BEAMS, min_tokens=tokens, max_tokens=tokens)
        captioner.caption(image, options)

    for engine, work in (("transformers", by_transformers), ("Marsam", by_marsam)):
        work(images[0], 1)
        seconds, memory = _timed(partial(work, images[1], TOKENS), device)
        report.add(f"| {CAPTIONER} | {engine} | {seconds:.2f} | {memory} |")
    seconds, memory = _timed(partial(by_marsam, images[1], TOKENS), device)
    report.add(
        f"| the same, asked again about the same image | Marsam | {seconds:.2f} | {memory} |"
    )


def _timed(work: Callable[[], object], device: Device) -> tuple[float, str]:
    """Return the seconds of work that ends on the CPU, and the peak of the GPU's memory."""
    is_cuda = device.kind == "cuda"
    if is_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    work()
    if is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    return seconds, f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if is_cuda else "–"


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


if __name__ == "__main__":
    import sys

    run(sys.argv[1:])
