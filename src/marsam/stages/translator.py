"""Translation with models of the M2M100, NLLB and Marian families, and checks of their output."""

import threading
import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
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
from marsam.cpu.vocabulary_reduction import ReducedVocabulary
from marsam.device import Device
from marsam.errors import ModelUnsupported, map_model_errors
from marsam.notices import Notice
from marsam.options import TranslateOptions, checked_text
from marsam.results import Translation
from marsam.stages.language_tokens import set_languages
from marsam.stages.loading import import_lock, loading_model, read_config
from marsam.text.cleaning import (
    clean,
    fix_arabic_punctuation,
    has_repetitions,
    latin_words,
    lower_if_all_caps,
    split_in_two,
    split_sentences,
    strip_diacritics,
)
from marsam.text.glossary import split_around
from marsam.text.languages import ARABIC, Language, language
from marsam.text.vocabulary import ClosedVocabulary, fold

FAMILIES = {"m2m_100": "M2M100ForConditionalGeneration", "marian": "MarianMTModel"}
"""transformers class by ``model_type``; NLLB models are of the M2M100 family."""
TRANSLATION_BATCH_SIZE = 32
"""Sentences in one forward pass, at most."""
MAX_INPUT_TOKENS = 512
"""Tokens that a model reads."""
MAX_SENTENCE_TOKENS = 500
"""Tokens of one sentence; the rest is for the special tokens around it."""
RETRY_GENERATION = {"no_repeat_ngram_size": 3, "repetition_penalty": 1.2, "length_penalty": 1.0}
"""Generation settings of the second try, after a translation failed a check."""

Checked = tuple[str, list[Notice]]
"""A translation and the quality issues found in it."""


@dataclass(frozen=True)
class _Job:
    """One direction of translation, and its options."""

    source: Language
    target: Language
    options: TranslateOptions

    def terms(self, text: str) -> list[tuple[str, str]]:
        """Return the glossary's terms in a text, each with its required translation."""
        return self.options.glossary.required_terms(text, self.source.code, self.target.code)


