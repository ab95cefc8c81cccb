"""Today's models at full size with random weights: Marsam and the plain libraries, side by side.

``python -m benchmarks.families [NAME ...]`` (``make bench-families``) runs each in a new process,
which loads the model, does its work twice (once, if that took over two minutes), and reports
seconds and the peak of memory. It writes ``benchmarks/RESULTS-families.md``, or
``RESULTS-families-float32.md`` on a CPU without native bfloat16. The machine should be otherwise
idle.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from benchmarks import random_models
from benchmarks.processor import processor_name
from benchmarks.random_families import BUILDERS
from PIL import Image

from marsam.device import choose_device
from marsam.options import PaintOptions
from marsam.recipes import Recipe

HERE = Path(__file__).parent
RESULTS = {
    "bfloat16": HERE / "RESULTS-families.md",
    "float32": HERE / "RESULTS-families-float32.md",
}
LONG = 120.0
"""Seconds of work after which it is not done a second time."""
PROMPT = "a cat on the blue background"
BEAMS = 3
SENTENCE = torch.tensor([[3, *range(100, 112), 1]])
"""Token IDs of a sentence of twelve pieces."""
SHARE_OF_MEMORY = 0.95
"""Of the memory that is free at first, what an engine may take."""
COLUMNS: Mapping[str, str] = {
    "load": "s",
    "first": "s",
    "second": "s",
    "gigabytes": "GB",
    "anonymous": "GB",
}
"""The figures of a row, with their units."""
Work = Callable[[], object]
Times = dict[str, float]


def painter_by_marsam(
    folder: Path, *, side: int, steps: int, guidance: float | None = None
) -> Work:
    """A picture by Marsam's painter, after it was loaded."""
    from marsam.stages.painter import DiffusionPainter

    painter = DiffusionPainter(folder, device=choose_device())
    assert painter._loaded
    options = PaintOptions(
        pictures=1,
        seed=1,
        width=side,
        height=side,
        steps=steps,
        guidance_scale=guidance,
        recipe=Recipe.FAITHFUL,
    )
    return lambda: list(painter.paint(PROMPT, options))


def painter_by_diffusers(
    folder: Path, *, side: int, steps: int, guidance: float | None = None
) -> Work:
    """The same picture by the pipeline of diffusers, as its documentation says."""
    import diffusers

    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, dtype=choose_device().torch_dtype)
    pipe.set_progress_bar_config(disable=True)
    options: dict[str, Any] = {"width": side, "height": side, "num_inference_steps": steps}
    if guidance is not None:
        options["guidance_scale"] = guidance
    return lambda: pipe(PROMPT, generator=torch.Generator().manual_seed(1), **options)


def captioner_by_marsam(folder: Path, *, tokens: int) -> Work:
    """A caption of so many tokens by Marsam's captioner."""
    from marsam.options import CaptionOptions

    captioner = _captioner(folder)
    assert captioner.model._model
    options = CaptionOptions(beams=BEAMS, min_tokens=tokens, max_tokens=tokens)
    return lambda: captioner.caption(picture(), options)


def captioner_by_transformers(folder: Path, *, tokens: int) -> Work:
    """The same by transformers; the prompt and the pixels are Marsam's."""
    import transformers

    from marsam.options import CaptionOptions

    captioner = _captioner(folder)
    processor, config = captioner._reader
    seen = processor(images=[picture()], return_tensors="pt", **captioner.family.bound(processor))
    places = captioner.family.places(config, processor, seen)
    prompt = captioner._prompt(CaptionOptions(), config, places)
    ids = torch.tensor([captioner.model.token_ids(prompt)])
    inputs = {name: seen[name] for name in captioner.family.inputs if name in seen}
    if captioner.family.token_types:
        inputs[captioner.family.token_types] = (ids == config.image_token_id).int()
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        folder, dtype=choose_device().torch_dtype
    )
    inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
    return lambda: model.generate(
        ids, **inputs, num_beams=BEAMS, min_new_tokens=tokens, max_new_tokens=tokens
    )


def _captioner(folder: Path) -> Any:
    from marsam.stages.language_model import LanguageModel
    from marsam.stages.vision_language import VisionLanguageCaptioner

    return VisionLanguageCaptioner(LanguageModel(folder, device=choose_device()))


def picture() -> Image.Image:
    """A picture of the size that captioners get."""
    return Image.effect_noise((768, 768), 90).convert("RGB")


