"""A LoRA of the user: with every family that can load one, on tiny random models."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from marsam import (
    ModelDamaged,
    ModelMissing,
    ModelUnsupported,
    OptionError,
    PaintOptions,
    Recipe,
    Studio,
)
from marsam.cluster import Plan
from marsam.cluster.connect import require_models
from marsam.device import Device
from marsam.hub.lora import find_lora
from marsam.hub.selection import OtherModels
from marsam.imaging.metadata import read_record
from marsam.results import Painted, Picture
from marsam.stages.painter import DiffusionPainter
from tests.helpers.commands import marsam
from tests.helpers.tiny_painters import build, build_lora

SIDE = 64
FAMILIES = (
    *("stable-diffusion", "sdxl", "sd3", "flux-dev", "klein", "z-image", "lumina2", "sana"),
    *("qwen-image", "chroma"),
)
Painters = Callable[[str], Path]


@pytest.fixture(scope="module")
def painters(tmp_path_factory: pytest.TempPathFactory) -> Painters:
    """Returns the folder of a tiny painter; beside it lies its LoRA."""
    root = tmp_path_factory.mktemp("painters")

    def painter(name: str) -> Path:
        if not (root / name).is_dir():
            build(name, root)
            build_lora(root / name, root / f"{name}.safetensors")
        return root / name

    return painter


def loaded(folder: Path, lora: str | None, dtype: str = "float32") -> DiffusionPainter:
    device = Device(kind="cpu", dtype=dtype, reason="for a test")
    return DiffusionPainter(folder, device=device, lora=find_lora(lora) if lora else None)


def paint(painter: DiffusionPainter, recipe: Recipe = Recipe.BALANCED) -> Picture:
    options = PaintOptions(pictures=1, seed=3, width=SIDE, height=SIDE, steps=2, recipe=recipe)
    *_, last = painter.paint("a cat", options)
    assert isinstance(last, Painted)
    return last.picture


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_lora_changes_the_pictures_of_every_family(
    name: str, dtype: str, painters: Painters
) -> None:
    folder = painters(name)
    lora = f"{folder}.safetensors"
    plain = paint(loaded(folder, None, dtype))
    changed = paint(loaded(folder, lora, dtype))
    half = paint(loaded(folder, f"{lora}:0.5", dtype))
    off = paint(loaded(folder, f"{lora}:0", dtype))
    assert (plain.adapter, changed.adapter, half.adapter) == ("", name, f"{name}:0.5")
    assert np.abs(pixels(plain) - pixels(changed)).max() > 2
    assert not np.array_equal(pixels(half), pixels(changed))
    assert np.array_equal(pixels(off), pixels(plain))
    assert np.array_equal(pixels(paint(loaded(folder, lora, dtype))), pixels(changed))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("stable-diffusion", "text_encoder"),
        ("sdxl", "text_encoder_2"),
        ("sd3", "text_encoder"),
        ("flux-dev", "text_encoder"),
    ],
)
def test_a_lora_of_a_text_encoder_is_used(
    name: str, part: str, painters: Painters, tmp_path: Path
) -> None:
    folder = painters(name)
    lora = build_lora(folder, tmp_path / "words.safetensors", part=part)
    plain, changed = (paint(loaded(folder, one)) for one in (None, str(lora)))
    assert not np.array_equal(pixels(plain), pixels(changed))


def test_every_recipe_uses_the_lora(painters: Painters) -> None:
    folder = painters("stable-diffusion")
    painter = loaded(folder, f"{folder}.safetensors")
    for recipe in painter.recipes:
        assert painter.sampling(recipe).adapter == "stable-diffusion"
        assert paint(painter, recipe).adapter == "stable-diffusion"


def test_what_does_not_fit_is_refused_in_one_sentence(painters: Painters, tmp_path: Path) -> None:
    klein = painters("klein")
    own = load_file(f"{klein}.safetensors")
    wider = {name: torch.cat([weight, weight], -1) for name, weight in own.items()}
    deeper = {name.replace(".0.", f".{n}."): own[name].clone() for name in own for n in range(4)}
    save_file(wider, tmp_path / "wider.safetensors")
    save_file(deeper, tmp_path / "deeper.safetensors")
    for lora in (
        painters("sdxl").with_suffix(".safetensors"),
        tmp_path / "wider.safetensors",
        tmp_path / "deeper.safetensors",
    ):
        for scale in ("", ":0"):
            sentence = f"LoRA {lora.stem}{scale} does not fit the painter klein; it was made for"
            with pytest.raises(ModelUnsupported, match=sentence):
                paint(loaded(klein, f"{lora}{scale}"))
    other, cut = tmp_path / "other.safetensors", tmp_path / "cut.safetensors"
    save_file({"transformer.proj.weight": torch.zeros(2, 2)}, other)
    with pytest.raises(ModelUnsupported, match=r"other.safetensors holds no LoRA that Marsam"):
        paint(loaded(klein, str(other)))
    cut.write_bytes(klein.with_suffix(".safetensors").read_bytes()[:-10])
    with pytest.raises(ModelDamaged, match="The LoRA cut is damaged"):
        paint(loaded(klein, str(cut)))
    with pytest.raises(ModelUnsupported, match="family PixArtSigma cannot use a LoRA; leave klein"):
        paint(loaded(painters("pixart-sigma"), f"{klein}.safetensors"))


def test_a_lora_is_found_as_a_file_or_in_a_folder(tmp_path: Path) -> None:
    file, folder = tmp_path / "pixel-art.safetensors", tmp_path / "my-style"
    folder.mkdir()
    for path in (file, folder / "any-name.safetensors"):
        path.write_bytes(b"weights")
    assert find_lora(str(file)) == (file, "pixel-art", 1.0)
    assert find_lora(f"{file}:-0.8") == (file, "pixel-art:-0.8", -0.8)
    assert find_lora(f"{folder}:1.0") == (folder / "any-name.safetensors", "my-style", 1.0)
    shutil.copy(file, folder)
    with pytest.raises(ModelUnsupported, match="several LoRAs .*any-name.*name one of these"):
        find_lora(str(folder))
    (tmp_path / "old.pt").write_bytes(b"pickle")
    with pytest.raises(ModelUnsupported, match=r"old.pt is no safetensors file"):
        find_lora(str(tmp_path / "old.pt"))
    with pytest.raises(ModelMissing, match=r"gone.safetensors is not on this machine"):
        find_lora(str(tmp_path / "gone.safetensors:0.5"))
    with pytest.raises(ModelMissing, match="marsam models pull me/style"):
        find_lora("me/style:0.5")


def test_the_commands_use_record_and_repeat_it(
    painters: Painters, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = painters("klein")
    lora = f"{folder}.safetensors:0.5"
    models = ("--painter", str(folder), "--lora", lora)
    options = ("-n", "1", "--seed", "5", "--steps", "1", "--size", f"{SIDE}x{SIDE}", "--no-check")
    out = tmp_path / "out"
    assert marsam("paint", "a cat", *options, "--models", "mini", *models, "--out", str(out)) == 0
    first = out / "marsam-5.png"
    record = read_record(first)
    assert record is not None
    assert record.adapter == "klein:0.5"
    capsys.readouterr()
    assert marsam("show", str(first)) == 0
    assert 'LoRA: "klein:0.5"' in capsys.readouterr().out
    again = ("run", "--like", str(first), "--painter", str(folder), "--out", str(tmp_path / "2"))
    assert marsam(*again) == 1
    assert "FlowMatchEulerDiscrete + klein:0.5" in capsys.readouterr().err
    assert marsam(*again, "--lora", lora) == 0
    assert read_record(tmp_path / "2" / "marsam-5.png") == record
    table = str(tmp_path / "table.csv")
    assert marsam("batch", str(out), "--out", table, "--models", "mini", "--lora", lora) == 1
    assert "ask for them with -n" in capsys.readouterr().err


def test_a_picture_without_lora_is_not_repeated_with_one(
    painters: Painters, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = painters("klein")
    options = ("-n", "1", "--seed", "5", "--steps", "1", "--size", f"{SIDE}x{SIDE}", "--no-check")
    out = ("--out", str(tmp_path), "--painter", str(folder))
    assert marsam("paint", "a cat", *options, "--models", "mini", *out) == 0
    like = ("run", "--like", str(tmp_path / "marsam-5.png"), *out)
    assert marsam(*like, "--lora", f"{folder}.safetensors") == 1
    assert "would use FlowMatchEulerDiscrete + klein" in capsys.readouterr().err


def test_a_studio_and_a_cluster_name_their_lora(
    painters: Painters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = painters("klein")
    named = {"models": "mini", "painter": str(folder), "lora": f"{folder}.safetensors"}
    studio = Studio.load(**named)
    assert studio.names["lora"] == studio.painter.sampling(Recipe.DRAFT).adapter == "klein"
    assert "lora" not in Studio.load("mini").names
    plan = Plan(models="mini").with_models(OtherModels(painter=str(folder), lora=named["lora"]))
    assert plan.create_studio().names == studio.names
    require_models(plan, studio.names, "mini")
    for other in ({}, {"lora": "pixel-art"}):
        names = {key: name for key, name in studio.names.items() if key != "lora"} | other
        with pytest.raises(OptionError, match="already runs other models"):
            require_models(plan, names, "mini")
    monkeypatch.setenv("MARSAM_LORA", named["lora"])
    monkeypatch.setenv("MARSAM_MODELS", "mini")
    assert Studio.load().names["lora"] == "klein"
    assert marsam("info") == 0
    assert re.search(r"LoRA: +klein", capsys.readouterr().out)
    assert "lora" not in Studio.load("mini").names
