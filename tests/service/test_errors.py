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
        with pytest.raises(openai.UnprocessableEntityError) as small:
            client.images.generate(prompt="a cat", size="100x100")
        assert small.value.param == "size"
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


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/images/generations", {}, "الحقل \u2068prompt\u2069 مفقود."),
        (
            "/v1/images/generations",
            {"prompt": "a cat", "size": "huge"},
            "تُكتب قيمة «المقاس» هكذا: \u2066512x512\u2069.",
        ),
        ("/translate", {"q": "x", "source": "en", "target": "martian"}, "لا توجد لغة باسم"),
        ("/v1/nothing", {}, "لا توجد نقطة نهاية بهذا العنوان."),
    ],
)
def test_sentences_are_in_the_language_that_the_client_prefers(
    client: httpx.Client, path: str, body: Any, says: str
) -> None:
    headers = {"Accept-Language": "ar-EG,ar;q=0.9,en;q=0.5"}
    arabic = client.post(path, json=body, headers=headers)
    assert says in arabic.json()["message"]
    assert arabic.headers["content-language"] == "ar"
    english = client.post(path, json=body, headers={"Accept-Language": "en,ar;q=0.5"})
    assert english.json()["message"].isascii()
    assert english.json()["code"] == arabic.json()["code"]
    assert "Accept-Language" in english.headers["vary"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "english", "arabic"),
    [
        (b"x", "multipart/form-data", 400, "Missing boundary in multipart.", "تتعذّر قراءة الطلب"),
        (
            b"--a\nfoo",
            "multipart/form-data; boundary=a",
            400,
            "Invalid multipart data.",
            "تتعذّر قراءة الطلب",
        ),
        (b" " * 30_000_000, "application/json", 413, "too large.", "الطلب كبير جدًا."),
    ],
)
def test_what_our_libraries_refuse_is_told_in_both_languages(
    client: httpx.Client, content: bytes, kind: str, status: int, english: str, arabic: str
) -> None:
    for language, says in (("en", english), ("ar", arabic)):
        headers = {"Content-Type": kind, "Accept-Language": language}
        # Without a length, which is refused before it is read.
        refused = client.post("/v1/runs", content=iter([content]), headers=headers)
        assert refused.status_code == status
        assert says in refused.json()["message"]
        assert ".." not in refused.json()["message"]
