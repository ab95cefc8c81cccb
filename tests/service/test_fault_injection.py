"""A full disk, a hung step, too little memory, a corrupt model: reported, without a crash."""

import asyncio
import errno
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from PIL import Image

from marsam import Studio
from marsam.api.metrics import Metrics
from marsam.hub.catalog import MINI, bundled_folder
from marsam.imaging.image_io import open_picture
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun
from marsam.journal.retention import prune
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import fake_studio
from tests.conftest import Figure
from tests.service.api_client import image_bytes, post_run, wait_for_end
from tests.service.conftest import Service
from tests.service.fake_service import HANG_S


class Disk:
    """A disk that takes so many writes more, and then is full until it is freed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: sa.Engine) -> None:
        self.left = 10**9
        save, fsync, mkdir = Image.Image.save, os.fsync, Path.mkdir

        def saving(*args: Any, **more: Any) -> None:
            self.write()
            save(*args, **more)

        def syncing(handle: int) -> None:
            self.write()
            fsync(handle)

        def making(path: Path, *args: Any, **more: Any) -> None:
            if path.parent.name == "runs":
                self.write()
            mkdir(path, *args, **more)

        def asking(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith("SELECT"):
                try:
                    self.write()
                except OSError as error:
                    raise sqlite3.OperationalError("database or disk is full") from error

        monkeypatch.setattr(Image.Image, "save", saving)
        monkeypatch.setattr(os, "fsync", syncing)
        monkeypatch.setattr(Path, "mkdir", making)
        sa.event.listen(engine, "before_cursor_execute", asking)

    def write(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    # The watchdog runs four times in a step's timeout.
    scheduler = Scheduler(fake_studio(), Journal(tmp_path / "data"), step_timeout=2.0)
    yield scheduler
    scheduler.close()


async def _asked(client: httpx.AsyncClient, run: str) -> dict[str, Any]:
    for _ in range(200):
        result: dict[str, Any] = (await client.get(f"/v1/runs/{run}")).json()
        if result["state"] not in ("queued", "running"):
            return result
        await asyncio.sleep(0.02)
    raise AssertionError(result)


async def test_a_full_disk_at_fifty_points(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    app = create_app(scheduler, page=False, metrics=Metrics())
    disk = Disk(monkeypatch, scheduler.journal._engine)
    transport = httpx.ASGITransport(app=app)
    outcomes: list[str] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        form = {"prompt": "old", "pictures": "2", "seed": "1"}
        old = await _asked(client, (await client.post("/v1/runs", data=form)).json()["id"])
        for point in range(50):
            disk.left = point
            form = {"prompt": f"x {point}", "pictures": "3", "seed": "1"}
            files = {"picture": image_bytes()} if point % 2 else None
            if files:
                del form["prompt"]
            response = await client.post("/v1/runs", data=form, files=files)
            if response.status_code == 202:
                run = response.json()["id"]
                if point < 40:
                    while scheduler.queue_position(run) is not None:
                        await asyncio.sleep(0.01)
                    refused = await client.post("/v1/runs", data=form, files=files)
                    assert refused.status_code in (507, 202)
                disk.left = 10**9
                result = await _asked(client, run)
                assert result["state"] in ("finished", "failed")
                if result["state"] == "failed":
                    assert result["error"]["code"] == "disk_full"
                    assert "/" not in result["error"]["message"]
                outcomes.append(result["state"])
                for made in result["pictures"]:
                    image = (await client.get(made["url"])).content
                    assert open_picture(image).size == (64, 64)
            else:
                assert response.status_code == 507, response.text
                assert response.json()["code"] == "disk_full"
                outcomes.append("refused")
            disk.left = 10**9
            for made in old["pictures"]:
                assert (await client.get(made["url"])).status_code == 200
        after = await client.post("/v1/runs", data={"prompt": "after", "pictures": "1"})
        assert (await _asked(client, after.json()["id"]))["state"] == "finished"
    counted = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    figure(f"disk full at 50 points: {counted}, old results intact")
    assert set(counted) == {"refused", "failed", "finished"}


def test_a_full_file_system(serve: Callable[..., Service], tmp_path: Path, figure: Figure) -> None:
    place = tmp_path / "service-0"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        service = serve()
        kept: list[str] = []
        with httpx.Client(base_url=service.url, timeout=20) as client:
            for number in range(400):
                response = post_run(client, prompt=f"x {number}", pictures=4, check=False)
                if response.status_code != 202:
                    break
                result = wait_for_end(client, response.json()["id"])
                kept += [made["url"] for made in result["pictures"]]
                if result["state"] == "failed":
                    assert result["error"]["code"] == "disk_full"
            assert response.status_code == 507
            assert all(open_picture(client.get(url).content).size == (64, 64) for url in kept)
            assert client.get("/healthz").status_code == 200
            for folder in sorted((place / "runs").iterdir())[:40]:
                shutil.rmtree(folder)
            again = post_run(client, prompt="after", pictures=1)
            assert again.status_code == 202
            assert wait_for_end(client, again.json()["id"])["state"] == "finished"
            figure(f"a real disk of 1.5 MB: full after {len(kept)} pictures, recovered when freed")
        service.stop()
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_hung_step_times_out(serve: Callable[..., Service]) -> None:
    service = serve(STEP_TIMEOUT="3")  # longer than a step beside other tests
    with httpx.Client(base_url=service.url, timeout=20) as client:
        run = post_run(client, prompt="hang", pictures=1).json()["id"]
        waiting = post_run(client, prompt="a cat", pictures=1).json()["id"]
        started = time.monotonic()
        result = wait_for_end(client, run)
        assert time.monotonic() - started < HANG_S
        assert result["state"] == "failed"
        assert result["error"]["code"] == "step_timeout"
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["ready"] is False
        assert client.get("/healthz").status_code == 200
        assert (
            wait_for_end(client, waiting)["state"] == "finished"
        )  # when the step is over after all
        assert client.get("/readyz").status_code == 200
        assert client.get(f"/v1/runs/{run}").json()["pictures"] == []


def test_out_of_memory_fails_one_run_only(serve: Callable[..., Service]) -> None:
    service = serve()
    with httpx.Client(base_url=service.url, timeout=20) as client:
        run = post_run(client, prompt="no memory", pictures=1).json()["id"]
        result = wait_for_end(client, run)
        assert result["state"] == "failed"
        assert result["error"]["code"] == "out_of_memory"
        after = post_run(client, prompt="a cat", pictures=1).json()["id"]
        assert wait_for_end(client, after)["state"] == "finished"


async def test_a_corrupt_model_is_reported_without_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "captioner"
    shutil.copytree(bundled_folder(MINI.captioner), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    studio = Studio.load("mini", captioner=str(folder))
    scheduler = Scheduler(studio, Journal(tmp_path / "data"))
    transport = httpx.ASGITransport(app=create_app(scheduler, page=False, metrics=Metrics()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.post("/v1/captions", files={"picture": image_bytes()})
        assert response.status_code == 503
        assert response.json()["code"] == "model_damaged"
        assert str(tmp_path) not in response.text
        begun = await client.post(
            "/v1/runs", files={"picture": image_bytes()}, data={"pictures": "1"}
        )
        result = await _asked(client, begun.json()["id"])
        assert result["state"] == "failed"
        assert result["error"]["code"] == "model_damaged"
        assert str(tmp_path) not in str(result)
        assert (await client.get("/healthz")).status_code == 200
    scheduler.close()


def test_retention_deletes_the_oldest_finished_runs_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    runs = [
        journal.insert(NewRun(client="amal", image=Image.effect_noise((200, 200), 90))).id
        for _ in range(4)
    ]
    for run in runs[:3]:
        journal.finish(run, "finished")
    assert prune(journal, days=1) == 0
    size = sum(file.stat().st_size for file in (tmp_path / "runs" / runs[0]).iterdir()) / 1e6
    assert prune(journal, megabytes=1.5 * size) == 2
    assert {run.id for run in journal.runs(None)} == set(runs[2:])
    assert prune(journal, days=0) == 1
    assert [run.id for run in journal.runs(None)] == [runs[3]]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [runs[3]]
    journal.close()
