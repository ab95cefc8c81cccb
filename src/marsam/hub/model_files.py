"""The files of a model: which of a repository are needed, which are missing or corrupt."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

ADAPTER_FILE = "pytorch_lora_weights.safetensors"
_TEXTS = (".json", ".txt", ".model", ".spm", ".jinja")
"""Endings of configurations, vocabularies and chat templates."""
_WEIGHTS = re.compile(
    r"(?:(?:model|diffusion_pytorch_model)(?:\.fp16)?(?:-\d+-of-\d+)?(?:\.fp16)?\.safetensors"
    r"|model\.safetensors-\d+-of-\d+\.safetensors"
    r"|(?:pytorch_model|diffusion_pytorch_model)(?:\.fp16)?(?:-\d+-of-\d+)?(?:\.fp16)?\.bin)"
)
_INDEX = re.compile(r".+\.(?P<kind>safetensors|bin)\.index(?:\.\w+)?\.json")
_VOCABULARIES = (
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("vocab.json", "source.spm", "target.spm"),
    ("vocab.json", "sentencepiece.bpe.model"),
    ("sentencepiece.bpe.model",),
    ("spiece.model",),
)
"""A tokenizer is complete when all files of one of these are present."""


def select_files(names: Iterable[str]) -> list[str]:
    """Return the files of a repository that make a model, with one format of the weights.

    A pipeline's components are taken in half precision where the repository has it, a single model
    from the top folder. Safetensors are preferred. Other formats, other precisions and checkpoints
    of other programs are left out. Of a repository without configuration, its only LoRA is taken.
    """
    listed = set(names)
    leaves: dict[str, list[str]] = {}
    for name in sorted(listed):
        folder, _, leaf = name.rpartition("/")
        leaves.setdefault(folder, []).append(leaf)
    if "model_index.json" not in listed:
        chosen = _select_in_folder(leaves.get("", []), half_first=False)
        adapters = [] if "config.json" in listed else lora_files(listed)
        return chosen + adapters if len(adapters) == 1 else chosen
    chosen = ["model_index.json"]
    for folder, inside in leaves.items():
        if folder and "/" not in folder:
            chosen += [f"{folder}/{leaf}" for leaf in _select_in_folder(inside, half_first=True)]
    return chosen


def is_weights(name: str) -> bool:
    """Whether a file, named with or without its folder, holds weights that Marsam loads."""
    return name == ADAPTER_FILE or _WEIGHTS.fullmatch(name.rpartition("/")[2]) is not None


def lora_files(names: Iterable[str]) -> list[str]:
    """Return those of a folder's files that hold a LoRA: the one of the usual name, or all."""
    found = sorted(name for name in names if "/" not in name and name.endswith(".safetensors"))
    return [ADAPTER_FILE] if ADAPTER_FILE in found else found


def missing_files(folder: Path, stage: str) -> list[str]:
    """Return the files that the stage needs and the folder lacks, as relative paths.

    transformers loads an empty tokenizer from a folder without a vocabulary and reports no error,
    so the vocabulary is checked here.
    """
    if stage == "adapter":
        present = lora_files(file.name for file in folder.glob("*") if _is_there(file))
        return [] if present else [ADAPTER_FILE]
    if stage == "painter":
        return list(_missing_in_pipeline(folder))
    missing = [*_missing_one_of(folder, "config.json"), *_missing_weights(folder)]
    if stage == "captioner":
        missing += _missing_one_of(folder, "preprocessor_config.json", "processor_config.json")
    return missing if stage == "decoder" else missing + _missing_vocabulary(folder)


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each file in a folder and its subfolders, by relative path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def corrupt_files(folder: Path, sha256: Mapping[str, str]) -> list[str]:
    """Return the files whose content is wrong, as relative paths.

    A file in ``sha256`` is compared with that checksum, another file of the hub's cache with its
    own hash; of all others the structure is checked. Takes about a second per gigabyte.
    """
    visible = sorted(name for name in file_sizes(folder) if "/." not in f"/{name}")
    return [n for n in visible if not is_intact(folder / n, sha256=sha256.get(n))]


