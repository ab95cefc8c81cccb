"""The web UI's routes, asked as Open WebUI, SillyTavern and webuiapi ask them."""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import webuiapi
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from marsam.imaging.metadata import infotext, read_record
from tests.service.api_client import image_bytes
from tests.service.conftest import Service

KEY = "a secret of sixteen"
MODEL = "fake-painter"


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{shared.url}/sdapi/v1", timeout=30) as client:
        yield client


def opened(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def painted(client: httpx.Client, **body: Any) -> tuple[list[str], dict[str, Any]]:
    """Images and info of a request."""
    said = client.post("/txt2img", json={"prompt": "a cat"} | body).raise_for_status().json()
    return said["images"], json.loads(said["info"])


def test_open_webui_paints(serve: Callable[..., Service]) -> None:
    """What its server sends when a chat asks for two images; the key is the password."""
    service = serve(KEYS=KEY)
    basic = base64.b64encode(f"openwebui:{KEY}".encode()).decode()
    headers = {"authorization": f"Basic {basic}"}
    with httpx.Client(base_url=f"{service.url}/sdapi/v1", headers=headers) as client:
        models = client.get("/sd-models").json()
        assert [(one["title"], one["model_name"]) for one in models] == [(MODEL, MODEL)]
        options = client.get("/options").raise_for_status().json()
        assert options["sd_model_checkpoint"] == MODEL
        assert client.post("/options", json=options).json() == {"ignored": []}
        options["sd_model_checkpoint"] = "dreamshaper_8.safetensors [879db523c3]"
        refused = client.post("/options", json=options)
        assert refused.status_code == 422
        assert refused.json()["detail"] == (
            "There is no model 'dreamshaper_8.safetensors [879db523c3]' here; "
            "the only one is fake-painter."
        )
        body = {"prompt": "قطة على خلفية زرقاء", "batch_size": 2, "width": 512, "height": 512}
        more = {"steps": 20, "negative_prompt": "dogs", "sampler_name": "Euler a", "cfg_scale": 7}
        said = client.post("/txt2img", json=body | more).raise_for_status().json()
        assert [opened(one).format for one in said["images"]] == ["PNG", "PNG"]
        assert isinstance(said["info"], str)


def test_sillytavern_paints(client: httpx.Client) -> None:
    """What its server sends when it connects, when the model is set, and for a picture."""
    assert client.get("/options").is_success
    assert [one["title"] for one in client.get("/sd-models").json()] == [MODEL]
    (sampler,) = client.get("/samplers").json()
    assert sampler["aliases"] == ["draft", "balanced", "faithful"]
    assert [one["name"] for one in client.get("/schedulers").json()] == ["automatic"]
    assert [one["name"] for one in client.get("/upscalers").json()] == ["None"]
    assert client.get("/latent-upscale-modes").json() == []
    assert client.get("/sd-vae").json() == []
    assert client.post("/options", json={"sd_model_checkpoint": MODEL}).is_success
    idle = client.get("/progress").json()
    assert (idle["progress"], idle["state"]["job_count"]) == (0.0, 0)
    said = client.post(
        "/txt2img",
        json={
            "url": "http://127.0.0.1:7860",
            "auth": "user:secret",
            "prompt": "best quality, a cat",
            "negative_prompt": "lowres",
            "sampler_name": "DDIM",
            "scheduler": "karras",
            "steps": 20,
            "cfg_scale": 7,
            "width": 512,
            "height": 512,
            "restore_faces": False,
            "enable_hr": False,
            "hr_upscaler": "Latent",
            "hr_scale": 1,
            "hr_additional_modules": [],
            "denoising_strength": 0.7,
            "hr_second_pass_steps": 0,
            "seed": None,
            "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"},
            "override_settings_restore_afterwards": True,
            "clip_skip": 1,
            "save_images": True,
            "send_images": True,
            "do_not_save_grid": False,
            "do_not_save_samples": False,
        },
    )
    assert opened(said.raise_for_status().json()["images"][0]).format == "PNG"
    info = json.loads(said.json()["info"])
    assert info["ignored"] == ["sampler_name", "scheduler"]
    assert "secret" not in said.text


