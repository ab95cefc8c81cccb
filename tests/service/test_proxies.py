"""Behind real proxies: all links and origins are those that a visitor sees."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.helpers.page import Page
from tests.helpers.proxies import caddy, documented, location, nginx, traefik
from tests.helpers.serving import free_port
from tests.service.conftest import Service

PATH = "/marsam"


@dataclass(frozen=True)
class Setup:
    """A proxy, and the service behind it.

    ``public`` is the value of MARSAM_PUBLIC_URL, where ``{url}`` is the address of the proxy;
    ``trusted`` says that the service trusts the proxy.
    """

    name: str
    proxy: Callable[..., AbstractContextManager[str]]
    configuration: str
    path: str = ""
    tls: bool = False
    public: str = ""
    trusted: bool = False


NGINX, NGINX_UNDER_A_PATH = documented("nginx")
CADDY, CADDY_UNDER_A_PATH = documented("Caddy")
_, TRAEFIK_UNDER_A_PATH = documented("Traefik")
SETUPS = [
    Setup("nginx, bare", nginx, location(), public="{url}"),
    Setup(
        "nginx, host without its port",
        nginx,
        location("proxy_set_header Host $host;"),
        public="{url}",
    ),
    Setup("nginx, host with its port", nginx, location("proxy_set_header Host $http_host;")),
    Setup("nginx, under a path", nginx, location(path=f"{PATH}/"), path=PATH, public="{url}"),
    Setup("nginx, documented, TLS", nginx, NGINX, tls=True, trusted=True),
    Setup("nginx, documented path", nginx, NGINX_UNDER_A_PATH, path=PATH, trusted=True),
    Setup("Caddy, documented", caddy, CADDY, trusted=True),
    Setup("Caddy, documented path", caddy, CADDY_UNDER_A_PATH, path=PATH, trusted=True),
    Setup("Traefik, documented path", traefik, TRAEFIK_UNDER_A_PATH, path=PATH, trusted=True),
]


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the page and the API that trusts proxies of this machine."""
    folder = tmp_path_factory.mktemp("trusting") / "data"
    service = Service(folder, PAGE="1", MARSAM_TRUSTED_PROXIES="127.0.0.0/8")
    yield service
    service.kill()


@pytest.fixture(params=SETUPS, ids=lambda setup: setup.name)
def address(
    request: pytest.FixtureRequest, tmp_path: Path, serve: Callable[..., Service]
) -> Iterator[str]:
    """The URL at which a proxy answers for a service."""
    setup: Setup = request.param
    port = free_port()
    url = f"{'https' if setup.tls else 'http'}://127.0.0.1:{port}{setup.path}"
    service = (
        request.getfixturevalue("trusting")
        if setup.trusted
        else serve(PAGE="1", MARSAM_PUBLIC_URL=setup.public.format(url=url))
    )
    options = {"port": port, "path": setup.path} | ({"tls": True} if setup.tls else {})
    with setup.proxy(tmp_path / "proxy", service.url, setup.configuration, **options) as address:
        assert address == url
        yield address


def test_everything_has_the_address_of_the_proxy(address: str) -> None:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    with httpx.Client(verify=False, headers={"Origin": origin}) as client:
        made = client.post(
            f"{address}/v1/images/generations",
            json={"prompt": "a cat", "response_format": "url", "seed": 1},
        ).json()
        link = made["data"][0]["url"]
        assert link.startswith(f"{address}/v1/pictures/")
        assert client.get(link).headers["Content-Type"] == "image/png"

        created = client.post(f"{address}/v1/runs", data={"prompt": "a cat", "pictures": "1"})
        assert created.status_code == 202
        location = httpx.URL(created.url).join(created.headers["Location"])
        assert client.get(location).json()["id"] == created.json()["id"]
        with client.stream("GET", f"{location}/events", timeout=30) as events:
            assert "event: ended" in events.read().decode()
        (picture,) = client.get(location).json()["pictures"]
        assert client.get(httpx.URL(created.url).join(picture["url"])).status_code == 200

        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"Accept": "application/json, text/event-stream"}
        assert "paint" in client.post(f"{address}/mcp", json=call, headers=accept).text

        page = client.get(f"{address}/").text
        config = json.loads(page.split("window.gradio_config = ", 1)[1].split(";</script>")[0])
        assert config["root"] == address
        for asset in re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', page):
            found = client.get(httpx.URL(f"{address}/").join(asset))
            assert found.status_code == 200, asset
        info = client.get(f"{address}/gradio_api/info").json()
        assert "/paint" in info["named_endpoints"]

        refused = client.post(
            f"{address}/v1/runs",
            data={"prompt": "a cat"},
            headers={"Origin": "https://evil.example"},
        )
        assert refused.status_code == 403
        assert "--public-url" in refused.json()["message"]


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on which runs do not end."""
    folder = tmp_path_factory.mktemp("slow") / "data"
    service = Service(folder, PAGE="1", SLOW="60", MARSAM_TRUSTED_PROXIES="127.0.0.0/8")
    yield service
    service.kill()


@pytest.mark.parametrize(
    ("proxy", "configuration", "path"),
    [(nginx, NGINX, ""), (caddy, CADDY, ""), (traefik, TRAEFIK_UNDER_A_PATH, PATH)],
    ids=["nginx", "Caddy", "Traefik"],
)
def test_events_pass_at_once_and_large_bodies_do_not(
    proxy: Callable[..., AbstractContextManager[str]],
    configuration: str,
    path: str,
    slow: Service,
    tmp_path: Path,
) -> None:
    with (
        proxy(tmp_path / "proxy", slow.url, configuration, port=free_port(), path=path) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        run = client.post("/v1/runs", json={"prompt": "a cat", "pictures": 1}).json()["id"]
        assert "event: prompted" in read(client, "GET", f"/v1/runs/{run}/events", lines=2)
        with Page(url, "a" * 32, session=proxy.__name__) as page:
            page.join("paint_1", *page.settings(english="a cat", number=1)).raise_for_status()
            results = read(client, "GET", f"/gradio_api/queue/data?session_hash={page.session}")
            assert "process_generating" in results
        call = {"name": "paint", "arguments": {"prompt": "a dog"}, "_meta": {"progressToken": 1}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        accept = {"Accept": "application/json, text/event-stream"}
        said = read(client, "POST", "/mcp", lines=2, json=message, headers=accept)
        assert "Waiting for the models." in said

        largest = client.post("/v1/runs", files={"picture": ("cat.png", bytes(20_000_000))})
        assert largest.json()["code"] == "picture_error"  # it came through
        refused = client.post("/v1/runs", files={"picture": ("cat.png", bytes(32_000_000))})
        assert refused.status_code == 413


def read(client: httpx.Client, method: str, path: str, *, lines: int = 3, **more: Any) -> str:
    """The first lines of a stream that does not end."""
    found: list[str] = []
    with client.stream(method, path, **more) as response:
        for line in response.iter_lines():
            found += [line] if line else []
            if len(found) == lines:
                break
    return "\n".join(found)
