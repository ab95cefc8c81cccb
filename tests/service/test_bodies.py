"""Bodies of our own routes: JSON or forms, and what is wrong with them."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from marsam.imaging.image_io import MAX_BYTES
from tests.service.api_client import image_bytes, wait_for_end
from tests.service.conftest import Service

PICTURE = base64.b64encode(image_bytes(1, 2, 3)).decode()


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=30) as client:
        yield client


def test_the_same_fields_as_json_or_as_a_form(client: httpx.Client) -> None:
    fields = {"pictures": 1, "seed": 7, "recipe": "draft", "check": False}
    runs = [
        client.post("/v1/runs", json={**fields, "picture": PICTURE}),
        client.post("/v1/runs", json={**fields, "picture": f"data:image/png;base64,{PICTURE}"}),
        client.post("/v1/runs", data=fields, files={"picture": image_bytes(1, 2, 3)}),
    ]
    results = [wait_for_end(client, run.raise_for_status().json()["id"]) for run in runs]
    assert [result["caption"]["en"] for result in results] == ["a square of 1 2 3"] * 3
    assert results[0]["options"] == results[1]["options"] == results[2]["options"]
    assert results[0]["options"]["paint"]["recipe"] == "draft"
    said = client.post("/v1/captions", json={"picture": PICTURE, "candidates": 2}).json()
    assert [one["text"] for one in said["candidates"]] == ["a square of 1 2 3"]
    text = {"text": "two fish", "target": "fr", "back": True}
    translations = [
        response.raise_for_status().json()
        for response in (
            client.post("/v1/translations", json=text),
            client.post("/v1/translations", data=text),
        )
    ]
    assert translations[0] == translations[1]
    assert translations[0]["back"] is not None


def test_an_idempotency_key_is_for_json_and_forms(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "either"}
    form = {"data": {"pictures": "1"}, "files": {"picture": image_bytes(1, 2, 3)}}
    json = {"json": {"pictures": 1, "picture": PICTURE}}
    first, second = (
        client.post("/v1/runs", headers=headers, **body).json()["id"] for body in (form, json)
    )
    assert first == second


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("runs", {"json": {"prompt": "x", "sed": 7}}, "There is no field 'sed'; check its name."),
        ("runs", {"data": {"prompt": "x", "sed": 7}}, "There is no field 'sed'; check its name."),
        ("translations", {"json": {"txt": "x"}}, "There is no field 'txt'; check its name."),
        ("captions", {"json": {"image": PICTURE}}, "There is no field 'image'; check its name."),
        ("captions", {"json": {}}, "picture is missing."),
        ("captions", {"json": {"picture": "/tmp/cat.png"}}, "This is not a file in base64."),
        ("captions", {"json": {"picture": 7}}, "picture must be a file in base64."),
        ("captions", {"data": {"picture": "x"}}, "picture must be a file, sent with its name."),
        ("captions", {"files": {"picture": (None, b"x")}}, "picture must be a file, sent with its"),
        ("runs", {"data": {"prompt": ["x", "y"]}}, "prompt was sent more than once."),
        ("runs", {"json": {"prompt": "x", "strength": 0.5}}, "strength needs a picture"),
        ("runs", {"json": {"picture": PICTURE, "strength": 1.5}}, "strength must be above 0"),
        ("runs", {"json": {"picture": PICTURE, "strength": 0.01}}, "at least 0.084 with 12 steps"),
        ("runs", {"json": {}}, "Give an image or a prompt, or both."),
        ("runs", {"json": []}, "The body must be a JSON object"),
        ("runs", {"json": {"prompt": ["x"]}}, "prompt must be a text."),
        ("runs", {"content": b"{", "headers": {"Content-Type": "application/json"}}, "valid JSON"),
        ("runs?limit=0", {}, "limit must be at least 1."),
        ("runs?limit=201", {}, "limit must be at most 200."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(
    client: httpx.Client, path: str, body: dict[str, Any], says: str
) -> None:
    response = client.request("POST" if body else "GET", f"/v1/{path}", **body)
    assert response.status_code == 422
    assert says in response.json()["message"]


def test_another_type_of_body_is_415(client: httpx.Client) -> None:
    response = client.post("/v1/runs", content=b"a cat", headers={"Content-Type": "text/plain"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_type")
    assert response.json()["message"] == "The body must be JSON or a form."


async def test_a_large_image_in_base64_is_accepted_where_its_file_is(shared: Service) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((4200, 4200), 100).save(buffer, "PNG", compress_level=1)
    assert 15_000_000 < len(buffer.getvalue()) < MAX_BYTES
    text = base64.b64encode(buffer.getvalue()).decode()
    async with httpx.AsyncClient(base_url=shared.url, timeout=60) as client:
        said = await client.post("/v1/captions", files={"picture": buffer.getvalue()})
        caption = said.raise_for_status().json()["en"]
        said = await client.post("/v1/captions", json={"picture": text})
        assert said.raise_for_status().json()["en"] == caption
        said = await client.post("/sdapi/v1/interrogate", json={"image": text})
        assert said.raise_for_status().json()["caption"] == caption
        async with (
            streamable_http_client(f"{shared.url}/mcp", http_client=client) as (
                reading,
                writing,
                _,
            ),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            result = await session.call_tool("caption", {"picture": text})
            assert (result.structuredContent or {})["en"] == caption
