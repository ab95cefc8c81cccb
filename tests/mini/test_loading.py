"""Model loading: concurrent loads, and the libraries each stage imports."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from marsam import CaptionOptions, PaintOptions, Studio, TranslateOptions

CODE = """
import sys
from PIL import Image
from marsam import CaptionOptions, Studio, TranslateOptions

studio = Studio.load("mini")
studio.captioner.caption(Image.effect_noise((64, 64), 80).convert("RGB"), CaptionOptions())
studio.translator.translate("two fish", TranslateOptions())
print("diffusers" in sys.modules)
"""
"""Captions and translates, then prints whether diffusers was imported."""


def test_three_stages_load_concurrently() -> None:
    for _ in range(3):
        studio = Studio.load("mini")
        with ThreadPoolExecutor(3) as pool:
            caption = pool.submit(
                studio.captioner.caption,
                Image.effect_noise((64, 64), 80).convert("RGB"),
                CaptionOptions(),
            )
            arabic = pool.submit(studio.translator.translate, "two fish", TranslateOptions())
            options = PaintOptions(pictures=1, seed=1, steps=1)
            painted = pool.submit(lambda: list(studio.painter.paint("a cat", options)))  # noqa: B023
            assert caption.result()[0].text
            assert arabic.result().text == "سمكتان"
            assert painted.result()


def test_captions_and_translations_do_not_import_diffusers() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_models_load_without_posix_fadvise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    studio = Studio.load("mini")
    assert studio.translator.translate("two fish", TranslateOptions()).text == "سمكتان"
