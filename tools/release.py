"""Build the wheel and the sdist, check their contents, and test the wheel in a clean environment.

Run by ``make dist``; ``--tag`` must match the version. See docs/releasing.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAX_SIZE_MB = 100
PACKAGE = "src/marsam"
REQUIRED_FILES = (
    "text/languages.tsv",
    "py.typed",
    "REUSE.toml",
    "mini/README.md",
    "mini/things.tsv",
    "mini/captioner/model.safetensors",
    "mini/captioner/novelty.json",
    "mini/translator/model.safetensors",
    "mini/translator/vocabulary.tsv",
    "mini/painter/unet/diffusion_pytorch_model.safetensors",
    "mini/painter/vae/diffusion_pytorch_model.safetensors",
    "mini/painter/text_encoder/model.safetensors",
    "ui/fonts/OFL.txt",
    "ui/fonts/arabic-400.woff2",
    "ui/fonts/latin-400.woff2",
    "web/examples/car.png",
)
"""Paths in the package without which it would not work, or its licences would be missing."""
SDIST_FILES = ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py")
"""Files of a source distribution outside the package."""
CACHES = re.compile(r"(^|/)(__pycache__|\.[a-z_]+_cache|\.venv|\.git|dist|[^/]+\.egg-info)/|\.pyc$")
CLOSED_PROXY = "http://127.0.0.1:9"
"""A proxy that does not exist, so that every network access fails immediately."""


def build(out: Path, root: Path = ROOT) -> tuple[Path, Path]:
    """Build the sdist of a tree, and the wheel from it, into ``out``; old ones are deleted."""
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("marsam-*.whl"), *out.glob("marsam-*.tar.gz")):
        old.unlink()
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,), (sdist,) = out.glob("marsam-*.whl"), out.glob("marsam-*.tar.gz")
    return wheel, sdist


def package_files(root: Path = ROOT) -> set[str]:
    """Paths of the package's files in the tree, relative to its folder, without caches."""
    folder = root / PACKAGE
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {name for name in names if not CACHES.search(name)}


def wheel_problems(wheel: Path, root: Path = ROOT) -> list[str]:
    """Problems with the contents of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        broken = archive.testzip()
    packed = {name.removeprefix("marsam/") for name in names if name.startswith("marsam/")}
    licences = {name.partition("/licenses/")[2] for name in names if ".dist-info/licenses/" in name}
    required = {"LICENSE", *(f"LICENSES/{path.name}" for path in (root / "LICENSES").glob("*.txt"))}
    others = [n for n in names if not re.match(r"marsam/|marsam-[^/]+\.dist-info/", n)]
    return [
        *([f"{broken} is corrupted"] if broken else []),
        *_sorted("is missing", (package_files(root) | set(REQUIRED_FILES)) - packed),
        *_sorted("does not belong there", packed - package_files(root)),
        *_sorted("is missing among the licences", required - licences),
        *_sorted("is outside of the package", others),
        *_size(wheel),
    ]


def sdist_problems(sdist: Path, root: Path = ROOT) -> list[str]:
    """Problems with the contents of a source distribution."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    required = {f"{PACKAGE}/{name}" for name in package_files(root) | set(REQUIRED_FILES)}
    required |= {
        *SDIST_FILES,
        *(f"LICENSES/{path.name}" for path in (root / "LICENSES").glob("*.txt")),
    }
    return [
        *_sorted("is missing", required - names),
        *_sorted("does not belong there", filter(CACHES.search, names)),
        *_size(sdist),
    ]


def check_installation(marsam: Path, folder: Path) -> dict[str, object]:
    """Run ``marsam run`` on a bundled example, without network access.

    Args:
        marsam: the installed command.
        folder: an empty folder for the input and all outputs.

    Returns:
        The JSON that the command prints.

    Raises:
        RuntimeError: when the command fails or its result is not as expected.
    """
    python = marsam.with_name("python")
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    proxies = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), CLOSED_PROXY
    )
    environment = inherited | proxies | {"HOME": str(folder), "MARSAM_DATA": str(folder / "data")}

    def run(*command: str) -> str:
        process = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
        if process.returncode:
            raise RuntimeError(f"{command[0]} failed: {process.stderr or process.stdout}")
        return process.stdout

    package = Path(run(str(python), "-c", "import marsam; print(marsam.__path__[0])").strip())
    if package == ROOT / PACKAGE:
        raise RuntimeError(f"The clone was imported instead of the wheel: {package}")
    shutil.copy(package / "web" / "examples" / "car.png", folder / "car.png")
    result = json.loads(run(str(marsam), "run", "car.png", "-n", "1", "--seed", "7", "--json"))
    (picture,) = result["pictures"]
    if "car" not in result["caption"]["en"] or "سيارة" not in result["caption"]["ar"]:
        raise RuntimeError(f"The captions are not of a car: {result['caption']}")
    if not (folder / picture["path"]).read_bytes().startswith(b"\x89PNG"):
        raise RuntimeError("The new picture is not a PNG.")
    return dict(result)


def main() -> None:
    """Build, check, install and run; if a check fails, report it and delete the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--tag", default="", help="tag of the release; must match the version")
    arguments = parser.parse_args()
    wheel, sdist = build(arguments.out)
    version = wheel.name.split("-")[1]
    wrong_tag = arguments.tag not in ("", f"v{version}")
    problems = [
        *([f"the tag is {arguments.tag}, but the version is {version}"] if wrong_tag else []),
        *(f"{wheel.name}: {problem}" for problem in wheel_problems(wheel)),
        *(f"{sdist.name}: {problem}" for problem in sdist_problems(sdist)),
    ]
    if not problems:
        with tempfile.TemporaryDirectory() as name:
            try:
                result = _install_and_run(wheel, Path(name))
            except (RuntimeError, subprocess.CalledProcessError) as error:
                problems = [str(error)]
    if problems:
        wheel.unlink()
        sdist.unlink()
        sys.exit("\n".join(problems))
    for path in (wheel, sdist):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(json.dumps(result, ensure_ascii=False))


def _install_and_run(wheel: Path, folder: Path) -> dict[str, object]:
    """Install the wheel in a new environment and run it there."""
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([binaries / "pip", "install", *quiet, str(wheel)], check=True)
    (folder / "job").mkdir()
    return check_installation(binaries / "marsam", folder / "job")


def _sorted(problem: str, names: Iterable[str]) -> list[str]:
    return [f"{name} {problem}" for name in sorted(names)]


def _size(file: Path) -> list[str]:
    size = file.stat().st_size / 1e6
    return [f"it has {size:.0f} MB, more than {MAX_SIZE_MB}"] if size > MAX_SIZE_MB else []


if __name__ == "__main__":
    main()
