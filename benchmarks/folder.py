"""Compare ``marsam batch`` with a plain loop over the baseline, on a folder of pictures.

``python -m benchmarks.folder [PICTURES]`` (``make bench-folder``). Both use the bundled mini set on
the same pictures; the loop opens, captions and translates them one by one, with the libraries'
defaults. Each runs in its own process, in turn; loading is not counted. The ratio does not carry
over to large models, which gain less from batching on a CPU.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.folders import make_folder

ROUNDS = 3


def baseline(folder: Path) -> float:
    """Run the loop; returns seconds without loading."""
    import torch
    from PIL import Image
    from transformers import (
        AutoTokenizer,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        M2M100ForConditionalGeneration,
    )

    from marsam.hub.catalog import MINI, bundled_folder

    blip, nllb = bundled_folder(MINI.captioner), bundled_folder(MINI.translators[0])
    image_processor = BlipImageProcessorPil.from_pretrained(blip)
    caption_tokenizer = AutoTokenizer.from_pretrained(blip)
    captioner = BlipForConditionalGeneration.from_pretrained(blip)
    tokenizer = AutoTokenizer.from_pretrained(nllb, src_lang="eng_Latn")
    translator = M2M100ForConditionalGeneration.from_pretrained(nllb)
    arabic = tokenizer.convert_tokens_to_ids("arb_Arab")
    started = time.perf_counter()
    with torch.inference_mode():
        for path in sorted(folder.rglob("*.png")):
            pixels = image_processor(images=Image.open(path).convert("RGB"), return_tensors="pt")
            output = captioner.generate(**pixels)[0]
            caption = caption_tokenizer.decode(output, skip_special_tokens=True)
            translation = translator.generate(
                **tokenizer(caption, return_tensors="pt"), forced_bos_token_id=arabic
            )
            tokenizer.decode(translation[0], skip_special_tokens=True)
    return time.perf_counter() - started


def marsam_batch(folder: Path) -> float:
    """Run a batch with an empty cache; returns seconds without loading."""
    from marsam import Studio, open_picture
    from marsam.batch.cache import BatchContext, ResultCache, models_of
    from marsam.batch.discovery import find_images
    from marsam.batch.engine import LocalEngine
    from marsam.batch.pipeline import BatchPipeline
    from marsam.options import BatchOptions, CaptionOptions, TranslateOptions

    studio = Studio.load("mini", device="cpu")
    picture = open_picture(next(folder.rglob("*.png")))
    (warm_up,) = studio.captioner.caption(picture, CaptionOptions())
    studio.translator.translate(warm_up.text, TranslateOptions())
    with tempfile.TemporaryDirectory() as home:
        context = BatchContext(
            cache=ResultCache(Path(home) / "captions.db"),
            options=BatchOptions(),
            models=models_of(studio),
        )
        pipeline = BatchPipeline(
            engine=LocalEngine(studio=studio, context=context),
            context=context,
            painter=studio.painter,
            folder=folder,
            pictures_folder=folder / "none",
        )
        started = time.perf_counter()
        rows = sum(not row.error for row in pipeline.rows(find_images(folder)))
        seconds = time.perf_counter() - started
    if rows != len(list(folder.rglob("*.png"))):
        raise RuntimeError("not every picture was captioned")
    return seconds


def main(pictures: int) -> None:
    """Run both in turn; print the milliseconds per picture and the ratio."""
    seconds: dict[str, list[float]] = {"baseline": [], "marsam": []}
    with tempfile.TemporaryDirectory() as home:
        make_folder(Path(home), pictures)
        for _ in range(ROUNDS):
            for name, times in seconds.items():
                command = [sys.executable, "-W", "ignore", "-m", "benchmarks.folder", name, home]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                times.append(json.loads(output) / pictures)
    best = {name: min(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        print(f"{name}: {', '.join(f'{t * 1000:.0f}' for t in times)} ms per picture")
    ratio = best["baseline"] / best["marsam"]
    print(f"marsam batch is {ratio:.1f} times as fast ({os.cpu_count()} cores)")


if __name__ == "__main__":
    methods = {"baseline": baseline, "marsam": marsam_batch}
    if sys.argv[1:] and sys.argv[1] in methods:
        print(json.dumps(methods[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 200)
