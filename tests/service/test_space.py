"""The repository as a Gradio Space: what the platform reads, and what a visitor finds."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from huggingface_hub import metadata_load
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from marsam import OptionError, PaintOptions, Recipe
from marsam.errors import RetryLater
from marsam.hub.catalog import STANDARD
from marsam.hub.manifest import pin_of
from marsam.hub.model_files import missing_files
from marsam.imaging.image_io import MAX_BYTES
from marsam.imaging.metadata import read_record
from marsam.testing import FakePainter
from tests.helpers.page import Page
from tests.helpers.serving import free_port, served
from tests.mini.documents import blocks

ROOT = Path(__file__).parents[2]
EXAMPLES = Path("src", "marsam", "web", "examples")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LENDER = '''
import functools, json, os
from gradio.context import LocalContext

def gradio_auto_wrap(work):  # Gradio asks for this one itself
    return work

def GPU(*, duration):
    """Lends as ZeroGPU does: to the visitor on whose behalf it is called."""
    def lend(work):
        @functools.wraps(work)
        def lent(*args):
            asked = LocalContext.request.get(None)
            told = {"seconds": duration(*args), "token": asked and asked.headers.get("x-ip-token")}
            with open(os.environ["LENT"], "a") as file:
                print(json.dumps(told), file=file)
            yield from work(*args)
        return lent
    return lend
'''


def card() -> dict[str, Any]:
    """The front matter of the Space's README.md, as the hub reads it."""
    return metadata_load(ROOT / "space" / "README.md") or {}


def test_the_card_configures_the_space() -> None:
    said = card()
    assert said["sdk"] == "gradio"
    assert (ROOT / said["app_file"]).is_file()
    # The card takes one licence: that of the program, which the project's expression begins with.
    assert said["license"] == PROJECT["license"].split(" AND ")[0].lower()
    assert said["python_version"] in SpecifierSet(PROJECT["requires-python"])
    gradio = next(r for r in map(Requirement, PROJECT["dependencies"]) if r.name == "gradio")
    assert said["sdk_version"] in gradio.specifier
    assert {"title", "emoji", "colorFrom", "colorTo", "short_description"} < set(said)
    assert len(said["short_description"]) <= 60  # the hub refuses longer ones


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is not a git clone")
def test_the_documented_upload_has_the_card_as_its_readme(tmp_path: Path) -> None:
    shell = [b.text for b in blocks(ROOT / "docs" / "space.md") if "hf upload" in b.text]
    commands = [line for line in shell[0].splitlines() if not line.startswith("hf ")]
    subprocess.run(
        ["bash", "-c", "\n".join(["set -eo pipefail", *commands])],
        cwd=tmp_path,
        env=os.environ | {"GIT_DIR": str(ROOT / ".git")},
        check=True,
    )
    upload = tmp_path / "upload"
    uploaded = metadata_load(upload / "README.md") or {}
    assert uploaded == metadata_load(upload / "space" / "README.md")
    assert {uploaded["app_file"], "requirements.txt"} <= {path.name for path in upload.iterdir()}
    assert metadata_load(ROOT / "README.md") is None  # the project's own has no front matter


def test_the_card_preloads_the_standard_set(tmp_path: Path) -> None:
    """All of it, nothing else, at the pinned commits; the safety checker too."""
    said = card()
    lines = dict(line.split(" ", 1) for line in said["preload_from_hub"])
    assert list(lines) == [part.source for part in STANDARD.parts] == said["models"]
    for part in STANDARD.parts:
        names, _, revision = lines[part.source].partition(" ")
        pin = pin_of(part.source)
        assert revision == ((pin and pin.revision) or "")
        for name in names.split(","):
            assert any(fnmatch(name, pattern) for pattern in part.files)
            file = tmp_path / part.stage / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
    parts = {
        "feature_extractor": "CLIPImageProcessor",
        "safety_checker": "StableDiffusionSafetyChecker",
        "scheduler": "PNDMScheduler",
        "text_encoder": "CLIPTextModel",
        "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel",
        "vae": "AutoencoderKL",
    }
    index = json.dumps({name: ["library", kind] for name, kind in parts.items()})
    (tmp_path / "painter" / "model_index.json").write_text(index)
    assert [missing_files(tmp_path / part.stage, part.stage) for part in STANDARD.parts] == [[]] * 6


