"""The exact versions of checks, container and Space fit the project and each other."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tools.lock import (
    CHECK,
    CONTAINER,
    CONTAINER_EXTRAS,
    GPU,
    SPACE,
    locked,
    name_of,
    platform_of_space,
    project,
)

ROOT = Path(__file__).parents[2]
RENEW = "run `make lock`"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def required(*extras: str) -> list[Requirement]:
    """The project's requirements with some extras, and with those that they name."""
    found = project()["project"]
    requirements = list(found["dependencies"])
    waiting = list(extras)
    while waiting:
        for line in found["optional-dependencies"][waiting.pop()]:
            requirement = Requirement(line)
            if requirement.name == found["name"]:
                waiting += requirement.extras
            else:
                requirements.append(line)
    return [Requirement(line) for line in requirements]


def versions(file: Path, python: str = "3.11") -> dict[str, Version]:
    """Version by name on Linux; every line must name an exact one."""
    found = {}
    for line in locked(file):
        requirement = Requirement(line)
        environment = {"python_version": python, "python_full_version": f"{python}.0"}
        environment |= {"sys_platform": "linux", "platform_system": "Linux"}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (only,) = requirement.specifier
            assert only.operator == "==", line
            found[name_of(line)] = Version(only.version)
    return found


def missing(file: Path, requirements: list[Requirement], python: str = "3.11") -> list[str]:
    have = versions(file, python)
    return [
        str(one)
        for one in requirements
        if one.marker is None or one.marker.evaluate({"python_version": python})
        if name_of(one.name) not in have or have[name_of(one.name)] not in one.specifier
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_checks_install_what_the_project_asks_for(python: str) -> None:
    assert missing(CHECK, required("dev", "bench"), python) == [], RENEW


def test_the_container_installs_what_the_project_asks_for() -> None:
    build = [Requirement(line) for line in project()["build-system"]["requires"]]
    lost = missing(CONTAINER, required(*CONTAINER_EXTRAS) + build)
    assert [name_of(one) for one in lost] == ["torch"], RENEW  # which has a line of its own
    tested = versions(CHECK)
    differ = {n: v for n, v in versions(CONTAINER).items() if tested.get(n) != v}
    assert differ == {}, "the container runs other versions than the checks"


def test_every_requirement_of_the_container_has_hashes() -> None:
    text = CONTAINER.read_text(encoding="utf-8")
    entries = [e for e in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if name_of(e)]
    assert len(entries) > 50
    assert [e for e in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", e)] == []


def test_the_space_installs_what_the_project_asks_for(tmp_path: Path) -> None:
    lines = [Requirement(line) for line in locked(SPACE)]
    (torch,) = [one for one in lines if one.name == "torch"]
    assert torch in required()
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("\n".join(str(one) for one in lines if one.name != "torch"))
    assert missing(pinned, required(), "3.12") == [f"torch{torch.specifier}"], RENEW
    # The platform installs its own version of Gradio beside them, and adds `spaces`.
    gradio = Requirement(platform_of_space()[0])
    assert versions(pinned)["gradio"] in gradio.specifier
    assert "spaces" not in versions(pinned)


@pytest.mark.parametrize("file", [CHECK, CONTAINER, SPACE], ids=lambda file: file.name)
def test_a_lock_names_no_address_and_no_library_of_a_gpu(file: Path) -> None:
    assert "://" not in file.read_text(encoding="utf-8")
    assert [line for line in locked(file) if GPU.fullmatch(name_of(line))] == []


@pytest.mark.parametrize("target", [".run", ".dev", ".train"])
def test_make_installs_the_locked_versions(target: str) -> None:
    command = ["make", "--dry-run", "--always-make", f".venv/{target}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    installs = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert installs
    assert all("--constraint locks/check.txt" in line for line in installs)
