"""Nobody passes without a key, whatever they ask for."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route

from marsam.api.metrics import Metrics
from marsam.errors import OptionError
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.server.security import MAX_WRONG_KEYS, require_key
from marsam.testing import fake_studio
from tests.service.conftest import Service

KEY = "a secret of sixteen"


@pytest.fixture
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path_factory.mktemp("guard")))
    yield scheduler
    scheduler.close()


def _paths(app: object, before: str = "") -> Iterator[tuple[str, str]]:
    """Every route of an app, of what is mounted in it, and of what is mounted there."""
    for route in getattr(app, "routes", []):
        if isinstance(route, Mount):
            yield from _paths(route.app, before + route.path)
            yield "GET", f"{before}{route.path}/x"
        elif isinstance(route, Route) or hasattr(route, "path"):
            for method in getattr(route, "methods", None) or {"GET"}:
                yield method, before + route.path


async def test_every_route_is_covered(scheduler: Scheduler) -> None:
    app = create_app(scheduler, keys=frozenset({KEY}), metrics=Metrics())
    assert isinstance(app.app, FastAPI)
    paths = {
        (method, path.replace("{", "").replace("}", "").replace(":path", ""))
        for method, path in _paths(app.app)
    }
    paths |= {
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in app.app.openapi()["paths"].items()
        for method in methods
    }
    named = {path for _, path in paths}
    assert {"/v1/runs", "/mcp", "/healthz", "/metrics", "/translate", "/config"} <= named
    assert any("/gradio_api/" in path for path in named)
    assert len(paths) > 40
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method, path in sorted(paths):
            answer = await client.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert method == "HEAD" or set(answer.json()) == {"code", "message", "request_id"}


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"X-API-Key": KEY}},
        {"auth": ("anybody", KEY)},
    ],
)
async def test_a_key_may_come_in_three_ways(scheduler: Scheduler, how: dict[str, object]) -> None:
    app = create_app(
        scheduler, page=False, keys=frozenset({KEY, "another of sixteen"}), metrics=Metrics()
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/healthz", **how)).status_code == 200  # type: ignore[arg-type]


async def test_a_key_in_the_query_is_looked_for_where_clients_put_it(scheduler: Scheduler) -> None:
    app = create_app(scheduler, page=False, keys=frozenset({KEY}), metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for path, query, status in (
            ("/languages", f"api_key={KEY}", 200),
            ("/languages", "api_key=wrong", 401),
            ("/languages", "&".join(["q=x"] * 100), 401),
            ("/v1/runs", f"api_key={KEY}", 401),  # where it would stay in logs and histories
        ):
            assert (await client.get(f"{path}?{query}")).status_code == status


def test_guessing_is_slowed_down(serve: Callable[..., Service]) -> None:
    service = serve(KEYS=KEY)
    with httpx.Client(base_url=service.url) as client:
        wrong = [
            client.get("/healthz", headers={"X-API-Key": f"guess {i}"}).status_code
            for i in range(MAX_WRONG_KEYS + 2)
        ]
        assert wrong == [401] * MAX_WRONG_KEYS + [429] * 2
        locked = client.get("/healthz", headers={"X-API-Key": KEY})
        assert locked.status_code == 429  # else the answer would tell that the key is right
        assert int(locked.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example"}, "foreign_host"),
        ({"Host": "127.0.0.1.evil.example"}, "foreign_host"),
        ({"Host": ""}, "foreign_host"),
        ({"Origin": "http://evil.example"}, "foreign_origin"),
        ({"Origin": "null"}, "foreign_origin"),
        ({"Origin": "http://127.0.0.1:1"}, "foreign_origin"),
    ],
)
def test_pages_of_other_sites_are_refused(
    shared: Service, headers: dict[str, str], code: str
) -> None:
    answer = httpx.post(f"{shared.url}/v1/runs", headers=headers, data={"prompt": "x"})
    assert answer.status_code == 403
    assert answer.json()["code"] == code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_may_be_asked_by_its_own_names(shared: Service, host: str) -> None:
    name = f"{host}:{shared.port}"
    headers = {"Host": name, "Origin": f"http://{name}"}
    assert httpx.get(f"{shared.url}/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "studio.example"])
def test_without_a_key_nobody_else_can_reach_it(host: str) -> None:
    with pytest.raises(OptionError, match="--insecure"):
        require_key(host, (), insecure=False)
    require_key(host, (KEY,), insecure=False)
    require_key(host, (), insecure=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_on_loopback_no_key_is_needed(host: str) -> None:
    require_key(host, (), insecure=False)


def test_a_request_keeps_its_name_and_hostile_ones_get_another(shared: Service) -> None:
    good = httpx.get(f"{shared.url}/healthz", headers={"X-Request-ID": "my-name.1"})
    assert good.headers["X-Request-ID"] == "my-name.1"
    bad = httpx.get(f"{shared.url}/healthz", headers={"X-Request-ID": "a b;<script>"})
    assert bad.headers["X-Request-ID"].isalnum()


@pytest.mark.parametrize(
    "asked",
    [
        {"headers": {"Host": "["}},
        {"headers": {"Origin": "http://["}},
        {"headers": {"Authorization": b"Basic \xe9"}},
        {"headers": {"Authorization": b"Bearer \xff\xfe"}},
        {"content": b'{"api_key": "\\ud800"}', "headers": {"Content-Type": "application/json"}},
        {"content": b"[" * 90_000, "headers": {"Content-Type": "application/json"}},
        {"content": b"a=1&" * 20_000, "headers": {"Content-Type": "x-www-form-urlencoded"}},
        {"headers": {"Content-Length": "x"}},
    ],
)
async def test_nothing_a_stranger_sends_breaks_the_guard(
    scheduler: Scheduler, asked: dict[str, Any]
) -> None:
    app = create_app(scheduler, page=False, keys=frozenset({KEY}), metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.post("/translate", **asked)
        assert answer.status_code in (401, 403, 413)
        assert set(answer.json()) == {"code", "message", "request_id"}
