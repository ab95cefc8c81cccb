"""Authentication and request limits."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from marsam.api import text
from marsam.api.dependencies import RunService, get_service
from marsam.api.metrics import Metrics
from marsam.errors import OptionError
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.addresses import ForwardedHeaders, PublicUrl
from marsam.server.app import create_app
from marsam.server.keys import MAX_ADDRESSES, MAX_WRONG_KEYS, Keys
from marsam.server.security import (
    LARGE_BODY_BYTES,
    MAX_LARGE_BODIES,
    SecurityMiddleware,
    require_key,
)
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


async def test_every_route_but_the_health_check_requires_a_key(scheduler: Scheduler) -> None:
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
            if path == "/healthz":
                assert response.status_code == (405 if method not in ("GET", "HEAD") else 200)
                continue
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
            client.get("/readyz", headers={"X-API-Key": f"guess {i}"}).status_code
            for i in range(MAX_WRONG_KEYS + 2)
        ]
        assert wrong == [401] * MAX_WRONG_KEYS + [429] * 2
        locked = client.get("/readyz", headers={"X-API-Key": "one more guess"})
        assert int(locked.headers["Retry-After"]) > 0
        # Nobody can lock out others at the same address, such as that of a proxy.
        assert client.get("/readyz", headers={"X-API-Key": KEY}).status_code == 200


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


def client_of(
    scheduler: Scheduler, *, proxies: Sequence[str] = (), peer: str = "127.0.0.1", **options: Any
) -> httpx.AsyncClient:
    """A client whose requests come from an address."""
    app = ForwardedHeaders(create_app(scheduler, page=False, **options), proxies)
    transport = httpx.ASGITransport(app=app, client=(peer, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "proxies", "is_believed"),
    [
        ("10.1.2.3", ["10.1.0.0/16"], True),
        ("127.0.0.1", ["127.0.0.1"], True),
        ("127.0.0.1", [], False),  # a proxy that passes on what its clients claim
        ("10.9.0.1", ["10.1.0.0/16"], False),
    ],
)
async def test_wrong_keys_are_counted_by_the_client_that_a_trusted_proxy_names(
    scheduler: Scheduler, peer: str, proxies: list[str], is_believed: bool
) -> None:
    keys = {"keys": frozenset({KEY}), "metrics": (metrics := Metrics())}
    async with client_of(scheduler, proxies=proxies, peer=peer, **keys) as client:
        statuses = [
            (
                await client.get(
                    "/readyz", headers={"X-API-Key": "wrong", "X-Forwarded-For": f"203.0.113.{i}"}
                )
            ).status_code
            for i in range(MAX_WRONG_KEYS + 1)
        ]
        assert statuses[-1] == (401 if is_believed else 429)
        assert (await client.get("/readyz", headers={"X-API-Key": KEY})).status_code == 200
    counted = metrics.registry.get_sample_value
    rejected = counted("marsam_rejections_total", {"code": "unauthorized"}) or 0
    assert rejected == MAX_WRONG_KEYS + is_believed


async def test_an_ipv6_network_counts_as_one_address_and_memory_is_bounded() -> None:
    keys = Keys([KEY])
    refused = [keys.count_wrong(f"2001:db8::{i:x}") for i in range(MAX_WRONG_KEYS + 1)]
    assert refused == [False] * MAX_WRONG_KEYS + [True]
    assert not keys.count_wrong("2001:db8:0:1::1")
    for i in range(MAX_ADDRESSES + 10):
        keys.count_wrong(f"10.{i // 65536}.{i // 256 % 256}.{i % 256}")
    assert len(keys._wrong) <= MAX_ADDRESSES


async def test_names_of_services_are_accepted_with_a_key_or_by_option(scheduler: Scheduler) -> None:
    host = {"Host": "marsam:7860"}
    async with client_of(scheduler, metrics=Metrics()) as client:
        refused = await client.get("/healthz", headers=host)
        assert refused.status_code == 403
        assert "--host-name" in refused.json()["message"]
    async with client_of(scheduler, metrics=Metrics(), hosts=["marsam"]) as client:
        assert (await client.get("/readyz", headers=host)).status_code == 200
    async with client_of(scheduler, metrics=Metrics(), keys=frozenset({KEY})) as client:
        assert (await client.get("/readyz", headers=host)).status_code == 401
        assert (await client.get("/readyz", headers=host | {"X-API-Key": KEY})).status_code == 200


async def test_a_forwarded_host_cannot_hide_a_foreign_one(scheduler: Scheduler) -> None:
    """A page can send X-Forwarded-Host to a name of its own that leads to this machine."""
    async with client_of(scheduler, metrics=Metrics()) as client:
        headers = {"Host": "evil.example", "X-Forwarded-Host": "localhost"}
        assert (await client.get("/healthz", headers=headers)).status_code == 403
        userinfo = {"Host": "evil@127.0.0.1"}
        assert (await client.get("/healthz", headers=userinfo)).status_code == 403


async def test_origins_that_are_named_may_use_the_api(scheduler: Scheduler) -> None:
    extension = "chrome-extension://abcdefghijklmnop"
    async with client_of(
        scheduler, metrics=Metrics(), origins=[extension], keys=frozenset({KEY})
    ) as client:
        asked = {
            "Origin": extension,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        preflight = await client.options("/v1/translations", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == extension
        sent = {"Origin": extension, "Authorization": f"Bearer {KEY}"}
        answer = await client.post("/v1/translations", json={"text": "two fish"}, headers=sent)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == extension
        without_key = await client.get("/readyz", headers={"Origin": extension})
        assert without_key.status_code == 401
        for other in (extension + "x", "https://evil.example"):
            refused = await client.options("/v1/translations", headers=asked | {"Origin": other})
            assert refused.status_code == 403


async def test_other_sites_can_neither_frame_the_page_nor_load_its_pictures(
    scheduler: Scheduler,
) -> None:
    async with client_of(scheduler, metrics=Metrics()) as client:
        headers = (await client.get("/healthz")).headers
        assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        for fetch, status in (
            ({"Mode": "no-cors", "Dest": "image"}, 403),
            ({"Mode": "navigate", "Dest": "iframe"}, 403),
            ({"Mode": "navigate", "Dest": "document"}, 200),  # a person follows a link
        ):
            sent = {f"Sec-Fetch-{name}": value for name, value in fetch.items()}
            sent["Sec-Fetch-Site"] = "cross-site"
            assert (await client.get("/healthz", headers=sent)).status_code == status


async def test_large_bodies_of_one_client_are_bounded() -> None:
    """They are in the memory until they are handled."""
    started, release = asyncio.Semaphore(0), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started.release()
        await release.wait()
        await Response("done")(scope, receive, send)

    protected = SecurityMiddleware(app)
    large = {"content": b"x" * (LARGE_BODY_BYTES + 1)}

    def client(peer: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=protected, client=(peer, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async with client("10.0.0.1") as first, client("10.0.0.2") as second:
        waiting = [
            asyncio.create_task(first.post("/", **large))  # type: ignore[arg-type]
            for _ in range(MAX_LARGE_BODIES // 2)
        ]
        for _ in waiting:
            await started.acquire()
        refused = await first.post("/", **large)  # type: ignore[arg-type]
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        waiting.append(asyncio.create_task(second.post("/", **large)))  # type: ignore[arg-type]
        waiting.append(asyncio.create_task(first.post("/", content=b"small")))
        for _ in range(2):
            await started.acquire()
        release.set()
        assert {(await task).status_code for task in waiting} == {200}
        assert (await first.post("/", **large)).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://example.org", "https://", "https://a:b@c", "https://x/?q", "http://["],
)
def test_a_wrong_public_url_is_an_option_error(url: str) -> None:
    with pytest.raises(OptionError, match="--public-url"):
        PublicUrl.parse(url)


def test_a_wrong_proxy_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="--trusted-proxy"):
        ForwardedHeaders(SecurityMiddleware(FastAPI()), ["proxy.example"])


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"api_key": KEY, "q": "two fish", "source": "en", "target": "ar"}},
        {
            "files": {
                name: (None, value)
                for name, value in {
                    "api_key": KEY,
                    "q": "two fish",
                    "source": "en",
                    "target": "ar",
                }.items()
            }
        },
        {
            "content": json.dumps(
                {"api_key": KEY, "q": "two fish", "source": "en", "target": "ar"}
            ),
            "headers": {"Content-Type": "Application/JSON; charset=utf-8"},
        },
    ],
    ids=["form", "multipart", "JSON"],
)
async def test_libretranslate_clients_send_the_key_in_any_body(
    scheduler: Scheduler, sent: dict[str, Any]
) -> None:
    async with client_of(scheduler, metrics=Metrics(), keys=frozenset({KEY})) as client:
        response = await client.post("/translate", **sent)
        assert response.status_code == 200, response.text
        assert response.json()["translatedText"] == "[arb_Arab] two fish"
