"""Builds the wheel and the sdist, looks inside both, and does the whole job with the wheel alone.

``make dist`` runs it; ``--tag`` (a release's) must name the version. See docs/releasing.md.
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
MEGABYTES = 100
PACKAGE = "src/marsam"
NEEDED = (
    "text/languages.tsv",
    "py.typed",
    "REUSE.toml",
    "mini/README.md",
    "mini/things.tsv",
    "mini/captioner/model.safetensors",
    "mini/translator/model.safetensors",
    "mini/painter/unet/diffusion_pytorch_model.safetensors",
    "mini/painter/vae/diffusion_pytorch_model.safetensors",
    "mini/painter/text_encoder/model.safetensors",
    "ui/fonts/OFL.txt",
    "ui/fonts/arabic-400.woff2",
    "ui/fonts/latin-400.woff2",
    "web/examples/car.png",
)
"""Without these the package would install and not work, or not be ours to give; by the package."""
BESIDE = ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py")
"""What a source distribution has beside the package."""
CACHES = re.compile(r"(^|/)(__pycache__|\.[a-z_]+_cache|\.venv|\.git|dist|[^/]+\.egg-info)/|\.pyc$")
NOWHERE = "http://127.0.0.1:9"
"""A proxy that nobody runs: whoever asks for the network fails at once."""


def build(out: Path, root: Path = ROOT) -> tuple[Path, Path]:
    """The wheel and the sdist of a tree, new in ``out``; the wheel is made from the sdist."""
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("marsam-*.whl"), *out.glob("marsam-*.tar.gz")):
        old.unlink()
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,), (sdist,) = out.glob("marsam-*.whl"), out.glob("marsam-*.tar.gz")
    return wheel, sdist


def package_files(root: Path = ROOT) -> set[str]:
    """What the package has in the tree, caches aside, as paths from the package's folder."""
    folder = root / PACKAGE
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {name for name in names if not CACHES.search(name)}


def wheel_problems(wheel: Path, root: Path = ROOT) -> list[str]:
    """What is wrong with a wheel's contents."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        broken = archive.testzip()
    packed = {name.removeprefix("marsam/") for name in names if name.startswith("marsam/")}
    licences = {name.partition("/licenses/")[2] for name in names if ".dist-info/licenses/" in name}
    wanted = {"LICENSE", *(f"LICENSES/{path.name}" for path in (root / "LICENSES").glob("*.txt"))}
    others = [n for n in names if not re.match(r"marsam/|marsam-[^/]+\.dist-info/", n)]
    return [
        *([f"{broken} is damaged"] if broken else []),
        *_sorted("is missing", (package_files(root) | set(NEEDED)) - packed),
        *_sorted("does not belong there", packed - package_files(root)),
        *_sorted("is missing among the licences", wanted - licences),
        *_sorted("is outside of the package", others),
        *_size(wheel),
    ]


def sdist_problems(sdist: Path, root: Path = ROOT) -> list[str]:
    """What is wrong with a source distribution's contents."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    wanted = {f"{PACKAGE}/{name}" for name in package_files(root) | set(NEEDED)}
    wanted |= {*BESIDE, *(f"LICENSES/{path.name}" for path in (root / "LICENSES").glob("*.txt"))}
    return [
        *_sorted("is missing", wanted - names),
        *_sorted("does not belong there", filter(CACHES.search, names)),
        *_size(sdist),
    ]


def do_the_job(marsam: Path, folder: Path) -> dict[str, object]:
    """``marsam run`` on the bundled example, with no network and nothing but the package.

    Args:
        marsam: the command.
        folder: empty; the picture is put there, and everything that comes of it.

    Raises:
        RuntimeError: when the answer is not the whole of it.
    """
    python = marsam.with_name("python")
    own = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    closed = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    environment = own | closed | {"HOME": str(folder), "MARSAM_DATA": str(folder / "data")}

    def ask(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")
        return done.stdout

    where = Path(ask(str(python), "-c", "import marsam; print(marsam.__path__[0])").strip())
    if where == ROOT / PACKAGE:
        raise RuntimeError(f"That was the clone and not the wheel: {where}")
    shutil.copy(where / "web" / "examples" / "car.png", folder / "car.png")
    said = json.loads(ask(str(marsam), "run", "car.png", "-n", "1", "--seed", "7", "--json"))
    (picture,) = said["pictures"]
    if "car" not in said["caption"]["en"] or "سيارة" not in said["caption"]["ar"]:
        raise RuntimeError(f"The captions are not of a car: {said['caption']}")
    if not (folder / picture["path"]).read_bytes().startswith(b"\x89PNG"):
        raise RuntimeError("The new picture is no picture.")
    return dict(said)


def main() -> None:
    """Build, check, install and run; what is wrong is told, and nothing is left to publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--tag", default="", help="the release's tag; it must name the version")
    asked = parser.parse_args()
    wheel, sdist = build(asked.out)
    version = wheel.name.split("-")[1]
    wrong_tag = asked.tag not in ("", f"v{version}")
    problems = [
        *([f"the tag is {asked.tag}, the version {version}"] if wrong_tag else []),
        *(f"{wheel.name}: {problem}" for problem in wheel_problems(wheel)),
        *(f"{sdist.name}: {problem}" for problem in sdist_problems(sdist)),
    ]
    if not problems:
        with tempfile.TemporaryDirectory() as name:
            try:
                job = _install(wheel, Path(name))
            except (RuntimeError, subprocess.CalledProcessError) as error:
                problems = [str(error)]
    if problems:
        wheel.unlink()
        sdist.unlink()
        sys.exit("\n".join(problems))
    for path in (wheel, sdist):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    print(json.dumps(job, ensure_ascii=False))


def _install(wheel: Path, folder: Path) -> dict[str, object]:
    """The whole job, in an environment that has the wheel and what pip fetches for it."""
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([binaries / "pip", "install", *quiet, str(wheel)], check=True)
    (folder / "job").mkdir()
    return do_the_job(binaries / "marsam", folder / "job")


def _sorted(problem: str, names: Iterable[str]) -> list[str]:
    return [f"{name} {problem}" for name in sorted(names)]


def _size(file: Path) -> list[str]:
    size = file.stat().st_size / 1e6
    return [f"it has {size:.0f} MB, more than {MEGABYTES}"] if size > MEGABYTES else []


if __name__ == "__main__":
    main()
