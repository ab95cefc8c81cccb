"""Pulling, finding and verifying models."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from huggingface_hub import snapshot_download
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    AutoTokenizer,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    M2M100ForConditionalGeneration,
)

from marsam.errors import Cancelled, HubUnreachable, ModelDamaged, ModelMissing, ModelUnsupported
from marsam.hub import catalog
from marsam.hub.download import pull
from marsam.hub.locate import find, is_present, locate, verify
from marsam.hub.lora import find_lora
from marsam.hub.model_files import is_weights, select_files
from marsam.hub.progress import PullProgress

from .fake_hub import FakeHub, Repository
from .tiny_models import BLIP, BLIP_FILES, DIFFUSION, NLLB

STANDARD = catalog.STANDARD


def test_blip_is_downloaded_without_duplicates_and_loads(hub: FakeHub) -> None:
    folder = pull(BLIP)

    assert hub.downloaded(BLIP) == BLIP_FILES
    assert locate(BLIP, stage="captioner") == folder
    model = BlipForConditionalGeneration.from_pretrained(folder)
    images = BlipImageProcessorPil.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pixels = images(Image.new("RGB", (40, 30)), return_tensors="pt").pixel_values
    tokens = model.generate(pixel_values=pixels, max_new_tokens=3)
    assert isinstance(tokenizer.decode(tokens[0], skip_special_tokens=True), str)
    assert "cat" in tokenizer.get_vocab()


def test_nllb_is_downloaded_as_its_only_weights_file_and_loads(hub: FakeHub) -> None:
    folder = pull(NLLB)

    assert hub.downloaded(NLLB) == [
        "config.json",
        "generation_config.json",
        "pytorch_model.bin",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert locate(NLLB, stage="translator") == folder
    model = M2M100ForConditionalGeneration.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    arabic = tokenizer.convert_tokens_to_ids("arb_Arab")
    assert arabic != tokenizer.unk_token_id
    tokens = model.generate(
        **tokenizer("a cat", return_tensors="pt"), forced_bos_token_id=arabic, max_new_tokens=3
    )
    assert tokens[0, 1] == arabic


def test_stable_diffusion_is_downloaded_in_fp16_only_and_paints(hub: FakeHub) -> None:
    folder = pull(DIFFUSION)

    downloaded = hub.downloaded(DIFFUSION)
    assert [name for name in downloaded if not name.endswith((".json", ".txt"))] == [
        "safety_checker/model.fp16.safetensors",
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]
    assert not [name for name in downloaded if "/" not in name and name != "model_index.json"]
    assert locate(DIFFUSION, stage="painter") == folder
    pipe = StableDiffusionPipeline.from_pretrained(
        folder, variant="fp16", dtype=torch.float32, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    result = pipe("cat", num_inference_steps=1, height=16, width=16, output_type="pil")
    assert result.images[0].size == (16, 16)


@pytest.mark.parametrize("model", STANDARD.models, ids=lambda m: m.stage)
def test_the_catalog_and_the_general_rules_select_the_same_weights(
    hub: FakeHub, model: catalog.Model
) -> None:
    chosen = set(select_files(hub.repositories[model.source].files))
    pulled = set(_files(pull(model.source)))

    # The general rules skip files that only older libraries read.
    assert chosen <= pulled
    assert {n for n in chosen if is_weights(n)} == {n for n in pulled if is_weights(n)}


def test_downloaded_models_need_no_requests(hub: FakeHub) -> None:
    for model in STANDARD.models:
        pull(model.source)
    requests = len(hub.requests)

    assert all(is_present(model) for model in STANDARD.models)
    assert len(hub.requests) == requests

    hub.close()
    for model in STANDARD.models:
        located = verify(model.source, stage=model.stage)
        assert located.revision == hub.repositories[model.source].commit
        assert pull(model.source) == located.folder


def test_a_renamed_repository_is_found(hub: FakeHub) -> None:
    with pytest.raises(ModelMissing, match="download it with: marsam models pull standard$"):
        locate("runwayml/stable-diffusion-v1-5", stage="painter")

    folder = pull("runwayml/stable-diffusion-v1-5")

    assert find("runwayml/stable-diffusion-v1-5", stage="painter").source == DIFFUSION
    assert locate(DIFFUSION, stage="painter") == folder
    assert not hub.downloaded("runwayml/stable-diffusion-v1-5")


def test_a_folder_is_used_unchanged(hub: FakeHub, tmp_path: Path) -> None:
    assert locate(str(tmp_path), stage="painter") == tmp_path
    assert pull(str(tmp_path)) == tmp_path
    assert not hub.requests


def test_progress_starts_at_zero_and_ends_at_the_total(hub: FakeHub) -> None:
    seen: list[PullProgress] = []
    folder = pull(BLIP, progress=seen.append)

    total = sum((folder / name).stat().st_size for name in _files(folder))
    assert (seen[0].done, seen[-1].done) == (0, total)
    assert {step.total for step in seen} == {total}
    assert [step.done for step in seen] == sorted(step.done for step in seen)

    again: list[PullProgress] = []
    pull(BLIP, progress=again.append)
    assert {step.done for step in again} == {total}


def test_a_broken_connection_is_reported_and_the_next_pull_resumes(hub: FakeHub) -> None:
    weights = "unet/diffusion_pytorch_model.fp16.safetensors"
    hub.repositories[DIFFUSION].cut.add(weights)
    with pytest.raises(HubUnreachable, match="responds with error 503; try again later"):
        pull(DIFFUSION)
    with pytest.raises(ModelDamaged, match=rf"only partly .*{weights} missing.* pull standard$"):
        locate(DIFFUSION, stage="painter")

    hub.repositories[DIFFUSION].cut.clear()
    hub.requests.clear()
    pull(DIFFUSION)

    # Completed files are not downloaded again.
    assert weights in hub.downloaded(DIFFUSION)
    assert "model_index.json" not in hub.downloaded(DIFFUSION)
    assert is_present(STANDARD.painter)


def test_a_progress_callback_can_cancel_a_pull(hub: FakeHub) -> None:
    def stop(step: PullProgress) -> None:
        if step.done:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        pull(DIFFUSION, progress=stop)
    with pytest.raises(ModelDamaged, match="only partly"):
        locate(DIFFUSION, stage="painter")
    pull(DIFFUSION)
    assert is_present(STANDARD.painter)


def test_a_checksum_mismatch_is_refused_and_downloaded_again(hub: FakeHub) -> None:
    content = hub.repositories[BLIP].files["model.safetensors"]
    hub.repositories[BLIP].forged["model.safetensors"] = b"x" * len(content)
    with pytest.raises(ModelDamaged, match=r"was downloaded damaged \(model.safetensors\)"):
        pull(BLIP)
    assert not is_present(STANDARD.captioner)

    hub.repositories[BLIP].forged.clear()
    assert (pull(BLIP) / "model.safetensors").read_bytes() == content


def test_a_truncated_download_is_refused(hub: FakeHub) -> None:
    content = hub.repositories[NLLB].files["pytorch_model.bin"]
    hub.repositories[NLLB].forged["pytorch_model.bin"] = content[:-100]
    with pytest.raises(
        ModelDamaged, match="was downloaded incompletely; .*marsam models pull standard$"
    ):
        pull(NLLB)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_a_file_damaged_on_disk_is_detected_and_repaired(hub: FakeHub, name: str) -> None:
    folder = pull(BLIP)
    blob = (folder / name).resolve()
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(ModelDamaged, match=rf"is damaged \({name}\); repair it with: marsam"):
        verify(BLIP, stage="captioner")

    hub.requests.clear()
    pull(BLIP)

    assert hub.downloaded(BLIP) == [name]
    verify(BLIP, stage="captioner")


def test_a_damaged_folder_is_detected_without_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    for name, content in hub.repositories[BLIP].files.items():
        (tmp_path / name).write_bytes(content)
    assert verify(str(tmp_path), stage="captioner").revision is None

    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelDamaged, match=r"is damaged \(model.safetensors\)"):
        verify(str(tmp_path), stage="captioner")

    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(ModelDamaged, match="is missing tokenizer.json"):
        verify(str(tmp_path), stage="captioner")


def test_files_cached_by_other_programs_are_used(hub: FakeHub) -> None:
    """A cache that another program filled can contain Stable Diffusion in full precision."""
    full = ["*.json", "*.txt", "*/model.safetensors", "*/diffusion_pytorch_model.safetensors"]
    folder = snapshot_download(DIFFUSION, allow_patterns=full)

    assert locate(DIFFUSION, stage="painter") == Path(folder)


def test_a_missing_vocabulary_is_detected(hub: FakeHub) -> None:
    folder = pull(NLLB)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelDamaged, match="tokenizer.json missing"):
        locate(NLLB, stage="translator")


def test_a_repository_without_supported_weights_is_refused_at_once(hub: FakeHub) -> None:
    hub.repositories["me/flax"] = Repository({"config.json": b"{}", "flax_model.msgpack": b"x"})
    with pytest.raises(ModelUnsupported, match="me/flax holds no weights that Marsam loads"):
        pull("me/flax")
    assert not hub.downloaded("me/flax")


def test_the_lora_of_a_repository_is_pulled_by_whatever_name(hub: FakeHub, tmp_path: Path) -> None:
    save_file({"a.lora_A.weight": torch.zeros(1, 2)}, tmp_path / "style.safetensors")
    weights = (tmp_path / "style.safetensors").read_bytes()
    files = {"README.md": b"x", "sample.png": b"x", "pixel-art.safetensors": weights}
    hub.repositories["me/lora"] = Repository(files)
    folder = pull("me/lora")
    assert hub.downloaded("me/lora") == ["pixel-art.safetensors"]
    file = folder / "pixel-art.safetensors"
    assert find_lora("me/lora:0.5") == (file, "me/lora:0.5", 0.5)
    verify("me/lora", stage="adapter")
    hub.repositories["me/loras"] = Repository(files | {"4-steps.safetensors": weights})
    several = "4-steps.safetensors, pixel-art.safetensors"
    with pytest.raises(ModelUnsupported, match=rf"several LoRAs \({several}\); download one"):
        pull("me/loras")


def test_sharded_weights_are_downloaded_completely(hub: FakeHub) -> None:
    parts = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    weights = hub.repositories[BLIP].files["model.safetensors"]
    hub.repositories["me/large"] = Repository(
        {
            "config.json": b"{}",
            "preprocessor_config.json": b"{}",
            "tokenizer.json": b"{}",
            "model.safetensors.index.json": json.dumps(
                {"weight_map": {"a": parts[0], "b": parts[1]}}
            ).encode(),
            "pytorch_model-00001-of-00001.bin": b"x",
            "pytorch_model.bin.index.json": b"{}",
            "onnx/model.onnx": b"x",
            parts[0]: weights,
            parts[1]: weights,
        }
    )
    folder = pull("me/large")
    assert not [name for name in hub.downloaded("me/large") if "pytorch" in name or "onnx" in name]
    assert locate("me/large", stage="captioner") == folder

    (folder / parts[1]).unlink()
    with pytest.raises(ModelDamaged, match=rf"{parts[1]} missing.*marsam models pull me/large$"):
        locate("me/large", stage="captioner")


def test_repositories_of_today_are_downloaded_completely(hub: FakeHub) -> None:
    """With shards named after the whole file, and chat templates."""
    shard = "model.safetensors-00001-of-00001.safetensors"
    names = {
        "model_index.json": b"{}",
        "text_encoder/config.json": b"{}",
        "text_encoder/model.safetensors.index.json": json.dumps(
            {"weight_map": {"a": shard}}
        ).encode(),
        f"text_encoder/{shard}": hub.repositories[BLIP].files["model.safetensors"],
        "tokenizer/tokenizer.json": b"{}",
        "tokenizer/chat_template.jinja": b"{{ messages }}",
    }
    hub.repositories["me/today"] = Repository(names | {"assets/teaser.png": b"x"})
    assert _files(pull("me/today")) == sorted(names)


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
