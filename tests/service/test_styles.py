"""Styles over HTTP, in every dialect that can name one."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
import webuiapi
from mcp.types import ImageContent

from marsam.imaging.metadata import Record, read_record
from marsam.styles import STYLES, in_style
from tests.helpers.serving import served
from tests.service.api_client import image_bytes, post_run, wait_for_end
from tests.service.conftest import Service
from tests.service.test_mcp import _error, _session

CLAY = in_style("a cat", "clay")


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=30) as client:
        yield client


def record_of(file: bytes) -> Record:
    record = read_record(file)
    assert record is not None
    return record


def test_a_run_in_a_style(client: httpx.Client) -> None:
    run = post_run(client, prompt="a cat", pictures=1, seed=7, style="clay")
    result = wait_for_end(client, run.json()["id"])
    assert result["prompt"]["english"] == result["caption"]["en"] == "a cat"
    assert result["prompt"]["style"] == result["options"]["paint"]["style"] == "clay"
    assert result["prompt"]["tokens"] == len(CLAY.split()) + 2
    record = record_of(client.get(result["pictures"][0]["url"]).content)
    assert (record.prompt, record.style, record.english) == (CLAY, "clay", "a cat")
    refused = post_run(client, prompt="a cat", style="cubism")
    assert refused.status_code == 422
    assert "choose one of photo, watercolour" in refused.json()["message"]
    image = post_run(client, image=image_bytes(200, 20, 30), pictures=1, style="mosaic")
    result = wait_for_end(client, image.json()["id"])
    assert result["caption"]["en"] == "a square of 200 20 30"
    assert result["prompt"]["style"] == "mosaic"


def test_openai_has_its_own_styles_and_ours(shared: Service) -> None:
    with openai.OpenAI(base_url=f"{shared.url}/v1", api_key="none") as client:
        said = client.images.generate(prompt="a cat", extra_body={"style": "clay"})
        assert said.data is not None
        assert said.data[0].revised_prompt == CLAY
        assert (said.model_extra or {})["ignored"] == []
        assert record_of(base64.b64decode(said.data[0].b64_json or "")).style == "clay"
        said = client.images.generate(prompt="a cat", style="natural")
        assert said.data is not None
        assert said.data[0].revised_prompt == "a cat"
        assert (said.model_extra or {})["ignored"] == ["style"]
        with pytest.raises(openai.UnprocessableEntityError, match="no style 'cubism'"):
            client.images.generate(prompt="a cat", extra_body={"style": "cubism"})


def test_the_web_ui_lists_styles_and_paints_in_one(shared: Service) -> None:
    api = webuiapi.WebUIApi(port=shared.port)
    styles = {one["name"]: one for one in api.get_prompt_styles()}
    assert list(styles) == list(STYLES)
    assert styles["clay"]["prompt"].replace("{prompt}", "a cat") == CLAY
    result = api.txt2img(prompt="a cat", styles=["clay"], seed=7, negative_prompt="red")
    assert result.info["infotexts"][0].splitlines()[:2] == [
        CLAY,
        f"Negative prompt: red, {STYLES['clay'].negative}",
    ]
    assert "styles" not in result.info["ignored"]
    api.session.close()
    url = f"{shared.url}/sdapi/v1/txt2img"
    two = httpx.post(url, json={"prompt": "a cat", "styles": ["clay", "mosaic"]})
    assert two.status_code == 422
    assert two.json()["detail"] == "styles must have at most one style."
    none = httpx.post(url, json={"prompt": "a cat", "styles": ["None"]}).raise_for_status().json()
    assert json.loads(none["info"])["all_prompts"] == ["a cat"]


async def test_mcp_tools_take_a_style(shared: Service) -> None:
    async with _session(f"{shared.url}/mcp") as session:
        painted = await session.call_tool("paint", {"prompt": "a cat", "style": "clay"})
        assert isinstance(painted.content[1], ImageContent)
        assert record_of(base64.b64decode(painted.content[1].data)).prompt == CLAY
        assert "no style 'cubism'" in await _error(session, "paint", prompt="x", style="cubism")
        image = base64.b64encode(image_bytes(1, 2, 3)).decode()
        done = await session.call_tool("run", {"picture": image, "style": "clay"})
        assert isinstance(done.content[1], ImageContent)
        assert record_of(base64.b64decode(done.content[1].data)).style == "clay"


def test_the_mini_models_refuse_a_style_in_both_languages(tmp_path: Path) -> None:
    with served(tmp_path, command="serve") as url, httpx.Client(base_url=url, timeout=60) as client:
        run = {"prompt": "a cat", "style": "clay"}
        for language, words in (
            ("en", "knows no styles"),
            ("ar", "لا يعرف الرسام المستخدم الأساليب"),
        ):
            refused = client.post("/v1/runs", json=run, headers={"Accept-Language": language})
            assert refused.status_code == 422
            assert words in refused.json()["message"]
        assert client.get("/v1/runs").json() == {"runs": []}
        assert client.get("/sdapi/v1/prompt-styles").json() == []
