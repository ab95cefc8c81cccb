"""OpenAI's routes, with OpenAI's client."""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from marsam.api.metrics import Metrics
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from marsam.options import DEFAULT_STRENGTH
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import fake_studio
from tests.service.api_client import image_bytes
from tests.service.conftest import Service

KEY = "a secret of sixteen"


def connect(service: Service, key: str = "any") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0, timeout=30)


@pytest.fixture
def client(shared: Service) -> Iterator[openai.OpenAI]:
    with connect(shared) as client:
        yield client


def opened(encoded: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded or "")))


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names == ["fake-painter", "fake-captioner"]
    assert client.models.retrieve(names[0]).owned_by == "marsam"
    with pytest.raises(openai.NotFoundError, match="There is no model 'openai/gpt'"):
        client.models.retrieve("openai/gpt")


def test_a_response_says_what_was_made(client: openai.OpenAI) -> None:
    said = client.images.generate(
        model="gpt-image-1",
        prompt="قطة على خلفية زرقاء",
        n=2,
        quality="high",
        background="opaque",
        moderation="low",
        user="amal",
    )
    assert said.data is not None
    assert [opened(one.b64_json).format for one in said.data] == ["PNG", "PNG"]
    assert said.data[0].revised_prompt == "[eng_Latn] قطة على خلفية زرقاء"
    assert (said.quality, said.background, said.output_format) == ("high", "opaque", "png")
    assert said.size == "64x64"
    assert said.usage is not None
    assert said.usage.total_tokens == said.usage.input_tokens > 0
    record = read_record(base64.b64decode(said.data[0].b64_json or ""))
    assert record is not None
    assert record.recipe == "faithful"


@pytest.mark.parametrize(
    ("quality", "recipe"), [("low", "draft"), ("auto", "balanced"), ("hd", "faithful")]
)
def test_quality_chooses_the_preset(client: openai.OpenAI, quality: Any, recipe: str) -> None:
    said = client.images.generate(prompt="a cat", quality=quality).data
    assert said is not None
    record = read_record(base64.b64decode(said[0].b64_json or ""))
    assert record is not None
    assert record.recipe == recipe


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_formats_keep_the_metadata(client: openai.OpenAI, kind: Any) -> None:
    sizes = []
    for compression in (None, 100, 5):
        said = client.images.generate(
            prompt="a cat",
            output_format=kind,
            output_compression=compression,
            extra_body={"seed": 7},
        )
        assert said.data is not None
        assert said.output_format == kind
        data = base64.b64decode(said.data[0].b64_json or "")
        assert Image.open(io.BytesIO(data)).format == kind.upper()
        record = read_record(data)
        assert record is not None
        assert record.seed == 7
        sizes.append(len(data))
    assert sizes[0] == sizes[1]
    if kind == "jpeg":
        assert sizes[2] < sizes[0]


