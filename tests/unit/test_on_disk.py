"""A translator's table of words stays in its file, and says what it said in memory."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import M2M100Config, M2M100ForConditionalGeneration

from marsam.cpu.mmap_embedding import leave

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is in memory")
IDS = torch.tensor([[5, 9, 3, 2]])


def model() -> M2M100ForConditionalGeneration:
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=4_000,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=32,
    )
    return M2M100ForConditionalGeneration(config).eval()


def answer(network: M2M100ForConditionalGeneration) -> Tensor:
    with torch.inference_mode():
        said: Tensor = network(input_ids=IDS, decoder_input_ids=IDS).logits
    return said


def file_of(tensor: Tensor) -> str:
    """Where the system has a tensor's numbers from; nothing where they are in memory alone."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, *_, name = line.split(maxsplit=5) if "/" in line else (line.split()[0], "")
        start, end = (int(side, 16) for side in place.split("-"))
        if start <= tensor.data_ptr() < end:
            return name
    raise AssertionError("a tensor that is nowhere")


def saved(network: M2M100ForConditionalGeneration, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    if name.endswith(".safetensors"):
        network.save_pretrained(folder)
    else:
        torch.save(network.state_dict(), folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_the_hubs_files_are_looked_up_where_they_are(tmp_path: Path, name: str) -> None:
    network = model()
    file = saved(network, tmp_path / "snapshots" / "1", name)
    before = answer(network)
    for _ in range(2):  # it may be left again
        leave(network, file.parent)
        table = network.get_input_embeddings().weight
        assert file_of(table) == str(file)
        assert network.lm_head.weight is network.model.decoder.embed_tokens.weight is table
        assert torch.equal(answer(network), before)


def test_a_folder_of_ones_own_may_change_and_is_not_looked_at_again(tmp_path: Path) -> None:
    network = model()
    file = saved(network, tmp_path / "mine", "model.safetensors")
    leave(network, file.parent)
    assert file_of(network.get_input_embeddings().weight) != str(file)


def test_files_without_such_a_table_change_nothing(tmp_path: Path) -> None:
    network = model()
    before = answer(network)
    folder = tmp_path / "snapshots" / "1"
    saved(network, folder, "model.safetensors").unlink()
    leave(network, folder)
    other = {"model.shared.weight": torch.zeros(3, 16)}  # of another model
    torch.save(other, folder / "pytorch_model.bin")
    leave(network, folder)
    torch.save(other, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    leave(network, folder)
    assert torch.equal(answer(network), before)
