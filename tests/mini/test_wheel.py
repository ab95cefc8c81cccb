"""The installed wheel: complete, licensed, typed and working."""

import json
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from tools.release import build, check_installation, sdist_problems, wheel_problems

TYPED = """
from marsam import PaintOptions, RunResult, Studio

def run(studio: Studio) -> RunResult:
    return studio.run("photo.png")

PaintOptions(pictures="four")
reveal_type(run(Studio.load("mini")).prompt.arabic)
"""
QUIET = """
[mypy]
strict = true
[mypy-torch.*,transformers.*,diffusers.*,gradio.*,numpy.*,sqlalchemy.*,fastapi.*,PIL.*]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist of this tree."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of a virtual environment: the wheel, and this environment's dependencies.

    ``make dist`` also downloads those packages, which would take minutes in a test.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    install = ["install", "--quiet", "--no-deps", "--no-index", str(built[0])]
    subprocess.run([*pip, *install], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder in a .pth file is searched, but its own .pth files (the clone's) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def test_both_archives_contain_exactly_the_required_files(built: tuple[Path, Path]) -> None:
    wheel, sdist = built
    assert wheel_problems(wheel) == []
    assert sdist_problems(sdist) == []


def test_a_wheel_with_missing_or_extra_files_is_rejected(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    invalid = tmp_path / "marsam-0-py3-none-any.whl"
    with zipfile.ZipFile(built[0]) as original, zipfile.ZipFile(invalid, "w") as archive:
        for name in original.namelist():
            if not name.endswith(("mini/translator/model.safetensors", "licenses/LICENSE")):
                archive.writestr(name, original.read(name))
        archive.writestr("marsam/__pycache__/cli.cpython-311.pyc", b"")
        archive.writestr("tests/test_it.py", b"")
        archive.writestr("marsam/mini/large.bin", bytes(101_000_000))
    *contents, size = wheel_problems(invalid)
    assert contents == [
        "mini/translator/model.safetensors is missing",
        "__pycache__/cli.cpython-311.pyc does not belong there",
        "mini/large.bin does not belong there",
        "LICENSE is missing among the licences",
        "tests/test_it.py is outside of the package",
    ]
    assert size.endswith("more than 100")


def test_an_sdist_with_caches_is_rejected(built: tuple[Path, Path], tmp_path: Path) -> None:
    cache = tmp_path / "x.pyc"
    cache.touch()
    invalid = tmp_path / "marsam-0.tar.gz"
    with tarfile.open(invalid, "w") as archive:
        archive.add(cache, "marsam-0/tests/__pycache__/x.pyc")
        archive.add(cache, "marsam-0/.mypy_cache/x.json")
    problems = sdist_problems(invalid)
    assert "pyproject.toml is missing" in problems
    assert "tests/__pycache__/x.pyc does not belong there" in problems
    assert ".mypy_cache/x.json does not belong there" in problems


def test_the_installed_wheel_runs_all_stages(installed: Path, tmp_path: Path) -> None:
    output = check_installation(installed / "marsam", tmp_path)
    assert output["caption"] == {"en": "a car on a green background", "ar": "سيارة على خلفية خضراء"}


def test_a_type_checker_sees_the_types_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(TYPED)
    (tmp_path / "mypy.ini").write_text(QUIET)
    checker = [sys.executable, "-m", "mypy", "--python-executable", str(installed / "python")]
    done = subprocess.run(
        [*checker, "example.py", "--output", "json"], cwd=tmp_path, capture_output=True, text=True
    )
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [(one["line"], one["message"]) for one in messages] == [
        (7, 'Argument "pictures" to "PaintOptions" has incompatible type "str"; expected "int"'),
        (8, 'Revealed type is "str"'),
    ], done.stdout + done.stderr