def test_links_need_no_key(serve: Callable[..., Service]) -> None:
    service = serve(KEYS=KEY)
    with connect(service, KEY) as client:
        said = client.images.generate(prompt="a cat", response_format="url").data
    assert said is not None
    image = httpx.get(str(said[0].url)).raise_for_status()
    assert Image.open(io.BytesIO(image.content)).format == "PNG"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"background": "transparent"}, "no transparent background"),
        ({"output_compression": 50}, "output_compression needs output_format jpeg or webp."),
        ({"output_compression": 101, "output_format": "webp"}, "must be at most 100."),
        ({"response_format": "url", "output_format": "webp"}, "Links are to PNG files"),
        ({"response_format": "url", "stream": True}, "A stream has no links"),
        ({"partial_images": 2}, "partial_images needs stream."),
        ({"n": 0}, "n must be between 1 and 10 (got 0)."),
        ({"size": "100x100"}, "The width in size must be a multiple of 8"),
        ({"size": "large"}, "size must be like 512x512."),
        ({"quality": "best"}, "quality must be 'auto', 'low'"),
        ({"output_format": "gif"}, "output_format must be 'png', 'jpeg' or 'webp'."),
        ({"extra_body": {"sed": 7}}, "There is no field 'sed'; check its name."),
    ],
)
def test_what_cannot_be_done_is_refused(
    client: openai.OpenAI, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.images.generate(prompt="a cat", **fields)
    assert says in refused.value.body["message"]  # type: ignore[index]


def test_edits_start_from_the_image(client: openai.OpenAI) -> None:
    start = image_bytes(200, 30, 20)
    near = {"strength": 0.25, "seed": 7}
    for image in (start, [("cat.png", start)]):
        said = client.images.edit(image=image, prompt="a dog", n=2, size="64x64", extra_body=near)
        assert said.data is not None
        assert [one.revised_prompt for one in said.data] == ["a dog", "a dog"]
        record = read_record(base64.b64decode(said.data[1].b64_json or ""))
        assert record is not None
        assert (record.strength, record.seed, record.english) == (0.25, 8, "a dog")
        picture = opened(said.data[0].b64_json)  # the start picture has a black square
        assert sum(picture.getpixel((24, 24))) < sum(picture.getpixel((2, 2)))  # type: ignore[arg-type]
    said = client.images.edit(image=start, prompt="a dog", quality="low", output_format="webp")
    assert said.data is not None
    record = read_record(base64.b64decode(said.data[0].b64_json or ""))
    assert record is not None
    assert (record.recipe, record.strength) == ("draft", DEFAULT_STRENGTH)


def test_variations_show_what_the_caption_of_the_image_says(client: openai.OpenAI) -> None:
    with pytest.deprecated_call():
        said = client.images.create_variation(
            image=image_bytes(200, 30, 20), n=2, response_format="url"
        )
    assert said.data is not None
    assert [one.revised_prompt for one in said.data] == ["a square of 200 30 20"] * 2
    record = read_record(httpx.get(str(said.data[0].url)).raise_for_status().content)
    assert record is not None
    assert record.strength == DEFAULT_STRENGTH


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mask": ("mask.png", image_bytes())}, "paints whole images and no parts of them"),
        ({"image": [image_bytes(), image_bytes()]}, "image was sent more than once."),
        ({"image": b"no image"}, "This is a text file, not a picture."),
        ({"extra_body": {"strength": 0}}, "strength must be above 0 and at most 1 (got 0.0)."),
        ({"extra_body": {"strength": 0.01}}, "strength must be at least 0.084 with 12 steps"),
        ({"extra_body": {"strenght": 1}}, "There is no field 'strenght'; check its name."),
        ({"n": 11}, "n must be between 1 and 10 (got 11)."),
        ({"background": "transparent"}, "no transparent background"),
    ],
)
def test_what_cannot_be_edited_is_refused(
    client: openai.OpenAI, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.images.edit(**{"image": image_bytes(), "prompt": "a cat"} | fields)
    assert says in refused.value.body["message"]  # type: ignore[index]


def test_a_stream_of_edits_has_its_own_events(client: openai.OpenAI) -> None:
    events = list(
        client.images.edit(image=image_bytes(), prompt="a cat", stream=True, partial_images=1)
    )
    assert [one.type for one in events][-1] == "image_edit.completed"
    assert {one.type for one in events} <= {"image_edit.completed", "image_edit.partial_image"}
    assert opened(events[-1].b64_json).size == (64, 64)


def test_a_stream_shows_previews_and_images(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.02")
    with connect(service) as client:
        events = list(
            client.images.generate(
                prompt="a cat",
                n=2,
                stream=True,
                partial_images=2,
                quality="low",
                output_format="webp",
                extra_body={"seed": 3},
            )
        )
    kinds = [one.type.removeprefix("image_generation.") for one in events]
    assert kinds.count("completed") == 2
    assert kinds[-1] == "completed"
    for one in events:
        assert opened(one.b64_json).format == "WEBP"
        assert one.size == "64x64"
        assert (one.quality, one.background, one.output_format) == ("low", "opaque", "webp")
    partial = [one for one in events if one.type == "image_generation.partial_image"]
    assert {one.partial_image_index for one in partial} <= {0, 1}
    completed = [one for one in events if one.type == "image_generation.completed"]
    assert completed[0].usage.input_tokens > 0
    records = [read_record(base64.b64decode(one.b64_json)) for one in completed]
    assert [record.seed for record in records if record] == [3, 4]


def test_a_stream_ends_with_the_reason_of_a_failure(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="not enough memory") as failed:
        list(client.images.generate(prompt="no memory", stream=True))
    assert failed.value.code == "out_of_memory"
    with pytest.raises(openai.UnprocessableEntityError, match="The prompt is empty"):
        client.images.generate(prompt=" ", stream=True)


def test_a_run_is_cancelled_when_its_stream_is_left(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.2")
    with connect(service) as client:
        with client.images.generate(prompt="a cat", n=10, stream=True) as events:
            next(iter(events))
        until = time.monotonic() + 30
        while (run := httpx.get(f"{service.url}/v1/runs").json()["runs"][0])["state"] != "stopped":
            assert time.monotonic() < until
            time.sleep(0.05)
    assert 1 <= len(run["pictures"]) < 10


async def test_blocked_pictures_are_told(tmp_path: Path) -> None:
    scheduler = Scheduler(fake_studio(blocked_seeds=frozenset({1, 2})), Journal(tmp_path))
    app = create_app(scheduler, page=False, metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        body = {"prompt": "a cat", "seed": 1, "n": 2}
        said = (await client.post("/v1/images/generations", json=body)).json()
        assert said["error"]["message"].startswith("The safety checker blocked the pictures")
        streamed = await client.post("/v1/images/generations", json=body | {"stream": True})
        assert streamed.text.startswith("event: error\n")
        assert "blocked the pictures" in streamed.text
        said = (await client.post("/v1/images/generations", json=body | {"n": 3})).json()
        assert len(said["data"]) == 1
    scheduler.close()


def ask(client: openai.OpenAI, *parts: Any, **more: Any) -> Any:
    message = {"role": "user", "content": list(parts)}
    return client.chat.completions.create(model="gpt-4o", messages=[message], **more)  # type: ignore[list-item]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def picture(url: str | None = None) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url or data_url(image_bytes(9, 8, 7))}}


def test_chat_describes_a_picture_in_the_language_of_the_question(client: openai.OpenAI) -> None:
    said = ask(client, text("What is this?"), picture(), temperature=0.2, max_tokens=300, user="me")
    assert said.choices[0].message.content == "a square of 9 8 7"
    assert said.choices[0].finish_reason == "stop"
    assert said.model == "fake-captioner"
    assert said.usage is None
    assert said.model_extra == {
        "ignored": ["model", "messages.0.content", "max_tokens", "temperature"]
    }
    arabic = ask(client, picture(), text("ما الذي تراه في الصورة؟"))
    assert arabic.choices[0].message.content == "[arb_Arab] a square of 9 8 7"
    assert ask(client, picture()).choices[0].message.content == "a square of 9 8 7"


def test_chat_names_the_messages_that_it_does_not_read(client: openai.OpenAI) -> None:
    asked: Any = [text("What is this?"), picture()]
    messages: Any = [
        {"role": "system", "content": "Answer in verse."},
        {"role": "user", "content": asked},
        {"role": "assistant", "content": "A square"},
    ]
    said = client.chat.completions.create(model="fake-captioner", messages=messages, stop=["."])
    assert said.model_extra == {
        "ignored": ["messages.0", "messages.2", "messages.1.content", "stop"]
    }


def test_a_captioner_that_reads_requests_is_asked_the_question(
    serve: Callable[..., Service],
) -> None:
    with connect(serve(ARABIC="مربع")) as client:
        said = ask(client, text("Which colour?"), picture())
        assert said.choices[0].message.content == "a square of 9 8 7; Which colour?"
        assert said.model_extra == {"ignored": ["model"]}
        said = ask(client, text("ما لونه؟"), picture())
        assert said.choices[0].message.content == "مربع; ما لونه؟"
        said = ask(client, picture())
        assert said.choices[0].message.content == "a square of 9 8 7"
        assert said.model_extra == {"ignored": ["model"]}
        said = ask(client, text("word " * 41), picture())
        assert said.choices[0].message.content == "a square of 9 8 7"
        assert said.model_extra == {"ignored": ["model", "messages.0.content"]}


def test_an_arabic_prompt_is_painted_as_it_is_written(
    client: openai.OpenAI, serve: Callable[..., Service]
) -> None:
    asked: Any = {"prompt": "قطة", "extra_body": {"as_written": True}}
    with pytest.raises(openai.UnprocessableEntityError, match="reads no Arabic"):
        client.images.generate(**asked)
    with connect(serve(ARABIC="مربع")) as reading:
        said = reading.images.generate(**asked)
        assert said.data[0].revised_prompt == "قطة"
        with pytest.raises(openai.UnprocessableEntityError, match="Arabic"):
            reading.images.generate(**asked | {"prompt": "a cat"})


def test_images_name_what_has_no_effect(client: openai.OpenAI) -> None:
    said = client.images.generate(prompt="a cat", model="dall-e-3", style="vivid", user="me")
    assert (said.model_extra or {})["ignored"] == ["model", "style"]
    said = client.images.generate(prompt="a cat", model="fake-painter", moderation="auto")
    assert (said.model_extra or {})["ignored"] == []


def test_chat_streams(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    chunks = list(ask(client, text("صف الصورة"), picture(), stream=True, stream_options=options))
    words = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert "".join(words) == "[arb_Arab] a square of 9 8 7"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is None
    assert chunks[0].model_extra == {"ignored": ["model", "messages.0.content"]}
    assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "stop"


@pytest.mark.parametrize(
    ("parts", "more", "says"),
    [
        ([text("Hello!")], {}, "describes pictures and does not chat"),
        ([text("Which?"), picture(), picture()], {}, "send one picture"),
        ([picture("https://example.org/cat.png")], {}, "send the picture as a data URL"),
        ([picture("data:image/png;base64,AAAA")], {}, "Not a supported image"),
        ([picture("data:image/png;base64,!!")], {}, "not a file in base64"),
        ([{"type": "input_audio", "input_audio": {}}, picture()], {}, "Only text and one picture"),
        ([picture()], {"n": 2}, "n must be 1."),
        ([picture()], {"tool_choice": "required"}, "calls no tools"),
        ([picture()], {"response_format": {"type": "json_object"}}, "plain text"),
        ([picture()], {"logprobs": True}, "logprobs is not supported."),
    ],
)
def test_chat_refuses_everything_else(
    client: openai.OpenAI, parts: list[Any], more: dict[str, Any], says: str
) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ask(client, *parts, **more)
    assert says in refused.value.body["message"]  # type: ignore[index]


def test_only_the_last_question_counts(shared: Service) -> None:
    turns = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": [picture(data_url(image_bytes(1, 1, 1)))]},
        {"role": "assistant", "content": "a square"},
        {"role": "user", "content": [text("And this?"), picture()]},
    ]
    url = f"{shared.url}/v1/chat/completions"
    said = httpx.post(url, json={"messages": turns}).json()
    assert said["choices"][0]["message"]["content"] == "a square of 9 8 7"
    for wrong in ([], [{"role": "user"}], [{"role": "user", "content": "Hello!"}], turns[:1]):
        refused = httpx.post(url, json={"messages": wrong})
        assert refused.status_code == 422
        assert "does not chat" in json.loads(refused.text)["error"]["message"]
