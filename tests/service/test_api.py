"""The HTTP API, on fake stages."""

import inspect
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel

from marsam.api import health, pictures, responses, runs, text, views
from marsam.api.views import RunOptionsView
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record, xmp_packet
from marsam.options import DEFAULT_STRENGTH, RunOptions, TranslateOptions
from marsam.results import Caption, Prompt, PromptLength
from marsam.text.fidelity import Fidelity
from marsam.text.glossary import Glossary, Term
from tests.helpers.photographs import write_photographs
from tests.service.api_client import image_bytes, post_run, read_events, wait_for_end
from tests.service.conftest import Service

SDAPI = (
    "cmd-flags embeddings extensions face-restorers hypernetworks img2img interrogate interrupt "
    "latent-upscale-modes loras options png-info progress prompt-styles refresh-checkpoints "
    "samplers schedulers script-info scripts sd-models sd-vae txt2img upscalers"
)


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=30) as client:
        yield client


def test_a_run_captions_an_image_and_generates_pictures(client: httpx.Client) -> None:
    response = post_run(client, image=image_bytes(), pictures=2, seed=7)
    assert response.status_code == 202
    run = response.json()
    assert response.headers["Location"] == f"/v1/runs/{run['id']}"
    result = wait_for_end(client, run["id"])
    assert result["state"] == "finished"
    assert result["caption"]["en"] == "a square of 10 20 30"
    assert [p["seed"] for p in result["pictures"]] == [7, 8]
    assert result["models"]["painter"] == "fake-painter"
    assert set(result["seconds"]) == {"caption", "translate", "paint", "check"}
    image = client.get(result["pictures"][1]["url"])
    assert image.headers["content-type"] == "image/png"
    record = read_record(io.BytesIO(image.content))
    assert record is not None
    assert record.seed == 8


def test_an_arabic_prompt_is_translated(client: httpx.Client) -> None:
    run = post_run(client, prompt="قطة على خلفية زرقاء", pictures=1).json()
    result = wait_for_end(client, run["id"])
    assert result["prompt"]["given"] == "قطة على خلفية زرقاء"
    assert result["prompt"]["language"] == "arb_Arab"
    assert result["caption"]["en"] == "[eng_Latn] قطة على خلفية زرقاء"


def test_last_event_id_resumes_the_event_stream(client: httpx.Client) -> None:
    run = post_run(client, image=image_bytes(1, 2, 3), pictures=2, seed=1).json()["id"]
    result = read_events(client, run)
    kinds = [kind for number, kind, _ in result if number is not None]
    assert kinds == ["captioned", "prompted", *["painted", "checked"] * 2, "ended"]
    assert "a square of 1 2 3" in result[0][2]
    assert json.loads(result[-1][2])["state"] == "finished"
    again = read_events(client, run, last=11)
    assert [kind for _, kind, _ in again] == ["painted", "checked", "ended"]
    assert again == [event for event in result if event[0] is not None][-3:]


def test_events_do_not_escape_arabic(client: httpx.Client) -> None:
    run = post_run(client, prompt="قطة", pictures=1).json()["id"]
    assert any("قطة" in data for _, _, data in read_events(client, run))


@pytest.mark.parametrize("same", [True, False])
def test_an_idempotency_key_creates_one_run(client: httpx.Client, same: bool) -> None:
    headers = {"Idempotency-Key": f"key-{same}"}
    form = {"prompt": "a cat", "pictures": "1"}
    first = client.post("/v1/runs", data=form, headers=headers)
    second = client.post(
        "/v1/runs", data=form if same else form | {"prompt": "a dog"}, headers=headers
    )
    if same:
        assert second.json()["id"] == first.json()["id"]
        assert second.headers["Idempotent-Replayed"] == "true"
    else:
        assert second.status_code == 409
        assert second.json()["code"] == "run_exists"
    wait_for_end(client, first.json()["id"])


