"""Write the exact versions that checks, container and Space install; ``make lock`` calls it.

::

    python -m tools.lock            # add what pyproject.toml needs; other versions stay
    python -m tools.lock --upgrade  # the newest version of everything

``uv`` resolves them for every platform. Who installs the package is not bound to them.

=======================  =======================================================================
``locks/check.txt``      constraints of ``make``: all that the checks install
``locks/container.txt``  requirements of the Dockerfile, with hashes
``requirements.txt``     requirements of a Gradio Space
=======================  =======================================================================

PyTorch is locked by its version alone: its builds for CPUs and for GPUs are different files of one
version, so any hash would refuse some of them. The libraries of a GPU build are left out, since it
requires exact versions of them itself.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CHECK, CONTAINER = ROOT / "locks" / "check.txt", ROOT / "locks" / "container.txt"
SPACE = ROOT / "requirements.txt"
CONTAINER_EXTRAS = ("parquet", "postgres", "s3")
NOTE = "# Exact versions, written by `make lock`; see tools/lock.py.\n"
GPU = re.compile(r"nvidia-.*|cuda-.*|triton")


def project() -> Any:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    """The normalised name of a required package; empty for a comment."""
    name = re.match(r"[\w.-]*", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def locked(file: Path) -> list[str]:
    """The requirements in a file, without their hashes."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.removesuffix("\\").strip() for line in lines if name_of(line)]


def platform_of_space() -> list[str]:
    """What a Gradio Space installs beside its requirements."""
    card = (ROOT / "space" / "README.md").read_text(encoding="utf-8")
    (version,) = re.findall(r"^sdk_version: (\S+)$", card, re.MULTILINE)
    return [f"gradio[oauth,mcp]=={version}", "spaces"]


def lock(
    file: Path,
    *options: str,
    extras: Sequence[str] = (),
    more: Sequence[str] = (),
    without: Sequence[str] = (),
) -> None:
    """Write the versions of pyproject.toml's requirements and ``more``; keep those in the file."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as others:
        others.write("\n".join(more))
        others.flush()
        command = "uv pip compile --quiet --universal --no-header --no-annotate --no-emit-index-url"
        subprocess.run(
            [
                *[sys.executable, "-m", *command.split(), *options],
                *(f"--extra={extra}" for extra in extras),
                *[f"--output-file={file}", "pyproject.toml", others.name],
            ],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
    # A requirement begins at the start of a line; its hashes follow, indented.
    entries = re.split(r"^(?=\S)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = {"", *without}
    kept = [e for e in entries if name_of(e) not in names and not GPU.fullmatch(name_of(e))]
    file.write_text(NOTE + "".join(kept), encoding="utf-8")


def main() -> None:
    """Write the three files; container and Space get the versions of the checks."""
    CHECK.parent.mkdir(exist_ok=True)
    oldest = "--python-version=3.11"
    lock(CHECK, oldest, *sys.argv[1:], extras=("dev", "bench"))
    found = project()
    shutil.copy(CHECK, CONTAINER)
    lock(
        CONTAINER,
        oldest,
        "--generate-hashes",
        extras=CONTAINER_EXTRAS,
        more=found["build-system"]["requires"],
        without=["torch"],
    )
    shutil.copy(CHECK, SPACE)
    platform = platform_of_space()
    lock(SPACE, "--python-version=3.12", more=platform, without=["torch", "spaces"])
    (torch,) = [one for one in found["project"]["dependencies"] if name_of(one) == "torch"]
    with SPACE.open("a", encoding="utf-8") as file:
        file.write(f"# ZeroGPU supports some versions only.\n{torch}\n")


if __name__ == "__main__":
    main()