def test_progress_and_interrupt(serve: Callable[..., Service]) -> None:
    service = serve(SLOW="0.1")
    api = webuiapi.WebUIApi(port=service.port)
    other = webuiapi.WebUIApi(port=service.port)
    try:
        with ThreadPoolExecutor(2) as beside:
            asked = beside.submit(api.txt2img, prompt="a cat", n_iter=3, seed=5, steps=20)
            until = time.monotonic() + 30
            while not other.get_progress()["progress"]:
                assert time.monotonic() < until
            waiting = beside.submit(other.txt2img, prompt="a dog", n_iter=2, steps=20)
            seen = [0.0]
            while not (now := other.get_progress())["state"]["job_no"]:
                seen.append(now["progress"])
                assert time.monotonic() < until
                time.sleep(0.05)
            assert seen == sorted(seen)
            assert 0.33 < now["progress"] < 1
            assert now["state"]["job_count"] in (3, 5)
            assert now["state"]["sampling_steps"] in (0, 20)
            assert now["eta_relative"] > 0
            assert opened(now["current_image"]).size == (64, 64)
            short = httpx.get(f"{service.url}/sdapi/v1/progress?skip_current_image=true").json()
            assert short["current_image"] is None
            other.interrupt()
            result = asked.result()
            assert [*result.info["all_seeds"], 7] in ([5, 7], [5, 6, 7])
            assert len(result.images) == len(result.info["all_seeds"])
            assert "The run was interrupted." in result.info["notes"]
            assert waiting.result().images == []
            assert other.get_progress()["state"]["job_count"] == 0
    finally:
        api.session.close()
        other.session.close()
    runs = httpx.get(f"{service.url}/v1/runs").json()["runs"]
    assert {run["state"] for run in runs} == {"stopped"}


def test_interrupt_stops_no_run_of_others(serve: Callable[..., Service]) -> None:
    keys = ("a" * 16, "b" * 16)
    service = serve(KEYS=",".join(keys), SLOW="0.05")
    one, other = (
        httpx.Client(base_url=f"{service.url}/sdapi/v1", headers={"X-API-Key": key}, timeout=30)
        for key in keys
    )
    with one, other, ThreadPoolExecutor(1) as beside:
        asked = beside.submit(painted, one, n_iter=2)
        while not one.get("/progress").json()["progress"]:
            time.sleep(0.02)
        assert other.get("/progress").json()["progress"] == 0
        assert other.post("/interrupt").is_success
        images, _ = asked.result()
        assert len(images) == 2


def test_webuiapi_reads_settings_and_metadata(shared: Service, tmp_path: Path) -> None:
    api = webuiapi.WebUIApi(port=shared.port)
    assert api.get_options()["sd_model_checkpoint"] == MODEL
    assert api.util_get_current_model() == MODEL
    api.util_set_model("fake")
    assert api.util_get_sampler_names() == ["Fake"]
    assert api.util_get_scheduler_names() == ["automatic"]
    assert api.get_progress()["progress"] == 0
    assert api.get_cmd_flags() == {"api": True}
    assert api.get_scripts() == {"txt2img": [], "img2img": []}
    assert api.get_embeddings() == {"loaded": {}, "skipped": {}}
    assert api.get_loras() == api.get_sd_vae() == []
    assert api.refresh_checkpoints() is None
    api.util_wait_for_ready()
    result = api.txt2img(prompt="قطة (زرقاء:1.2)", negative_prompt="a dog", seed=7, steps=3)
    said = api.png_info(result.image)
    assert said.info == result.info["infotexts"][0]
    assert said.parameters["Seed"] == "7"
    assert said.parameters["Negative prompt"] == "a dog"
    assert (said.parameters["Size-1"], said.parameters["Model"]) == ("64", MODEL)
    api.session.close()


