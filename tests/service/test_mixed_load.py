"""Clients of every dialect at once: each answer has the shape of its dialect, none is lost."""

import asyncio
import base64
import io
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import openai
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from tests.conftest import Figure
from tests.service.api_client import image_bytes
from tests.service.conftest import Service

STRESS = bool(os.environ.get("MARSAM_STRESS"))
SECONDS = 20 * 60 if STRESS else 10
CLIENTS_PER_DIALECT = 4
KEYS = ("a first key of sixteen", "a second key of sixteen")
BUSY = (429, 503)

Call = Callable[[random.Random, httpx.AsyncClient, openai.AsyncOpenAI], Awaitable[bool]]


def is_image(encoded: str | None) -> bool:
    with Image.open(io.BytesIO(base64.b64decode(encoded or ""))) as image:
        return image.width > 0


async def openai_image(
    rng: random.Random, http: httpx.AsyncClient, client: openai.AsyncOpenAI
) -> bool:
    """An image, or a refusal that the client understands."""
    try:
        said = await client.images.generate(
            prompt=f"words of {rng.random()}", n=1, response_format="b64_json"
        )
    except (openai.RateLimitError, openai.InternalServerError) as error:
        return bool(error.message) and isinstance(error.body, dict) and "message" in error.body
    return said.data is not None and is_image(said.data[0].b64_json)


async def openai_chat(
    rng: random.Random, http: httpx.AsyncClient, client: openai.AsyncOpenAI
) -> bool:
    colour = tuple(rng.randrange(256) for _ in range(3))
    url = "data:image/png;base64," + base64.b64encode(image_bytes(*colour)).decode()
    content: Any = [{"type": "image_url", "image_url": {"url": url}}]
    try:
        said = await client.chat.completions.create(
            model="any", messages=[{"role": "user", "content": content}]
        )
    except (openai.RateLimitError, openai.InternalServerError) as error:
        return bool(error.message) and isinstance(error.body, dict) and "message" in error.body
    return " ".join(map(str, colour)) in (said.choices[0].message.content or "")


async def web_ui(rng: random.Random, http: httpx.AsyncClient, client: openai.AsyncOpenAI) -> bool:
    body = {"prompt": f"words of {rng.random()}", "steps": 1, "batch_size": 1}
    said = await http.post("/sdapi/v1/txt2img", json=body)
    if said.status_code in BUSY:
        return "detail" in said.json()
    return said.status_code == 200 and is_image(said.json()["images"][0])


async def libretranslate(
    rng: random.Random, http: httpx.AsyncClient, client: openai.AsyncOpenAI
) -> bool:
    words = [f"word {rng.random()}" for _ in range(rng.randint(1, 4))]
    said = await http.post("/translate", json={"q": words, "source": "en", "target": "ar"})
    if said.status_code in BUSY:
        return isinstance(said.json()["error"], str)
    return said.status_code == 200 and len(said.json()["translatedText"]) == len(words)


async def own_run(rng: random.Random, http: httpx.AsyncClient, client: openai.AsyncOpenAI) -> bool:
    begun = await http.post("/v1/runs", data={"prompt": f"words {rng.random()}", "pictures": "1"})
    if begun.status_code in BUSY:
        return {"code", "message"} <= begun.json().keys() and "retry-after" in begun.headers
    if begun.status_code != 202:
        return False
    async with http.stream("GET", f"/v1/runs/{begun.json()['id']}/events") as events:
        text = "".join([part async for part in events.aiter_text()])
    run = (await http.get(begun.headers["location"])).json()
    return "event: ended" in text and run["state"] == "finished" and len(run["pictures"]) == 1


async def mcp_tool(rng: random.Random, http: httpx.AsyncClient, client: openai.AsyncOpenAI) -> bool:
    key = http.headers["x-api-key"]
    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=120) as own,
        streamable_http_client(f"{http.base_url}/mcp", http_client=own) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        said = await session.call_tool("translate", {"text": f"word {rng.random()}"})
    return bool(said.content)  # a refusal is text, too


DIALECTS: tuple[Call, ...] = (openai_image, openai_chat, web_ui, libretranslate, own_run, mcp_tool)


async def _client(service: Service, call: Call, number: int, until: float) -> Counter[str]:
    """One client, which asks until the time is over; how often its answers were right or wrong."""
    rng, key, count = random.Random(number), KEYS[number % len(KEYS)], Counter[str]()
    async with (
        httpx.AsyncClient(base_url=service.url, headers={"X-API-Key": key}, timeout=120) as http,
        openai.AsyncOpenAI(
            base_url=f"{service.url}/v1", api_key=key, max_retries=0, timeout=120
        ) as client,
    ):
        while time.monotonic() < until:
            try:
                is_right = await call(rng, http, client)
            except (httpx.HTTPError, openai.APIConnectionError, OSError) as error:
                count[f"{call.__name__} lost: {error!r}"] += 1
            else:
                count[f"{call.__name__} {'right' if is_right else 'wrong'}"] += 1
            await asyncio.sleep(rng.uniform(0, 0.5))
    return count


async def test_clients_of_every_dialect_at_once(
    serve: Callable[..., Service], figure: Figure
) -> None:
    service = serve(KEYS=",".join(KEYS))
    until = time.monotonic() + SECONDS
    counts = await asyncio.gather(
        *(
            _client(service, call, number, until)
            for number, call in enumerate(DIALECTS * CLIENTS_PER_DIALECT)
        )
    )
    total = sum(counts, Counter[str]())
    figure(f"{SECONDS} s of all dialects at once: " + ", ".join(map(str, sorted(total.items()))))
    assert not [name for name in total if not name.endswith(" right")], total
    assert {name.split()[0] for name in total} == {call.__name__ for call in DIALECTS}
    assert httpx.get(f"{service.url}/healthz", timeout=5).status_code == 200
