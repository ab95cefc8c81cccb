"""The notebook runs from top to bottom, and its saved outputs match."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "marsam.ipynb"


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def kinds(cell: dict[str, Any]) -> list[set[str]]:
    return [set(output.get("data", ())) for output in cell["outputs"]]


def printed_text(cell: dict[str, Any]) -> list[str]:
    return ["".join(output["data"]["text/plain"]) for output in cell["outputs"]]


def test_it_runs_offline_and_matches_the_saved_outputs(tmp_path: Path) -> None:
    new = tmp_path / "new.ipynb"
    own = {
        "HF_ENDPOINT": "http://127.0.0.1:9",  # nothing listens on this port
        "MARSAM_DATA": str(tmp_path / "data"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "examples.refresh", str(new)],
        cwd=ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    saved, executed = cells(NOTEBOOK), cells(new)
    assert [cell["source"] for cell in saved] == [cell["source"] for cell in executed]
    # Pixels may differ slightly between processors; the number of pictures may not.
    assert [kinds(cell) for cell in saved] == [kinds(cell) for cell in executed]
    assert sum({"image/png"} <= kind for cell in executed for kind in kinds(cell)) == 2
    same = [
        (printed_text(cell), printed_text(other))
        for cell, other in zip(saved, executed, strict=True)
        if "same" in cell["metadata"].get("tags", ())
    ]
    assert [kept for kept, _ in same] == [made for _, made in same]
    printed = " ".join(line for kept, _ in same for line in kept)
    assert "a cat on a blue background" in printed
    assert "قطة على خلفية وردية" in printed
    assert "True" in printed  # the same pixels again


def test_it_is_small_and_in_both_languages() -> None:
    assert NOTEBOOK.stat().st_size < 1_000_000
    all_cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(c["source"]) for c in all_cells if c["cell_type"] == "markdown"]
    assert texts
    assert all('<div dir="rtl" lang="ar">' in text for text in texts)
