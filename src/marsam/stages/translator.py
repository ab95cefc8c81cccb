"""Translation with models of the M2M100, NLLB and Marian families, and checks of their output."""

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
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
from marsam.cpu.vocabulary_reduction import MaskedVocabulary, ReducedVocabulary
from marsam.device import Device
from marsam.errors import LanguageError, ModelUnsupported, map_model_errors
from marsam.notices import Notice
from marsam.options import TranslateOptions, checked_text
from marsam.results import Translation
from marsam.stages.language_tokens import known_targets, set_languages
from marsam.stages.loading import import_lock, loading_model, read_config
from marsam.text.cleaning import (
    clean,
    fix_arabic_punctuation,
    latin_names,
    latin_words,
    normalize,
    split_in_two,
    title_case_if_all_caps,
)
from marsam.text.glossary import Required, missing, replace_word
from marsam.text.languages import ARABIC, Language, language
from marsam.text.protected import (
    change_outside_protected,
    has_words,
    protected_spans,
    without_protected,
)
from marsam.text.sentences import count_parts, split_clauses, split_edges, split_sentences
from marsam.text.translation_quality import quality_issues
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

UNSPACED_SCRIPTS = ("Hans", "Hant", "Jpan")
"""Scripts without a space between sentences."""

Checked = tuple[str, list[Notice]]
"""A translation and the quality issues found in it."""


@dataclass(frozen=True)
class _Piece:
    """A sentence, or what has no words and is not translated; and the spaces after it."""

    text: str
    after: str = ""

    @property
    def has_words(self) -> bool:
        return has_words(self.text)


@dataclass(frozen=True)
class _Job:
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