def test_metadata_of_other_pictures(client: httpx.Client) -> None:
    text = 'two cats\non a mat\nNegative prompt: dogs, "x"\nSteps: 20, Model: "a, b", Size: 64x32'
    buffer, info = io.BytesIO(), PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    encoded = base64.encodebytes(buffer.getvalue()).decode()  # with line breaks
    said = client.post("/png-info", json={"image": encoded}).json()
    assert said["info"] == said["items"]["parameters"] == text
    assert said["parameters"] == {
        "Prompt": "two cats\non a mat",
        "Negative prompt": 'dogs, "x"',
        "Steps": "20",
        "Model": "a, b",
        "Size": "64x32",
        "Size-1": "64",
        "Size-2": "32",
    }
    plain = base64.urlsafe_b64encode(image_bytes()).decode().rstrip("=")
    said = client.post("/png-info", json={"image": plain}).json()
    assert said == {"info": "", "items": {}, "parameters": {}}
    refused = client.post("/png-info", json={"image": "no picture"})
    assert refused.status_code == 422


def test_null_is_the_same_as_nothing(client: httpx.Client) -> None:
    names = (
        "negative_prompt seed steps cfg_scale width height batch_size n_iter sampler_name "
        "sampler_index scheduler send_images override_settings script_name alwayson_scripts styles"
    )
    images, info = painted(client, **dict.fromkeys(names.split()))
    assert len(images) == 1
    assert info["ignored"] == []
    refused = client.post("/txt2img", json={"prompt": None})
    assert refused.json()["detail"] == "The prompt is empty; write a few words."


def test_batches_multiply_and_images_may_be_left_out(client: httpx.Client) -> None:
    images, info = painted(client, batch_size=2, n_iter=3, seed=1)
    assert info["all_seeds"] == [1, 2, 3, 4, 5, 6]
    assert len(images) == 6
    images, info = painted(client, send_images=False, seed=1)
    assert images == []
    assert info["all_seeds"] == [1]
    for wrong in ({"batch_size": 4, "n_iter": 3}, {"batch_size": 0}):
        refused = client.post("/txt2img", json={"prompt": "a cat"} | wrong).json()
        assert refused["detail"].startswith("batch_size × n_iter must be between 1 and 10")


@pytest.mark.parametrize(
    ("sent", "used", "told"),
    [
        ({"seed": 2**32 - 1}, {"seed": 2**32 - 1}, ""),
        ({"seed": 2**32}, {"seed": 0}, "0 was used"),
        ({"seed": 2**53, "batch_size": 2}, {"all_seeds": [2**53 % (2**32 - 1)] * 1}, "was used"),
        ({"seed": -1}, {}, ""),
        ({"cfg_scale": 0}, {"cfg_scale": 1}, ""),  # no guidance
        ({"cfg_scale": 5.5}, {"cfg_scale": 5.5}, ""),
        ({"sampler_name": "faithful"}, {"ignored": []}, ""),
        ({"sampler_name": "fake"}, {"ignored": []}, ""),
        ({"sampler_index": "Heun"}, {"ignored": ["sampler_index"]}, "sampler_index"),
        ({"enable_hr": True, "hr_scale": 2}, {"ignored": ["enable_hr", "hr_scale"]}, "enable_hr"),
        ({"sed": 7}, {"ignored": ["sed"]}, "have no effect here: sed."),
        ({"override_settings": {"sd_vae": "x"}}, {"ignored": ["override_settings.sd_vae"]}, "vae"),
    ],
)
def test_what_is_changed_or_has_no_effect_is_told(
    client: httpx.Client, sent: dict[str, Any], used: dict[str, Any], told: str
) -> None:
    _, info = painted(client, **sent)
    assert {name: info[name][:1] if name == "all_seeds" else info[name] for name in used} == used
    assert told in " ".join(info["notes"])
    assert bool(told) == bool(info["notes"])


