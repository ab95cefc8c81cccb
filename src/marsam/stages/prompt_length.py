"""Measure how much of a prompt a painter reads, without loading its weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from marsam.errors import map_model_errors
from marsam.results import PromptLength
from marsam.stages.families import Family
from marsam.stages.loading import import_lock, require_files, silence

NO_LIMIT = 10_000
"""Tokenizers that know no limit say a number above it."""


def load_tokenizer(folder: Path, family: Family, name: str) -> tuple[Any, int] | None:
    """Load the tokenizer that reads most of the prompt, and the number of tokens that are read.

    Args:
        folder: of the painter.
        family: of the painter.
        name: of the painter, in errors.

    Returns:
        None when the painter has no tokenizer, or nobody knows how much it reads.
    """
    if not (folder / family.tokenizer).is_dir():
        return None
    with import_lock, map_model_errors("loading the vocabulary of {model}", model=name):
        silence("transformers")
        from transformers import AutoTokenizer

        require_files(folder, "painter", name)
        tokenizer = AutoTokenizer.from_pretrained(
            folder / family.tokenizer, trust_remote_code=False
        )
    limit = tokenizer.model_max_length if family.max_tokens is None else family.max_tokens
    return (tokenizer, int(limit)) if limit <= NO_LIMIT else None


def prompt_length(tokenizer: Callable[..., Any], limit: int, prompt: str) -> PromptLength:
    """Count a prompt's tokens, and return the part that is not among the first ``limit``."""
    encoded = tokenizer(prompt, return_offsets_mapping=True)
    tokens, offsets = encoded.input_ids, encoded.offset_mapping
    if len(tokens) <= limit:
        return PromptLength(tokens=len(tokens), limit=limit)
    # Some end with a token of no text, which is the last one that is read.
    has_end = offsets[-1][0] == offsets[-1][1]
    start = offsets[limit - 1 if has_end else limit][0]
    return PromptLength(tokens=len(tokens), limit=limit, cut=prompt[start:].strip())
