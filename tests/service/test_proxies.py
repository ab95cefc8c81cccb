"""Behind a real nginx: all links and origins are those that a visitor sees."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.helpers.nginx import nginx
from tests.helpers.serving import free_port
from tests.service.conftest import Service

FORWARDED = """
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
"""


@dataclass(frozen=True)
class Setup:
    """A way to configure nginx, and the service behind it.

    ``public`` is the value of MARSAM_PUBLIC_URL, where ``{url}`` is the address of nginx.
    """

    name: str
    headers: str = ""
    path: str = "/"
    tls: bool = False
    public: str = ""
    trusted: str = ""


SETUPS = [
    Setup("bare", public="{url}"),
    Setup("host without its port", headers="proxy_set_header Host $host;", public="{url}"),
    Setup("host with its port", headers="proxy_set_header Host $http_host;"),
    Setup("TLS, forwarded", headers=FORWARDED, trusted="127.0.0.0/8", tls=True),
    Setup("under a path", path="/marsam/", public="{url}"),
    Setup(
        "under a path, forwarded",
        path="/marsam/",
        headers=FORWARDED + "proxy_set_header X-Forwarded-Prefix /marsam;",
        trusted="127.0.0.1",
    ),
]


@pytest.fixture(params=SETUPS, ids=lambda setup: setup.name)
def address(
    request: pytest.FixtureRequest, tmp_path: Path, serve: Callable[..., Service]
) -> Iterator[str]:
    """The URL at which nginx answers for a service with the page and the API."""
    setup: Setup = request.param
    port = free_port()
    scheme = "https" if setup.tls else "http"
    public = setup.public.format(url=f"{scheme}://127.0.0.1:{port}{setup.path.rstrip('/')}")
    service = serve(PAGE="1", MARSAM_PUBLIC_URL=public, MARSAM_TRUSTED_PROXIES=setup.trusted)
    with nginx(
        tmp_path / "nginx",
        service.url,
        port=port,
        path=setup.path,
        headers=setup.headers,
        tls=setup.tls,
    ) as url:
        yield url


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
