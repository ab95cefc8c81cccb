"""The compatible routes, with the clients of the services they are compatible with."""

import io
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio_client
import gradio_client.exceptions
import httpx
import libretranslatepy
import openai
import pytest
import webuiapi
from PIL import Image

from marsam.imaging.metadata import read_record
from tests.service.api_client import image_bytes
from tests.service.conftest import Service

KEY = "a secret of sixteen"
DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    return serve(KEYS=KEY)


def test_openai(service: Service) -> None:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=KEY, max_retries=0) as client:
        response = client.images.generate(prompt="a cat", n=2, size="512x512", model="any")
        assert response.data is not None
        import base64

        records = [
            read_record(io.BytesIO(base64.b64decode(one.b64_json or ""))) for one in response.data
        ]
        assert len({record.seed for record in records if record}) == 2
        linked = client.images.generate(prompt="a cat", n=1, response_format="url").data
        assert linked is not None
        url = str(linked[0].url)
        image = httpx.get(url, headers={"Authorization": f"Bearer {KEY}"})
        assert Image.open(io.BytesIO(image.content)).format == "PNG"
        with pytest.raises(openai.UnprocessableEntityError, match="between 1 and 10"):
            client.images.generate(prompt="a cat", n=11)
    with (
        openai.OpenAI(base_url=f"{service.url}/v1", api_key="wrong", max_retries=0) as unauthorised,
        pytest.raises(openai.AuthenticationError),
    ):
        unauthorised.images.generate(prompt="a cat")


def test_gradio_client(
    serve: Callable[..., Service],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As docs/clients.md shows it, with a key and without."""
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (tmp_path / "photo.png").write_bytes(image_bytes(9, 8, 7))
    monkeypatch.chdir(tmp_path)
    service = serve(PAGE="1", KEYS="0123456789abcdef")
    program = program.replace("http://127.0.0.1:7860", service.url)
    exec(program, {})
    shown = "a square of 9 8 7\n[arb_Arab] a square of 9 8 7\n"
    assert capsys.readouterr().out.endswith(shown)
    bearer = program.replace('"X-API-Key": "', '"Authorization": "Bearer ')
    exec(bearer, {})
    assert capsys.readouterr().out == shown
    with pytest.raises(gradio_client.exceptions.AuthenticationError):
        exec(program.replace("abcdef", "wrong"), {})


def test_styles_of_the_pages_endpoints(serve: Callable[..., Service], tmp_path: Path) -> None:
    url = serve(PAGE="1").url
    (tmp_path / "photo.png").write_bytes(image_bytes(9, 8, 7))
    photo = gradio_client.handle_file(tmp_path / "photo.png")
    client = gradio_client.Client(url, verbose=False, download_files=tmp_path / "downloads")

    def styles_of(answer: Any) -> list[str]:
        return [record.style for record in map(read_record, answer[2]) if record]

    # As it was before there were styles: they are the last parameter, which may be left out.
    assert styles_of(client.predict("a cat", 2, 7, "draft", api_name="/paint")) == ["", ""]
    assert styles_of(client.predict("a cat", 1, 7, "draft", "clay", api_name="/paint")) == ["clay"]
    run = client.predict(photo, pictures=1, seed=None, style="watercolour", api_name="/run")
    assert styles_of(run) == ["watercolour"]
    assert run[0] == "a square of 9 8 7"
    with pytest.raises(gradio_client.exceptions.AppError, match="no style 'cubism'.*watercolour"):
        client.predict("a cat", seed=None, style="cubism", api_name="/paint")
    client.close()
    arabic = gradio_client.Client(url, verbose=False, headers={"Accept-Language": "ar"})
    with pytest.raises(gradio_client.exceptions.AppError, match="لا يوجد أسلوب"):
        arabic.predict(photo, seed=None, style="cubism", api_name="/run")
    arabic.close()


def test_openai_does_not_retry_a_cancelled_run(serve: Callable[..., Service]) -> None:
    """OpenAI's client retries failed requests unless ``X-Should-Retry`` is false."""
    service = serve(SLOW="0.3")
    with (
        openai.OpenAI(base_url=f"{service.url}/v1", api_key="any") as client,
        ThreadPoolExecutor(1) as beside,
    ):
        response = beside.submit(client.images.generate, prompt="a cat", n=4)
        while not (runs := httpx.get(f"{service.url}/v1/runs").json()["runs"]):
            time.sleep(0.05)
        httpx.post(f"{service.url}/v1/runs/{runs[0]['id']}/cancel").raise_for_status()
        with pytest.raises(openai.ConflictError):
            response.result()
    assert len(httpx.get(f"{service.url}/v1/runs").json()["runs"]) == 1


def test_libretranslate(service: Service) -> None:
    client = libretranslatepy.LibreTranslateAPI(service.url, api_key=KEY)
    assert client.translate("two fish", "en", "ar") == "[arb_Arab] two fish"
    assert client.translate("قطة", "auto", "en") == "[eng_Latn] قطة"
    known = {one["code"]: one["name"] for one in client.languages()}
    assert known["ar"] == "Modern Standard Arabic"
    assert len(known) == 202
    # Other clients put everything into the query; and texts in Arabic, escaped, are long.
    asked = {"q": "two fish", "source": "en", "target": "ar", "api_key": KEY}
    assert httpx.post(f"{service.url}/translate", params=asked).json() == {
        "translatedText": "[arb_Arab] two fish"
    }
    many = asked | {"q": ["قطة على خلفية زرقاء " * 30] * 50}
    response = httpx.post(f"{service.url}/translate", content=json.dumps(many), headers=JSON)
    assert len(response.raise_for_status().json()["translatedText"]) == 50
    wrong = asked | {"api_key": "wrong"}
    assert httpx.post(f"{service.url}/translate", params=wrong).status_code == 401
    with pytest.raises(Exception, match="401"):
        libretranslatepy.LibreTranslateAPI(service.url, api_key="wrong").translate("x", "en", "ar")


def test_sdwebui(service: Service) -> None:
    client = webuiapi.WebUIApi(port=service.port, username="anybody", password=KEY)
    result = client.txt2img(prompt="a cat", seed=7, steps=2, width=64, height=64, batch_size=2)
    assert len(result.images) == 2
    assert result.info["all_seeds"] == [7, 8]
    assert result.info["infotexts"][0].startswith("a cat")
    said = client.interrogate(Image.open(io.BytesIO(image_bytes(9, 8, 7))))
    assert said.info == "a square of 9 8 7"
    with pytest.raises(RuntimeError, match="401"):
        webuiapi.WebUIApi(port=service.port).txt2img(prompt="a cat")
    client.session.close()
