"""Words into another language, with NLLB and its kin, and a guard on what comes back."""

import threading
import warnings
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from marsam.cpu.allocator import trim_memory
from marsam.cpu.threads import intra_op_threads
from marsam.device import Device
from marsam.errors import ModelUnsupported, map_model_errors
from marsam.notices import Notice
from marsam.options import TranslateOptions, checked_text
from marsam.results import Translation
from marsam.stages.language_tokens import direction
from marsam.stages.loading import loading, quiet, read_config, read_early, require_files
from marsam.text import cleaning as texts
from marsam.text.glossary import split_around
from marsam.text.languages import ARABIC, Language, language

FAMILIES = {"m2m_100": "M2M100ForConditionalGeneration", "marian": "MarianMTModel"}
"""``model_type`` to class; NLLB models are of the M2M100 family."""
TOGETHER = 32
"""Sentences translated at once, at most."""
READ, LONGEST = 512, 500
"""Tokens that a model reads, and those a sentence may have beside the marks around it."""
SECOND_TRY = {"no_repeat_ngram_size": 3, "repetition_penalty": 1.2, "length_penalty": 1.0}
"""Other decoding, for a sentence whose first translation failed a check."""


class Seq2SeqTranslator:
    """A model of the M2M100, NLLB or Marian families in a folder, loaded when first needed.

    Args:
        folder: what ``save_pretrained`` writes (``config.json``, weights, vocabulary).
        device: where and in which number format it computes.
        name: what to call it in results.
    """

    def __init__(self, folder: Path, *, device: Device, name: str | None = None) -> None:
        self.folder, self.device = folder, device
        self.name = name or folder.name
        self._lock = threading.Lock()  # the tokenizer's source language is state
        self._vocabularies: dict[str, Any] = {}  # by script
        self._family = str(read_config(folder).get("model_type"))
        if self._family not in FAMILIES:
            raise ModelUnsupported(
                f"{self.name} is a {self._family!r} model; translating needs one of the NLLB, "
                "M2M100 or Marian families."
            )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        read_early(self.folder)
        with loading, map_model_errors(f"loading the translator {self.name}"):
            quiet("transformers")
            import transformers

            require_files(self.folder, "translator", self.name)
            with warnings.catch_warnings():
                # Marian's tokenizer wishes for a package that only tidies the spaces of Moses.
                warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
                tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
            model = getattr(transformers, FAMILIES[self._family]).from_pretrained(
                self.folder, dtype=self.device.torch_dtype
            )
            model.eval().to(self.device.kind)
            if self.device.is_cpu:
                from marsam.cpu.prepacked import prepack_weights
                from marsam.cpu.quantized_linear import quantize_linears, uses_fbgemm

                quantize_linears(model.get_decoder(), self.device)
                prepack_weights(model.get_encoder(), self.device)
                if uses_fbgemm(self.device):
                    from marsam.cpu.layerwise_casting import apply_layerwise_casting

                    quantize_linears(model.get_encoder(), self.device)
                    apply_layerwise_casting(model)
            self._leave_table(model)
            trim_memory()
            return model, tokenizer

    def _leave_table(self, model: Any) -> None:
        """Have tokens looked up on disk; again, after much of their table was read."""
        from marsam.cpu.mmap_embedding import mmap_embeddings
        from marsam.cpu.quantized_linear import uses_fbgemm

        if uses_fbgemm(self.device):
            mmap_embeddings(model, self.folder)

    def translate(self, text: str, options: TranslateOptions) -> Translation:
        """Translate a text, sentence by sentence; line breaks stay.

        Raises:
            PromptError: when the text is empty or too long.
            LanguageError: when the model does not know one of the languages.
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small.
        """
        return self.translate_many([text], options)[0]

    def translate_many(self, given: Sequence[str], options: TranslateOptions) -> list[Translation]:
        """Translate several texts, each as :meth:`translate` would, their sentences at once.

        Raises:
            PromptError: when one of them is empty or too long.
            LanguageError: when the model does not know one of the languages.
            ModelError: when the model cannot be loaded.
            OutOfMemory: when the device is too small for so many.
        """
        checked = [checked_text(texts.clean(text), "text") for text in given]
        source, target = language(options.source), language(options.target)
        with self._lock, map_model_errors("translating"), intra_op_threads(self.folder):
            answers = self._guarded(checked, source, target, options)
            standards: Sequence[str | None] = [None] * len(checked)
            backs: Sequence[str | None] = [None] * len(checked)
            if target.experimental:
                standards = [text for text, _ in self._guarded(checked, source, ARABIC, options)]
                answers = [(text, [*seen, Notice.EXPERIMENTAL]) for text, seen in answers]
            if options.back:
                there = [text for text, _ in answers]
                backs = [text for text, _ in self._guarded(there, target, source, options)]
        return [
            Translation(
                text=answer,
                source=source.code,
                target=target.code,
                back=back,
                standard=standard,
                warnings=tuple(dict.fromkeys(warnings)),
            )
            for (answer, warnings), standard, back in zip(answers, standards, backs, strict=True)
        ]

    def _guarded(
        self,
        given: Sequence[str],
        source: Language,
        target: Language,
        options: TranslateOptions,
    ) -> list[tuple[str, list[Notice]]]:
        """Each text translated line by line and sentence by sentence, with what looks wrong."""

        def parts(line: str) -> list[str]:
            names = options.glossary.places(line, source.code, target.code)
            return [part for s in texts.sentences(line, names) for part in self._readable(s)]

        split = [[parts(line) for line in texts.for_model(text).split("\n")] for text in given]
        plain = list(dict.fromkeys(s for lines in split for line in lines for s in line))
        told = dict(zip(plain, self._sentences(plain, source, target, options), strict=True))
        found = []
        for lines in split:
            remarks = [notice for line in lines for s in line for notice in told[s][1]]
            whole = "\n".join(" ".join(told[s][0] for s in line) for line in lines).strip()
            arabic = target.script == "Arab"
            found.append((texts.mend_arabic(whole) if arabic else whole, remarks))
        return found

    def _readable(self, sentence: str) -> list[str]:
        """A sentence, in pieces if it is longer than a model reads."""
        if len(sentence) < LONGEST or len(self._loaded[1](sentence).input_ids) <= LONGEST:
            return [sentence]  # a token is a letter or more
        first, rest = texts.halves(sentence)
        return [*self._readable(first), *self._readable(rest)] if rest else [first]

    def _sentences(
        self,
        plain: Sequence[str],
        source: Language,
        target: Language,
        options: TranslateOptions,
    ) -> list[tuple[str, list[Notice]]]:
        """Sentences: translated, checked, and those that fail a check tried once more."""
        quieter = [texts.unshouted(sentence) for sentence in plain]
        answers = self._generated(quieter, source, target, options)
        return [
            self._checked(*row, source, target, options)
            for row in zip(plain, quieter, answers, strict=True)
        ]

    def _checked(
        self,
        given: str,
        sentence: str,
        answer: str,
        source: Language,
        target: Language,
        options: TranslateOptions,
    ) -> tuple[str, list[Notice]]:
        terms = options.glossary.wanted(given, source.code, target.code)
        kept = {word for _, term in terms for word in texts.latin_words(term)}
        wrong = problems(sentence, answer, source, target, kept)
        if wrong:
            (second,) = self._generated([sentence], source, target, options, **SECOND_TRY)
            still = problems(sentence, second, source, target, kept)
            if len(still) < len(wrong):
                answer, wrong = second, still
        if any(wanted not in answer for _, wanted in terms):
            answer = self._around(sentence, terms, source, target, options)
            wrong = [*problems(sentence, answer, source, target, kept), Notice.TERM_PLACED]
        return answer, wrong

    def _around(
        self,
        sentence: str,
        terms: list[tuple[str, str]],
        source: Language,
        target: Language,
        options: TranslateOptions,
    ) -> str:
        """The sentence in pieces between its terms; the terms are put in as the glossary says."""
        answers = {term.casefold(): answer for term, answer in terms}
        pieces = split_around(sentence, [term for term, _ in terms])
        told = [
            answers[piece.casefold()]
            if place % 2
            else self._generated([piece.strip()], source, target, options)[0]
            if any(character.isalnum() for character in piece)
            else piece.strip()
            for place, piece in enumerate(pieces)
        ]
        return " ".join(piece for piece in told if piece)

    def _generated(
        self,
        plain: Sequence[str],
        source: Language,
        target: Language,
        options: TranslateOptions,
        **decoding: Any,
    ) -> list[str]:
        """What the model makes of each sentence; those of one length at once.

        Sentences of different lengths would have to be padded, and come out a little different
        than alone; and a short one would wait for the longest.
        """
        import torch

        if not plain:
            return []
        model, tokenizer = self._loaded
        way = direction(tokenizer, self.name, source, target)
        alike: dict[tuple[int, bool], list[tuple[int, list[int]]]] = {}
        for place, sentence in enumerate(plain):
            tokens = tokenizer(way.prefix + sentence, truncation=True, max_length=READ).input_ids
            terms = options.glossary.wanted(sentence, source.code, target.code)
            own_script = all(target.writes(answer) for _, answer in terms)
            alike.setdefault((len(tokens), own_script), []).append((place, tokens))
        answers = [""] * len(plain)
        for (length, own_script), rows in alike.items():
            # A glossary's term may need another script.
            vocabulary = self._vocabulary(target) if own_script else None
            for few in (rows[at : at + TOGETHER] for at in range(0, len(rows), TOGETHER)):
                ids = torch.tensor([tokens for _, tokens in few], device=self.device.kind)
                asked = {
                    "input_ids": ids,
                    "attention_mask": torch.ones_like(ids),
                    "num_beams": options.beams,
                    # Languages differ in length, but not without bound.
                    "max_new_tokens": 16 + 3 * length,
                    **way.options,
                    **decoding,
                }
                with torch.inference_mode():
                    output = (
                        vocabulary.generate(model, **asked)
                        if vocabulary
                        else model.generate(**asked)
                    )
                if vocabulary is None:
                    self._leave_table(model)
                told = tokenizer.batch_decode(output, skip_special_tokens=True)
                for (place, _), text in zip(few, told, strict=True):
                    answers[place] = texts.clean(text)
        return answers

    def _vocabulary(self, target: Language) -> Any:
        """The tokens of the target's script; None where the whole vocabulary does as well."""
        if not self.device.is_cpu:
            return None
        if target.script not in self._vocabularies:
            from marsam.cpu.quantized_linear import uses_fbgemm
            from marsam.cpu.vocabulary_reduction import ReducedVocabulary

            model, tokenizer = self._loaded
            rows = model.lm_head.out_features
            tokens = _in_script(tokenizer, rows, target)
            quicker = uses_fbgemm(self.device) or self.device.has_bf16
            worth = quicker or len(tokens) < rows / 2
            with loading:  # it makes a layer
                self._vocabularies[target.script] = (
                    ReducedVocabulary(model, tokens, self.device) if worth else None
                )
                self._leave_table(model)
                trim_memory()
        return self._vocabularies[target.script]


