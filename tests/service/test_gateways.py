"""Gateways on machines of their own: one journal on PostgreSQL, one store of pictures on S3."""

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import missing
from tests.helpers.serving import free_port
from tests.service.api_client import image_bytes, post_run, wait_for_end
from tests.service.conftest import Service, empty

BUCKET = "pictures"


class Bucket:
    """An S3 server of this test's, with one bucket in it."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self.server.start()
        httpx.post(f"{self.address}/moto-api/reset")  # what is there is the whole process'
        httpx.put(f"{self.address}/{BUCKET}").raise_for_status()

    def settings(self, database: str) -> dict[str, str]:
        """What a service needs to know."""
        return {
            "MARSAM_JOURNAL": database,
            "MARSAM_PICTURES": f"s3://{BUCKET}/marsam",
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",  # the server takes any
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def names(self) -> dict[str, str]:
        """What is there, and when it was written."""
        listed = httpx.get(f"{self.address}/{BUCKET}?list-type=2").text.split("<Contents>")[1:]
        return {_between(one, "Key"): _between(one, "ETag") for one in listed}


def _between(text: str, name: str) -> str:
    return text.partition(f"<{name}>")[2].partition(f"</{name}>")[0]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    if not (find_spec("moto") and find_spec("s3fs")):
        missing("s3", "no S3 server: pip install 'moto[server]' s3fs")
    one = Bucket()
    yield one
    one.server.stop()


Two = tuple[Service, httpx.Client, Service, httpx.Client]


@pytest.fixture
def two(serve: Callable[..., Service], bucket: Bucket, postgres: str) -> Iterator[Two]:
    """Two gateways that share nothing but the database and the bucket."""
    empty(postgres)
    settings = bucket.settings(postgres) | {"SLOW": "0.15"}
    first, second = serve(**settings), serve(**settings)
    with (
        httpx.Client(base_url=first.url, timeout=30) as one,
        httpx.Client(base_url=second.url, timeout=30) as other,
    ):
        yield first, one, second, other


def _pixels(client: httpx.Client, result: dict[str, Any]) -> list[bytes]:
    return [client.get(one["url"]).raise_for_status().content for one in result["pictures"]]


def _until_painted(client: httpx.Client, run: str, count: int) -> None:
    until = time.monotonic() + 30
    while len(client.get(f"/v1/runs/{run}").json()["pictures"]) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_both_gateways_return_a_runs_pictures(two: Two, bucket: Bucket) -> None:
    _, one, _, other = two
    run = post_run(one, image=image_bytes(), pictures=2, seed=7).json()["id"]
    result = wait_for_end(one, run)
    assert result["state"] == "finished"
    assert _pixels(other, result) == _pixels(one, result)
    assert sorted(bucket.names()) == [
        f"marsam/{run}/{name}" for name in ("marsam-7.png", "marsam-8.png", "source.png")
    ]


def test_a_run_is_cancelled_through_the_other_gateway(two: Two) -> None:
    _, one, _, other = two
    run = post_run(one, prompt="a cat", pictures=10, seed=1, check=False).json()["id"]
    _until_painted(one, run, 1)
    assert other.post(f"/v1/runs/{run}/cancel").status_code == 200
    result = wait_for_end(other, run)
    assert result["state"] == "stopped"
    assert 1 <= len(result["pictures"]) < 10
    assert len(_pixels(other, result)) == len(result["pictures"])


def test_the_other_gateway_resumes_after_sigkill(two: Two, bucket: Bucket) -> None:
    """From the very picture it began with; what was finished is not painted again."""
    first, one, _, other = two
    whole = post_run(other, image=image_bytes(), pictures=4, seed=1).json()["id"]
    wanted = _pixels(other, wait_for_end(other, whole))
    run = post_run(one, image=image_bytes(), pictures=4, seed=1).json()["id"]
    _until_painted(other, run, 2)
    first.kill()
    before = {name: tag for name, tag in bucket.names().items() if run in name}
    until = time.monotonic() + 60
    while other.get(f"/v1/runs/{run}").json()["state"] != "interrupted":
        assert time.monotonic() < until
        time.sleep(0.5)
    assert other.post(f"/v1/runs/{run}/resume").status_code == 202
    result = wait_for_end(other, run)
    assert result["state"] == "finished"
    assert _pixels(other, result) == wanted
    assert before.items() <= bucket.names().items()


def test_an_unreachable_store_loses_no_stored_picture(two: Two, bucket: Bucket) -> None:
    _, one, _, other = two
    run = post_run(one, prompt="a cat", pictures=1, seed=3).json()["id"]
    result = wait_for_end(one, run)
    kept = _pixels(one, result)
    bucket.server.stop()
    missing = other.get(result["pictures"][0]["url"])
    assert missing.status_code == 503
    assert missing.json()["code"] == "journal_error"
    assert _pixels(one, result) == kept  # it has them on its own disk
    failed = post_run(one, prompt="a cat", pictures=1, seed=4).json()
    if "id" in failed:  # or it was refused at once
        after = wait_for_end(one, failed["id"], seconds=60)
        assert after["state"] == "failed"
        assert after["error"]["code"] == "journal_error"
    assert one.get("/healthz").status_code == 200


def test_deleting_a_run_empties_its_folder_in_the_store(bucket: Bucket, postgres: str) -> None:
    from PIL import Image

    from marsam.journal.journal import Journal
    from marsam.journal.records import NewRun

    empty(postgres)
    with pytest.MonkeyPatch.context() as given:
        for name, value in bucket.settings(postgres).items():
            given.setenv(name, value)
        journal = Journal()
        run = journal.insert(NewRun(client="amal", image=Image.new("RGB", (8, 8)), prompt="x")).id
        assert list(bucket.names()) == [f"marsam/{run}/source.png"]
        journal.delete("amal", run)
        assert bucket.names() == {}
        assert not (Path(journal.folder) / "runs" / run).exists()
        journal.close()
