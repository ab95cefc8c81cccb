"""The examples for pre-commit and hosted CI in the documentation, and what they rely on."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner

from marsam.cli.main import app
from marsam.documents.formats import READERS

ROOT = Path(__file__).parents[2]
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


def examples() -> list[Any]:
    text = (ROOT / "docs" / "alt-text.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page.html").write_text('<img src="a.png">')
    return folder


def run(command: str) -> int:
    program, *words = shlex.split(command)
    assert program == "marsam"
    return CliRunner().invoke(app, words).exit_code


def test_the_hook_is_the_one_of_the_example_and_takes_every_document(site: Path) -> None:
    hook = examples()[0]["repos"][0]["hooks"][0]
    assert hook["id"] == HOOK["id"]
    for suffix in READERS:
        assert re.search(HOOK["files"], f"folder/page{suffix}"), suffix
    assert not re.search(HOOK["files"], "picture.png")
    # pre-commit adds the files of the commit.
    assert run(f"{HOOK['entry']} site/page.html") == 1
    (site / "page.html").write_text('<img src="a.png" alt="A cat.">')
    assert run(f"{HOOK['entry']} site/page.html") == 0


def test_the_hosted_job_fails_and_leaves_the_file_that_is_shown(site: Path) -> None:
    steps = examples()[1]["jobs"]["check"]["steps"]
    (command,) = [step["run"] for step in steps if step.get("run", "").startswith("marsam")]
    shown = steps[-1]["with"]["sarif_file"]
    assert steps[-1]["if"] == "always()"
    assert run(command) == 1
    assert '"page.html' in Path(shown).read_text() or "site/page.html" in Path(shown).read_text()
    (site / "page.html").write_text('<img src="a.png" alt="A cat.">')
    assert run(command) == 0


def test_a_document_for_the_review_of_tables_is_shown_the_way(site: Path) -> None:
    for name in ("site", "site/page.html"):
        done = CliRunner().invoke(app, ["review", name])
        assert done.exit_code != 0
        assert f"marsam alt review {name} --in-place" in " ".join(
            str(done.exception or done.output).split()
        )