class Seq2SeqTranslator:
    """A model of the M2M100, NLLB or Marian families in a folder, loaded when first needed.

    The arguments are those of :class:`marsam.stages.captioner.BlipCaptioner`.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.device = folder, device
        self.name = name or folder.name
        self._lock = threading.Lock()  # the tokenizer's source language is state
        self._vocabularies: dict[str, ReducedVocabulary | MaskedVocabulary] = {}  # by script
        self._closed = ClosedVocabulary.in_folder(folder)
        self._family = str(read_config(folder).get("model_type"))
        if self._family not in FAMILIES:
            raise ModelUnsupported(
                f"{self.name} is a {self._family!r} model; translation needs a model of the NLLB, "
                "M2M100 or Marian families."
            )

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
        """Translate several texts, with their sentences batched.

        A text is its own translation into the same language.

        Raises:
            PromptError: for an empty or a too long text.
            LanguageError: for a text that is not in the script of its language, and for a language
                that the model does not know.
        """
        job = _Job(language(options.source), language(options.target), options)
        cleaned = [checked_text(text, "text") for text in texts]
        for text in cleaned:
            if not job.source.matches_script(without_protected(text)):
                raise LanguageError(
                    f"The text is not in {job.source.en}; name the language that it is in."
                )
        if job.source == job.target:
            return [self._result(text, job) for text in cleaned]
        unknown = [
            self._closed.unknown_words(text, job.source.code)
            if self._closed and has_words(text)
            else ()
            for text in cleaned
        ]
        rows = zip(cleaned, unknown, strict=True)
        known = iter(self._translate_known([text for text, words in rows if not words], job))
        return [
            self._result("", job, warnings=(Notice.UNKNOWN_WORDS,), unknown_words=words)
            if words
            else next(known)
            for words in unknown
        ]

    def targets(self) -> Mapping[str, Sequence[str]]:
        """Return the languages that each known language can be translated into, as NLLB codes.

        Only the tokenizer is loaded.
        """
        return self._targets

    @cached_property
    def _targets(self) -> Mapping[str, Sequence[str]]:
        return known_targets(self._tokenizer, self.name)

    def _result(self, text: str, job: _Job, **details: Any) -> Translation:
        return Translation(text=text, source=job.source.code, target=job.target.code, **details)

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
            self._result(
                text,
                job,
                back=back and back[0],
                standard=standard and standard[0],
                warnings=tuple(dict.fromkeys(issues)),
            )
            for (text, issues), standard, back in zip(results, standards, backs, strict=True)
        ]

    def _translate_texts(self, texts: Sequence[str], job: _Job) -> list[Checked]:
        """Translate each text line by line and sentence by sentence."""
        split = [[self._pieces(line, job) for line in text.split("\n")] for text in texts]
        every = (piece for lines in split for line in lines for piece in line)
        sentences = list(dict.fromkeys(piece.text for piece in every if piece.has_words))
        inputs = [title_case_if_all_caps(sentence) for sentence in sentences]
        rows = zip(inputs, self._generate(inputs, job), strict=True)
        checked = [self._retry_if_bad(*row, job) for row in rows]
        by_sentence = dict(zip(sentences, checked, strict=True))
        glossary, codes = job.options.glossary, (job.source.code, job.target.code)
        results = []
        for text, lines in zip(texts, split, strict=True):
            issues = [Notice.TERM_PLURAL] if glossary.has_plural(text, *codes) else []
            translated = []
            for line in lines:
                done = [by_sentence.get(piece.text, (piece.text, [])) for piece in line]
                issues += [notice for _, found in done for notice in found]
                parts = zip(done, line, strict=True)
                translated.append("".join(text + piece.after for (text, _), piece in parts))
            whole = "\n".join(line.strip() for line in translated)
            if job.target.script == "Arab":
                whole = fix_arabic_punctuation(whole)
            results.append((whole, issues))
        return results

    def _pieces(self, line: str, job: _Job) -> list[_Piece]:
        """Split a line into its sentences, and what stands before them, such as bullets."""
        keep_whole = [(one.start, one.end) for one in job.required(line)]
        pieces = []
        for sentence in split_sentences(line, job.source, keep_whole):
            before, words, after = split_edges(sentence.rstrip())
            if has_words(words):
                words = change_outside_protected(words, lambda part: normalize(part, job.source))
            *first, last = self._split_to_limit(words)
            pieces += [_Piece(before), *(_Piece(part, job.space(" ")) for part in first)]
            spaces = sentence[len(sentence.rstrip()) :]
            pieces += [_Piece(last), _Piece(after, job.space(spaces))]
        return pieces

    def _split_to_limit(self, sentence: str) -> list[str]:
        """Split a sentence that has more tokens than the model reads."""
        fits = len(sentence) < MAX_SENTENCE_TOKENS  # a token has at least one character
        if fits or len(self._loaded[1](sentence).input_ids) <= MAX_SENTENCE_TOKENS:
            return [sentence]
        first, rest = split_in_two(sentence)
        return [*self._split_to_limit(first), *self._split_to_limit(rest)] if rest else [first]

    def _retry_if_bad(self, sentence: str, output: str, job: _Job) -> Checked:
        """Check the translation of a sentence; try other ways where it fails a check."""
        required = job.required(sentence)
        allowed = {word for one in required for word in latin_words(one.translation)}
        allowed |= latin_names(sentence, job.source)

        def checked(output: str) -> Checked:
            return output, quality_issues(sentence, output, job.source, job.target, allowed)

        def issue_count(checked: Checked) -> int:
            return len(checked[1])

        best = checked(output)
        if best[1]:
            (second,) = self._generate([sentence], job, **RETRY_GENERATION)
            best = min(best, checked(second), key=issue_count)
        clauses = split_clauses(sentence)
        if len(clauses) > 1 and (best[1] or count_parts(best[0]) <= len(clauses) // 2):
            parts = [(part, index % 2 == 0) for index, part in enumerate(clauses)]
            best = min(checked(self._joined(parts, job)), best, key=issue_count)
        return self._with_required(sentence, best, required, checked, job) if required else best

    def _with_required(
        self,
        sentence: str,
        best: Checked,
        required: Sequence[Required],
        checked: Callable[[str], Checked],
        job: _Job,
    ) -> Checked:
        """Put what is required into a translation that lacks it.

        A term first takes the place of the model's own word for it. Where that is not found, what
        is required stays where it is, and the pieces between are translated.
        """
        output = best[0]
        for one in missing(required, output):
            if one.is_term:
                (own,) = self._generate([one.text], job)
                output = replace_word(output, own, one.translation, job.target.code)
        if missing(required, output):
            parts, position = [], 0
            for one in required:
                parts += [(sentence[position : one.start], True), (one.translation, False)]
                position = one.end
            parts.append((sentence[position:], True))
            output = self._joined(parts, job)
        elif output == best[0]:
            return best
        placed = Notice.TERM_PLACED if any(one.is_term for one in required) else Notice.HELD
        return output, [*checked(output)[1], placed]

    def _joined(self, parts: Sequence[tuple[str, bool]], job: _Job) -> str:
        """Join texts; of those that are marked the words are translated."""
        edges = [split_edges(text.strip()) for text, _ in parts]
        words = [
            words if is_translated and has_words(words) else ""
            for (_, words, _), (_, is_translated) in zip(edges, parts, strict=True)
        ]
        translations = iter(self._generate([text for text in words if text], job))
        return "".join(
            text.replace(found, next(translations)) if found else text
            for (text, _), found in zip(parts, words, strict=True)
        )

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
            tokens = tokenizer(text, truncation=True, max_length=self._max_tokens(model)).input_ids
            own_script = not latin_names(sentence, job.source) and all(
                job.target.matches_script(one.translation) for one in job.required(sentence)
            )
            batches.setdefault((len(tokens), own_script), []).append((index, tokens))
        outputs = [""] * len(sentences)
        for (length, own_script), rows in batches.items():
            # A name or a term of the glossary may need letters of another script.
            vocabulary = self._vocabulary(job.target) if own_script else None
            for start in range(0, len(rows), TRANSLATION_BATCH_SIZE):
                batch = rows[start : start + TRANSLATION_BATCH_SIZE]
                ids = torch.tensor([tokens for _, tokens in batch], device=self.device.kind)
                arguments = {
                    "input_ids": ids,
                    "attention_mask": torch.ones_like(ids),
                    "num_beams": job.options.beams,
                    # Languages differ in length, but within a bound.
                    "max_new_tokens": min(16 + 3 * length, self._max_tokens(model) - 1),
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

    def _max_tokens(self, model: Any) -> int:
        """Tokens that the model can read or write: Marian's positions end at 512."""
        positions = getattr(model.config, "max_position_embeddings", MAX_INPUT_TOKENS)
        return min(MAX_INPUT_TOKENS, positions) if self._family == "marian" else MAX_INPUT_TOKENS

    def _vocabulary(self, target: Language) -> ReducedVocabulary | MaskedVocabulary:
        """Return the tokens of the target's script: reduced where that is faster, else masked."""
        if target.script not in self._vocabularies:
            model, tokenizer = self._loaded
            rows = model.lm_head.out_features
            tokens = _in_script(tokenizer, rows, target)
            is_faster = self.device.is_cpu and (
                uses_fbgemm(self.device) or self.device.has_bf16 or len(tokens) < rows / 2
            )
            kind = ReducedVocabulary if is_faster else MaskedVocabulary
            with import_lock:  # it creates a layer
                self._vocabularies[target.script] = kind(model, tokens, self.device)
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
    # A decoded text would not show that the model wrote an unknown token.
    return sorted((in_script | special) - {tokenizer.unk_token_id})
