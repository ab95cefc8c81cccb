"""Encoder-decoder models that translate: the NLLB, M2M100, Marian and T5 families."""

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from marsam.cpu.allocator import trim_memory
from marsam.cpu.layerwise_casting import apply_layerwise_casting
from marsam.cpu.mmap_embedding import mmap_embeddings
from marsam.cpu.prepacked import prepack_weights
from marsam.cpu.quantized_linear import quantize_linears, uses_fbgemm
from marsam.cpu.threads import intra_op_threads
from marsam.cpu.vocabulary_reduction import MaskedVocabulary, ReducedVocabulary
from marsam.device import Device
from marsam.errors import ModelUnsupported
from marsam.stages.language_tokens import (
    LanguageTokens,
    MarianTokens,
    MultilingualTokens,
    TargetTokens,
)
from marsam.stages.loading import import_lock, loading_model, read_config
from marsam.stages.translation_model import MAX_SENTENCE_TOKENS, Job, equal_length_batches
from marsam.text.cleaning import clean
from marsam.text.languages import Language
from marsam.text.protected import has_words
from marsam.text.vocabulary import ClosedVocabulary, fold

TRANSLATION_BATCH_SIZE = 32
"""Sentences in one forward pass, at most."""
MAX_INPUT_TOKENS = 512
"""Tokens that a model reads."""
ARABIC_TOKEN = "<2ar>"  # noqa: S105
"""The target language token for Arabic of T5 models that translate."""
SECOND_TRY = {"no_repeat_ngram_size": 3, "repetition_penalty": 1.2, "length_penalty": 1.0}
"""Generation settings of the second try, after a translation failed a check."""


@dataclass(frozen=True, kw_only=True)
class Seq2SeqFamily:
    """What translators of one family need.

    Attributes:
        model_class: in transformers.
        languages: their source and target language tokens.
        float16: whether they can compute in float16.
        has_positions: whether they have no more positions than the configuration says.
    """

    model_class: str
    languages: Callable[[Any, str], LanguageTokens]
    float16: bool = True
    has_positions: bool = False


_T5 = Seq2SeqFamily(model_class="T5ForConditionalGeneration", languages=TargetTokens, float16=False)
FAMILIES: Mapping[str, Seq2SeqFamily] = {
    "m2m_100": Seq2SeqFamily(
        model_class="M2M100ForConditionalGeneration", languages=MultilingualTokens
    ),
    "marian": Seq2SeqFamily(
        model_class="MarianMTModel", languages=MarianTokens, has_positions=True
    ),
    "mt5": replace(_T5, model_class="MT5ForConditionalGeneration"),
    "t5": _T5,
    "umt5": replace(_T5, model_class="UMT5ForConditionalGeneration"),
}
"""Families by ``model_type``; NLLB models are of the M2M100 family, MADLAD-400 of T5."""