class Seq2SeqTranslator:
    """A model of the M2M100, NLLB or Marian families in a folder, loaded when first needed.

    The arguments are those of :class:`marsam.stages.captioner.BlipCaptioner`.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.device = folder, device
        self.name = name or folder.name
        self._lock = threading.Lock()  # the tokenizer's source language is state
        self._vocabularies: dict[str, Any] = {}  # reduced vocabularies, by script
        self._closed = ClosedVocabulary.in_folder(folder)
        self._family = str(read_config(folder).get("model_type"))
        if self._family not in FAMILIES:
            raise ModelUnsupported(
                f"{self.name} is a {self._family!r} model; translation needs a model of the NLLB, "
                "M2M100 or Marian families."
            )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The model and its tokenizer."""
        with loading_model(self.folder, "translator", self.name, "transformers"):
            import transformers

            with warnings.catch_warnings():
                # Marian's tokenizer recommends a package that only normalises punctuation.
                warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
                tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
            model = getattr(transformers, FAMILIES[self._family]).from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            model.eval().to(self.device.kind)
            if self.device.is_cpu:
                quantize_linears(model.get_decoder(), self.device)
                prepack_weights(model.get_encoder(), self.device)
                if uses_fbgemm(self.device):
                    quantize_linears(model.get_encoder(), self.device)
                    apply_layerwise_casting(model)
            self._mmap_embeddings(model)
            return model, tokenizer

    def _mmap_embeddings(self, model: Any) -> None:
        """Map the embedding table from disk; again after much of it was read into memory."""
        if uses_fbgemm(self.device):
            mmap_embeddings(model, self.folder)

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Translate a text, sentence by sentence; line breaks stay."""
        return self.translate_many([text], options)[0]

    def translate_many(self, texts: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate several texts, with their sentences batched."""
        cleaned = [checked_text(clean(text), "text") for text in texts]
        job = _Job(language(options.source), language(options.target), options)
        unknown = [
            self._closed.unknown_words(text, job.source.code) if self._closed else ()
            for text in cleaned
        ]
        known = iter(
            self._translate_known(
                [text for text, words in zip(cleaned, unknown, strict=True) if not words], job
            )
        )
        return [
            Translation(
                text="",
                source=job.source.code,
                target=job.target.code,
                warnings=(Notice.UNKNOWN_WORDS,),
                unknown_words=words,
            )
            if words
            else next(known)
            for words in unknown
        ]

    def _translate_known(self, cleaned: Sequence[str], job: _Job) -> list[Translation]:
        options = job.options
        with self._lock, map_model_errors("translating"), intra_op_threads(self.folder):
            results = self._translate_texts(cleaned, job)
            standards: Sequence[Checked | None] = [None] * len(cleaned)
            backs: Sequence[Checked | None] = standards
            if job.target.experimental:
                standards = self._translate_texts(cleaned, _Job(job.source, ARABIC, options))
                results = [(text, [*issues, Notice.EXPERIMENTAL]) for text, issues in results]
            if options.back:
                translated = [text for text, _ in results]
                backs = self._translate_texts(translated, _Job(job.target, job.source, options))
        return [
            Translation(
                text=text,
                source=job.source.code,
                target=job.target.code,
                back=back and back[0],
                standard=standard and standard[0],
                warnings=tuple(dict.fromkeys(issues)),
            )
            for (text, issues), standard, back in zip(results, standards, backs, strict=True)
        ]

    def _translate_texts(self, texts: Sequence[str], job: _Job) -> list[Checked]:
        """Translate each text line by line and sentence by sentence."""

        def pieces(line: str) -> list[str]:
            names = job.options.glossary.term_spans(line, job.source.code, job.target.code)
            return [part for s in split_sentences(line, names) for part in self._split_to_limit(s)]

        split = [[pieces(line) for line in strip_diacritics(text).split("\n")] for text in texts]
        unique = list(dict.fromkeys(s for lines in split for line in lines for s in line))
        inputs = [lower_if_all_caps(sentence) for sentence in unique]
        rows = zip(unique, inputs, self._generate(inputs, job), strict=True)
        by_sentence = {row[0]: self._retry_if_bad(*row, job) for row in rows}
        results = []
        for lines in split:
            issues = [notice for line in lines for s in line for notice in by_sentence[s][1]]
            whole = "\n".join(" ".join(by_sentence[s][0] for s in line) for line in lines).strip()
            if job.target.script == "Arab":
                whole = fix_arabic_punctuation(whole)
            results.append((whole, issues))
        return results

    def _split_to_limit(self, sentence: str) -> list[str]:
        """Split a sentence that has more tokens than the model reads."""
        fits = len(sentence) < MAX_SENTENCE_TOKENS  # a token has at least one character
        if fits or len(self._loaded[1](sentence).input_ids) <= MAX_SENTENCE_TOKENS:
            return [sentence]
        first, rest = split_in_two(sentence)
        return [*self._split_to_limit(first), *self._split_to_limit(rest)] if rest else [first]

    def _retry_if_bad(self, sentence: str, model_input: str, output: str, job: _Job) -> Checked:
        """Check the translation of a sentence; try again where it fails a check."""
        terms = job.terms(sentence)
        allowed = {word for _, term in terms for word in latin_words(term)}
        issues = quality_issues(model_input, output, job.source, job.target, allowed)
        if issues:
            (second,) = self._generate([model_input], job, **RETRY_GENERATION)
            remaining = quality_issues(model_input, second, job.source, job.target, allowed)
            if len(remaining) < len(issues):
                output, issues = second, remaining
        if any(required not in output for _, required in terms):
            output = self._with_terms_inserted(model_input, terms, job)
            issues = quality_issues(model_input, output, job.source, job.target, allowed)
            issues = [*issues, Notice.TERM_PLACED]
        return output, issues

    def _with_terms_inserted(self, sentence: str, terms: list[tuple[str, str]], job: _Job) -> str:
        """Translate the pieces between the glossary's terms, and insert the required terms."""
        required = {term.casefold(): translation for term, translation in terms}
        pieces = split_around(sentence, [term for term, _ in terms])
        results = [
            required[piece.casefold()]
            if index % 2  # every second piece is a term
            else self._generate([piece.strip()], job)[0]
            if any(character.isalnum() for character in piece)
            else piece.strip()
            for index, piece in enumerate(pieces)
        ]
        return " ".join(piece for piece in results if piece)

    def _generate(self, sentences: Sequence[str], job: _Job, **generation: Any) -> list[str]:
        """Return the model's output for each sentence; sentences of one length share a batch.

        Sentences of different lengths would need padding, which changes their output a little; and
        a short one would wait for the longest.
        """
        if not sentences:
            return []
        model, tokenizer = self._loaded
        prefix, language_options = set_languages(tokenizer, self.name, job.source, job.target)
        batches: dict[tuple[int, bool], list[tuple[int, list[int]]]] = {}
        for index, sentence in enumerate(sentences):
            text = prefix + (fold(sentence) if self._closed else sentence)
            tokens = tokenizer(text, truncation=True, max_length=MAX_INPUT_TOKENS).input_ids
            own_script = all(job.target.matches_script(term) for _, term in job.terms(sentence))
            batches.setdefault((len(tokens), own_script), []).append((index, tokens))
        outputs = [""] * len(sentences)
        for (length, own_script), rows in batches.items():
            # A term of the glossary may need letters of another script.
            vocabulary = self._vocabulary(job.target) if own_script else None
            for start in range(0, len(rows), TRANSLATION_BATCH_SIZE):
                batch = rows[start : start + TRANSLATION_BATCH_SIZE]
                ids = torch.tensor([tokens for _, tokens in batch], device=self.device.kind)
                arguments = {
                    "input_ids": ids,
                    "attention_mask": torch.ones_like(ids),
                    "num_beams": job.options.beams,
                    # Languages differ in length, but within a bound.
                    "max_new_tokens": 16 + 3 * length,
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
                for (index, _), text in zip(batch, decoded, strict=True):
                    outputs[index] = clean(text)
        return outputs

    def _vocabulary(self, target: Language) -> Any:
        """Return the LM head reduced to the target's script, or None where that is no faster."""
        if not self.device.is_cpu:
            return None
        if target.script not in self._vocabularies:
            model, tokenizer = self._loaded
            rows = model.lm_head.out_features
            tokens = _in_script(tokenizer, rows, target)
            is_faster = uses_fbgemm(self.device) or self.device.has_bf16 or len(tokens) < rows / 2
            with import_lock:  # it creates a layer
                self._vocabularies[target.script] = (
                    ReducedVocabulary(model, tokens, self.device) if is_faster else None
                )
                self._mmap_embeddings(model)
                trim_memory()
        return self._vocabularies[target.script]


def _in_script(tokenizer: Any, rows: int, target: Language) -> list[int]:
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
    return sorted(in_script | special)


def quality_issues(
    text: str, output: str, source: Language, target: Language, allowed: AbstractSet[str]
) -> list[Notice]:
    """Return the issues found in ``output``, the translation of one sentence.

    ``allowed`` are casefolded Latin words that may stay untranslated (terms of a glossary).
    """
    if not any(character.isalnum() for character in text):
        return []
    if not any(character.isalnum() for character in output):
        return [Notice.EMPTY]
    # In these scripts a character is a word or a syllable.
    is_dense = bool({source.script, target.script} & {"Hans", "Hant", "Jpan", "Hang"})
    untranslated = latin_words(output) & latin_words(text) - allowed
    others = " ".join(word for word in output.split() if not latin_words(word) & allowed)
    issues = {
        Notice.LOOPING: has_repetitions(output) and not has_repetitions(text),
        Notice.LENGTH: len(text) >= 24
        and not is_dense
        and not 0.35 <= len(output) / len(text) <= 3,
        Notice.UNTRANSLATED: target.script != "Latn" and bool(untranslated),
        Notice.WRONG_SCRIPT: not target.matches_script(others),
    }
    return [notice for notice, is_found in issues.items() if is_found]
