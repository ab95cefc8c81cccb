"""Files of the repository: licences, workflows, hooks, issue forms, the guide for contributors."""

import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "marsam"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(set((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key "on" for a truth.
    text = re.sub(r"^on:", '"on":', path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(yaml.safe_load(text))


def annotations(file: Path) -> list[tuple[list[re.Pattern[str]], dict[str, Any]]]:
    """The tables of a REUSE.toml, each with its paths as patterns."""
    found = []
    for table in tomllib.loads(file.read_text(encoding="utf-8"))["annotations"]:
        given = table["path"]
        names = [given] if isinstance(given, str) else given
        found.append(([_pattern(name) for name in names], table))
    return found


def _pattern(name: str) -> re.Pattern[str]:
    """REUSE's own stars: one stays in a folder, two do not."""
    parts = (re.escape(part).replace(r"\*", "[^/]*") for part in name.split("**"))
    return re.compile(".*".join(parts))


def bundled() -> list[str]:
    names = (str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*") if path.is_file())
    return sorted(name for name in names if "__pycache__" not in name)


def licence_of(name: str) -> str:
    """The SPDX expression of a file of the package, or nothing."""
    fitting = [
        table
        for patterns, table in annotations(PACKAGE / "REUSE.toml")
        if any(pattern.fullmatch(name) for pattern in patterns)
    ]
    return str(fitting[-1]["SPDX-License-Identifier"]) if fitting else ""


def test_everything_in_the_package_says_whose_it_is_and_under_which_licence() -> None:
    assert [name for name in bundled() if not licence_of(name)] == []
    assert licence_of("ui/fonts/arabic-400.woff2") == "OFL-1.1"
    assert licence_of("text/languages.tsv") == "Apache-2.0 AND Unicode-3.0"
    assert licence_of("a-table-from-somewhere.tsv") == ""
    for patterns, table in annotations(PACKAGE / "REUSE.toml"):
        assert table["SPDX-FileCopyrightText"]
        for pattern in patterns:
            assert any(pattern.fullmatch(name) for name in bundled()), f"{pattern} is of no file"


def test_the_licences_are_here_and_the_package_names_them() -> None:
    named = {word for name in bundled() for word in licence_of(name).split(" AND ")}
    assert named == {path.stem for path in (ROOT / "LICENSES").glob("*.txt")}
    assert named == set(PROJECT["license"].split(" AND "))
    packed = [path for pattern in PROJECT["license-files"] for path in ROOT.glob(pattern)]
    assert {ROOT / "LICENSE", *(ROOT / "LICENSES").glob("*.txt")} == set(packed)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_trusts_nothing_it_need_not(file: Path) -> None:
    flow = read(file)
    assert flow["concurrency"]["group"]
    assert set(flow["permissions"].values()) <= {"read"}
    for name, job in flow["jobs"].items():
        writes = {right for right, kind in job.get("permissions", {}).items() if kind != "read"}
        assert writes <= ({"id-token"} if name == "publish" else set())
        assert "uses" in job or job["timeout-minutes"] <= 90
        for step in job.get("steps", ()):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]) if "uses" in step else True
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_runs_what_a_developer_runs(file: Path) -> None:
    jobs = read(file)["jobs"].values()
    lines = [step["run"] for job in jobs for step in job.get("steps", ()) if "run" in step]
    assert lines
    for line in lines:
        program, what, *_ = shlex.split(line)
        if program == "make":
            assert re.search(rf"^{what}:", MAKEFILE, re.MULTILINE)
        else:
            assert (program, (ROOT / what).is_file()) == ("bash", True)
    assert "make check" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_release_is_checked_and_built_before_it_is_published() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    order = ["check", "dist", "publish"]
    assert list(jobs) == order
    assert all(jobs[later]["needs"] == before for before, later in pairwise(order))
    assert jobs["check"]["uses"] == "./.github/workflows/check.yml"
    assert "workflow_call" in read(ROOT / ".github" / "workflows" / "check.yml")["on"]
    assert not any("run" in step for step in jobs["publish"]["steps"]), (
        "no code of ours has the right"
    )


def test_the_hooks_are_the_gates_own_programs() -> None:
    hooks = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    gate = re.findall(r"\$\(BIN\)/((?:ruff \w+|mypy))", MAKEFILE.partition("check:")[2])
    ran = [hook["entry"] for hook in hooks[0]["hooks"]]
    assert [f".venv/bin/{program}" for program in gate] == [
        entry.replace(" --force-exclude", "") for entry in ran
    ]


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_the_forms_can_be_filled_in(file: Path) -> None:
    form = read(file)
    if file.stem == "config":
        assert form["blank_issues_enabled"] is False
        return
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(ids) == len(set(ids))
    assert any(field.get("validations", {}).get("required") for field in fields)
    assert all(field["attributes"]["label"] for field in fields)


def test_the_places_that_the_guide_names_exist() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", guide, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(names) > 15
    for name in names:
        assert list(ROOT.glob(name)) or list(PACKAGE.glob(name)), name
    for link in re.findall(r"\]\(([\w./-]+)\)", guide):
        assert (ROOT / link).is_file(), link
