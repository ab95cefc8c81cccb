"""Authentication and request limits."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount, Route

from marsam.api import text
from marsam.api.dependencies import RunService, get_service
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
    scheduler = Scheduler(fake_studio(), Journal(tmp_path_factory.mktemp("data")))
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


async def test_every_route_requires_a_key(scheduler: Scheduler) -> None:
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
            response = await client.request(method, path)
            assert response.status_code == 401, (method, path)
            assert method == "HEAD" or set(response.json()) >= {"code", "message", "request_id"}


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"X-API-Key": KEY}},
        {"auth": ("anybody", KEY)},
    ],
)
async def test_a_key_is_accepted_as_bearer_header_or_basic(
    scheduler: Scheduler, how: dict[str, object]
) -> None:
    app = create_app(
        scheduler, page=False, keys=frozenset({KEY, "another of sixteen"}), metrics=Metrics()
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/healthz", **how)).status_code == 200  # type: ignore[arg-type]


async def test_api_key_in_the_query_only_on_libretranslate_routes(scheduler: Scheduler) -> None:
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


async def test_a_router_can_be_used_alone_with_another_service(scheduler: Scheduler) -> None:
    app = FastAPI()
    app.include_router(text.router)
    app.dependency_overrides[get_service] = lambda: RunService(scheduler)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.post("/v1/translations", json={"text": "two fish"})
        assert response.json()["text"] == "[arb_Arab] two fish"
        assert (await client.get("/v1/runs")).status_code == 404


def test_wrong_keys_are_rate_limited(serve: Callable[..., Service]) -> None:
    service = serve(KEYS=KEY)
    with httpx.Client(base_url=service.url) as client:
        wrong = [
            client.get("/healthz", headers={"X-API-Key": f"guess {i}"}).status_code
            for i in range(MAX_WRONG_KEYS + 2)
        ]
        assert wrong == [401] * MAX_WRONG_KEYS + [429] * 2
        locked = client.get("/healthz", headers={"X-API-Key": KEY})
        assert locked.status_code == 429  # else the response would tell that the key is right
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
def test_foreign_host_and_origin_are_refused(
    shared: Service, headers: dict[str, str], code: str
) -> None:
    response = httpx.post(f"{shared.url}/v1/runs", headers=headers, data={"prompt": "x"})
    assert response.status_code == 403
    assert response.json()["code"] == code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_loopback_names_are_allowed(shared: Service, host: str) -> None:
    name = f"{host}:{shared.port}"
    headers = {"Host": name, "Origin": f"http://{name}"}
    assert httpx.get(f"{shared.url}/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "studio.example"])
def test_listening_for_other_machines_requires_a_key(host: str) -> None:
    with pytest.raises(OptionError, match="--insecure"):
        require_key(host, (), insecure=False)
    require_key(host, (KEY,), insecure=False)
    require_key(host, (), insecure=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_requires_no_key(host: str) -> None:
    require_key(host, (), insecure=False)


def test_a_valid_request_id_is_kept_and_another_is_replaced(shared: Service) -> None:
    good = httpx.get(f"{shared.url}/healthz", headers={"X-Request-ID": "my-name.1"})
    assert good.headers["X-Request-ID"] == "my-name.1"
    bad = httpx.get(f"{shared.url}/healthz", headers={"X-Request-ID": "a b;<script>"})
    assert bad.headers["X-Request-ID"].isalnum()


@pytest.mark.parametrize(
    "sent",
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
async def test_malformed_requests_do_not_break_the_middleware(
    scheduler: Scheduler, sent: dict[str, Any]
) -> None:
    app = create_app(scheduler, page=False, keys=frozenset({KEY}), metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.post("/translate", **sent)
        assert response.status_code in (401, 403, 413)
        assert set(response.json()) >= {"code", "message", "request_id"}
