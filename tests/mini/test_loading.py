"""Model loading: concurrent loads, and the libraries each stage imports."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from marsam import CaptionOptions, PaintOptions, Studio, TranslateOptions
from marsam.errors import ModelDamaged
from marsam.hub.catalog import MINI, bundled_folder

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


def _copy(stage: str, folder: Path) -> Path:
    """A copy of a bundled model that a test may change."""
    model = next(one for one in MINI.models if one.stage == stage)
    return Path(shutil.copytree(bundled_folder(model), folder / stage))


@pytest.mark.parametrize("stage", ["captioner", "translator", "painter"])
def test_code_of_a_tokenizer_is_never_executed(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transformers would ask on the terminal, and run the code after a "y"."""
    folder = _copy(stage, tmp_path)
    tokenizer = folder / "tokenizer" if stage == "painter" else folder
    (tokenizer / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'executed')!r}).touch()\n"
        "class Evil: pass\n"
    )
    file = tokenizer / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config |= {"auto_map": {"AutoTokenizer": ["evil.Evil", None]}, "tokenizer_class": "Evil"}
    file.write_text(json.dumps(config))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 10))
    studio = Studio.load("mini", **{stage: folder})  # type: ignore[arg-type]
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    use: dict[str, Callable[[], object]] = {
        "captioner": lambda: studio.captioner.caption(image, CaptionOptions()),
        "translator": lambda: studio.translator.translate("two fish", TranslateOptions()),
        "painter": lambda: studio.painter.measure("a cat"),
    }
    with suppress(ModelDamaged):  # or loaded without the code
        use[stage]()
    assert not (tmp_path / "executed").exists()


def test_weights_with_code_are_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = _copy("translator", tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"weights": Path("a class that is no tensor")}, folder / "pytorch_model.bin")
    studio = Studio.load("mini", translator=str(folder))
    with pytest.raises(ModelDamaged):
        studio.translator.translate("two fish", TranslateOptions())


def test_weights_outside_of_the_folder_are_not_loaded(tmp_path: Path) -> None:
    folder = _copy("translator", tmp_path)
    (folder / "model.safetensors").rename(tmp_path / "outside.safetensors")
    names = load_file(tmp_path / "outside.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "../outside.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    studio = Studio.load("mini", translator=str(folder))
    with pytest.raises(ModelDamaged, match="incomplete"):
        studio.translator.translate("two fish", TranslateOptions())
