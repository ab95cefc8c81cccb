"""The Dockerfile and the compose files fit the program they start.

No container engine is needed: the tests parse the files and run the program with their settings.
"""

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn
import yaml  # type: ignore[import-untyped]
from tools.lock import locked
from typer.testing import CliRunner

from marsam import OptionError
from marsam.api.metrics import Metrics
from marsam.cli import main
from marsam.journal.database import open_engine
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server import app
from marsam.server.app import create_app
from marsam.server.keys import load_keys
from marsam.server.options import ServerOptions
from marsam.server.security import OPEN_PATHS, require_key
from marsam.testing import fake_studio
from tests.helpers.serving import free_port

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SECRETS = {"MARSAM_KEY": "k" * 32, "POSTGRES_PASSWORD": "p@ss:word"}
PRINT_PATHS = """
import json, tempfile
from huggingface_hub import constants
from marsam.journal.journal import data_folder
from marsam.runs.eta import timings_file
print(json.dumps([str(data_folder()), constants.HF_HUB_CACHE, str(timings_file())]))
"""


def instructions() -> list[tuple[str, str]]:
    """Name and arguments of each instruction of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    whole = re.sub(r"\\\n\s*", "", lines)
    pairs = (line.split(maxsplit=1) for line in whole.splitlines() if line.strip())
    return [(name, rest) for name, rest in pairs]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :]


def one(name: str) -> str:
    """The only instruction of that name in the final stage."""
    (rest,) = [rest for known, rest in final_stage() if known == name]
    return rest


def settings() -> dict[str, str]:
    """The final stage's environment."""
    pairs = (
        word.split("=", 1) for name, rest in final_stage() if name == "ENV" for word in rest.split()
    )
    return dict(pairs)


