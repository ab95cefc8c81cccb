"""A folder described by ``marsam batch`` and by a plain loop over the seed's way, side by side.

``python -m benchmarks.folder [PICTURES]`` (``make bench-folder``). Both use the bundled mini set on
the same pictures; the loop opens, describes and translates one after another, with each library's
defaults. Each is a process of its own, and they take turns; loading is not counted. Small models
say nothing about large ones: there, a processor gains less from doing several at once.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.folders import make_folder

ROUNDS = 3


def plain(folder: Path) -> float:
    """The loop; seconds without loading."""
    import torch
    from PIL import Image
    from transformers import (
        AutoTokenizer,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        M2M100ForConditionalGeneration,
    )

    from marsam.hub.catalog import MINI, bundled_folder

    blip, nllb = bundled_folder(MINI.captioner), bundled_folder(MINI.translator)
    images, words = BlipImageProcessorPil.from_pretrained(blip), AutoTokenizer.from_pretrained(blip)
    captioner = BlipForConditionalGeneration.from_pretrained(blip)
    tokens = AutoTokenizer.from_pretrained(nllb, src_lang="eng_Latn")
    translator = M2M100ForConditionalGeneration.from_pretrained(nllb)
    arabic = tokens.convert_tokens_to_ids("arb_Arab")
    started = time.perf_counter()
    with torch.inference_mode():
        for path in sorted(folder.rglob("*.png")):
            pixels = images(images=Image.open(path).convert("RGB"), return_tensors="pt")
            said = words.decode(captioner.generate(**pixels)[0], skip_special_tokens=True)
            there = translator.generate(
                **tokens(said, return_tensors="pt"), forced_bos_token_id=arabic
            )
            tokens.decode(there[0], skip_special_tokens=True)
    return time.perf_counter() - started


def ours(folder: Path) -> float:
    """The rows of a batch with nothing known before; seconds without loading."""
    from marsam import Studio, open_picture
    from marsam.batch.cache import Memory
    from marsam.batch.discovery import find
    from marsam.batch.engine import LocalEngine
    from marsam.batch.known import Known, models_of
    from marsam.batch.pipeline import Describer
    from marsam.options import BatchOptions, CaptionOptions, TranslateOptions

    studio = Studio.load("mini", device="cpu")
    picture = open_picture(next(folder.rglob("*.png")))
    (warm,) = studio.captioner.caption(picture, CaptionOptions())
    studio.translator.translate(warm.text, TranslateOptions())
    with tempfile.TemporaryDirectory() as home:
        known = Known(
            memory=Memory(Path(home) / "captions.db"),
            options=BatchOptions(),
            models=models_of(studio),
        )
        describer = Describer(
            engine=LocalEngine(studio=studio, known=known),
            known=known,
            painter=studio.painter,
            folder=folder,
            album=folder / "none",
        )
        started = time.perf_counter()
        rows = sum(not row.error for row in describer.rows(find(folder)))
        seconds = time.perf_counter() - started
    if rows != len(list(folder.rglob("*.png"))):
        raise RuntimeError("not every picture was described")
    return seconds


def main(pictures: int) -> None:
    """Take turns, and print seconds a picture and the ratio."""
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    with tempfile.TemporaryDirectory() as home:
        make_folder(Path(home), pictures)
        for _ in range(ROUNDS):
            for name, found in seconds.items():
                command = [sys.executable, "-W", "ignore", "-m", "benchmarks.folder", name, home]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found.append(json.loads(told) / pictures)
    best = {name: min(found) for name, found in seconds.items()}
    for name, found in seconds.items():
        print(f"{name}: {', '.join(f'{one * 1000:.0f}' for one in found)} ms a picture")
    print(
        f"marsam batch is {best['plain'] / best['ours']:.1f} times as fast ({os.cpu_count()} cores)"
    )


if __name__ == "__main__":
    kinds = {"plain": plain, "ours": ours}
    if sys.argv[1:] and sys.argv[1] in kinds:
        print(json.dumps(kinds[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 200)