class Seq2SeqModel:
    """A model in a folder, loaded when first needed.

    Args:
        folder: in the layout of ``save_pretrained`` (``config.json``, weights, vocabulary).
        device: where it computes; in float32 if the family cannot compute in float16.
        name: its name in results; the folder's name by default.

    Raises:
        ModelUnsupported: the model is of another family, or a T5 without language tokens.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.name = folder, name or folder.name
        model_type = str(read_config(folder).get("model_type"))
        if model_type not in FAMILIES:
            raise unsupported(self.name, model_type)
        self.family = FAMILIES[model_type]
        self.device = device if self.family.float16 else device.with_float32_for_float16()
        if self.family.languages is TargetTokens and not _mentions_target_tokens(folder):
            raise ModelUnsupported(
                "{model} is a {family!r} model without language tokens such as {token}, so it "
                "cannot be told which language to translate into.",
                model=self.name,
                family=model_type,
                token=ARABIC_TOKEN,
            )
        self._vocabularies: dict[str, ReducedVocabulary | MaskedVocabulary] = {}  # by script
        self._closed = ClosedVocabulary.in_folder(folder)

    @cached_property
    def _tokenizer(self) -> Any:
        with loading_model(self.folder, "translator", self.name, "transformers"):
            import transformers

            with warnings.catch_warnings():
                # Marian's tokenizer recommends a package that only normalises punctuation.
                warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
                return transformers.AutoTokenizer.from_pretrained(
                    self.folder, trust_remote_code=False
                )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The model and its tokenizer."""
        with loading_model(self.folder, "translator", self.name, "transformers"):
            import transformers

            tokenizer = self._tokenizer
            model = getattr(transformers, self.family.model_class).from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            model.eval().to(self.device.kind)
            if self.device.is_cpu:
                # T5 reads the dtype of these layers from their weights.
                kept = model._keep_in_fp32_modules or ()
                quantize_linears(model.get_decoder(), self.device, skip=kept)
                for network in (model.get_encoder(), model.get_decoder()):
                    prepack_weights(network, self.device)
                if uses_fbgemm(self.device):
                    quantize_linears(model.get_encoder(), self.device, skip=kept)
                    apply_layerwise_casting(model)
            self._mmap_embeddings(model)
            return model, tokenizer

    def _mmap_embeddings(self, model: Any) -> None:
        """Map the embedding table from disk; again after much of it was read into memory."""
        if uses_fbgemm(self.device):
            mmap_embeddings(model, self.folder)

    @cached_property
    def _languages(self) -> LanguageTokens:
        return self.family.languages(self._tokenizer, self.name)

    def check_direction(self, source: Language, target: Language) -> None:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        self._languages.prepare(source, target)

    def targets(self) -> Mapping[str, Sequence[str]]:
        """See :class:`marsam.stages.translation_model.TranslationModel`.

        Only the tokenizer is loaded.
        """
        return self._languages.targets

    def unknown_words(self, text: str, source: Language, /) -> tuple[str, ...]:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        if not self._closed or not has_words(text):
            return ()
        return self._closed.unknown_words(text, source.code)

    def fits(self, sentence: str) -> bool:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        if len(sentence) < MAX_SENTENCE_TOKENS:  # a token has at least one character
            return True
        return len(self._tokenizer(sentence).input_ids) <= MAX_SENTENCE_TOKENS

    def generate(
        self, sentences: Sequence[str], job: Job, *, second_try: bool = False
    ) -> list[str]:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        if not sentences:
            return []
        with intra_op_threads(self.folder):
            return self._generate(sentences, job, SECOND_TRY if second_try else {})

    def _generate(
        self, sentences: Sequence[str], job: Job, generation: Mapping[str, Any]
    ) -> list[str]:
        prefix, language_options = self._languages.prepare(job.source, job.target)
        model, tokenizer = self._loaded
        longest = self._max_tokens(model)
        rows: dict[bool, list[tuple[int, list[int]]]] = {}
        for index, sentence in enumerate(sentences):
            text = prefix + (fold(sentence) if self._closed else sentence)
            tokens = tokenizer(text, truncation=True, max_length=longest).input_ids
            rows.setdefault(job.needs_other_letters(sentence), []).append((index, tokens))
        outputs = [""] * len(sentences)
        for needs_other_letters, found in rows.items():
            vocabulary = None if needs_other_letters else self._vocabulary(job.target)
            tokens_of = [tokens for _, tokens in found]
            for batch, ids in equal_length_batches(tokens_of, TRANSLATION_BATCH_SIZE):
                ids = ids.to(self.device.kind)
                arguments = {
                    "input_ids": ids,
                    "attention_mask": torch.ones_like(ids),
                    "num_beams": job.options.beams,
                    # Languages differ in length, but within a bound.
                    "max_new_tokens": min(16 + 3 * ids.shape[1], longest - 1),
                    **language_options,
                    **generation,
                }
                with torch.inference_mode():
                    if vocabulary is None:
                        output = model.generate(**arguments)
                        self._mmap_embeddings(model)
                    else:
                        output = vocabulary.generate(model, **arguments)
                decoded = tokenizer.batch_decode(output, skip_special_tokens=True)
                for row, text in zip(batch, decoded, strict=True):
                    outputs[found[row][0]] = clean(text)
        return outputs

    def _max_tokens(self, model: Any) -> int:
        """Tokens that the model can read or write: Marian's positions end at 512."""
        positions = getattr(model.config, "max_position_embeddings", MAX_INPUT_TOKENS)
        return min(MAX_INPUT_TOKENS, positions) if self.family.has_positions else MAX_INPUT_TOKENS

    def _vocabulary(self, target: Language) -> ReducedVocabulary | MaskedVocabulary:
        """Return the tokens of the target's script: reduced where that is faster, else masked."""
        if target.script not in self._vocabularies:
            model, tokenizer = self._loaded
            rows = model.lm_head.out_features
            tokens = tokens_in_script(tokenizer, rows, target)
            is_faster = self.device.is_cpu and (
                uses_fbgemm(self.device) or self.device.has_bf16 or len(tokens) < rows / 2
            )
            kind = ReducedVocabulary if is_faster else MaskedVocabulary
            with import_lock:  # it creates a layer
                self._vocabularies[target.script] = kind(model, tokens, self.device)
                self._mmap_embeddings(model)
                trim_memory()
        return self._vocabularies[target.script]


def unsupported(name: str, family: str) -> ModelUnsupported:
    """Return the error about a model that no translator can use."""
    return ModelUnsupported(
        "{model} is a {family!r} model; translation needs a model of the NLLB, M2M100, Marian or "
        "T5 (MADLAD-400) families, or a language model with a chat template.",
        model=name,
        family=family,
    )


def _mentions_target_tokens(folder: Path) -> bool:
    """Whether a vocabulary has tokens such as ``<2ar>``, found without loading it."""
    names = ("tokenizer.json", "added_tokens.json", "spiece.model")
    files = (folder / name for name in names)
    return any(re.search(rb"<2[a-z]{2,3}[_>]", f.read_bytes()) for f in files if f.is_file())


def tokens_in_script(tokenizer: Any, rows: int, target: Language) -> list[int]:
    """Return the IDs of special tokens and of tokens without a letter of another script."""
    matches_script = cache(target.matches_script)
    # The tokenizer's length does not include M2M100's language tokens.
    languages = getattr(tokenizer, "lang_token_to_id", {}).values()
    # Model and tokenizer may have a different number of reserved rows.
    pieces = tokenizer.convert_ids_to_tokens(range(min(len(tokenizer), rows)))
    in_script = {
        i
        for i, piece in enumerate(pieces)
        if all(matches_script(letter) for letter in piece if letter.isalpha())
    }
    special = {i for i in (*tokenizer.all_special_ids, *languages) if i < rows}
    # A decoded text would not show that the model wrote an unknown token.
    return sorted((in_script | special) - {tokenizer.unk_token_id})
