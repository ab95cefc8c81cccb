"""What a translator needs of a model: the interface, and one direction of translation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from marsam.errors import LanguageError
from marsam.options import TranslateOptions
from marsam.text.cleaning import latin_names
from marsam.text.glossary import Required
from marsam.text.languages import Language
from marsam.text.protected import protected_spans

MAX_SENTENCE_TOKENS = 500
"""Tokens of one sentence; a model reads some more around it."""

UNSPACED_SCRIPTS = ("Hans", "Hant", "Jpan")
"""Scripts without a space between sentences."""


@dataclass(frozen=True)
class Job:
    """One direction of translation, and its options."""

    source: Language
    target: Language
    options: TranslateOptions

    def required(self, text: str) -> list[Required]:
        """Return what the translation of a text must contain: protected spans, glossary terms."""
        protected = [
            Required(start, end, text[start:end], text[start:end])
            for start, end in protected_spans(text)
        ]
        terms = self.options.glossary.required(text, self.source.code, self.target.code)
        free = [t for t in terms if not any(p.start < t.end and t.start < p.end for p in protected)]
        return sorted([*protected, *free], key=lambda one: one.start)

    def space(self, after: str) -> str:
        """Return the space between two sentences of the translation, by that of the text."""
        if self.target.script in UNSPACED_SCRIPTS:
            return after.replace(" ", "")
        return after or (" " if self.source.script in UNSPACED_SCRIPTS else "")

    def needs_other_letters(self, sentence: str) -> bool:
        """Whether the translation may need letters of another script: names, terms."""
        return bool(latin_names(sentence, self.source)) or not all(
            self.target.matches_script(one.translation) for one in self.required(sentence)
        )


class TranslationModel(Protocol):
    """A model that translates single sentences, loaded when first needed.

    The methods raise ModelError when the model cannot be loaded.
    """

    name: str

    @property
    def folder(self) -> Path:
        """Where its files are."""

    def check_direction(self, source: Language, target: Language) -> None:
        """Raise LanguageError when the model does not translate in this direction."""

    def targets(self) -> Mapping[str, Sequence[str]]:
        """Return the languages that each known language can be translated into, as NLLB codes."""

    def unknown_words(self, text: str, source: Language, /) -> tuple[str, ...]:
        """Return the words of a text that a model with a closed vocabulary does not know."""

    def fits(self, sentence: str) -> bool:
        """Whether the model reads the whole sentence."""

    def generate(
        self, sentences: Sequence[str], job: Job, *, second_try: bool = False
    ) -> list[str]:
        """Return the model's output for each sentence.

        ``second_try`` is for translations that failed a check: the model is used differently.

        Raises:
            LanguageError: as :meth:`check_direction`.
        """


def unknown_language(name: str, language: Language) -> LanguageError:
    """Return the error about a language that a model does not know."""
    return LanguageError(
        "{name} does not know {language} ({code}).",
        name=name,
        language=language,
        code=language.code,
    )


def equal_length_batches(
    rows: Sequence[Sequence[int]], size: int
) -> Iterator[tuple[list[int], Tensor]]:
    """Yield batches of rows of one length: their indices, and their tokens (rows, length).

    Rows of different lengths would need padding, which changes the output a little; and a short one
    would wait for the longest.
    """
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(index)
    for indices in by_length.values():
        for start in range(0, len(indices), size):
            batch = indices[start : start + size]
            yield batch, torch.tensor([rows[index] for index in batch])
