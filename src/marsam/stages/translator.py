"""Translation sentence by sentence, by a model whose output is checked."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marsam.errors import LanguageError, map_model_errors
from marsam.notices import Notice
from marsam.options import TranslateOptions, checked_text
from marsam.results import Translation
from marsam.stages.translation_model import Job, TranslationModel
from marsam.text.cleaning import (
    fix_arabic_punctuation,
    latin_names,
    latin_words,
    normalize,
    split_in_two,
    title_case_if_all_caps,
)
from marsam.text.glossary import Required, missing, replace_word
from marsam.text.languages import ARABIC, language
from marsam.text.protected import change_outside_protected, has_words, without_protected
from marsam.text.sentences import count_parts, split_clauses, split_edges, split_sentences
from marsam.text.translation_quality import quality_issues

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


class SentenceTranslator:
    """A translator of one model, or of several that translate in different directions.

    Texts are split into sentences. What a translation must contain is put into it, and one that
    fails a check is tried in other ways.

    Args:
        models: loaded when first needed. Of several, the first one that knows a direction
            translates.
        name: in results; that of the models by default.
    """

    def __init__(self, *models: TranslationModel, name: str | None = None) -> None:
        self.models = models
        self.name = name or " + ".join(model.name for model in models)
        self._lock = threading.Lock()  # the tokenizer's source language is state

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the files of the models are."""
        return tuple(model.folder for model in self.models)

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
        job = Job(language(options.source), language(options.target), options)
        cleaned = [checked_text(text, "text") for text in texts]
        for text in cleaned:
            if not job.source.matches_script(without_protected(text)):
                raise LanguageError(
                    "The text is not in {language}; name the language that it is in.",
                    language=job.source,
                )
        if job.source == job.target:
            return [self._result(text, job) for text in cleaned]
        model = self._find(job)
        unknown = [model.unknown_words(text, job.source) if model else () for text in cleaned]
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

        Only the tokenizers are loaded.
        """
        if len(self.models) == 1:
            return self.models[0].targets()
        joined: dict[str, dict[str, None]] = {}
        for model in self.models:
            for source, codes in model.targets().items():
                joined.setdefault(source, {}).update(dict.fromkeys(codes))
        return {source: tuple(codes) for source, codes in joined.items()}

    def _result(self, text: str, job: Job, **details: Any) -> Translation:
        return Translation(text=text, source=job.source.code, target=job.target.code, **details)

    def _translate_known(self, cleaned: Sequence[str], job: Job) -> list[Translation]:
        options = job.options
        with self._lock, map_model_errors("translating"):
            if any(map(has_words, cleaned)):
                self._check_directions(job)
            results = self._translate_texts(cleaned, job)
            standards: Sequence[Checked | None] = [None] * len(cleaned)
            backs: Sequence[Checked | None] = standards
            if job.target.experimental:
                standards = self._translate_texts(cleaned, Job(job.source, ARABIC, options))
                results = [(text, [*issues, Notice.EXPERIMENTAL]) for text, issues in results]
            if options.back:
                translated = [text for text, _ in results]
                backs = self._translate_texts(translated, Job(job.target, job.source, options))
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

    def _check_directions(self, job: Job) -> None:
        """Raise LanguageError before any work when a direction of the job is lacking."""
        jobs = [job]
        if job.target.experimental:
            jobs.append(Job(job.source, ARABIC, job.options))
        if job.options.back:
            jobs.append(Job(job.target, job.source, job.options))
        for one in jobs:
            self._model(one).check_direction(one.source, one.target)

    def _find(self, job: Job) -> TranslationModel | None:
        """Return the model of a direction; one alone says itself what it does not know."""
        if len(self.models) == 1:
            return self.models[0]
        code = job.target.code
        return next((m for m in self.models if code in m.targets().get(job.source.code, ())), None)

    def _model(self, job: Job) -> TranslationModel:
        if (model := self._find(job)) is not None:
            return model
        raise LanguageError(
            "No model in use translates from {source} into {target}: {names}. Name one that does "
            "with --translator, too.",
            source=job.source,
            target=job.target,
            names=[model.name for model in self.models],
        )

    def _generate(
        self, sentences: Sequence[str], job: Job, *, second_try: bool = False
    ) -> list[str]:
        return self._model(job).generate(sentences, job, second_try=second_try)

    def _translate_texts(self, texts: Sequence[str], job: Job) -> list[Checked]:
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

    def _pieces(self, line: str, job: Job) -> list[_Piece]:
        """Split a line into its sentences, and what stands before them, such as bullets."""
        keep_whole = [(one.start, one.end) for one in job.required(line)]
        pieces = []
        for sentence in split_sentences(line, job.source, keep_whole):
            before, words, after = split_edges(sentence.rstrip())
            if has_words(words):
                words = change_outside_protected(words, lambda part: normalize(part, job.source))
            *first, last = self._split_to_limit(words, job)
            pieces += [_Piece(before), *(_Piece(part, job.space(" ")) for part in first)]
            spaces = sentence[len(sentence.rstrip()) :]
            pieces += [_Piece(last), _Piece(after, job.space(spaces))]
        return pieces

    def _split_to_limit(self, sentence: str, job: Job) -> list[str]:
        """Split a sentence that has more tokens than the model reads."""
        model = self._find(job)
        if model is None or model.fits(sentence):
            return [sentence]
        first, rest = split_in_two(sentence)
        if not rest:
            return [first]
        return [*self._split_to_limit(first, job), *self._split_to_limit(rest, job)]

    def _retry_if_bad(self, sentence: str, output: str, job: Job) -> Checked:
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
            (second,) = self._generate([sentence], job, second_try=True)
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
        job: Job,
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

    def _joined(self, parts: Sequence[tuple[str, bool]], job: Job) -> str:
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