def test_notes_are_in_the_language_that_the_client_prefers(client: httpx.Client) -> None:
    client.headers["Accept-Language"] = "ar"
    _, info = painted(client, sed=7, seed=2**32)
    assert info["notes"] == [
        "البذرة أكبر من الحد؛ استُخدمت 0 بدلًا منها.",
        "حقول لا أثر لها هنا: \u2068sed\u2069.",
    ]


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"cfg_scale": 31}, "cfg_scale must be between 0 and 30"),
        ({"cfg_scale": -1}, "cfg_scale must be between 0 and 30"),
        ({"script_name": "xyz plot"}, "This server has no scripts; switch off xyz plot."),
        ({"alwayson_scripts": {"ADetailer": {"args": []}}}, "switch off ADetailer."),
        ({"override_settings": {"sd_model_checkpoint": "other"}}, "There is no model 'other'"),
        ({"width": 100}, "width must be a multiple of 8"),
        ({"seed": "x"}, "seed must be a whole number."),
    ],
)
def test_what_cannot_be_done_is_refused(
    client: httpx.Client, sent: dict[str, Any], says: str
) -> None:
    refused = client.post("/txt2img", json={"prompt": "a cat"} | sent)
    assert refused.status_code == 422
    assert says in refused.json()["detail"]


def test_a_picture_says_what_the_answer_says(client: httpx.Client) -> None:
    images, info = painted(client, seed=3)
    record = read_record(base64.b64decode(images[0]))
    assert record is not None
    assert infotext(record) == info["infotexts"][0]
    assert info["sd_model_name"] == MODEL
    assert info["sampler_name"] == client.get("/samplers").json()[0]["name"]
    assert client.post("/options", json={"samples_format": "jpg", "x": 1}).json() == {
        "ignored": ["samples_format", "x"]
    }


def test_webuiapi_paints_variations(shared: Service) -> None:
    start = Image.open(io.BytesIO(image_bytes(200, 30, 20))).resize((128, 64))
    api = webuiapi.WebUIApi(port=shared.port)
    near, far, captioned = (
        api.img2img(images=[start], prompt=prompt, denoising_strength=strength, seed=5, steps=12)
        for prompt, strength in (("a cat", 0.25), ("a cat", 1), ("", 0.25))
    )
    with pytest.raises(RuntimeError, match="a list of one image"):
        api.img2img(images=[start, start], prompt="a cat")
    with pytest.raises(RuntimeError, match="whole images and no parts"):
        api.img2img(images=[start], mask_image=start, prompt="a cat")
    with pytest.raises(RuntimeError, match="denoising_strength must be above 0"):
        api.img2img(images=[start], prompt="a cat", denoising_strength=0)
    with pytest.raises(RuntimeError, match="denoising_strength must be at least 0.084"):
        api.img2img(images=[start], prompt="a cat", denoising_strength=0.01, steps=12)
    api.session.close()
    for result, strength in ((near, 0.25), (far, 1.0), (captioned, 0.25)):
        assert result.image.size == (512, 512)
        assert result.info["denoising_strength"] == strength
        assert result.parameters["denoising_strength"] == strength
        assert result.parameters["init_images"] is None
        assert f"Denoising strength: {strength:g}" in result.info["infotexts"][0]
        assert result.info["ignored"] == ["sampler_name"]  # its own default
    # The start picture has a black square at its left, which cropping leaves in part.
    black, colour = (0, 200), (0, 500)
    assert sum(near.image.getpixel(black)) < sum(near.image.getpixel(colour))
    assert far.image.getpixel(black) == far.image.getpixel(colour)
    assert captioned.info["all_prompts"] == ["a square of 200 30 20"]
    assert any("caption of the image" in note for note in captioned.info["notes"])


def test_img2img_without_an_image_is_refused(client: httpx.Client) -> None:
    no_list = "init_images must be a list of one image in base64."
    reasons = [(None, no_list), ([], no_list), (["no image!"], "This is not a file in base64.")]
    for images, reason in reasons:
        refused = client.post("/img2img", json={"prompt": "a cat", "init_images": images})
        assert refused.status_code == 422
        assert reason in refused.json()["detail"]


def test_interrogate_tells_that_there_is_one_captioner(client: httpx.Client) -> None:
    image = base64.b64encode(image_bytes(9, 8, 7)).decode()
    for model, ignored in ((None, []), ("clip", []), ("deepdanbooru", ["model"])):
        body = {"image": image, "model": model}
        said = client.post("/interrogate", json=body).raise_for_status().json()
        assert said == {"caption": "a square of 9 8 7", "ignored": ignored}
