"""Many clients at once: nothing lost, doubled or mixed up; a full queue refuses at once."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx
from PIL import Image

from marsam import Painted, PaintOptions
from marsam.imaging.image_io import open_picture
from marsam.journal.journal import Journal
from marsam.journal.records import FINAL_STATES
from marsam.testing import FakePainter
from tests.conftest import Figure
from tests.service.api_client import image_bytes, post_run, wait_for_end
from tests.service.conftest import Service

STRESS = bool(os.environ.get("MARSAM_STRESS"))
SECONDS = 60 if STRESS else 8
CLIENTS = 200
PAUSE = 4.0
"""Seconds between two requests of a client, on average."""
SEED = int(os.environ.get("MARSAM_SEED", "1"))


@dataclass
class Tally:
    accepted: dict[str, tuple[str, int]] = field(default_factory=dict)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    finished: int = 0


def expected(prompt: str, seed: int) -> Image.Image:
    """What the fake painter paints."""
    (painted,) = (
        event.picture.image
        for event in FakePainter(steps=1).paint(prompt, PaintOptions(pictures=1, seed=seed))
        if isinstance(event, Painted)
    )
    assert painted is not None
    return painted


async def one_client(
    client: aiohttp.ClientSession, number: int, until: float, tally: Tally
) -> None:
    """Asks for a run every few seconds, and afterwards looks at all it got."""
    rng = random.Random(SEED * 1000 + number)
    await asyncio.sleep(rng.uniform(0, PAUSE))
    mine: dict[str, tuple[str, int]] = {}
    while time.monotonic() < until:
        colour = (number % 256, rng.randrange(256), rng.randrange(256))
        seed = rng.randrange(2**31)
        form = aiohttp.FormData({"pictures": "1", "seed": str(seed)})
        if rng.random() < 0.5:
            said = f"a square of {colour[0]} {colour[1]} {colour[2]}"
            form.add_field("picture", image_bytes(*colour), filename="x.png")
        else:
            said = f"words of {number} {seed}"
            form.add_field("prompt", said)
        async with client.post("/v1/runs", data=form) as response:
            begun = await response.json()
        if response.status == 503:
            tally.refused += 1
        elif response.status != 202 or begun["id"] in tally.accepted:
            tally.wrong.append(str(begun))
        else:
            mine[begun["id"]] = tally.accepted[begun["id"]] = (said, seed)
        await asyncio.sleep(rng.uniform(0.5 * PAUSE, 1.5 * PAUSE))
    for run, (said, seed) in mine.items():
        async with client.get(f"/v1/runs/{run}") as response:
            result = await response.json()
        while result["state"] not in FINAL_STATES:
            await asyncio.sleep(rng.uniform(1, 5))
            async with client.get(f"/v1/runs/{run}") as response:
                result = await response.json()
        if result["state"] != "finished" or result["caption"]["en"] != said:
            tally.wrong.append(f"{said}: {result}")
            continue
        (made,) = result["pictures"]
        async with client.get(made["url"]) as response:
            image = open_picture(await response.read())
        if made["seed"] != seed or image != expected(said, seed):
            tally.wrong.append(f"{said}: another picture")
        tally.finished += 1


async def test_two_hundred_clients(serve: Callable[..., Service], figure: Figure) -> None:
    service = serve(QUEUE="5000")
    tally, until = Tally(), time.monotonic() + SECONDS
    connections = aiohttp.TCPConnector(limit=CLIENTS)
    # The clients must not be what is measured: these cost a fraction of httpx's.
    async with aiohttp.ClientSession(service.url, connector=connections) as client:
        await asyncio.gather(*(one_client(client, n, until, tally) for n in range(CLIENTS)))
    figure(
        f"{CLIENTS} clients, {SECONDS} s, seed {SEED}: accepted {len(tally.accepted)}, "
        f"finished {tally.finished}, refused {tally.refused}, wrong {len(tally.wrong)}"
    )
    assert tally.wrong == []
    assert tally.finished == len(tally.accepted)
    assert tally.finished >= (2000 if STRESS else 200)
    service.stop()
    journal = Journal(service.folder)
    runs = journal.runs(None, limit=100_000)
    assert sorted(run.id for run in runs) == sorted(tally.accepted)
    assert {run.state for run in runs} == {"finished"}
    assert all(len(run.pictures) == 1 for run in runs)
    journal.close()


async def test_a_full_queue_refuses_quickly(serve: Callable[..., Service], figure: Figure) -> None:
    """2,000 submissions (fewer in the short form) into a queue of 100."""
    count = 2000 if STRESS else 500
    # Longer than all the asking takes: a run that ended meanwhile would make room for another.
    service = serve(SLOW="300")
    before, took, found = memory(service), list[float](), Counter[int]()
    gate = asyncio.Semaphore(50)
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:

        async def ask(number: int) -> None:
            async with gate:
                started = time.monotonic()
                response = await client.post(
                    "/v1/runs", data={"prompt": f"x {number}", "pictures": "1"}
                )
                found[response.status_code] += 1
                if response.status_code == 503:
                    took.append(time.monotonic() - started)
                    assert int(response.headers["Retry-After"]) > 0
                    assert response.json()["code"] == "queue_full"

        await asyncio.gather(*(ask(n) for n in range(count)))
    grown = (memory(service) - before) / 1e6
    took.sort()
    figure(
        f"{count} submissions into a queue of 100: {dict(found)}, a refusal in "
        f"{1000 * took[len(took) // 2]:.0f} ms (median, 50 at a time), memory +{grown:.0f} MB"
    )
    assert set(found) == {202, 503}
    assert 100 <= found[202] <= 102  # and those being worked on
    assert took[len(took) // 2] < 2
    assert grown < 50


def memory(service: Service) -> int:
    """Bytes the service holds."""
    pages = int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


def _growth(service: Service, count: int) -> tuple[float, int]:
    """Megabytes and descriptors that so many requests leave behind."""
    with httpx.Client(base_url=service.url, timeout=30) as client:

        def some(count: int) -> None:
            for number in range(count // 10):
                run = post_run(client, image=image_bytes(number % 256), pictures=1).json()["id"]
                wait_for_end(client, run)
                for _ in range(4):
                    client.get(f"/v1/runs/{run}")
                client.post("/v1/captions", files={"picture": image_bytes()})
                client.post("/v1/translations", json={"text": "a cat"})
                client.get(f"/v1/pictures/{run}-0")

        some(400)
        held, opened = memory(service), descriptors(service)
        some(count)
        return (memory(service) - held) / 1e6, descriptors(service) - opened


def test_memory_and_descriptors_do_not_grow(serve: Callable[..., Service], figure: Figure) -> None:
    count = 2000 if STRESS else 600
    grown, opened = _growth(serve(), count)
    figure(f"{count} requests after warm-up: memory {grown:+.1f} MB, descriptors {opened:+d}")
    assert grown < 50
    assert abs(opened) <= 5


def test_an_injected_leak_is_detected(serve: Callable[..., Service]) -> None:
    grown, _ = _growth(serve(LEAK="1"), 600)
    assert grown > 50


def test_fake_images_differ() -> None:
    """Else the test of crossed answers could not fail."""
    assert len({expected(f"words of {n}", n).tobytes() for n in range(50)}) > 40
