"""The table of clients is true: versions are those of the checks, and the named tests exist."""

import json
import re
from pathlib import Path

from packaging.requirements import Requirement
from tools.lock import CHECK, locked

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and "tests/" in line
]
JAVASCRIPT = [row for row in ROWS if "test_javascript_clients.py" in row[-1]]
PYTHON = [row for row in ROWS if row[0].startswith("`") and row not in JAVASCRIPT]
PACKAGES = ROOT / "tests" / "javascript"


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 15
    for file, function in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert not function or re.search(rf"^(?:async )?def {function}\(", source, re.MULTILINE), (
            file,
            function,
        )
    assert all(re.search(r"`tests/[\w/]+\.py", row[-1]) for row in ROWS)


def test_versions_are_those_of_the_checks() -> None:
    versions = {one.name: str(one.specifier) for one in map(Requirement, locked(CHECK))}
    said = {row[0].split("`")[1]: row[1] for row in PYTHON}
    assert len(said) > 5
    assert {name: f"=={version}" for name, version in said.items()} == {
        name: versions[name] for name in said
    }


def test_a_client_is_imported_by_its_tests() -> None:
    for row in PYTHON:
        module = row[0].split("`")[1].replace("-", "_")
        files = re.findall(r"tests/[\w/]+\.py", row[-1])
        found = [(ROOT / file).read_text(encoding="utf-8") for file in files]
        assert any(re.search(rf"^(?:import|from) {module}\b", text, re.MULTILINE) for text in found)


def test_versions_of_javascript_are_those_that_npm_installs() -> None:
    said: dict[str, str] = {}
    for row in JAVASCRIPT:
        names, versions = re.findall("`([^`]+)`", row[0]), row[1].split(" and ")
        said |= dict(zip(names, versions, strict=True))
    wanted = json.loads((PACKAGES / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((PACKAGES / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert said == wanted
    assert said == {name: locked[f"node_modules/{name}"]["version"] for name in wanted}


def test_the_lock_of_javascript_names_no_registry() -> None:
    """npm then takes each package from the registry that it is set up for."""
    lock = (PACKAGES / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')


def test_every_package_of_javascript_is_imported() -> None:
    programs = "".join(path.read_text(encoding="utf-8") for path in PACKAGES.glob("*.js"))
    for row in JAVASCRIPT:
        for name in re.findall("`([^`]+)`", row[0]):
            assert re.search(rf'from "{name}["/]', programs), name
