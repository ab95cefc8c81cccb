"""The script that measures a GPU, with tiny models on this machine's processor."""

import re
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import gpu, gpu_checks, gpu_models, random_families

from marsam.device import Device
from marsam.options import PaintOptions
from marsam.results import Painted
from marsam.stages.painter import DiffusionPainter
from tests.helpers import tiny_captioners
from tests.helpers.tiny_painters import SMALL_FLUX, SMALL_QWEN

CPU = Device(kind="cpu", dtype="bfloat16", reason="for a test")


def rows(file: Path) -> list[list[str]]:
    """The cells of the tables."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in lines if line.startswith("| ")]


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some families only: the others have tests of their own."""
    monkeypatch.setattr(gpu_checks, "PAINTERS", ("klein",))
    monkeypatch.setattr(gpu_checks, "CAPTIONERS", ("qwen3_5",))
    one = gpu_checks.examples()[:1]
    monkeypatch.setattr(gpu_checks, "examples", lambda: one)


@pytest.mark.usefixtures("fewer")
def test_every_check_passes_and_every_task_is_timed(tmp_path: Path) -> None:
    gpu.run(["--tiny", "--out", str(tmp_path / "gpu.md")])
    checks, tasks = (
        [row for row in rows(tmp_path / "gpu.md") if len(row) == columns] for columns in (2, 4)
    )
    assert [row[1] for row in checks[1:]] == ["ok"] * 6
    painted = [row for row in tasks if "passes" in row[0]]
    assert [row[1] for row in painted] == ["diffusers", "Marsam"] * 9
    assert [row[1] for row in tasks[-3:]] == ["transformers", "Marsam", "Marsam"]
    assert all(float(row[2]) >= 0 for row in tasks[1:])


@pytest.mark.usefixtures("fewer")
def test_what_does_not_fit_into_the_time_is_left_out_and_said(tmp_path: Path) -> None:
    gpu.run(["--tiny", "--seconds", "10", "--out", str(tmp_path / "gpu.md")])
    said = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert said.count("not run: no time was left") == 6 + 3 + 1
    for name in ("Stable Diffusion 1.5", "Stable Diffusion XL", "FLUX.2-klein-4B", "Qwen3.5-2B"):
        assert name in said


def test_the_script_stops_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def endless(_device: Device) -> None:
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(gpu, "checks", lambda _: iter([("slow", endless)]))
    monkeypatch.setattr(gpu.Budget, "holds", lambda *_: True)
    gpu.run(["--tiny", "--seconds", "0.3", "--out", str(tmp_path / "gpu.md")])
    assert "Stopped after 0 seconds." in (tmp_path / "gpu.md").read_text(encoding="utf-8")


def test_without_a_gpu_nothing_is_run_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gpu, "choose_device", lambda: CPU)
    gpu.run(["--out", str(tmp_path / "gpu.md")])
    results = [cell for row in rows(tmp_path / "gpu.md") for cell in row if "run" in cell]
    assert set(results) == {"not run: no GPU"}
    assert len(results) == 2 * 17 + 4


def test_a_wrong_result_is_a_failed_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpu_checks, "LARGEST_DIFFERENCE", -1)
    with pytest.raises(gpu_checks.CheckFailed, match="two pictures of one seed differ"):
        gpu_checks.check_painter("klein", tmp_path, CPU)
    outcome = gpu._outcome(partial(gpu_checks.check_painter, "klein", tmp_path, CPU))
    assert outcome == "FAILED: CheckFailed: two pictures of one seed differ"


def test_networks_are_made_on_the_device_without_files_of_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sides = {"in_channels": 128, "joint_attention_dim": 96}
    network = {**SMALL_FLUX, **sides, "axes_dims_rope": (4, 4, 4, 4)}
    reader = {**SMALL_QWEN, "head_dim": 16, "num_hidden_layers": 28}
    monkeypatch.setattr(random_families, "KLEIN_TRANSFORMER", network)
    monkeypatch.setattr(random_families, "QWEN3_4B", reader)
    torch.manual_seed(0)
    make = gpu_models.make_on("cpu", torch.bfloat16)
    made = gpu_models.pipeline(tmp_path, "Flux2KleinPipeline", random_families.klein(make))
    assert {"transformer", "text_encoder", "vae"} == set(made.networks)
    assert all(p.dtype == torch.bfloat16 for n in made.networks.values() for p in n.parameters())
    assert torch.get_default_dtype() == torch.float32
    files = [file.stat().st_size for file in tmp_path.rglob("*.safetensors")]
    assert max(files) < 100
    painter = DiffusionPainter(tmp_path, device=CPU)
    with made.loading():
        options = PaintOptions(pictures=1, seed=3, width=64, height=64, steps=1)
        *_, last = painter.paint("a cat", options)
    assert isinstance(last, Painted)
    assert np.ptp(np.asarray(last.picture.image)) > 50
    assert painter._loaded[0].transformer is made.networks["transformer"]


def test_a_captioner_is_made_on_the_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tiny_captioners.qwen3_5().config
    monkeypatch.setattr(random_families, "QWEN3_5_TEXT", config.text_config.to_dict())
    monkeypatch.setattr(random_families, "QWEN3_5_VISION", config.vision_config.to_dict())
    report = gpu.Report(tmp_path / "gpu.md")
    gpu._measure_captioner(report, tmp_path / "captioner", CPU, False)
    assert [line.split(" | ")[1] for line in report.lines] == ["transformers", "Marsam", "Marsam"]
    assert (tmp_path / "captioner" / "model.safetensors").stat().st_size < 100
