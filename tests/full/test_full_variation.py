"""A variation at the full size of the standard set, in a process of its own for its peak memory.

Weights are random, as in ``test_full_size.py``. As a server does, the process loads the captioner
and the translator first, and paints a picture from a text before the variation.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks import random_models
from PIL import Image

GOAL_GB = 6.0
"""Peak memory with the standard set loaded, also the goal of ``make bench``."""
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    os.environ.get("MARSAM_FULL") != "1",
    reason="builds gigabytes of models; run it with: make test-full",
)


def test_the_encoder_is_loaded_for_the_first_variation_within_the_memory(tmp_path: Path) -> None:
    for part in random_models.PARTS:
        random_models.folder(part)  # building takes memory of its own
    done = subprocess.run(
        [sys.executable, "-m", "tests.full.test_full_variation", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["text"]["encoder"] is False
    assert found["variation"]["encoder"] is True
    for name in ("text", "variation", "again"):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.size == (512, 512)
            # An overflow (NaN) would give an entirely black image.
            assert image.getcolors(maxcolors=1) is None
    pictures = {name: (tmp_path / f"{name}.png").read_bytes() for name in ("variation", "again")}
    assert pictures["variation"] == pictures["again"]
    assert found["variation"]["peak"] <= GOAL_GB


def main(folder: Path) -> None:
    """Paint a picture, a variation, and the same again; write what happened to a file."""
    from benchmarks.engines import PROMPT, SEED, Marsam, peak_memory, picture

    from marsam import Painted, PaintOptions
    from marsam.cpu.allocator import retain_freed_memory

    retain_freed_memory()  # as the marsam command does
    engine = Marsam()
    engine.caption()
    engine.translate()
    found = {}
    for name, strength in (("text", None), ("variation", 0.5), ("again", 0.5)):
        start = picture() if strength else None
        options = PaintOptions(pictures=1, seed=SEED, steps=4 if start else 2, strength=strength)
        started = time.perf_counter()
        for event in engine.painter.paint(PROMPT, options, start):
            if isinstance(event, Painted) and event.picture.image is not None:
                event.picture.image.save(folder / f"{name}.png")
        found[name] = {
            "seconds": round(time.perf_counter() - started, 1),
            "peak": round(peak_memory(), 2),
            "encoder": engine.painter._loaded[0].vae.encoder is not None,
        }
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
