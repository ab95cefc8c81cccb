"""Clients for JavaScript, as their users call them, against a service with the mini set.

Each program of ``tests/javascript`` prints what a client found, as one JSON document.
"""

import base64
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from marsam.imaging.metadata import Record, read_record
from tests.conftest import missing, program
from tests.helpers.folders import EXAMPLES
from tests.helpers.serving import served
from tests.service.api_client import wait_for_end

FOLDER = Path(__file__).parents[1] / "javascript"
KEY = "a-secret-of-sixteen"
WRONG_KEY = "A valid API key is required."
Run = Callable[[str], Any]


@pytest.fixture(scope="module")
def packages() -> None:
    """Install the packages of ``tests/javascript``, unless they are there."""
    npm = program("npm")
    lock, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    command += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=4000"]
    installed = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
    if installed.returncode:
        missing("npm", f"npm cannot install the packages: {installed.stderr[:300]}")


@pytest.fixture(scope="module")
def address(packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("service"), command="serve", MARSAM_KEY=KEY) as url:
        yield url


@pytest.fixture
def run(address: str) -> Run:
    """Run a program of ``tests/javascript``; what it printed."""
    node = program("node")

    def run_program(name: str) -> Any:
        command = [node, name, address, KEY, str(EXAMPLES / "car.png")]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run_program


def record_of(encoded: str) -> Record:
    """The record in a picture that is whole."""
    data = base64.b64decode(encoded)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    record = read_record(data)
    assert record is not None
    return record


def test_openai(run: Run) -> None:
    found = run("openai.js")
    assert found["models"] == ["marsam/mini-painter", "marsam/mini-captioner"]
    assert [record_of(one).seed for one in found["generated"]] == [7, 8]
    assert record_of(found["generated"][0]).recipe == "draft"
    assert found["linked"] == found["generated"][0]  # the same seed

    *partial, completed = found["events"]
    assert {one["type"] for one in partial} == {"image_generation.partial_image"}
    assert completed["type"] == "image_generation.completed"
    assert completed["data"] == found["generated"][0]

    (edited,), (varied,) = found["edited"], found["varied"]
    assert (edited["revised_prompt"], record_of(edited["b64_json"]).strength) == ("a dog", 0.6)
    assert varied["revised_prompt"] == found["described"] == "a car on a green background"
    assert found["streamed"] == "سيارة على خلفية خضراء"

    errors, invalid = found["errors"], "invalid_request_error"
    assert errors["key"] == {
        "kind": "AuthenticationError",
        "message": f"401 {WRONG_KEY}",
        "status": 401,
        "code": "unauthorized",
        "type": "authentication_error",
        "param": None,
    }
    for name, param, says in (
        ("number", "n", "n must be between 1 and 10 (got 11)."),
        ("size", "size", "The width in size must be a multiple of 8 (got 100)."),
        ("chat", None, "This server describes pictures and does not chat; send one picture"),
    ):
        assert errors[name]["kind"] == "UnprocessableEntityError"
        assert (errors[name]["type"], errors[name]["param"]) == (invalid, param)
        assert errors[name]["message"].startswith(f"422 {says}")
    assert errors["route"]["kind"] == "NotFoundError"
    assert errors["route"]["message"] == "404 There is no such route."


def test_ai_sdk(run: Run) -> None:
    found = run("ai-sdk.js")
    assert found["described"] == "a car on a green background"
    assert found["streamed"] == "سيارة على خلفية خضراء"
    assert found["finished"] == ["stop", "stop"]
    assert [record_of(one).seed for one in found["painted"]] == [7, 8]
    (edited,) = found["edited"]
    assert (record_of(edited).english, record_of(edited).strength) == ("a dog", 0.6)

    errors = found["errors"]
    assert errors["key"] == {"kind": "APICallError", "message": WRONG_KEY, "statusCode": 401}
    assert errors["inStream"] == [WRONG_KEY]
    assert errors["chat"]["statusCode"] == errors["size"]["statusCode"] == 422
    assert errors["chat"]["message"].startswith("This server describes pictures and does not chat")
    assert errors["size"]["message"] == "The width in size must be a multiple of 8 (got 100)."


def test_mcp_sdk(run: Run, address: str) -> None:
    found = run("mcp.js")
    assert found["server"]["name"] == "marsam"
    assert found["tools"] == ["caption", "translate", "alt_texts", "paint", "run"]
    assert found["described"] == {
        "en": "a car on a green background",
        "ar": "سيارة على خلفية خضراء",
        "notes": [],
    }

    values = [one["progress"] for one in found["progress"]]
    assert values == sorted(set(values))
    assert found["progress"][-1]["message"] == "Image 2 of 2 is finished."
    said, *images = found["painted"]
    assert said["text"] == "a cat on a blue background\nقطة على خلفية زرقاء\nseeds: 7, 8"
    assert [record_of(one["data"]).seed for one in images] == [7, 8]

    assert found["cancelled"] == {"kind": "McpError", "message": "MCP error -32001: enough"}
    with httpx.Client(base_url=address, headers={"X-API-Key": KEY}, timeout=30) as client:
        newest = client.get("/v1/runs").json()["runs"][0]
        assert newest["options"]["paint"]["pictures"] == 10
        assert wait_for_end(client, newest["id"])["state"] == "stopped"

    english, arabic = found["refused"]
    assert english["isError"] is arabic["isError"] is True
    assert english["content"][0]["text"] == "pictures must be between 1 and 10 (got 11)."
    assert arabic["content"][0]["text"] == (
        "يجب أن تكون قيمة «عدد الصور» بين 1 و10، والقيمة المعطاة 11."
    )
    assert found["problems"] == []
    assert found["errors"]["key"]["code"] == 401
    assert WRONG_KEY in found["errors"]["key"]["message"]


def test_translate(run: Run) -> None:
    assert run("translate.js") == {
        "arabic": "قطة على خلفية زرقاء",
        "english": "a cat on a blue background",
        "errors": {
            "key": {"kind": "Error", "message": WRONG_KEY},
            "language": {
                "kind": "Error",
                "message": "marsam/mini-translator does not know French (fra_Latn).",
            },
        },
    }