def translator_by_marsam(folder: Path, *, tokens: int) -> Work:
    """A translation of so many tokens by Marsam's model."""
    from marsam.stages.seq2seq_model import Seq2SeqModel
    from marsam.text.languages import ARABIC

    model = Seq2SeqModel(folder, device=choose_device())
    network, _ = model._loaded
    network.generation_config.eos_token_id = None  # random weights end anywhere
    vocabulary = model._vocabulary(ARABIC)
    return lambda: vocabulary.generate(
        network, input_ids=SENTENCE, num_beams=BEAMS, max_new_tokens=tokens
    )


def translator_by_transformers(folder: Path, *, tokens: int) -> Work:
    """The same by transformers."""
    import transformers

    dtype = choose_device().torch_dtype
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=dtype)
    network.generation_config.eos_token_id = None
    return lambda: network.generate(SENTENCE, num_beams=BEAMS, max_new_tokens=tokens)


TASKS: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Callable[..., Work]]]] = {
    "sdxl": (
        "Stable Diffusion XL, 1024x1024, 4 steps without guidance",
        {"side": 1024, "steps": 4, "guidance": 1.0},
        {"Marsam": painter_by_marsam, "diffusers": painter_by_diffusers},
    ),
    "flux2-klein-4b": (
        "FLUX.2-klein-4B, 512x512, 4 steps",
        {"side": 512, "steps": 4},
        {"Marsam": painter_by_marsam, "diffusers": painter_by_diffusers},
    ),
    "qwen3.5-2b": (
        "Qwen3.5-2B, a caption of 30 tokens, 3 beams",
        {"tokens": 30},
        {"Marsam": captioner_by_marsam, "transformers": captioner_by_transformers},
    ),
    "madlad-3b": (
        "MADLAD-400-3B, a translation of 20 tokens, 3 beams",
        {"tokens": 20},
        {"Marsam": translator_by_marsam, "transformers": translator_by_transformers},
    ),
}
"""What is done, with which arguments, and by whom."""


def measure(name: str, engine: str) -> Times:
    """Load a model and do its work twice, in this process."""
    _, arguments, engines = TASKS[name]
    folder = random_models.folder(name, BUILDERS[name])
    started = time.perf_counter()
    work = engines[engine](folder, **arguments)
    times = {"load": time.perf_counter() - started}
    for turn in ("first", "second"):
        if times.get("first", 0) < LONG:
            started = time.perf_counter()
            work()
            times[turn] = time.perf_counter() - started
    times["gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    times["anonymous"] = _anonymous_gigabytes()
    return times


def _anonymous_gigabytes(process: str = "self") -> float:
    """Memory that is not a view of the files of weights, which the system can drop."""
    return _kilobytes(f"/proc/{process}/status", "RssAnon") * 1024 / 1e9


def _kilobytes(file: str, field: str) -> int:
    """A field of one of the system's files about memory; 0 if it has none."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return int(next((line.split()[1] for line in lines if line.startswith(field)), 0))


def measure_in_new_process(name: str, engine: str) -> Times:
    """Run :func:`measure` in a process of its own, which is stopped before the system must swap.

    An empty result says that the memory did not suffice.
    """
    available = _kilobytes("/proc/meminfo", "MemAvailable") * 1024 / 1e9
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.families", "--measure"]
    with subprocess.Popen([*command, name, engine], stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            if _anonymous_gigabytes(str(process.pid)) > SHARE_OF_MEMORY * available:
                process.kill()
                return {}
            time.sleep(0.2)
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    times: Times = json.loads(lines[-1])
    return times


def report(names: list[str]) -> str:
    """Measure the models, and return the table."""
    lines = [
        "# Today's models at full size, with random weights",
        "",
        f"{processor_name()}, {torch.get_num_threads()} threads, {choose_device().dtype}, torch "
        f"{torch.__version__}. Random weights: speed and memory only, nothing about quality.",
        "Peak memory includes weights that are mapped from their files, which the system can drop.",
        "",
        "| Model and work | By | Load | First | Second | Peak memory | Without mapped files |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        title, _, engines = TASKS[name]
        random_models.folder(name, BUILDERS[name])
        for engine in engines:
            found = measure_in_new_process(name, engine)
            cells = [
                f"{found[name]:.1f} {unit}" if name in found else "–"
                for name, unit in COLUMNS.items()
            ]
            if not found:
                cells[0] = "does not fit into the memory"
            lines.append(" | ".join(["", title, engine, *cells, ""]).strip())
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        table = report(sys.argv[1:] or list(TASKS))
        RESULTS[choose_device().dtype].write_text(table, encoding="utf-8")
