"""The MCP tools, called by the protocol's own client."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    CancelledNotification,
    CancelledNotificationParams,
    ClientNotification,
    ImageContent,
    TextContent,
)

from marsam.api.dependencies import MAX_BASE64_CHARACTERS, decode_base64, decode_base64_image
from marsam.api.mcp import ToolServer
from marsam.api.mcp_progress import ProgressReporter
from marsam.errors import PictureError
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from marsam.results import Painted, Previewed
from marsam.runs.scheduler import Scheduler
from marsam.testing import FakeTranslator, fake_studio
from marsam.version import __version__
from tests.helpers.picture_server import serving
from tests.service.api_client import image_bytes, wait_for_end
from tests.service.conftest import Service

KEY = "a secret of sixteen"


@asynccontextmanager
async def _session(url: str, key: str = KEY, *, language: str = "") -> AsyncIterator[ClientSession]:
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": language}
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as http,
        streamable_http_client(url, http_client=http) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        started = await session.initialize()
        assert (started.serverInfo.name, started.serverInfo.version) == ("marsam", __version__)
        yield session


async def _error(session: ClientSession, name: str, /, **arguments: Any) -> str:
    result = await session.call_tool(name, arguments)
    assert result.isError
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_mcp_tools(serve: Callable[..., Service]) -> None:
    image = base64.b64encode(image_bytes(1, 2, 3)).decode()
    async with _session(f"{serve(KEYS=KEY).url}/mcp") as session:
        said = await session.call_tool("caption", {"picture": image})
        assert said.structuredContent is not None
        assert said.structuredContent["en"] == "a square of 1 2 3"
        result = await session.call_tool("translate", {"text": "two fish"})
        assert result.structuredContent is not None
        assert result.structuredContent["text"] == "[arb_Arab] two fish"
        arguments = {"prompt": "قطة", "pictures": 2, "seed": 5}
        painted = await session.call_tool("paint", arguments)
        text, *images = painted.content
        assert isinstance(text, TextContent)
        assert "قطة" in text.text
        assert "5, 6" in text.text
        assert [type(one) for one in images] == [ImageContent, ImageContent]
        done = await session.call_tool("run", {"picture": image, "pictures": 1})
        assert isinstance(done.content[0], TextContent)
        assert "a square of 1 2 3" in done.content[0].text
        near = {"picture": image, "prompt": "a dog", "pictures": 1, "strength": 0.25}
        varied = await session.call_tool("paint", near)
        assert isinstance(varied.content[0], TextContent)
        assert varied.content[0].text.startswith("a dog")
        assert isinstance(varied.content[1], ImageContent)
        record = read_record(base64.b64decode(varied.content[1].data))
        assert record is not None
        assert (record.strength, len(record.start_sha256)) == (0.25, 64)
        assert await _error(session, "paint", prompt="x", strength=0.5) == (
            "strength needs a picture to start from."
        )
        for result in (painted, done):  # or the assistant would read the image as text, too
            assert result.structuredContent is None
        assert await _error(session, "paint", prompt="x", pictures=11) == (
            "pictures must be between 1 and 10 (got 11)."
        )
        assert await _error(session, "paint", prompt="x", pictures="many") == (
            "pictures must be a whole number."
        )
        assert await _error(session, "paint", prompt="x", picturs=1) == (
            "paint has no argument picturs; it takes "
            "prompt, pictures, seed, recipe, style, picture, strength, language, "
            "negative_prompt, steps, guidance_scale, width, height, as_written."
        )
        assert await _error(session, "caption", picture="/tmp/cat.png") == (
            "This is not a file in base64."
        )
        assert await _error(session, "draw") == (
            "There is no tool 'draw'; the tools are caption, translate, alt_texts, paint, run."
        )


async def test_mcp_asks_a_captioner_that_reads_requests(serve: Callable[..., Service]) -> None:
    image = base64.b64encode(image_bytes(1, 2, 3)).decode()
    asked = {"picture": image, "ask": "Which colour?", "arabic": "both", "length": "short"}
    async with _session(f"{serve(KEYS=KEY, ARABIC='مربع').url}/mcp") as session:
        done = await session.call_tool("run", asked)
        (text, *images) = done.content
        assert isinstance(text, TextContent)
        lines = text.text.splitlines()
        english = "a square of 1 2 3; Which colour?"
        assert lines[:3] == [english, f"[arb_Arab] {english}", "مربع; Which colour?"]
        assert len(images) == 1
    async with _session(f"{serve(KEYS=KEY).url}/mcp") as session:
        for name in ("run", "caption"):
            assert await _error(session, name, picture=image, ask="Which colour?") == (
                "ask has no effect with fake-captioner; choose a vision-language model, such as "
                "one of the Qwen family."
            )


async def test_mcp_writes_the_alt_texts_of_a_document(shared: Service) -> None:
    image = base64.b64encode(image_bytes(1, 2, 3)).decode()
    page = f'<html lang="en"><img src="data:image/png;base64,{image}"><img src="a.png"></html>'
    document = base64.b64encode(page.encode()).decode()
    async with _session(f"{shared.url}/mcp", language="ar") as session:
        result = await session.call_tool("alt_texts", {"document": document, "name": "a.html"})
        found = result.structuredContent or {}
        (described, missing) = found["images"]
        assert f'alt="{described["text"]}"'.encode() in base64.b64decode(found["document"])
        assert re.search("[\u0600-\u06ff]", missing["reason"])
        said = await _error(session, "alt_texts", document=document, name="a.txt")
        assert said.startswith("لا يقرأ مرسم المستند")


async def test_mcp_fetches_nothing_from_the_network(shared: Service) -> None:
    with serving() as server:
        page = f"<base href='{server.origin}'><img src='{server.origin}/cat.png'><img src=cat.png>"
        document = base64.b64encode(page.encode()).decode()
        async with _session(f"{shared.url}/mcp") as session:
            result = await session.call_tool("alt_texts", {"document": document, "name": "a.html"})
        assert server.asked == []
    found = result.structuredContent or {}
    assert found["document"] is None
    assert "nothing is fetched from there" in found["images"][0]["reason"]


async def test_mcp_tools_are_described_by_the_limits_of_the_server(
    serve: Callable[..., Service],
) -> None:
    async with _session(f"{serve(KEYS=KEY).url}/mcp/") as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert set(tools) == {"caption", "translate", "alt_texts", "paint", "run"}
    arguments = [a for tool in tools.values() for a in tool.inputSchema["properties"].values()]
    assert len(arguments) == 42
    assert all(argument["description"] for argument in arguments)
    says = {name: tool.description or "" for name, tool in tools.items()}
    assert all("seconds" in text and "{" not in text for text in says.values())
    assert "1 to 10 images" in says["paint"]
    assert "2000 characters" in says["translate"]
    assert "between 202 languages" in says["translate"]
    assert "20 MB" in tools["run"].inputSchema["properties"]["picture"]["description"]


async def test_mcp_names_the_languages_and_the_speed_of_the_models(tmp_path: Path) -> None:
    translator = FakeTranslator(languages=("arb_Arab", "eng_Latn"))
    studio = replace(fake_studio(), translator=translator)
    scheduler = Scheduler(studio, Journal(tmp_path))
    tools = {tool.name: tool.description or "" for tool in await ToolServer(scheduler).list_tools()}
    assert "between English and Modern Standard Arabic." in tools["translate"]
    assert "seconds to minutes" in tools["paint"]
    painted = [event for event in studio.stream(prompt="a cat") if isinstance(event, Painted)]
    scheduler.estimator.update(painted[0].picture, 4.0)  # four steps
    tools = {tool.name: tool.description or "" for tool in await ToolServer(scheduler).list_tools()}
    assert re.search(r"time per image: draft about \d+ s, balanced about \d+ s", tools["paint"])
    scheduler.close()


async def test_mcp_reports_progress(serve: Callable[..., Service]) -> None:
    reported: list[tuple[float, float | None, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        reported.append((progress, total, message))

    async with _session(f"{serve(KEYS=KEY).url}/mcp") as session:
        arguments = {"prompt": "a cat", "pictures": 2}
        await session.call_tool("paint", arguments, progress_callback=on_progress)
    values = [value for value, _, _ in reported]
    assert values == sorted(set(values))
    assert {total for _, total, _ in reported} == {2}
    messages = [message for _, _, message in reported]
    # A run reports to those who follow it; this one may take some steps before the server does.
    expected = [
        "Waiting for the models.",
        *("Image 1 of 2: step 1 of 2.", "Image 1 of 2: step 2 of 2.", "Image 1 of 2 is finished."),
        *("Image 2 of 2: step 1 of 2.", "Image 2 of 2: step 2 of 2.", "Image 2 of 2 is finished."),
    ]
    assert messages == [message for message in expected if message in messages]
    assert {expected[0], expected[-1]} <= set(messages)


async def test_mcp_tells_a_client_in_arabic_if_it_prefers_that(shared: Service) -> None:
    reported: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        reported.append(message)

    async with _session(f"{shared.url}/mcp", language="ar,en;q=0.5") as session:
        await session.call_tool("paint", {"prompt": "a cat"}, progress_callback=on_progress)
        assert (reported[0], reported[-1]) == ("في انتظار النماذج.", "اكتملت الصورة 1 من 1.")
        for name, arguments, says in (
            ("draw", {}, "لا توجد أداة باسم"),
            ("paint", {"prompt": "a cat", "picturs": 1}, "لا وسيط باسم \u2068picturs\u2069"),
            ("paint", {"prompt": "a cat", "pictures": "many"}, "عددًا صحيحًا"),
            ("caption", {"picture": "x"}, "base64"),
        ):
            said = await _error(session, name, **arguments)
            assert says in said
            assert re.search("[\u0600-\u06ff]", said)


async def test_mcp_reports_progress_while_nothing_happens() -> None:
    """A step may take longer than the client waits for a sign of life."""
    reported: list[tuple[float, float, str]] = []

    async def report_progress(*progress: Any) -> None:
        reported.append(progress)

    context: Any = SimpleNamespace(report_progress=report_progress)
    report = ProgressReporter(context, 2, "en")
    events = [None, Previewed(index=0, step=1, steps=4), None, None]
    for event in events:
        await report(event)
    assert [value for value, _, _ in reported] == [0.0001, 0.25]
    with patch("marsam.api.mcp_progress.HEARTBEAT_S", 0):
        for event in [None, None, Previewed(index=0, step=2, steps=4)]:
            await report(event)
    values = [value for value, _, _ in reported]
    assert values == sorted(set(values))
    assert len(values) == 5
    assert values[-1] == 0.5
    assert {message for _, _, message in reported[1:4]} == {"Image 1 of 2: step 1 of 4."}
    report = ProgressReporter(context, 2, "ar")
    await report(Previewed(index=0, step=1, steps=4))
    assert reported[-1][2] == "الصورة 1 من 2: الخطوة 1 من 4."


@pytest.mark.parametrize("accept", ["application/json", "*/*", None])
def test_mcp_answers_in_json_if_the_client_reads_no_events(
    shared: Service, accept: str | None
) -> None:
    call = {"name": "translate", "arguments": {"text": "two fish"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    with httpx.Client() as client:
        del client.headers["Accept"]
        headers = {"Accept": accept} if accept else {}
        response = client.post(f"{shared.url}/mcp", json=message, headers=headers)
    result = response.raise_for_status().json()["result"]
    assert result["structuredContent"]["text"] == "[arb_Arab] two fish"


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
def test_mcp_stops_a_run_whose_client_left(serve: Callable[..., Service], accept: str) -> None:
    url = serve(SLOW="0.5").url
    call = {"name": "paint", "arguments": {"prompt": "a cat", "pictures": 10}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/mcp", json=message, headers={"Accept": accept}, timeout=1)
    with httpx.Client(base_url=url, timeout=30) as client:
        (run,) = client.get("/v1/runs").json()["runs"]
        assert wait_for_end(client, run["id"])["state"] == "stopped"


async def test_mcp_cancels_the_call_of_its_session(serve: Callable[..., Service]) -> None:
    """By the notification; the IDs of the calls are the same in both sessions."""
    service = serve(KEYS=KEY, SLOW="0.2")
    arguments = {"prompt": "a cat", "pictures": 10}
    async with _session(f"{service.url}/mcp") as one, _session(f"{service.url}/mcp") as other:
        first = asyncio.create_task(one.call_tool("paint", arguments))
        second = asyncio.create_task(other.call_tool("paint", arguments | {"pictures": 1}))
        with httpx.Client(base_url=service.url, headers={"X-API-Key": KEY}) as client:
            while not any(run["pictures"] for run in client.get("/v1/runs").json()["runs"]):
                await asyncio.sleep(0.1)
            for request_id in ("1", 99, 1):  # only the last is the call
                params = CancelledNotificationParams(requestId=request_id)
                notification = CancelledNotification(params=params)
                await one.send_notification(ClientNotification(notification))
            stopped = await first
            assert stopped.isError
            assert not (await second).isError
            runs = client.get("/v1/runs").json()["runs"]
            states = {run["options"]["paint"]["pictures"]: run["state"] for run in runs}
            assert states == {10: "stopped", 1: "finished"}


async def test_mcp_paints_from_prompts_in_other_languages(serve: Callable[..., Service]) -> None:
    async with _session(f"{serve(KEYS=KEY).url}/mcp") as session:
        for language, english in (
            ("auto", "un chat"),
            ("fr", "[eng_Latn] un chat"),
            ("French", "[eng_Latn] un chat"),
        ):
            arguments = {"prompt": "un chat", "language": language}
            said = (await session.call_tool("paint", arguments)).content[0]
            assert isinstance(said, TextContent)
            assert said.text.startswith(f"{english}\n")
        assert "Unknown language 'klingon'" in await _error(
            session, "paint", prompt="a cat", language="klingon"
        )


async def test_mcp_requires_a_key(serve: Callable[..., Service]) -> None:
    url = serve(KEYS=KEY).url
    response = httpx.post(f"{url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert response.status_code == 401
    with pytest.raises(BaseExceptionGroup):
        async with _session(f"{url}/mcp", key="wrong"):
            pass


def test_a_large_image_is_refused_before_it_is_decoded() -> None:
    with patch("base64.b64decode") as decode, pytest.raises(PictureError, match="larger than"):
        decode_base64_image("A" * (MAX_BASE64_CHARACTERS + 1))
    decode.assert_not_called()


def test_base64_is_accepted_as_clients_write_it() -> None:
    data = next(  # with both letters in which the alphabets differ, and padding
        data
        for number in range(1000)
        if {*"+/="}
        <= {*base64.b64encode(data := image_bytes(number % 256, number // 256)).decode()}
    )
    text = base64.b64encode(data).decode()
    in_lines = base64.encodebytes(data).decode().replace("\n", "\r\n")
    for_urls = base64.urlsafe_b64encode(data).decode()
    url = "data:image/png;base64,"
    for one in (text, in_lines, for_urls, text.rstrip("="), url + text, f"{url}\n{in_lines}\n"):
        assert decode_base64(one) == data
    for wrong in ("/tmp/cat.png", "https://example.org/cat.png", "ق", "A", "data:image/png;base64"):
        with pytest.raises(PictureError, match="not a file in base64|empty"):
            decode_base64_image(wrong)
