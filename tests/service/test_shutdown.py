"""Requests that wait for a run end when the server stops, however long the step takes."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from PIL import Image

from marsam import Painted, PaintOptions, Previewed, Studio
from marsam.api.metrics import Metrics
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator


@dataclass
class BlockedPainter(FakePainter):
    """Waits in its first step."""

    started: Event = field(default_factory=Event)
    release: Event = field(default_factory=Event)

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        self.started.set()
        self.release.wait()
        yield from super().paint(prompt, options, start)


@pytest.fixture
def painter() -> BlockedPainter:
    return BlockedPainter()


@pytest.fixture
def scheduler(tmp_path: Path, painter: BlockedPainter) -> Iterator[Scheduler]:
    studio = Studio(captioner=FakeCaptioner(), translator=FakeTranslator(), painter=painter)
    scheduler = Scheduler(studio, Journal(tmp_path))
    yield scheduler
    painter.release.set()
    scheduler.close()


async def test_waiting_requests_end_before_the_step(
    scheduler: Scheduler, painter: BlockedPainter
) -> None:
    transport = httpx.ASGITransport(app=create_app(scheduler, page=False, metrics=Metrics()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        run, queued = [
            (await client.post("/v1/runs", json={"prompt": "a cat"})).json()["id"] for _ in range(2)
        ]
        await asyncio.to_thread(painter.started.wait)
        generate = client.post("/v1/images/generations", json={"prompt": "a cat"})
        waiting = [generate, *(client.get(f"/v1/runs/{one}/events") for one in (run, queued))]
        tasks = [asyncio.create_task(one) for one in waiting]
        while (await client.get("/readyz")).json()["waiting"] != 2:  # also the image request
            await asyncio.sleep(0.01)
        closing = Thread(target=scheduler.close)
        closing.start()
        generated, *streams = await asyncio.gather(*tasks)
        assert not painter.release.is_set()
        assert generated.status_code == 503
        assert "The server is stopping." in generated.text
        assert int(generated.headers["Retry-After"]) > 0
        for stream in streams:
            last = stream.text.rpartition("event: ")[2]
            kind, _, data = last.partition("\ndata: ")
            assert kind == "ended"
            assert json.loads(data)["state"] == "interrupted"
        painter.release.set()
        await asyncio.to_thread(closing.join)
        states = {one["state"] for one in (await client.get("/v1/runs")).json()["runs"]}
        assert states == {"interrupted"}
