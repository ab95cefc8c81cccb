"""Paths and methods: the API answers for its own paths, with the page beside it or without."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from threading import Event
from unittest.mock import patch

import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI

from marsam.api.health import add_health
from marsam.api.metrics import Metrics
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import fake_studio
from marsam.web.page import mount
from tests.service.conftest import Service


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path_factory.mktemp("data")))
    yield scheduler
    scheduler.close()


@asynccontextmanager
async def _client(scheduler: Scheduler, *, page: bool) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(scheduler, page=page, metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize("page", [False, True])
async def test_unknown_paths_and_methods_have_the_apis_errors(
    scheduler: Scheduler, page: bool
) -> None:
    async with _client(scheduler, page=page) as client:
        for path in (
            *("/v1", "/v1/nothing", "/v1/runs/a/b", "/v1/pictures", "/v1/nothing/", "/sdapi/v1/x"),
            *("/translate/x", "/languages/x", "/mcp/x", "/healthz/x", "/openapi.json/x"),
        ):
            response = await client.get(path)
            assert response.status_code == 404, path
            assert response.json().keys() >= {"code", "message", "request_id"}, path
            assert response.json()["message"] == "There is no such route."
        for method, path, allowed in (
            ("PUT", "/v1/runs", "GET, HEAD, POST"),
            ("POST", "/v1/runs/a", "GET, HEAD, DELETE"),
            ("GET", "/v1/images/generations", "POST"),
            ("GET", "/v1/captions/", "POST"),
            ("GET", "/sdapi/v1/txt2img", "POST"),
            ("GET", "/mcp", "POST"),
            ("DELETE", "/mcp/", "POST"),
            ("POST", "/healthz", "GET, HEAD"),
            ("POST", "/metrics", "GET, HEAD"),
            ("POST", "/openapi.json", "GET, HEAD"),
        ):
            response = await client.request(method, path)
            assert response.status_code == 405, (method, path)
            assert response.headers["Allow"] == allowed, (method, path)
            assert response.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize("page", [False, True])
async def test_a_slash_at_the_end_changes_nothing(scheduler: Scheduler, page: bool) -> None:
    async with _client(scheduler, page=page) as client:
        asked = {"q": "two fish", "source": "en", "target": "ar"}
        translated = await client.post("/translate/", json=asked)
        assert translated.json() == {"translatedText": "[arb_Arab] two fish"}
        for path in ("/v1/runs/", "/languages/", "/healthz/", "/openapi.json/"):
            assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize("page", [False, True])
async def test_head_is_get_without_a_body(scheduler: Scheduler, page: bool) -> None:
    async with _client(scheduler, page=page) as client:
        for path in ("/healthz", "/readyz", "/metrics", "/v1/runs", "/openapi.json", "/healthz/"):
            head, got = await client.head(path), await client.get(path)
            assert head.status_code == got.status_code == 200, path
            assert head.headers["content-type"] == got.headers["content-type"], path


async def test_the_page_still_has_its_own_paths(scheduler: Scheduler) -> None:
    async with _client(scheduler, page=True) as client:
        assert "text/html" in (await client.get("/")).headers["content-type"]
        assert (await client.get("/config")).status_code == 200
        assert (await client.get("/gradio_api/info")).status_code == 200


async def test_the_page_alone_has_a_liveness_check(scheduler: Scheduler) -> None:
    app = FastAPI()
    add_health(app)
    mount(app, scheduler)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.head("/healthz/")).status_code == 200
        assert "text/html" in (await client.get("/")).headers["content-type"]


async def test_health_is_answered_while_every_thread_is_busy(scheduler: Scheduler) -> None:
    release = Event()
    async with _client(scheduler, page=False) as client, anyio.create_task_group() as busy:
        threads = int(anyio.to_thread.current_default_thread_limiter().total_tokens)

        async def occupy() -> None:
            await anyio.to_thread.run_sync(release.wait)

        for _ in range(threads):
            busy.start_soon(occupy)
        try:
            for path in ("/healthz", "/readyz", "/metrics"):
                assert (await client.get(path, timeout=20)).status_code == 200
        finally:
            release.set()


async def test_a_journal_that_does_not_answer_is_not_ready(scheduler: Scheduler) -> None:
    release, reads = Event(), list[object]()

    def hang(*wanted: object, limit: int) -> None:
        reads.append(limit)
        release.wait()

    with (
        patch("marsam.api.health.JOURNAL_TIMEOUT_S", 0.05),
        patch.object(scheduler.journal, "runs", hang),
    ):
        async with _client(scheduler, page=False) as client:
            try:
                for _ in range(3):
                    response = await client.get("/readyz")
                    assert (response.status_code, response.json()["ready"]) == (503, False)
                assert (await client.get("/healthz")).status_code == 200
            finally:
                release.set()
    assert len(reads) == 1


def test_a_server_stops_with_exit_code_0_during_a_long_step(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="120")
    with httpx.Client(base_url=service.url) as client:
        run = client.post("/v1/runs", data={"prompt": "a cat", "pictures": "1"}).json()["id"]
        with client.stream("GET", f"/v1/runs/{run}/events", timeout=60) as events:
            lines = events.iter_lines()
            assert any("previewed" in line for line in lines)
            service.process.terminate()
            assert any('"interrupted"' in line for line in lines)  # listeners get the end
    assert service.process.wait(timeout=60) == 0
    service.start()
    with httpx.Client(base_url=service.url) as client:
        assert client.get(f"/v1/runs/{run}").json()["state"] == "interrupted"
