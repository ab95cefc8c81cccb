"""The standard set: download, load and run, and run again without the hub."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageChops, ImageOps
from safetensors.torch import load_file

from marsam import (
    Captioned,
    ModelMissing,
    Painted,
    PaintOptions,
    Picture,
    Recipe,
    RunOptions,
    Studio,
    Translated,
)
from marsam.cli import main
from marsam.cpu import winograd
from marsam.device import Device
from marsam.errors import OptionError
from marsam.hub import download
from marsam.hub.catalog import STANDARD
from marsam.imaging.metadata import record_of
from marsam.options import CaptionOptions, TranslateOptions
from marsam.runs.repeat import require_same_sampling
from marsam.stages.painter import DiffusionPainter
from tests.helpers import tiny_language_models, tiny_translators

from .fake_hub import FakeHub, Repository
from .tiny_models import ADAPTER, BLIP, DECODER, ONE_STEP

PART = "model.safetensors-00001-of-00001.safetensors"
PHOTO = Image.effect_noise((40, 30), 80).convert("RGB")
SMALL = RunOptions(
    caption=CaptionOptions(beams=2, max_tokens=4),
    translate=TranslateOptions(beams=2),
    paint=PaintOptions(pictures=2, seed=3, steps=2, width=64, height=64, preview_every=1),
    check=False,
)


def pixels(picture: Picture) -> bytes | None:
    return picture.image.tobytes() if picture.image else None


def max_difference(one: Image.Image, other: Image.Image) -> int:
    """The largest absolute difference between the channel values of two images."""
    return max(high for _, high in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]


def pull(name: str) -> int:
    sys.argv = ["marsam", "models", "pull", name]
    try:
        main.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_missing_models_are_named_with_the_download_command(hub: FakeHub) -> None:
    with pytest.raises(ModelMissing, match="marsam models pull standard"):
        Studio.load("standard")


def test_pull_load_run_and_run_again_without_the_hub(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull("standard") == 0
    assert capsys.readouterr().err == ""

    studio = Studio.load(device="cpu")  # downloaded, so it is the default
    assert studio.models == "standard"
    result = studio.run(PHOTO, SMALL)
    assert result.caption is not None
    assert isinstance(result.prompt.arabic, str)
    assert [picture.seed for picture in result.pictures] == [3, 4]
    assert result.models["captioner"] == BLIP

    requests = len(hub.requests)
    hub.close()
    again = Studio.load("standard", device="cpu").run(PHOTO, SMALL)
    assert len(hub.requests) == requests
    for before, after in zip(result.pictures, again.pictures, strict=True):
        assert before.blocked == after.blocked
        if before.image and after.image:
            assert before.image.tobytes() == after.image.tobytes()


def test_drafts_use_the_adapter_and_do_not_affect_later_pictures(hub: FakeHub) -> None:
    assert pull("standard") == 0
    studio = Studio.load("standard", device="cpu")
    slow = PaintOptions(pictures=1, seed=3, steps=2, width=64, height=64)
    quick = PaintOptions(pictures=1, seed=3, recipe=Recipe.DRAFT, width=64, height=64)

    def painted(options: PaintOptions) -> Picture:
        (event,) = [e for e in studio.painter.paint("cat", options) if isinstance(e, Painted)]
        return event.picture

    instant = PaintOptions(pictures=1, seed=3, recipe=Recipe.INSTANT, width=64, height=64)

    before, draft, after, again = (painted(options) for options in (slow, quick, slow, quick))
    first, _, second = (painted(options) for options in (instant, quick, instant))
    assert (first.scheduler, first.steps, first.guidance_scale) == ("LCM", 1, 1.0)
    assert (first.adapter, first.recipe) == (ONE_STEP, Recipe.INSTANT)
    assert pixels(first) == pixels(second) != pixels(draft)
    assert (draft.scheduler, draft.steps, draft.guidance_scale) == ("LCM", 4, 1.0)
    assert (draft.adapter, before.adapter) == (ADAPTER, "")
    assert pixels(before) == pixels(after)
    assert pixels(draft) == pixels(again)
    for name, files in {ADAPTER: 1, ONE_STEP: 1, DECODER: 2}.items():
        assert len(hub.downloaded(name)) == files


def test_what_instant_cannot_do_is_refused(hub: FakeHub) -> None:
    assert pull("standard") == 0
    painter = Studio.load("standard", device="cpu").painter
    instant = PaintOptions(pictures=1, recipe=Recipe.INSTANT, width=64, height=64)
    for options, start, says in (
        (replace(instant, steps=4), None, "paints in one step"),
        (instant, PHOTO, "starts from no picture"),
        (replace(instant, strength=0.5), PHOTO, "starts from no picture"),
    ):
        with pytest.raises(OptionError, match=says) as refused:
            list(painter.paint("a cat", options, start))
        assert "الجودة" in refused.value.ar
    assert isinstance(painter, DiffusionPainter)
    without = DiffusionPainter(painter.folder, device=painter.device)
    assert Recipe.INSTANT in painter.recipes
    assert Recipe.INSTANT not in without.recipes
    with pytest.raises(OptionError, match="no recipe 'instant' with these models"):
        without.sampling(Recipe.INSTANT)


def test_a_draft_records_no_negative_prompt_and_is_not_repeated_otherwise(hub: FakeHub) -> None:
    assert pull("standard") == 0
    with_adapter = Studio.load("standard", device="cpu").painter
    assert isinstance(with_adapter, DiffusionPainter)
    without = DiffusionPainter(with_adapter.folder, device=with_adapter.device)
    options = PaintOptions(
        pictures=1,
        seed=3,
        recipe=Recipe.DRAFT,
        negative_prompt="dog",
        guidance_scale=12,
        width=64,
        height=64,
    )
    records = []
    for painter, kept, sampler in (
        (with_adapter, "", f"LCM + {ADAPTER}"),
        (without, "dog", "UniPCMultistep"),
    ):
        (picture,) = (e.picture for e in painter.paint("cat", options) if isinstance(e, Painted))
        assert picture.negative_prompt == kept
        record = record_of(replace(picture, image=Image.new("RGB", (64, 64))), None)
        require_same_sampling(record, painter)
        records.append((record, sampler))
    for (record, sampler), other in zip(records, (without, with_adapter), strict=True):
        with pytest.raises(OptionError, match=re.escape(f"painted with {sampler}.")) as refused:
            require_same_sampling(record, other)
        assert sampler in refused.value.ar


@pytest.mark.parametrize(
    ("recipe", "how"),
    [(Recipe.DRAFT, {"num_inference_steps": 4}), (Recipe.INSTANT, {"timesteps": [999]})],
)
def test_few_steps_match_the_diffusers_pipeline_with_the_adapter(
    hub: FakeHub, recipe: Recipe, how: dict[str, Any]
) -> None:
    assert pull("standard") == 0
    ours = Studio.load("standard", device="cpu").painter
    assert isinstance(ours, DiffusionPainter)
    assert ours.decoder is not None
    exact = Device(kind="cpu", dtype="float32", reason="to compare with diffusers")
    painter = DiffusionPainter(
        ours.folder, device=exact, adapters=ours.adapters, decoder=ours.decoder
    )
    options = PaintOptions(pictures=1, seed=3, recipe=recipe, width=64, height=64)
    (picture,) = (e.picture for e in painter.paint("cat", options) if isinstance(e, Painted))

    from diffusers import AutoencoderTiny, LCMScheduler, StableDiffusionPipeline

    full = torch.float32
    pipe = StableDiffusionPipeline.from_pretrained(ours.folder, variant="fp16", dtype=full)
    pipe.vae = AutoencoderTiny.from_pretrained(ours.decoder, dtype=full)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)

    def by_diffusers() -> Image.Image:
        seeded = torch.Generator().manual_seed(3)
        options = {"width": 64, "height": 64, "guidance_scale": 1.0}
        image: Image.Image = pipe("cat", generator=seeded, **options, **how).images[0]
        return image

    plain = by_diffusers()
    pipe.load_lora_weights(ours.adapters[recipe].file)
    adapted = by_diffusers()
    assert picture.image is not None
    assert max_difference(picture.image, adapted) <= 1 < max_difference(plain, adapted)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_unfusing_the_adapter_restores_the_weights(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    """The output is bit-identical, also for layers with prepacked or transformed weights."""
    monkeypatch.setattr("marsam.device._memory", lambda: float("inf"))
    monkeypatch.setattr(winograd, "MIN_CHANNELS", 8)
    assert pull("standard") == 0
    ours = Studio.load("standard", device="cpu").painter
    assert isinstance(ours, DiffusionPainter)
    device = Device(kind="cpu", dtype=dtype, reason="to be tested")
    pipe, _, lora = DiffusionPainter(ours.folder, device=device, adapters=ours.adapters)._loaded
    assert lora is not None
    has_winograd = pipe.unet.down_blocks[0].resnets[0].conv1.weight.ndim == 3
    assert has_winograd is (dtype == "float32")

    @torch.inference_mode()
    def output() -> torch.Tensor:
        torch.manual_seed(0)
        latents = torch.randn(1, 4, 8, 8).to(pipe.unet.dtype).repeat(2, 1, 1, 1)
        prompt = torch.randn(2, 7, pipe.unet.config.cross_attention_dim).to(pipe.unet.dtype)
        answer: torch.Tensor = pipe.unet(latents, 3, prompt, return_dict=False)[0]
        return answer

    before = output()
    lora.fuse(ADAPTER)
    assert not torch.equal(output(), before)
    lora.fuse("")
    assert torch.equal(output(), before)


def test_the_adapter_is_ignored_without_safetensors_weights(hub: FakeHub, tmp_path: Path) -> None:
    assert pull("standard") == 0
    ours = Studio.load("standard", device="cpu").painter
    assert isinstance(ours, DiffusionPainter)
    device = Device(kind="cpu", dtype="float32", reason="to be tested")
    shutil.copytree(ours.folder, tmp_path / "pickled")
    for file in (tmp_path / "pickled" / "unet").glob("*.safetensors"):
        file.unlink()
    for folder, steps in ((ours.folder, 4), (tmp_path / "pickled", 8)):
        painter = DiffusionPainter(folder, device=device, adapters=ours.adapters)
        assert painter.sampling(Recipe.DRAFT).steps == steps


def test_a_draft_without_the_adapter_has_more_steps(hub: FakeHub) -> None:
    for model in STANDARD.models:
        download.pull(model.source)
    studio = Studio.load("standard", device="cpu")
    assert studio.painter.sampling(Recipe.DRAFT).steps == 8


def test_the_safety_checker_of_a_model_is_used(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pull("standard") == 0
    studio = Studio.load("standard", device="cpu")
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    def flag(checker: object, clip_input: object, images: object) -> tuple[object, list[bool]]:
        return images, [True]

    monkeypatch.setattr(StableDiffusionSafetyChecker, "forward", flag)
    result = studio.run(PHOTO, SMALL)
    assert [picture.blocked for picture in result.pictures] == [True, True]
    assert all(picture.image is None for picture in result.pictures)


def test_another_model_for_one_stage(hub: FakeHub) -> None:
    assert pull(BLIP) == 0
    studio = Studio.load("mini", captioner=BLIP, device="cpu")
    events = studio.stream(PHOTO, SMALL)
    assert isinstance(next(events), Captioned)
    assert isinstance(next(events), Translated)
    events.close()  # type: ignore[attr-defined]
    assert studio.captioner.name == BLIP


def test_translators_of_every_kind_are_pulled_and_translate(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their repositories have files of other programs, chat templates and parts of weights."""
    folders = {name: tmp_path / name for name in ("madlad", "en-ar", "ar-en")}
    for folder in folders.values():
        folder.mkdir()
    tiny_translators.build_t5(folders["madlad"])
    tiny_translators.build_marian(folders["en-ar"], "en", "ar")
    tiny_translators.build_marian(folders["ar-en"], "ar", "en", tokens=())
    folders["qwen3"] = tiny_language_models.build("qwen3", tmp_path)
    (folders["qwen3"] / "model.safetensors").rename(folders["qwen3"] / PART)
    names = load_file(folders["qwen3"] / PART)
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, PART)}
    (folders["qwen3"] / "model.safetensors.index.json").write_text(json.dumps(index))
    for name, folder in folders.items():
        files = {file.name: file.read_bytes() for file in folder.iterdir()}
        hub.repositories[f"me/{name}"] = Repository(files | {"model-q4k.gguf": b"x"})
        assert pull(f"me/{name}") == 0
        assert not [file for file in hub.downloaded(f"me/{name}") if file.endswith(".gguf")]
    assert "chat_template.jinja" in hub.downloaded("me/qwen3")
    shutil.rmtree(tmp_path / "qwen3")
    short = TranslateOptions(beams=1)
    for translator in ("me/madlad", "me/qwen3", ["me/en-ar", "me/ar-en"]):
        studio = Studio.load("mini", translator=translator, device="cpu")
        assert studio.translator.translate("lions", short).target == "arb_Arab"
    assert studio.names["translator"] == "me/en-ar + me/ar-en"
    with pytest.raises(ModelMissing, match="marsam models pull me/ar-fr"):
        Studio.load("mini", translator=["me/en-ar", "me/ar-fr"])


