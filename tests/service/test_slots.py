"""Requests that are answered at once: bounded, and no client keeps the others waiting."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from marsam import TranslateOptions, Translation
from marsam.api.metrics import Metrics
from marsam.cli import main
from marsam.errors import QueueFull, QuotaExceeded
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server import app as server
from marsam.server.options import ServerOptions
from marsam.slots import LOCAL_CLIENT, Places, Slots
from marsam.testing import FakeTranslator, fake_studio


async def hold(slots: Slots, client: str, order: list[str], release: asyncio.Event) -> None:
    async with slots.slot(client):
        order.append(client)
        await release.wait()


async def test_a_client_has_half_of_the_slots_and_the_next_one_is_for_others() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=24), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for client in "aaaaaaaaaab":
            tasks.create_task(hold(slots, client, order, release))
        await asyncio.sleep(0.01)
        assert order == ["a", "b"]
        release.set()
    assert len(order) == 11


def test_a_client_has_half_of_the_places() -> None:
    places = Places(number=4)
    with places.place("a"), places.place("a"), places.place("b"):
        with pytest.raises(QuotaExceeded, match="Close one of them") as refused:
            places.place("a").__enter__()
        assert refused.value.ar == "اتصالاتك المفتوحة كثيرة. أغلق أحدها وحاول ثانية."
        with places.place("c"), pytest.raises(QueueFull):
            places.place("d").__enter__()
    with places.place("a"), places.place("a"):
        pass


def test_many_clients_behind_a_proxy_on_this_machine_have_all_places() -> None:
    places = Places(number=2)
    with places.place(LOCAL_CLIENT), places.place(LOCAL_CLIENT), pytest.raises(QueueFull):
        places.place("a").__enter__()


async def test_more_than_the_bound_is_refused_at_once() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=4), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for client in "aabc":
            tasks.create_task(hold(slots, client, order, release))
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFull):
            await hold(slots, "d", order, release)
        release.set()
    release.clear()
    async with asyncio.TaskGroup() as tasks:
        for client in "aa":
            tasks.create_task(hold(slots, client, order, release))
        await asyncio.sleep(0.01)
        with pytest.raises(QuotaExceeded):
            await hold(slots, "a", order, release)
        release.set()
    assert sorted(order) == ["a", "a", "a", "a", "b", "c"]


async def test_a_request_that_fails_or_is_cancelled_frees_its_slot() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=4), list[str](), asyncio.Event()
    with pytest.raises(ZeroDivisionError):
        async with slots.slot("a"):
            raise ZeroDivisionError
    waiting = [asyncio.create_task(hold(slots, "a", order, release)) for _ in range(2)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    release.set()
    await asyncio.wait_for(hold(slots, "a", order, release), timeout=5)
    assert order == ["a", "a"]


async def test_requests_of_this_machine_may_be_those_of_many_clients() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=4), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(hold(slots, LOCAL_CLIENT, order, release))
        await asyncio.sleep(0.01)
        assert len(order) == 2
        release.set()
    assert len(order) == 4


@dataclass
class WaitingTranslator(FakeTranslator):
    """Translates when the test lets it."""

    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        self.begun.set()
        assert self.go_on.wait(30)
        return super().translate_many(texts, options)


async def test_the_number_of_text_requests_is_an_option(tmp_path: Path) -> None:
    translator = WaitingTranslator()
    scheduler = Scheduler(replace(fake_studio(), translator=translator), Journal(tmp_path))
    app = server.create_app(scheduler, page=False, metrics=Metrics(), max_text_requests=1)
    transport = httpx.ASGITransport(app=app)
    body = {"q": "a dog", "source": "en", "target": "ar"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        first = asyncio.create_task(client.post("/translate", json=body))
        await asyncio.to_thread(translator.begun.wait, 30)
        refused = await client.post("/translate", json=body)
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
        assert int(refused.headers["Retry-After"]) > 0
        translator.go_on.set()
        assert (await first).status_code == 200
    scheduler.close()


def test_the_number_of_text_requests_comes_from_the_command_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[ServerOptions] = []
    monkeypatch.setattr(server, "serve", started.append)

    def number(*command: str, **environment: str) -> int:
        done = CliRunner().invoke(main.app, ["serve", *command], env=environment)
        assert done.exit_code == 0, done.output
        return started[-1].max_text_requests

    assert number() == 100
    assert number(MARSAM_TEXT_REQUESTS="7") == 7
    assert number("--text-requests", "9", MARSAM_TEXT_REQUESTS="7") == 9
    assert CliRunner().invoke(main.app, ["serve", "--text-requests", "0"]).exit_code == 2