def compose(file: str = "compose.yaml") -> dict[str, Any]:
    """A compose file, with its variables put in as compose does."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name in SECRETS:
            assert kind == ":?", f"{name} must be required, without a default"
            return SECRETS[name]
        return rest

    text = (ROOT / file).read_text(encoding="utf-8")
    return dict(yaml.safe_load(re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text)))


def server_options(
    command: list[str], monkeypatch: pytest.MonkeyPatch, **environment: str
) -> ServerOptions:
    """The options ``marsam serve`` would start with."""
    started: list[ServerOptions] = []
    monkeypatch.setattr(app, "serve", started.append)
    done = CliRunner().invoke(main.app, command, env=environment)
    assert done.exit_code == 0, done.output
    return started[0]


def test_the_container_user_is_not_root_and_cannot_write_the_program() -> None:
    user = one("USER")
    assert int(user) > 0, "a number, so that Kubernetes can check that it is not root"
    names = [name for name, _ in final_stage()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    (created,) = [rest for name, rest in final_stage() if name == "RUN" and "useradd" in rest]
    assert f"--uid {user} " in created
    assert not any("--chown" in rest for name, rest in final_stage() if name == "COPY")


def test_data_and_caches_are_in_the_volume(tmp_path: Path) -> None:
    volume = one("VOLUME")
    given = {name: value for name, value in settings().items() if name not in ("PATH", "PORT")}
    done = subprocess.run(
        [sys.executable, "-c", PRINT_PATHS],
        env={"PATH": os.environ["PATH"]} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = json.loads(done.stdout)
    assert all(path.startswith(f"{volume}/") for path in paths)
    # Each variable sets one of the paths: none is unused.
    assert paths[0] == given["MARSAM_DATA"]
    assert paths[1].startswith(given["HF_HOME"])
    assert paths[2].startswith(given["HOME"])
    assert set(given) == {"MARSAM_DATA", "HF_HOME", "HOME"}


def test_the_server_listens_on_the_port_of_the_health_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert json.loads(one("ENTRYPOINT")) == list(PROJECT["project"]["scripts"])
    started = server_options(json.loads(one("CMD")), monkeypatch, PORT=settings()["PORT"])
    assert started.api
    assert str(started.port) == settings()["PORT"] == one("EXPOSE")
    with pytest.raises(OptionError, match="MARSAM_KEY"):
        require_key(started.host, load_keys(None), insecure=started.insecure)


@pytest.mark.parametrize("keys", [frozenset[str](), frozenset({"k" * 32})])
def test_the_health_check_succeeds_while_the_server_runs(
    keys: frozenset[str], tmp_path: Path
) -> None:
    metrics, port = Metrics(), free_port()
    scheduler = Scheduler(fake_studio(), Journal(tmp_path), observer=metrics.observe)
    application = create_app(scheduler, page=False, keys=keys, metrics=metrics)
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error"))
    check = json.loads(re.sub(r"^.*?CMD ", "", one("HEALTHCHECK")))

    readiness = kubernetes_pod()["containers"][0]["readinessProbe"]["exec"]["command"]
    ready_check = [word.replace("7860", str(port)) for word in readiness]

    def ask(check: list[str] = check) -> int:
        command = [sys.executable if word == "python" else word for word in check]
        environment = {"PORT": str(port), "MARSAM_KEY": "k" * 32}
        return subprocess.run(command, env=environment, capture_output=True).returncode

    assert ask() != 0, "the server has not started"
    assert ask(ready_check) != 0
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.05)
            assert thread.is_alive()
        assert ask() == 0
        assert ask(ready_check) == 0
        scheduler.close()
        assert ask() == 0, "a restart would not help"
        assert ask(ready_check) != 0
    finally:
        server.should_exit = True
        thread.join()


def test_the_copied_files_are_enough_for_the_wheel() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    project, wheel = PROJECT["project"], PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [project["readme"], *project["license-files"], *wheel["packages"], "pyproject.toml"]
    assert {name.partition("/")[0] for name in needed} == copied - {"locks/container.txt"}


def test_the_image_installs_the_dependencies_of_the_project() -> None:
    steps = [rest for name, rest in instructions() if name == "RUN"]
    (torch,) = [one for one in locked(ROOT / "locks" / "check.txt") if one.startswith("torch==")]
    installs = [step for step in steps if "pip install" in step]
    assert f'"{torch}"' in installs[0]
    # What is not locked by a hash is not downloaded.
    for step in installs[1:]:
        assert "--no-deps" in step
        assert ("--require-hashes" in step) != ("--no-build-isolation ." in step)
    assert "pip check" in installs[-1]
    assert "libfribidi0" in " ".join(steps)


def test_the_images_are_pinned_by_digest() -> None:
    images = [compose()["services"]["database"]["image"]]
    images += [rest for name, rest in instructions() if name == "ARG" and rest.startswith("PYTHON")]
    for image in images:
        assert re.fullmatch(r"\S+\d+\.\d+\S*-bookworm@sha256:[0-9a-f]{64}", image)


@pytest.mark.parametrize("kind", ["cpu", "cuda", "tpu"])
def test_the_kind_of_torch_is_a_build_argument(kind: str, tmp_path: Path) -> None:
    assert ("ARG", "TORCH=cpu") in instructions()
    (step,) = [rest for name, rest in instructions() if name == "RUN" and "TORCH" in rest]
    fake = tmp_path / "pip"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", step],
        env={"TORCH": kind, "PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    if kind == "tpu":
        assert done.returncode != 0
        assert done.stderr == "TORCH is cpu or cuda\n"
        return
    # The build on PyPI is the one for CUDA.
    index = {"cpu": "--index-url https://download.pytorch.org/whl/cpu ", "cuda": ""}[kind]
    assert done.stdout.startswith(f"install --no-cache-dir {index}torch")


def test_compose_starts_a_service_with_a_key_and_a_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = compose()["services"]
    ours, database = services["marsam"], services["database"]
    for name, value in (settings() | ours["environment"]).items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    started = server_options(ours.get("command", json.loads(one("CMD"))), monkeypatch)
    require_key(started.host, load_keys(None), insecure=started.insecure)
    published = ours["ports"][0].rsplit(":", 2)
    assert published == ["127.0.0.1", "7860", str(started.port)]

    address = sa.make_url(ours["environment"]["MARSAM_JOURNAL"])
    assert (address.host, address.username, address.database) == (
        "database",
        database["environment"]["POSTGRES_USER"],
        database["environment"]["POSTGRES_DB"],
    )
    assert address.password is None, "URLs are printed in errors and logs"
    assert ours["environment"]["PGPASSWORD"] == database["environment"]["POSTGRES_PASSWORD"]
    assert ours["depends_on"]["database"]["condition"] == "service_healthy"
    engine = open_engine(Path(), ours["environment"]["MARSAM_JOURNAL"])
    assert engine.dialect.driver == "psycopg"
    secrets = {"MARSAM_KEY", "MARSAM_JOURNAL", "PGPASSWORD"}
    choices = {
        f"MARSAM_{name}" for name in ("MODELS", "CAPTIONER", "TRANSLATOR", "PAINTER", "LORA")
    }
    proxy = {"MARSAM_TRUSTED_PROXIES", "MARSAM_PUBLIC_URL"}
    assert secrets | choices | proxy == set(ours["environment"])


def test_compose_writes_to_its_volumes_only() -> None:
    found = compose()
    ours = found["services"]["marsam"]
    assert ours["read_only"]
    assert ours["tmpfs"] == ["/tmp"]
    assert ours["volumes"] == [f"data:{one('VOLUME')}"]
    assert {
        path.partition(":")[0] for s in found["services"].values() for path in s["volumes"]
    } == set(found["volumes"])


def test_compose_takes_all_rights_that_no_service_needs() -> None:
    for service in compose()["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert service["stop_grace_period"]
    database = compose()["services"]["database"]
    assert database["user"] == "postgres"  # without rights, it could not change from root to that
    assert "/var/run/postgresql" in database["tmpfs"]  # of its socket


def test_compose_cuda_builds_for_and_reserves_an_nvidia_gpu() -> None:
    ours = compose("compose.cuda.yaml")["services"]["marsam"]
    assert ours["build"]["args"]["TORCH"] == "cuda"
    (device,) = ours["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"


def kubernetes_pod() -> dict[str, Any]:
    """The pod of docs/docker.md."""
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return dict(yaml.safe_load(block))


def test_the_pod_of_the_documentation_fits_the_image() -> None:
    pod = kubernetes_pod()
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] == int(one("USER"))
    ports = [(port["name"], str(port["containerPort"])) for port in container["ports"]]
    assert ports == [("http", one("EXPOSE"))]
    for name in ("startupProbe", "livenessProbe"):
        get = container[name]["httpGet"]
        assert (get["path"], get["port"]) == ("/healthz", "http")
        assert get["path"] in OPEN_PATHS
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted == {"data": one("VOLUME"), "tmp": "/tmp"}
    assert set(mounted) == {volume["name"] for volume in pod["volumes"]}
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_dockerignore_excludes_bytecode_caches() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for path in ("src/marsam/__pycache__", "src/marsam/web/__pycache__"):
        assert any(fnmatch(path, line) for line in ignored if line.startswith("**"))
