"""Processes killed at any moment: announced results are stored, unfinished runs can be resumed."""

import io
import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from marsam.api.runs import END_EVENT_ID_BASE
from marsam.atomic import PARTIAL
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from tests.conftest import Figure
from tests.service.api_client import post_run, read_events, wait_for_end
from tests.service.conftest import Service
from tests.service.fake_service import FAILPOINTS

KILLS = 30 if os.environ.get("MARSAM_STRESS") else 5
SEED = int(os.environ.get("MARSAM_SEED", "1"))


class Listener(threading.Thread):
    """Asks for runs and remembers every picture that was announced to it."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self.url, self.number = url, number
        self.accepted: dict[str, str] = {}
        self.announced: set[str] = set()

    def run(self) -> None:
        count = 0
        try:
            with httpx.Client(base_url=self.url, timeout=20) as client:
                while True:
                    count += 1
                    prompt = f"client {self.number} run {count}"
                    response = post_run(client, prompt=prompt, pictures=2, seed=count, check=False)
                    if response.status_code != 202:
                        continue
                    run = response.json()["id"]
                    self.accepted[run] = prompt
                    with client.stream("GET", f"/v1/runs/{run}/events") as result:
                        for line in result.iter_lines():
                            if line.startswith("data: ") and '"url": "' in line:
                                data = json.loads(line[6:])
                                found = data.get("pictures", [data])
                                self.announced |= {p["id"] for p in found}
        except httpx.HTTPError:
            return  # killed


def _sound(folder: Path, announced: set[str]) -> None:
    """Every announced picture is there, whole, and says it is the one; no half file has a name."""
    journal = Journal(folder)
    for name in announced:
        run_id, _, index = name.rpartition("-")
        run = journal.run(None, run_id)
        picture = run.pictures[int(index)]
        assert picture.path is not None
        assert open_picture(picture.path).size == (64, 64)
        record = read_record(picture.path)
        assert record is not None
        assert run.prompt is not None
        assert (record.seed, record.prompt) == (picture.seed, run.prompt.english)
    for path in folder.glob("runs/*/marsam-*.png"):
        open_picture(path)
    journal.close()


def test_sigkill_under_load_loses_no_announced_result(
    serve: Callable[..., Service], figure: Figure
) -> None:
    rng = random.Random(SEED)
    service = serve(SLOW="0.005")
    accepted: dict[str, str] = {}
    announced: set[str] = set()
    for kill in range(KILLS):
        clients = [Listener(service.url, 100 * kill + n) for n in range(4)]
        for listener in clients:
            listener.start()
        started = time.monotonic()
        while not any(one.announced for one in clients):  # a slow machine needs longer to start
            assert time.monotonic() - started < 30
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 1.0))
        service.kill()
        for listener in clients:
            listener.join(timeout=20)
            accepted |= listener.accepted
            announced |= listener.announced
        _sound(service.folder, announced)
        service.start()
    assert len(announced) > KILLS
    with httpx.Client(base_url=service.url, timeout=20) as client:
        resumed = 0
        for run, prompt in accepted.items():
            result = client.get(f"/v1/runs/{run}").json()
            assert result["state"] in ("finished", "interrupted")
            if result["state"] == "interrupted":
                resumed += 1
                while (again := client.post(f"/v1/runs/{run}/resume")).status_code in (429, 503):
                    time.sleep(0.1)
                assert again.status_code == 202, again.text
                result = wait_for_end(client, run)
            assert result["state"] == "finished"
            assert result["prompt"]["english"] == prompt
            assert [p["index"] for p in result["pictures"]] == [0, 1]
    assert resumed
    assert not list(service.folder.rglob(f"*{PARTIAL}"))
    figure(
        f"killed {KILLS} times, seed {SEED}: accepted {len(accepted)}, pictures announced "
        f"{len(announced)}, lost 0, runs resumed {resumed}"
    )


@pytest.mark.parametrize("place", FAILPOINTS)
def test_sigkill_at_every_point_of_saving(serve: Callable[..., Service], place: str) -> None:
    service = serve(FAILPOINT=place, FAIL_AT="1")
    listener = Listener(service.url, 0)
    listener.start()
    listener.join(timeout=20)
    assert not listener.is_alive()
    service.process.wait(timeout=10)
    _sound(service.folder, listener.announced)
    service.settings.clear()
    service.start(FAILPOINT="")
    (run,) = listener.accepted
    with httpx.Client(base_url=service.url, timeout=20) as client:
        result = client.get(f"/v1/runs/{run}").json()
        kept = len(result["pictures"])
        assert kept == (2 if place in ("recorded", "announced") else 1)
        if result["state"] == "interrupted":
            client.post(f"/v1/runs/{run}/resume")
            result = wait_for_end(client, run)
        assert result["state"] == "finished"
        undisturbed = post_run(
            client, prompt=listener.accepted[run], pictures=2, seed=1, check=False
        )
        other = wait_for_end(client, undisturbed.json()["id"])
        for mine, theirs in zip(result["pictures"], other["pictures"], strict=True):
            ours, wanted = (client.get(p["url"]).content for p in (mine, theirs))
            assert open_picture(io.BytesIO(ours)) == open_picture(io.BytesIO(wanted))
    assert not list(service.folder.rglob(f"*{PARTIAL}"))


def test_a_run_interrupted_by_a_shutdown_can_be_resumed(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.2")
    with httpx.Client(base_url=service.url, timeout=20) as client:
        run = post_run(client, prompt="a cat", pictures=3, seed=1, check=False).json()["id"]
        waiting = post_run(client, prompt="a dog", pictures=1, check=False).json()["id"]
        while not client.get(f"/v1/runs/{run}").json()["pictures"]:
            time.sleep(0.05)
    service.stop()
    journal = Journal(service.folder)
    assert journal.run(None, run).state == "interrupted"
    assert journal.run(None, waiting).state == "interrupted"
    assert len(journal.run(None, run).pictures) >= 1
    journal.close()
    service.start()
    with httpx.Client(base_url=service.url, timeout=20) as client:
        for one in (run, waiting):
            assert client.post(f"/v1/runs/{one}/resume").status_code == 202
            assert wait_for_end(client, one)["state"] == "finished"
        assert client.post(f"/v1/runs/{run}/resume").status_code == 404
        # A client that saw the end before the run was resumed gets the events after it.
        result = read_events(client, run, last=END_EVENT_ID_BASE + 1)
        assert [kind for _, kind, _ in result] == ["painted", "painted", "ended"]


@pytest.mark.parametrize("when", ["queued", "running", "finished"])
def test_repeated_cancel_ends_a_run_once(serve: Callable[..., Service], when: str) -> None:
    service = serve(SLOW="0.1" if when != "finished" else "0")
    with httpx.Client(base_url=service.url, timeout=20) as client:
        if when == "queued":
            before = post_run(client, prompt="before", pictures=2).json()["id"]
        run = post_run(client, prompt="a cat", pictures=4, seed=1, check=False).json()["id"]
        if when == "running":
            while not client.get(f"/v1/runs/{run}").json()["pictures"]:
                time.sleep(0.02)
        if when == "finished":
            wait_for_end(client, run)
        assert [client.post(f"/v1/runs/{run}/cancel").status_code for _ in range(2)] == [200, 200]
        result = wait_for_end(client, run)
        assert result["state"] == ("finished" if when == "finished" else "stopped")
        kept = len(result["pictures"])
        assert kept == {"queued": 0, "finished": 4}.get(when, kept)
        assert kept or when == "queued"
        for picture in result["pictures"]:
            assert client.get(picture["url"]).status_code == 200
        time.sleep(0.5)
        assert client.get(f"/v1/runs/{run}").json()["pictures"] == result["pictures"]
        if when == "queued":
            assert wait_for_end(client, before)["state"] == "finished"
        kinds = [kind for number, kind, _ in read_events(client, run) if number]
        assert kinds.count("ended") == 1


def test_a_disconnected_client_cancels_its_run(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.3")
    with (
        httpx.Client(base_url=service.url, timeout=1.0) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post("/v1/images/generations", json={"prompt": "a cat", "n": 9})
    with httpx.Client(base_url=service.url, timeout=20) as client:
        (run,) = client.get("/v1/runs").json()["runs"]
        result = wait_for_end(client, run["id"])
        assert result["state"] == "stopped"
        assert len(result["pictures"]) < 9


def test_a_disconnected_event_stream_does_not_affect_the_run(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.05")
    with httpx.Client(base_url=service.url, timeout=20) as client:
        run = post_run(client, prompt="a cat", pictures=3, check=False).json()["id"]
        with client.stream("GET", f"/v1/runs/{run}/events") as result:
            next(result.iter_lines())
        assert wait_for_end(client, run)["state"] == "finished"
        assert len(client.get(f"/v1/runs/{run}").json()["pictures"]) == 3