def test_concurrent_requests_with_one_idempotency_key_create_one_run(client: httpx.Client) -> None:
    found: list[str] = []

    def ask() -> None:
        with httpx.Client(base_url=str(client.base_url), timeout=30) as mine:
            response = mine.post(
                "/v1/runs", data={"prompt": "x", "pictures": "1"}, headers={"Idempotency-Key": "m"}
            )
            found.append(response.json()["id"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_alt_text_of_an_uploaded_image_is_its_caption(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    info = PngInfo()
    info.add_itxt(
        "XML:com.adobe.xmp", xmp_packet([("en", "Mishmish"), ("ar", "مشمش")]), "en", "xmp"
    )
    Image.effect_noise((90, 60), 80).save(buffer, "PNG", pnginfo=info)
    said = client.post("/v1/captions", files={"picture": buffer.getvalue()}).json()
    assert (said["en"], said["ar"]) == ("Mishmish", "مشمش")
    assert "alt_text_kept" in said["candidates"][0]["warnings"]
    run = post_run(client, image=buffer.getvalue(), pictures=1).json()["id"]
    assert wait_for_end(client, run)["caption"] == {"en": "Mishmish", "ar": "مشمش"}


def test_files_of_cameras_phones_scanners_and_websites(
    client: httpx.Client, tmp_path: Path
) -> None:
    image = Image.new("RGB", (144, 144), (200, 120, 40))
    image.paste("black", (60, 60, 80, 80))
    for path in write_photographs(image, tmp_path):
        with path.open("rb") as file:
            said = client.post("/v1/captions", files={"picture": (path.name, file)}).json()
        colour = map(int, said["en"].removeprefix("a square of ").split())
        near = zip(colour, (200, 120, 40), strict=True)
        assert all(abs(one - other) < 25 for one, other in near), (path.name, said["en"])


def test_captions_and_translations(client: httpx.Client) -> None:
    said = client.post("/v1/captions", files={"picture": image_bytes(5, 6, 7)}).json()
    assert said["en"] == "a square of 5 6 7"
    assert said["ar"] == "[arb_Arab] a square of 5 6 7"
    result = client.post("/v1/translations", json={"text": "two fish", "back": True}).json()
    assert result["text"] == "[arb_Arab] two fish"
    assert result["back"] is not None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"prompt": " \n"}, "empty"),
        ({"prompt": ""}, "image or a prompt"),
        ({"prompt": "x" * 3000}, "at most 2000"),
        ({"prompt": "x", "pictures": 11}, "between 1 and 10"),
        ({"prompt": "x", "pictures": "many"}, "pictures"),
        ({"prompt": "x", "seed": -1}, "seed"),
        ({"prompt": "x", "steps": 1000}, "between 1 and 200"),
        ({"prompt": "x", "width": 100}, "multiple of 8"),
        ({"prompt": "x", "height": 4096}, "between 64 and 2048"),
        ({"prompt": "x", "recipe": "magic"}, "draft, balanced, faithful"),
        ({"prompt": "x", "language": "klingon"}, "klingon"),
        ({"prompt": "x", "keep_best": 9}, "keep_best"),
        ({}, "image or a prompt"),
    ],
)
def test_an_invalid_option_is_422_with_a_message_that_names_the_limit(
    client: httpx.Client, fields: dict[str, Any], says: str
) -> None:
    response = post_run(client, **fields)
    assert response.status_code == 422
    result = response.json()
    assert set(result) == {"code", "message", "request_id"}
    assert says in result["message"]
    assert result["request_id"] == response.headers["X-Request-ID"]


