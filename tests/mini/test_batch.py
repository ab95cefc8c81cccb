"""Batches with the bundled models, killed and resumed; ``make stress``: 2,000 images."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from marsam import CaptionOptions, Studio, TranslateOptions, open_picture
from marsam.batch.tables import read_rows
from marsam.text.glossary import Glossary, Term
from tests.helpers.folders import make_folder

STRESS = bool(os.environ.get("MARSAM_STRESS"))
PICTURES, KILLS = (2000, 5) if STRESS else (40, 2)


def test_captions_do_not_depend_on_the_batch(studio: Studio, tmp_path: Path) -> None:
    pictures = [open_picture(path) for path in make_folder(tmp_path, 10)]
    pictures += [Image.new("RGB", (30, 200), "red"), Image.new("RGB", (700, 40), "white")]
    for options in (
        CaptionOptions(),
        CaptionOptions(candidates=3),
        CaptionOptions(prefix="a picture of", beams=1),
        CaptionOptions(sampling=True, seed=3),
    ):
        alone = [studio.captioner.caption(picture, options) for picture in pictures]
        together = studio.captioner.caption_many(pictures, options)
        assert [[c.text for c in one] for one in together] == [
            [c.text for c in one] for one in alone
        ]
        scores = [
            (a.score, b.score)
            for one, other in zip(alone, together, strict=True)
            for a, b in zip(one, other, strict=True)
        ]
        assert all(a == pytest.approx(b, abs=1e-3) for a, b in scores)


def test_translations_do_not_depend_on_the_batch(studio: Studio) -> None:
    texts = [
        "a cat on a blue background",
        "two lemons and an airplane",
        "a dog",
        "A CAT ON A RED BACKGROUND. a whale.",
        "three lions on a white background",
        "nothing that is known here: xyzzy",
    ]
    for options in (
        TranslateOptions(),
        TranslateOptions(beams=1, back=True),
        TranslateOptions(glossary=Glossary((Term("cat", "هرّة"),))),
    ):
        alone = [studio.translator.translate(text, options) for text in texts]
        assert studio.translator.translate_many(texts, options) == alone


def test_a_batch_killed_several_times_writes_the_same_table(tmp_path: Path) -> None:
    """``kill -9`` at any moment; the same command resumes, and writes the same file."""
    make_folder(tmp_path / "photos", PICTURES, bad=0.05)
    assert _begin(tmp_path, "uninterrupted").wait() == 1  # some of the files are invalid
    rng = random.Random(1)
    for read in sorted(rng.sample(range(1, round(0.9 * PICTURES)), KILLS)):
        process = _begin(tmp_path, "killed")
        while _read(tmp_path / "killed") < read:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "killed.csv").exists()
    assert _begin(tmp_path, "killed").wait() == 1
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "uninterrupted.csv").read_bytes()
    rows = list(read_rows(tmp_path / "killed.csv"))
    assert len(rows) == PICTURES
    assert sum(bool(row.error) for row in rows) == round(0.05 * PICTURES)
    assert not list(tmp_path.glob(".*partial"))


def _begin(folder: Path, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "marsam.cli", "batch", "photos", "--out", f"{name}.csv"]
    return subprocess.Popen(
        [*command, "--models", "mini"],
        cwd=folder,
        env=os.environ | {"MARSAM_DATA": str(folder / name)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _read(data: Path) -> int:
    """How many files are in the cache: captioned, or about to be."""
    if not (data / "captions.db").exists():
        return 0
    with closing(sqlite3.connect(data / "captions.db", timeout=30)) as database:
        try:
            return int(database.execute("SELECT count(*) FROM files").fetchone()[0])
        except sqlite3.OperationalError:  # the tables do not exist yet
            return 0