def _in_script(tokenizer: Any, rows: int, target: Language) -> list[int]:
    """Which of a model's tokens hold no letter of another script, or are special."""
    writes = cache(target.writes)
    # M2M100's languages are tokens that its tokenizer does not count.
    languages = getattr(tokenizer, "lang_token_to_id", {}).values()
    # Tokenizers and models need not agree on how many rows are there in reserve.
    pieces = tokenizer.convert_ids_to_tokens(range(min(len(tokenizer), rows)))
    wanted = {
        i
        for i, piece in enumerate(pieces)
        if all(writes(letter) for letter in piece if letter.isalpha())
    }
    special = {i for i in (*tokenizer.all_special_ids, *languages) if i < rows}
    return sorted(wanted | special)


def problems(
    text: str, answer: str, source: Language, target: Language, kept: AbstractSet[str]
) -> list[Notice]:
    """What looks wrong in a translation of one sentence.

    Args:
        text: the sentence.
        answer: its translation.
        source: the sentence's language.
        target: the translation's language.
        kept: casefolded Latin words that may stay (names of a glossary).
    """
    if not any(character.isalnum() for character in text):
        return []
    if not any(character.isalnum() for character in answer):
        return [Notice.EMPTY]
    found = []
    if texts.is_looping(answer) and not texts.is_looping(text):
        found.append(Notice.LOOPING)
    dense = {"Hans", "Hant", "Jpan", "Hang"}  # a character is a word or a syllable
    if len(text) >= 24 and not {source.script, target.script} & dense:
        ratio = len(answer) / len(text)
        if not 0.35 <= ratio <= 3:
            found.append(Notice.LENGTH)
    latin = target.script == "Latn"
    if not latin and texts.latin_words(answer) & texts.latin_words(text) - kept:
        found.append(Notice.UNTRANSLATED)
    others = " ".join(w for w in answer.split() if not texts.latin_words(w) & kept)
    if not target.writes(others):
        found.append(Notice.WRONG_SCRIPT)
    return found