def _bytes(kind: str, size: tuple[int, int] = (16, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("image", "status", "says"),
    [
        (b"", 422, "The file is empty"),
        (b"<svg/>", 422, "This is an SVG drawing"),
        (_bytes("PPM"), 422, "PNM pictures are not supported"),
        (_bytes("PNG", (6000, 5000)), 422, "25 megapixels"),
        (image_bytes()[:60], 422, "damaged"),
        (b"\x89PNG" + b"\0" * 20_000_100, 422, "20 MB"),
        (b"\x89PNG" + b"\0" * 25_000_000, 413, "at most 20 MB"),
    ],
)
def test_an_invalid_image_is_refused(
    client: httpx.Client, image: bytes, status: int, says: str
) -> None:
    response = post_run(client, image=image, pictures=1)
    assert response.status_code == status
    assert says in response.json()["message"]


def test_no_file_name_comes_from_the_request(client: httpx.Client, shared: Service) -> None:
    run = post_run(client, image=image_bytes(), pictures=1, prefix="../../evil").json()["id"]
    wait_for_end(client, run)
    names = {path.name for path in shared.folder.rglob("*")}
    assert not {name for name in names if "passwd" in name or "evil" in name}


@pytest.mark.parametrize("when", ["queued", "running", "finished"])
def test_a_deleted_run_is_gone_with_its_files(serve: Callable[..., Service], when: str) -> None:
    keys = ("first key of sixteen", "second key of sixteen")
    service = serve(KEYS=",".join(keys), SLOW="0" if when == "finished" else "0.2")
    own, other = (
        httpx.Client(base_url=service.url, headers={"X-API-Key": key}, timeout=20) for key in keys
    )
    with own, other:
        kept = post_run(own, prompt="before", pictures=2, check=False).json()["id"]
        run = post_run(own, image=image_bytes(), pictures=4, check=False).json()["id"]
        if when == "running":
            while not own.get(f"/v1/runs/{run}").json()["pictures"]:
                time.sleep(0.02)
        if when == "finished":
            wait_for_end(own, run)
            copies = service.folder / "page" / run
            copies.mkdir(parents=True)
            (copies / "marsam-1.png").write_bytes(b"a copy for the page")
        assert other.delete(f"/v1/runs/{run}").status_code == 404
        deleted = own.delete(f"/v1/runs/{run}")
        assert (deleted.status_code, deleted.content) == (204, b"")
        assert own.delete(f"/v1/runs/{run}").status_code == 404
        for path in (f"/v1/runs/{run}", f"/v1/runs/{run}/events", f"/v1/pictures/{run}-0"):
            assert own.get(path).status_code == 404, path
        assert wait_for_end(own, kept)["state"] == "finished"
        assert [one["id"] for one in own.get("/v1/runs").json()["runs"]] == [kept]
        time.sleep(0.5)  # the step in progress ends
        assert not [path for path in service.folder.rglob("*") if run in path.parts]


def test_an_unknown_id_or_path_is_404(client: httpx.Client) -> None:
    for method, path in (
        ("GET", "/v1/runs/nothing"),
        ("DELETE", "/v1/runs/nothing"),
        ("POST", "/v1/runs/nothing/cancel"),
        ("GET", "/v1/runs/nothing/events"),
        ("POST", "/v1/runs/nothing/resume"),
        ("GET", "/v1/pictures/nothing-0"),
        ("GET", "/v1/pictures/..%2F..%2Fetc%2Fpasswd"),
        ("GET", "/nothing"),
    ):
        response = client.request(method, path)
        assert response.status_code == 404, (method, path)
        assert set(response.json()) == {"code", "message", "request_id"}


def test_health_and_metrics(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    run = post_run(client, prompt="a cat", pictures=1).json()["id"]
    wait_for_end(client, run)
    figures = client.get("/metrics").text
    assert 'marsam_runs_total{state="finished"}' in figures
    assert 'route="/v1/runs/{run_id}"' in figures
    assert run not in figures


def test_openapi_lists_every_route(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert {
        "/v1/runs",
        "/v1/runs/{run_id}",
        "/v1/runs/{run_id}/events",
        "/v1/runs/{run_id}/cancel",
        "/v1/runs/{run_id}/resume",
        "/v1/pictures/{picture_id}",
        "/v1/pictures/{picture_id}/link",
        "/v1/captions",
        "/v1/translations",
        "/v1/documents",
        "/v1/chat/completions",
        "/v1/images/edits",
        "/v1/images/generations",
        "/v1/images/variations",
        "/v1/models",
        "/v1/models/{model_id}",
        "/translate",
        "/languages",
        "/detect",
        "/frontend/settings",
        "/translate_file",
        "/download_file/{name}",
        *(f"/sdapi/v1/{name}" for name in SDAPI.split()),
        "/healthz",
        "/readyz",
        "/metrics",
    } == set(schema["paths"])
    assert all(
        operation["summary"] for path in schema["paths"].values() for operation in path.values()
    )
    assert not [name for name in schema["components"]["schemas"] if "__" in name]  # name clashes
    assert "itemSchema" not in str(schema)  # which OpenAPI 3.1 does not know
    for path in ("/docs", "/docs/", "/docs/files/swagger-ui.css"):
        assert client.get(path).status_code == 200
    assert client.get("/docs/x").status_code == 404


def test_openapi_describes_fields_errors_and_security_schemes(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    models = schema["components"]["schemas"]
    fields = {
        f"{name}.{field}": described
        for name, model in models.items()
        for field, described in model.get("properties", {}).items()
    }
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["description"]
            for parameter in operation.get("parameters", ()):
                fields[f"{method} {path} {parameter['name']}"] = parameter
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields |= content["schema"].get("properties", {})
            for status, response in operation["responses"].items():
                if status[0] in "45" and path != "/readyz":
                    body = response["content"]["application/json"]["schema"]
                    assert body["$ref"].endswith("ErrorBody"), (path, status)
    assert len(fields) > 80
    assert [name for name, one in fields.items() if not {"description", "$ref"} & set(one)] == []
    assert list(models["ErrorBody"]["properties"]) == ["code", "message", "request_id"]
    schemes = schema["components"]["securitySchemes"]
    assert [{name: []} for name in schemes] == schema["security"]
    assert {(s["type"], s.get("scheme") or s["name"]) for s in schemes.values()} == {
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
        ("http", "basic"),
    }


def test_our_own_fields_have_examples() -> None:
    models = [
        model
        for module in (health, pictures, responses, runs, text, views)
        for model in vars(module).values()
        if inspect.isclass(model)
        and issubclass(model, BaseModel)
        and model.__module__.startswith("marsam.")
    ]
    lacking = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not (field.examples or field.exclude or "marsam.api" in str(field.annotation))
        and name != "picture"  # a file
    ]
    assert len(models) > 20
    assert lacking == []


def test_a_run_lacks_no_field_of_its_parts(client: httpx.Client) -> None:
    """The response models would drop a field that only the parts know."""
    options = RunOptions(translate=TranslateOptions(glossary=Glossary((Term("x", "y"),))))
    sent = json.loads(json.dumps(options.to_dict()))
    assert RunOptionsView.model_validate(sent).model_dump(mode="json") == sent
    run = post_run(client, image=image_bytes(), pictures=1).json()["id"]
    result = wait_for_end(client, run)
    prompt = {*Prompt.__dataclass_fields__, *PromptLength.__dataclass_fields__} - {"length"}
    assert result["prompt"].keys() == prompt
    assert result["captions"][0].keys() == Caption.__dataclass_fields__.keys()
    assert result["pictures"][0]["fidelity"].keys() == Fidelity.__dataclass_fields__.keys()


def test_the_queue_is_fair_between_clients(serve: Callable[..., Service]) -> None:
    """Many runs of one client do not delay the single run of another."""
    keys = ("a" * 16, "b" * 16)
    service = serve(SLOW="0.15", KEYS=",".join(keys))
    greedy, modest = (
        httpx.Client(base_url=service.url, headers={"X-API-Key": key}, timeout=30) for key in keys
    )
    with greedy, modest:
        many = [post_run(greedy, prompt=f"x {i}", pictures=1).json()["id"] for i in range(6)]
        one = post_run(modest, prompt="mine", pictures=1).json()
        assert one["position"] is not None
        assert one["position"] <= 3
        result = wait_for_end(modest, one["id"])
        assert result["state"] == "finished"
        open_still = [greedy.get(f"/v1/runs/{run}").json()["state"] for run in many]
        assert open_still.count("finished") <= 3
        assert modest.get(f"/v1/runs/{many[0]}").status_code == 404  # another client's
        assert modest.get("/v1/runs").json()["runs"][0]["id"] == one["id"]
        for run in many:
            greedy.post(f"/v1/runs/{run}/cancel")


def test_the_work_of_a_client_is_limited(serve: Callable[..., Service]) -> None:
    with httpx.Client(base_url=serve(SLOW="0.3", BUDGET="1").url, timeout=30) as client:
        large = {"prompt": "x", "pictures": 1, "width": 2048, "height": 2048}
        refused = client.post("/v1/runs", json=large)
        assert (refused.status_code, refused.json()["code"]) == (422, "option_error")
        assert "Choose fewer or smaller pictures" in refused.json()["message"]
        run = post_run(client, prompt="x", pictures=4).json()["id"]
        refused = client.post("/v1/runs", json={"prompt": "x", "pictures": 1})
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
        assert int(refused.headers["Retry-After"]) > 0
        assert "Together with your runs in the queue" in refused.json()["message"]
        arabic = {"Accept-Language": "ar"}
        refused = client.post("/v1/runs", json={"prompt": "x", "pictures": 1}, headers=arabic)
        assert "انتظر حتى يكتمل أحدها." in refused.json()["message"]
        client.delete(f"/v1/runs/{run}")


def test_queue_positions_are_sent_as_events(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.2")
    with httpx.Client(base_url=service.url, timeout=30) as client:
        for _ in range(2):
            post_run(client, prompt="before", pictures=1)
        run = post_run(client, prompt="after", pictures=1).json()["id"]
        result = read_events(client, run)
    positions = [json.loads(data)["position"] for _, kind, data in result if kind == "queued"]
    assert positions
    assert positions == sorted(positions, reverse=True)
    assert [kind for _, kind, _ in result if kind != "previewed"][-1] == "ended"


def test_unknown_words_are_named(client: httpx.Client) -> None:
    translation = client.post("/v1/translations", json={"text": "a dragon"}).json()
    assert (translation["text"], translation["unknown_words"]) == ("", ["dragon"])
    assert translation["warnings"] == ["unknown_words"]
    refused = client.post("/translate", json={"q": "a dragon", "source": "en", "target": "ar"})
    assert refused.status_code == 422
    assert refused.json()["code"] == "unknown_words"
    assert "dragon" in refused.json()["message"]
    run = post_run(client, prompt="a dragon", pictures=1).json()
    result = wait_for_end(client, run["id"])
    assert result["prompt"]["unknown_words"] == ["dragon"]
    assert result["caption"] == {"en": "a dragon", "ar": ""}
    assert result["pictures"][0]["fidelity"] is None


@pytest.mark.parametrize(
    ("fields", "prompt", "strength"),
    [
        ({"strength": 0.25}, "a square of 200 20 30", 0.25),
        ({"strength": 0.25, "prompt": "a cat"}, "a cat", 0.25),
        ({"prompt": "a cat"}, "a cat", DEFAULT_STRENGTH),
    ],
)
def test_variations_of_a_picture(
    client: httpx.Client, fields: dict[str, Any], prompt: str, strength: float
) -> None:
    run = post_run(client, image=image_bytes(200, 20, 30), pictures=2, seed=7, **fields)
    result = wait_for_end(client, run.json()["id"])
    assert result["state"] == "finished"
    assert result["caption"]["en"] == prompt
    assert result["options"]["paint"]["strength"] == strength
    for picture in result["pictures"]:
        file = client.get(picture["url"]).content
        record = read_record(file)
        assert record is not None
        assert (record.strength, len(record.start_sha256)) == (strength, 64)
        image = open_picture(file)
        assert sum(image.getpixel((24, 24))) < sum(image.getpixel((2, 2)))  # type: ignore[arg-type]
