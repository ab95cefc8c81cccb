"""Errors reach people: each dialect's client shows our sentence."""

from collections.abc import Iterator
from typing import Any

import httpx
import libretranslatepy
import openai
import pytest
import webuiapi

from marsam.api.responses import error_body
from tests.service.conftest import Service


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "prompt is missing."),
        ({"prompt": 3}, "prompt must be a text."),
        ({"prompt": "x" * 20_000}, "prompt must have at most 10000 characters."),
        ({"prompt": "a cat", "n": "many"}, "n must be a whole number."),
        ({"prompt": "a cat", "n": 1.5}, "n must be a whole number."),
        ({"prompt": "a cat", "response_format": "gif"}, "must be 'url' or 'b64_json'."),
        ([], "The body must be a JSON object, sent with Content-Type: application/json."),
    ],
)
def test_invalid_fields_are_told_in_plain_words(client: httpx.Client, body: Any, says: str) -> None:
    said = client.post("/v1/images/generations", json=body).json()
    assert said["error"]["message"].endswith(says)
    assert said["message"] == said["error"]["message"]
    assert said["error"]["type"] == "invalid_request_error"


def test_bodies_that_are_no_json_and_files_without_names(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    said = client.post("/v1/images/generations", content="{prompt", headers=headers).json()
    assert said["error"]["message"] == "The body is not valid JSON."
    said = client.post("/v1/images/generations", data={"prompt": "a cat"}).json()
    assert said["error"]["message"].startswith("The body must be a JSON object")
    said = client.post("/v1/captions", data={"picture": "photo.png"}).json()
    assert said["message"] == "picture must be a file, sent with its name."


def test_openai_reads_message_code_and_field(shared: Service) -> None:
    with openai.OpenAI(base_url=f"{shared.url}/v1", api_key="any", max_retries=0) as client:
        with pytest.raises(openai.UnprocessableEntityError) as empty:
            client.images.generate(prompt=" ")
        assert empty.value.body == {
            "message": "The prompt is empty; write a few words.",
            "type": "invalid_request_error",
            "code": "prompt_error",
            "param": None,
        }
        with pytest.raises(openai.UnprocessableEntityError) as wrong:
            client.images.generate(prompt="a cat", n="many")  # type: ignore[call-overload]
        assert wrong.value.param == "n"
        with pytest.raises(openai.NotFoundError) as missing:
            client.embeddings.create(model="any", input="a cat")
        assert missing.value.code == "not_found"


def test_libretranslate_and_the_web_ui_name_the_sentence(
    client: httpx.Client, shared: Service
) -> None:
    asked = {"q": "a cat", "source": "en", "target": "klingon"}
    said = client.post("/translate", json=asked)
    assert said.status_code == 422
    assert said.json()["error"].startswith("Unknown language 'klingon'")
    assert client.post("/translate", json={"q": "a cat"}).json()["error"] == "source is missing."
    with pytest.raises(Exception, match="422"):
        libretranslatepy.LibreTranslateAPI(shared.url).translate("a cat", "en", "klingon")
    said = client.post("/sdapi/v1/txt2img", json={"prompt": "a cat", "steps": 1000})
    assert said.json()["detail"] == said.json()["errors"] == said.json()["message"]
    assert said.json()["error"] == "option_error"
    api = webuiapi.WebUIApi(port=shared.port)
    with pytest.raises(RuntimeError, match="steps must be between 1 and 200"):
        api.txt2img(prompt="a cat", steps=1000)
    api.session.close()


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v1/runs", None),
        ("/v1/captions", None),
        ("/mcp", None),
        ("/translate", "No."),
        ("/sdapi/v1/options", "busy"),
        (
            "/v1/chat/completions",
            {"message": "No.", "type": "server_error", "code": "busy", "param": None},
        ),
    ],
)
def test_the_path_decides_the_dialect_of_an_error(path: str, error: Any) -> None:
    body = error_body(path, 503, "busy", "No.", "1")
    assert body.get("error") == error
    assert {"code": "busy", "message": "No.", "request_id": "1"}.items() <= body.items()