@contextmanager
def space(folder: Path, **more: str) -> Iterator[str]:
    """The address of ``app.py``, started as the platform does: of this machine it knows nothing."""
    home = folder / "home" / "user"
    shutil.copytree(
        ROOT / "src", home / "app" / "src", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "app.py", home / "app")
    port = free_port()
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "SYSTEM": "spaces",
        "SPACE_ID": "somebody/marsam",
        "SPACE_HOST": "somebody-marsam.hf.space",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "HF_ENDPOINT": "http://127.0.0.1:9",  # nobody answers there
    }
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=home / "app",
            env=given | more,
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            try:
                httpx.get(address, timeout=5)
                break
            except httpx.HTTPError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Space without a GPU, and without the standard set."""
    with space(tmp_path_factory.mktemp("space")) as address:
        yield address


@pytest.fixture
def client(plain: str, tmp_path: Path) -> Iterator[Client]:
    client = Client(plain, verbose=False, download_files=tmp_path)
    yield client
    client.close()


def test_the_workflow_runs_without_the_hub(client: Client) -> None:
    cat = handle_file(ROOT / EXAMPLES / "cat.png")
    english, arabic, files = client.predict(cat, 2, 7, "draft", api_name="/run")
    assert (english, arabic) == ("a cat on a blue background", "قطة على خلفية زرقاء")
    records = [read_record(Path(file)) for file in files]
    assert [record.seed for record in records if record] == [7, 8]
    assert {record.painter for record in records if record} == {"marsam/mini-painter"}


def test_visitors_see_only_their_own_runs(plain: str) -> None:
    with Page(plain, "a" * 32) as one, Page(plain, "b" * 32) as other:
        assert one.history() == []
        one.call("describe", one.upload(ROOT / EXAMPLES / "cat.png"))
        assert one.history() == ["a cat on a blue background"]
        assert other.history() == []


def test_a_run_that_is_too_large_is_refused(client: Client) -> None:
    with pytest.raises(Exception, match="too large for a shared Space"):
        client.predict("a cat", 5, 1, "faithful", api_name="/paint")
    jobs = [client.submit("a cat", 4, 1, "draft", api_name="/paint") for _ in range(5)]
    ends = [job.exception(timeout=120) for job in jobs]
    refused = [str(error) for error in ends if error]
    assert 0 < len(refused) < 5
    assert all("2 of your runs are in the queue already" in sentence for sentence in refused)


def test_an_upload_that_is_too_large_is_refused(plain: str) -> None:
    large = {"files": ("large.png", bytes(MAX_BYTES + 200_000))}
    assert httpx.post(f"{plain}/gradio_api/upload", files=large).status_code == 413
    assert (
        httpx.post(f"{plain}/gradio_api/queue/join", content=bytes(MAX_BYTES + 200_000)).status_code
        == 413
    )


def test_visitors_can_neither_download_models_nor_read_files(plain: str) -> None:
    with Page(plain, "c" * 32) as page:
        names = [handler["api_name"] for handler in page.config["dependencies"]]
        assert "describe" in names
        assert not [name for name in names if "download" in str(name)]
        file = {"path": str(ROOT / "docs" / "studio.png"), "meta": {"_type": "gradio.FileData"}}
        with pytest.raises(AssertionError, match="'success': False"):
            page.call("caption", file)
        page.call("describe", {"path": file["path"]})  # the page's own picture needs no such mark
        assert page.history() == []
        assert "a cat" in page.call("caption", page.upload(ROOT / EXAMPLES / "cat.png"))["data"][0]


def test_zerogpu_charges_the_visitor_of_the_run(tmp_path: Path) -> None:
    """ZeroGPU, as far as it can be played here: which work it lends for, for whom, for how long."""
    (tmp_path / "spaces.py").write_text(LENDER)
    lent = tmp_path / "lent"
    zero = {"SPACES_ZERO_GPU": "true", "PYTHONPATH": str(tmp_path), "LENT": str(lent)}
    with space(tmp_path, **zero) as address:
        headers = {"x-ip-token": "of-a-visitor"}
        client = Client(address, verbose=False, download_files=tmp_path / "got", headers=headers)
        client.predict("a cat", 1, 1, "draft", api_name="/paint")
        client.predict("a cat", 2, 1, "balanced", api_name="/paint")
        client.close()
    told = [json.loads(line) for line in lent.read_text().splitlines()]
    assert [line["token"] for line in told] == ["of-a-visitor"] * 2  # and none at the start
    assert 20 < told[0]["seconds"] < told[1]["seconds"] <= 60


def painter_of(monkeypatch: pytest.MonkeyPatch, spaces: ModuleType | None) -> Any:
    """The Space's painter, around a fake, with or without the platform's package."""
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return runpy.run_path(str(ROOT / "app.py"))["SpacePainter"](FakePainter())


def test_gpu_seconds_depend_on_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    fake = ModuleType("spaces")
    fake.GPU = lambda **options: given.update(options) or (lambda work: work)  # type: ignore[attr-defined]
    painter_of(monkeypatch, fake)
    seconds = [
        given["duration"]("a cat", PaintOptions(recipe=recipe)) for recipe in FakePainter().recipes
    ]
    assert seconds == sorted(set(seconds))
    assert seconds[-1] <= 60  # what ZeroGPU gives to anybody


def test_space_painter_without_zerogpu(monkeypatch: pytest.MonkeyPatch) -> None:
    painter = painter_of(monkeypatch, None)
    options = PaintOptions(pictures=2, seed=5)
    assert list(painter.paint("a cat", options)) == list(FakePainter().paint("a cat", options))
    large = PaintOptions(pictures=4, recipe=Recipe.FAITHFUL, width=768, height=768)
    with pytest.raises(OptionError):
        next(painter.paint("a cat", large))


def test_a_zerogpu_error_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio as gr

    def denied(*_: object) -> Iterator[Any]:
        raise gr.Error("You have exceeded your quota.")
        yield

    fake = ModuleType("spaces")
    fake.GPU = lambda **_: lambda _work: denied  # type: ignore[attr-defined]
    with pytest.raises(RetryLater, match="exceeded your quota"):
        next(painter_of(monkeypatch, fake).paint("a cat", PaintOptions()))


def test_the_page_serves_no_other_files(tmp_path: Path) -> None:
    """``marsam studio`` and ``marsam serve`` mount the page; Gradio then looks less closely."""
    with served(tmp_path / "studio") as address, Page(address, "d" * 32) as page:
        file = {"path": str(ROOT / "docs" / "studio.png"), "meta": {"_type": "gradio.FileData"}}
        with pytest.raises(AssertionError, match="'success': False"):
            page.call("caption", file)
        for place in (file["path"], "/dev/zero", "..", ""):
            page.call("describe", {"path": place})
        assert page.history() == []
        page.call("describe", {"path": str(ROOT / EXAMPLES / "cat.png")})  # it is on the page
        assert len(page.history()) == 1
        assert "a cat" in page.call("caption", page.upload(ROOT / EXAMPLES / "cat.png"))["data"][0]
