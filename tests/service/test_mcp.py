"""The MCP tools, called by the protocol's own client."""

import base64
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ImageContent, TextContent

from marsam.api.dependencies import decode_base64_image
from marsam.errors import PictureError
from marsam.imaging.image_io import MAX_BYTES
from tests.service.api_client import image_bytes
from tests.service.conftest import Service

KEY = "a secret of sixteen"


async def _call(url: str, name: str, key: str = KEY, **arguments: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as http,
        streamable_http_client(f"{url}/mcp", http_client=http) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        if name == "list":
            return await session.list_tools()
        return await session.call_tool(name, arguments)


async def test_mcp_tools(serve: Callable[..., Service]) -> None:
    url = serve(KEYS=KEY).url
    listed = await _call(url, "list")
    assert {tool.name for tool in listed.tools} == {"caption", "translate", "paint", "run"}
    assert all(tool.description for tool in listed.tools)
    arguments = [a for tool in listed.tools for a in tool.inputSchema["properties"].values()]
    assert len(arguments) == 12
    assert all(argument["description"] for argument in arguments)
    assert all("seconds" in tool.description for tool in listed.tools)
    image = base64.b64encode(image_bytes(1, 2, 3)).decode()
    said = await _call(url, "caption", picture=image)
    assert said.structuredContent["en"] == "a square of 1 2 3"
    result = await _call(url, "translate", text="two fish")
    assert result.structuredContent["text"] == "[arb_Arab] two fish"
    painted = await _call(url, "paint", prompt="قطة", pictures=2, seed=5)
    text, *images = painted.content
    assert isinstance(text, TextContent)
    assert "قطة" in text.text
    assert "5, 6" in text.text
    assert [type(one) for one in images] == [ImageContent, ImageContent]
    done = await _call(url, "run", picture=image, pictures=1)
    assert "a square of 1 2 3" in done.content[0].text
    bad = await _call(url, "paint", prompt="x", pictures=11)
    assert bad.isError
    assert "between 1 and 10" in bad.content[0].text


async def test_mcp_requires_a_key(serve: Callable[..., Service]) -> None:
    url = serve(KEYS=KEY).url
    response = httpx.post(f"{url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert response.status_code == 401
    with pytest.raises(BaseExceptionGroup):
        await _call(url, "list", key="wrong")


def test_a_large_image_is_refused_before_it_is_decoded() -> None:
    with patch("base64.b64decode") as decode, pytest.raises(PictureError, match="larger than"):
        decode_base64_image("A" * (MAX_BYTES * 4 // 3 + 5))
    decode.assert_not_called()
