"""Downloads of pictures: caches, downloads, and links that need no key."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from marsam.api.links import MAX_QUERY_CHARACTERS, Links
from marsam.api.metrics import Metrics
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import fake_studio
from tests.service.api_client import wait_for_end
from tests.service.conftest import Service

KEY = "a secret of sixteen"
PATH = "/v1/pictures/a-0"


@pytest.fixture(scope="module")
def url(shared: Service) -> str:
    """Path of a picture."""
    with httpx.Client(base_url=shared.url) as client:
        run = client.post("/v1/runs", json={"prompt": "a cat", "pictures": 1}).json()["id"]
        return str(wait_for_end(client, run)["pictures"][0]["url"])


def test_a_cached_picture_is_not_sent_again(shared: Service, url: str) -> None:
    with httpx.Client(base_url=shared.url) as client:
        first = client.get(url)
        etag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        for tags in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = client.get(url, headers={"If-None-Match": tags})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == etag
            assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert client.get(url, headers={"If-None-Match": '"other"'}).content == first.content
        assert client.head(url, headers={"If-None-Match": etag}).status_code == 304
        head = client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(first.content))
        part = client.get(url, headers={"Range": "bytes=0-9", "If-Range": etag})
        assert (part.status_code, part.content) == (206, first.content[:10])
        missing = client.get("/v1/pictures/nothing-0", headers={"If-None-Match": "*"})
        assert missing.status_code == 404


def test_browsers_show_a_picture_unless_asked_to_save_it(shared: Service, url: str) -> None:
    with httpx.Client(base_url=shared.url) as client:
        shown, saved = client.get(url), client.get(f"{url}?download=1")
    assert shown.headers["Content-Disposition"].startswith("inline; filename=")
    assert saved.headers["Content-Disposition"].startswith("attachment; filename=")


def test_a_server_without_keys_signs_no_links(shared: Service, url: str) -> None:
    link = httpx.get(f"{shared.url}{url}/link").json()
    assert link == {"url": url, "expires": None}
    assert httpx.get(f"{shared.url}/v1/pictures/nothing-0/link").status_code == 404
    assert httpx.get(f"{shared.url}{url}/link?seconds=0").status_code == 422


def _with_state(app: ASGIApp, **state: Any) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).update(state)
        await app(scope, receive, send)

    return call


@pytest.fixture
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path_factory.mktemp("data")))
    yield scheduler
    scheduler.close()


def test_a_signed_link_opens_another_clients_picture(scheduler: Scheduler) -> None:
    app = create_app(scheduler, page=False, metrics=Metrics()).app
    links = Links([KEY])
    owner, stranger = (
        TestClient(_with_state(app, client=client, links=links))
        for client in ("key:owner", "address:1.2.3.4")
    )
    run = owner.post("/v1/runs", json={"prompt": "a cat", "pictures": 2}).json()["id"]
    scheduler.wait(run)
    url, other = (one["url"] for one in owner.get(f"/v1/runs/{run}").json()["pictures"])
    link = owner.get(f"{url}/link?seconds=60").json()
    assert 0 < link["expires"] - time.time() <= 60
    assert stranger.get(link["url"]).content == owner.get(url).content
    query = link["url"].partition("?")[2]
    for wrong in (url, f"{other}?{query}", link["url"][:-1], f"{url}/link"):
        assert stranger.get(wrong).status_code == 404


def test_a_signed_link_needs_no_key(serve: Callable[..., Service]) -> None:
    service = serve(KEYS=KEY)
    with (
        httpx.Client(base_url=service.url, headers={"X-API-Key": KEY}, timeout=30) as client,
        httpx.Client(base_url=service.url) as visitor,
    ):
        body = {"prompt": "a cat", "response_format": "url"}
        image = client.post("/v1/images/generations", json=body).json()["data"][0]["url"]
        assert visitor.get(image).headers["Content-Type"] == "image/png"
        assert visitor.head(image).status_code == 200
        url = image.partition("?")[0]
        link = client.get(f"{url}/link").json()["url"]
        assert visitor.get(link).content == client.get(url).content
        for wrong in (url, image[:-1], f"{url}/link", f"{url}-1?{image.partition('?')[2]}"):
            assert visitor.get(wrong).status_code == 401, wrong


def test_signatures() -> None:
    links = Links(["one key", "another key"])
    query = links.sign(PATH, expires=int(time.time()) + 60).partition("?")[2]
    assert links.is_valid(PATH, query)
    assert links.is_valid(PATH, query.encode())
    assert Links(["another key", "one key"]).is_valid(PATH, query)  # after a restart
    assert not Links(["one key"]).is_valid(PATH, query)
    assert not Links().is_valid(PATH, query)
    assert not links.is_valid("/v1/pictures/a-1", query)
    expires, signature = query.split("&")
    for wrong in (
        "",
        expires,
        signature,
        f"expires=99999999999&{signature}",
        f"expires=x&{signature}",
        f"{expires}&signature=",
        f"{expires}&signature=%D9%82",
        query + "x",
        query + "&x=" + "x" * MAX_QUERY_CHARACTERS,
        b"\xff\xfe",
    ):
        assert not links.is_valid(PATH, wrong), wrong
    ended = links.sign(PATH, expires=int(time.time()) - 1).partition("?")[2]
    assert not links.is_valid(PATH, ended)
