"""The API as programs use it, on the fakes."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from marsam.imaging.metadata import read
from tests.service.asking import begin, ended, events, picture
from tests.service.conftest import Service


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=30) as client:
        yield client


def test_a_picture_becomes_words_and_pictures(client: httpx.Client) -> None:
    answer = begin(client, image=picture(), pictures=2, seed=7)
    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["Location"] == f"/v1/runs/{run['id']}"
    told = ended(client, run["id"])
    assert told["state"] == "finished"
    assert told["caption"]["en"] == "a square of 10 20 30"
    assert [p["seed"] for p in told["pictures"]] == [7, 8]
    assert told["models"]["painter"] == "fake-painter"
    assert set(told["seconds"]) == {"caption", "translate", "paint", "check"}
    image = client.get(told["pictures"][1]["url"])
    assert image.headers["content-type"] == "image/png"
    record = read(io.BytesIO(image.content))
    assert record is not None
    assert record.seed == 8


def test_arabic_words_become_pictures(client: httpx.Client) -> None:
    run = begin(client, prompt="قطة على خلفية زرقاء", pictures=1).json()
    told = ended(client, run["id"])
    assert told["prompt"]["given"] == "قطة على خلفية زرقاء"
    assert told["prompt"]["language"] == "arb_Arab"
    assert told["caption"]["en"] == "[eng_Latn] قطة على خلفية زرقاء"


def test_events_come_as_they_happen_and_again_after_a_broken_connection(
    client: httpx.Client,
) -> None:
    run = begin(client, image=picture(1, 2, 3), pictures=2, seed=1).json()["id"]
    told = events(client, run)
    kinds = [kind for number, kind, _ in told if number is not None]
    assert kinds == ["captioned", "prompted", *["painted", "checked"] * 2, "ended"]
    assert "a square of 1 2 3" in told[0][2]
    assert json.loads(told[-1][2])["state"] == "finished"
    again = events(client, run, last=11)
    assert [kind for _, kind, _ in again] == ["painted", "checked", "ended"]
    assert again == [event for event in told if event[0] is not None][-3:]


def test_arabic_stays_readable_in_events(client: httpx.Client) -> None:
    run = begin(client, prompt="قطة", pictures=1).json()["id"]
    assert any("قطة" in data for _, _, data in events(client, run))


@pytest.mark.parametrize("same", [True, False])
def test_a_request_that_is_repeated_is_done_once(client: httpx.Client, same: bool) -> None:
    headers = {"Idempotency-Key": f"key-{same}"}
    form = {"prompt": "a cat", "pictures": "1"}
    first = client.post("/v1/runs", data=form, headers=headers)
    second = client.post(
        "/v1/runs", data=form if same else form | {"prompt": "a dog"}, headers=headers
    )
    if same:
        assert second.json()["id"] == first.json()["id"]
        assert second.headers["Idempotent-Replayed"] == "true"
    else:
        assert second.status_code == 409
        assert second.json()["code"] == "run_exists"
    ended(client, first.json()["id"])


def test_many_at_the_same_moment_with_one_key_begin_one_run(client: httpx.Client) -> None:
    found: list[str] = []

    def ask() -> None:
        with httpx.Client(base_url=str(client.base_url), timeout=30) as mine:
            answer = mine.post(
                "/v1/runs", data={"prompt": "x", "pictures": "1"}, headers={"Idempotency-Key": "m"}
            )
            found.append(answer.json()["id"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_words_at_once(client: httpx.Client) -> None:
    said = client.post("/v1/captions", files={"picture": picture(5, 6, 7)}).json()
    assert said["en"] == "a square of 5 6 7"
    assert said["ar"] == "[arb_Arab] a square of 5 6 7"
    told = client.post("/v1/translations", json={"text": "two fish", "back": True}).json()
    assert told["text"] == "[arb_Arab] two fish"
    assert told["back"] is not None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"prompt": " \n"}, "empty"),
        ({"prompt": ""}, "picture or a prompt"),
        ({"prompt": "x" * 3000}, "at most 2000"),
        ({"prompt": "x", "pictures": 11}, "between 1 and 10"),
        ({"prompt": "x", "pictures": "many"}, "pictures"),
        ({"prompt": "x", "seed": -1}, "seed"),
        ({"prompt": "x", "steps": 1000}, "between 1 and 200"),
        ({"prompt": "x", "width": 100}, "multiple of 8"),
        ({"prompt": "x", "height": 4096}, "between 64 and 2048"),
        ({"prompt": "x", "recipe": "magic"}, "draft, balanced, faithful"),
        ({"prompt": "x", "language": "klingon"}, "klingon"),
        ({"prompt": "x", "keep_best": 9}, "keep_best"),
        ({}, "picture or a prompt"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_that_names_the_limit(
    client: httpx.Client, fields: dict[str, Any], says: str
) -> None:
    answer = begin(client, **fields)
    assert answer.status_code == 422
    told = answer.json()
    assert set(told) == {"code", "message", "request_id"}
    assert says in told["message"]
    assert told["request_id"] == answer.headers["X-Request-ID"]


def _bytes(kind: str, size: tuple[int, int] = (16, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("image", "status", "says"),
    [
        (b"", 422, "not a JPEG"),
        (b"<svg/>", 422, "not a JPEG"),
        (_bytes("GIF"), 422, "not a JPEG"),
        (_bytes("PNG", (6000, 5000)), 422, "25 megapixels"),
        (picture()[:60], 422, "damaged"),
        (b"\x89PNG" + b"\0" * 20_000_100, 422, "20 MB"),
        (b"\x89PNG" + b"\0" * 25_000_000, 413, "at most 20 MB"),
    ],
)
def test_a_bad_picture_is_refused(
    client: httpx.Client, image: bytes, status: int, says: str
) -> None:
    answer = begin(client, image=image, pictures=1)
    assert answer.status_code == status
    assert says in answer.json()["message"]


def test_nothing_of_the_request_becomes_a_file_name(client: httpx.Client, shared: Service) -> None:
    run = begin(client, image=picture(), pictures=1, prefix="../../evil").json()["id"]
    ended(client, run)
    names = {path.name for path in shared.folder.rglob("*")}
    assert not {name for name in names if "passwd" in name or "evil" in name}


def test_what_is_not_there(client: httpx.Client) -> None:
    for method, path in (
        ("GET", "/v1/runs/nothing"),
        ("DELETE", "/v1/runs/nothing"),
        ("GET", "/v1/runs/nothing/events"),
        ("POST", "/v1/runs/nothing/resume"),
        ("GET", "/v1/pictures/nothing-0"),
        ("GET", "/v1/pictures/..%2F..%2Fetc%2Fpasswd"),
        ("GET", "/nothing"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == 404, (method, path)
        assert set(answer.json()) == {"code", "message", "request_id"}


def test_health_and_figures(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    run = begin(client, prompt="a cat", pictures=1).json()["id"]
    ended(client, run)
    figures = client.get("/metrics").text
    assert 'marsam_runs_total{state="finished"}' in figures
    assert 'route="/v1/runs/{run_id}"' in figures
    assert run not in figures


def test_the_schema_describes_every_route_and_asks_nothing_of_elsewhere(
    client: httpx.Client,
) -> None:
    schema = client.get("/openapi.json").json()
    assert {
        "/v1/runs",
        "/v1/runs/{run_id}",
        "/v1/runs/{run_id}/events",
        "/v1/runs/{run_id}/resume",
        "/v1/pictures/{picture_id}",
        "/v1/captions",
        "/v1/translations",
        "/v1/images/generations",
        "/translate",
        "/languages",
        "/sdapi/v1/txt2img",
        "/sdapi/v1/interrogate",
        "/healthz",
        "/readyz",
        "/metrics",
    } == set(schema["paths"])
    assert all(
        operation["summary"] for path in schema["paths"].values() for operation in path.values()
    )
    assert client.get("/docs").status_code == 404


def test_position_and_fairness(serve: Callable[..., Service]) -> None:
    """One client's many runs do not keep another's only one waiting."""
    keys = ("a" * 16, "b" * 16)
    service = serve(SLOW="0.15", KEYS=",".join(keys))
    greedy, modest = (
        httpx.Client(base_url=service.url, headers={"X-API-Key": key}, timeout=30) for key in keys
    )
    with greedy, modest:
        many = [begin(greedy, prompt=f"x {i}", pictures=1).json()["id"] for i in range(6)]
        one = begin(modest, prompt="mine", pictures=1).json()
        assert one["position"] is not None
        assert one["position"] <= 3
        told = ended(modest, one["id"])
        assert told["state"] == "finished"
        open_still = [greedy.get(f"/v1/runs/{run}").json()["state"] for run in many]
        assert open_still.count("finished") <= 3
        assert modest.get(f"/v1/runs/{many[0]}").status_code == 404  # somebody else's
        assert modest.get("/v1/runs").json()["runs"][0]["id"] == one["id"]
        for run in many:
            greedy.delete(f"/v1/runs/{run}")


def test_a_queued_place_is_told_in_the_events(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.2")
    with httpx.Client(base_url=service.url, timeout=30) as client:
        for _ in range(2):
            begin(client, prompt="before", pictures=1)
        run = begin(client, prompt="after", pictures=1).json()["id"]
        told = events(client, run)
    places = [json.loads(data)["position"] for _, kind, data in told if kind == "queued"]
    assert places
    assert places == sorted(places, reverse=True)
    assert [kind for _, kind, _ in told if kind != "previewed"][-1] == "ended"