@cache
def weights_revision(folder: Path) -> str:
    """Return the hub's commit of a model, or a hash of its weights; 12 hexadecimal digits.

    Hashing weights that are not the hub's takes about a second per gigabyte.
    """
    if folder.parent.name == "snapshots":
        return folder.name[:12]
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if is_weights(path.name)):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def is_intact(path: Path, *, sha256: str | None = None) -> bool:
    """Whether a file's content is right, as far as this machine can tell.

    ``sha256`` is the expected checksum, where one better than the cache's is known.
    """
    expected = sha256 or _hash_in_cache(path)
    if expected is not None:
        return _hash(path, expected) == expected
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_text(encoding="utf-8"))
            case ".safetensors":
                from safetensors import safe_open

                with safe_open(path, framework="np") as opened:
                    opened.keys()
            case ".bin":
                # torch.save writes a zip, whose directory is at the end of the file; its older
                # format starts with a pickle.
                with path.open("rb") as file:
                    pickled = file.read(1) == b"\x80"
                return pickled or zipfile.is_zipfile(path)
            case _:
                return path.stat().st_size > 0
    except Exception:  # the file cannot be read, whatever its reader raises
        return False
    return True


def dtype_of_weights(folder: Path) -> str:
    """Return the dtype that most of a folder's safetensors begin with, such as ``BF16``; or "".

    Files that cannot be read are left out; loading them reports it.
    """
    from safetensors import SafetensorError, safe_open

    sizes: dict[str, int] = {}
    for path in folder.glob("*.safetensors"):
        with suppress(OSError, SafetensorError, StopIteration), safe_open(path, "np") as opened:
            dtype = opened.get_slice(next(iter(opened.keys()))).get_dtype()
            sizes[dtype] = sizes.get(dtype, 0) + path.stat().st_size
    return max(sizes, key=lambda dtype: sizes[dtype], default="")


def _select_in_folder(leaves: list[str], *, half_first: bool) -> list[str]:
    texts = [leaf for leaf in leaves if leaf.endswith(_TEXTS) and not _INDEX.fullmatch(leaf)]
    found: dict[tuple[str, bool], list[str]] = {}
    for leaf in leaves:
        if _WEIGHTS.fullmatch(leaf):
            found.setdefault((Path(leaf).suffix, ".fp16" in leaf), []).append(leaf)
    for kind in (".safetensors", ".bin"):
        for half in (half_first, not half_first):
            weights = found.get((kind, half), [])
            whole = [leaf for leaf in weights if "-of-" not in leaf]
            if whole:
                return texts + whole[:1]
            if weights:
                indexes = [
                    leaf
                    for leaf in leaves
                    if (match := _INDEX.fullmatch(leaf))
                    and f".{match['kind']}" == kind
                    and (".fp16" in leaf) is half
                ]
                return texts + indexes + weights
    return texts


def _missing_in_pipeline(folder: Path) -> Iterator[str]:
    index = _json(folder / "model_index.json")
    if not isinstance(index, dict):
        yield "model_index.json"
        return
    for name, value in index.items():
        # A component is [library, class]; [null, null] is one the pipeline goes without.
        if name.startswith("_") or not isinstance(value, list) or value[-1] is None:
            continue
        part, kind = folder / name, str(value[-1])
        if "Scheduler" in kind:
            missing = _missing_one_of(part, "scheduler_config.json")
        elif "Tokenizer" in kind:
            missing = _missing_vocabulary(part)
        elif kind.endswith(("FeatureExtractor", "Processor", "ProcessorPil", "ProcessorFast")):
            missing = _missing_one_of(part, "preprocessor_config.json", "processor_config.json")
        else:
            missing = [*_missing_one_of(part, "config.json"), *_missing_weights(part)]
        yield from (f"{name}/{file}" for file in missing)


def _missing_one_of(folder: Path, *names: str) -> list[str]:
    return [] if any(_is_there(folder / name) for name in names) else [names[0]]


def _missing_vocabulary(folder: Path) -> list[str]:
    complete = any(all(_is_there(folder / n) for n in files) for files in _VOCABULARIES)
    return [] if complete else ["tokenizer.json"]


def _missing_weights(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if any(_is_there(folder / n) and is_weights(n) and "-of-" not in n for n in names):
        return []
    missing: list[str] = []
    for name in filter(_INDEX.fullmatch, names):
        index = _json(folder / name)
        parts = set(index.get("weight_map", {}).values()) if isinstance(index, dict) else set()
        missing = sorted(
            part for part in parts if Path(part).name != part or not _is_there(folder / part)
        )
        if parts and not missing:
            return []
    return missing or ["model.safetensors"]


def _is_there(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _hash_in_cache(path: Path) -> str | None:
    """Return the hash of a file in the hub's cache: the name of the blob that it links to."""
    if not path.is_symlink():
        return None
    # Follow one link only: a blob may itself link into a store with other names.
    blob = path.readlink()
    known = blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob.name)
    return blob.name if known else None


def _hash(path: Path, like: str) -> str:
    with path.open("rb") as file:
        if len(like) == 64:
            return hashlib.file_digest(file, "sha256").hexdigest()
        # Small files are named by their git blob hash.
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        digest.update(file.read())
        return digest.hexdigest()