def test_a_model_of_another_family_is_refused(hub: FakeHub, tmp_path: object) -> None:
    from pathlib import Path

    from marsam import ModelUnsupported

    folder = Path(str(tmp_path)) / "gpt"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(ModelUnsupported, match="gpt2"):
        Studio.load("mini", captioner=str(folder))


@pytest.mark.parametrize("recipe", [Recipe.DRAFT, Recipe.FAITHFUL])
def test_a_variation_matches_the_image_to_image_pipeline_of_diffusers(
    hub: FakeHub, recipe: Recipe
) -> None:
    assert pull("standard") == 0
    ours = Studio.load("standard", device="cpu").painter
    assert isinstance(ours, DiffusionPainter)
    assert ours.decoder is not None
    exact = Device(kind="cpu", dtype="float32", reason="to compare with diffusers")
    painter = DiffusionPainter(
        ours.folder, device=exact, adapters=ours.adapters, decoder=ours.decoder
    )
    options = PaintOptions(
        pictures=1, seed=3, recipe=recipe, steps=4, strength=0.5, width=64, height=64
    )
    plain = replace(options, strength=None)

    def painted(options: PaintOptions) -> Image.Image:
        start = None if options.strength is None else PHOTO
        events = painter.paint("cat", options, start)
        (image,) = (e.picture.image for e in events if isinstance(e, Painted))
        assert image is not None
        return image

    before, variation, after = (painted(each) for each in (plain, options, plain))
    assert before.tobytes() == after.tobytes()

    from diffusers import AutoencoderTiny, LCMScheduler, StableDiffusionImg2ImgPipeline

    full = torch.float32
    pipe = StableDiffusionImg2ImgPipeline.from_pretrained(ours.folder, variant="fp16", dtype=full)
    pipe.set_progress_bar_config(disable=True)
    if recipe is Recipe.DRAFT:
        pipe.vae = AutoencoderTiny.from_pretrained(ours.decoder, dtype=full)
        pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
        pipe.load_lora_weights(ours.adapters[Recipe.DRAFT].file)
    expected = pipe(
        "cat",
        image=ImageOps.fit(PHOTO, (64, 64), Image.Resampling.LANCZOS),
        strength=0.5,
        num_inference_steps=4,
        guidance_scale=1.0 if recipe is Recipe.DRAFT else 7.5,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    assert max_difference(variation, expected) <= 1 < max_difference(before, expected)
