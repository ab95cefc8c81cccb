"""A memory-mapped token embedding gives the results of one in memory."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import M2M100Config, M2M100ForConditionalGeneration

from marsam.cpu.mmap_embedding import mmap_embeddings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps of Linux")
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


def logits(network: M2M100ForConditionalGeneration) -> Tensor:
    with torch.inference_mode():
        output: Tensor = network(input_ids=IDS, decoder_input_ids=IDS).logits
    return output


def file_of(tensor: Tensor) -> str:
    """The file a tensor is mapped from; an empty string where it is in memory alone."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, *_, name = line.split(maxsplit=5) if "/" in line else (line.split()[0], "")
        start, end = (int(side, 16) for side in addresses.split("-"))
        if start <= tensor.data_ptr() < end:
            return name
    raise AssertionError("the tensor is in no mapping")


def saved(network: M2M100ForConditionalGeneration, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True)
    if name.endswith(".safetensors"):
        network.save_pretrained(folder)
    else:
        torch.save(network.state_dict(), folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_embeddings_of_the_hub_cache_are_memory_mapped(tmp_path: Path, name: str) -> None:
    network = model()
    file = saved(network, tmp_path / "snapshots" / "1", name)
    before = logits(network)
    for _ in range(2):  # it may be called again
        mmap_embeddings(network, file.parent)
        table = network.get_input_embeddings().weight
        assert file_of(table) == str(file)
        assert network.lm_head.weight is network.model.decoder.embed_tokens.weight is table
        assert torch.equal(logits(network), before)


def test_embeddings_of_other_folders_are_not_memory_mapped(tmp_path: Path) -> None:
    network = model()
    file = saved(network, tmp_path / "mine", "model.safetensors")
    mmap_embeddings(network, file.parent)
    assert file_of(network.get_input_embeddings().weight) != str(file)


def test_files_without_the_embedding_change_nothing(tmp_path: Path) -> None:
    network = model()
    before = logits(network)
    folder = tmp_path / "snapshots" / "1"
    saved(network, folder, "model.safetensors").unlink()
    mmap_embeddings(network, folder)
    other = {"model.shared.weight": torch.zeros(3, 16)}  # of another model
    torch.save(other, folder / "pytorch_model.bin")
    mmap_embeddings(network, folder)
    torch.save(other, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    mmap_embeddings(network, folder)
    assert torch.equal(logits(network), before)
