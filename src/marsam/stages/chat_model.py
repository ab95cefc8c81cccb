"""Language models that are asked to translate, in their chat template."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from marsam.errors import ModelUnsupported
from marsam.stages.language_model import LanguageModel
from marsam.stages.translation_model import (
    MAX_SENTENCE_TOKENS,
    Job,
    equal_length_batches,
    unknown_language,
)
from marsam.text.cleaning import clean
from marsam.text.languages import ENGLISH, Language, languages
from marsam.text.translation_answer import translation_in

CHAT_BATCH_SIZE = 8
"""Sentences in one forward pass, at most."""
MAX_NEW_TOKENS = 1024


class Request(NamedTuple):
    """How a model is asked for a translation; the source and target stand in it by name."""

    first: str
    second: str


REQUEST = Request(
    first="Translate the text below from {source} into {target}. Answer with the translation "
    "only, without explanations.\n\n{text}",
    second="Below is a text in {source}. Write the same in {target}, and in no other language. "
    "Leave nothing out and add nothing: no title, no note, no quotation marks, no explanation. "
    "Keep numbers, links and placeholders as they are.\n\n{text}",
)
"""The usual request, and another wording of it for the second try."""
NO_REPEATED_NGRAM, REPETITION_PENALTY = 3, 1.2
"""Of the second try, as with other models; they count the answer alone, not the request."""

_OTHER_TAGS = {"nob_Latn": "no", "tgl_Latn": "fil", "zho_Hans": "zh-CN", "zho_Hant": "zh-TW"}
"""Other tags of languages, in templates that name them by tags."""


class _OfAnswer:
    """A logits processor that sees the tokens of the answer alone.

    With the request before them, it would forbid the answer to repeat a name or a number.
    """

    def __init__(self, processor: Any, start: int) -> None:
        self._processor, self._start = processor, start

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        return self._processor(input_ids[:, self._start :], scores)


class ChatModel:
    """A language model that is asked to translate.

    Templates that take the languages themselves, as TranslateGemma's, are given their tags; other
    models get the request of :data:`REQUEST`. Such a model does not say which languages it knows:
    it is asked for every one.

    Args:
        model: which other stages may share.
        name: in results; the model's by default.
    """

    def __init__(self, model: LanguageModel, *, name: str | None = None) -> None:
        self.model, self.name = model, name or model.name

    @property
    def folder(self) -> Path:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        return self.model.folder

    @cached_property
    def _takes_tags(self) -> bool:
        """Whether the template asks for the translation itself, and takes the languages' tags."""
        return "target_lang_code" in str(self.model.tokenizer.chat_template)

    def check_direction(self, source: Language, target: Language) -> None:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        known = self.targets()
        for one in (source, target):
            if one.code not in known:
                raise unknown_language(self.name, one)

    def targets(self) -> Mapping[str, Sequence[str]]:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        return self._targets

    @cached_property
    def _targets(self) -> Mapping[str, Sequence[str]]:
        known = tuple(
            one.code for one in languages() if not self._takes_tags or self._tag(one) is not None
        )
        return dict.fromkeys(known, known)

    def unknown_words(self, _text: str, _source: Language, /) -> tuple[str, ...]:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        return ()

    def fits(self, sentence: str) -> bool:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        few = len(sentence.encode()) <= MAX_SENTENCE_TOKENS  # a token has at least one byte
        return few or len(self.model.token_ids(sentence)) <= MAX_SENTENCE_TOKENS

    def generate(
        self, sentences: Sequence[str], job: Job, *, second_try: bool = False
    ) -> list[str]:
        """See :class:`marsam.stages.translation_model.TranslationModel`."""
        rows = [self.model.token_ids(self._prompt(text, job, second_try)) for text in sentences]
        outputs = [""] * len(sentences)
        for batch, ids in equal_length_batches(rows, CHAT_BATCH_SIZE):
            length = max(len(self.model.token_ids(sentences[index])) for index in batch)
            answers = self.model.generate(
                ids,
                num_beams=job.options.beams,
                # One letter of a script that the tokenizer hardly knows can be three tokens.
                max_new_tokens=min(64 + 8 * length, MAX_NEW_TOKENS),
                logits_processor=_without_loops(ids.shape[1]) if second_try else [],
            )
            for index, answer in zip(batch, answers, strict=True):
                outputs[index] = clean(translation_in(answer, sentences[index]))
        return outputs

    def _prompt(self, sentence: str, job: Job, second_try: bool) -> str:
        sentence = self.model.without_special_tokens(sentence)
        if self._takes_tags:
            tags = self._tag(job.source), self._tag(job.target)
            return self.model.prompt([_tagged_message(sentence, *tags)])
        request = REQUEST.second if second_try else REQUEST.first
        asked = request.format(source=job.source.en, target=job.target.en, text=sentence)
        # Templates of models that read images may take nothing but a list of parts.
        content = [{"type": "text", "text": asked}] if self.model.family.vision else asked
        return self.model.prompt([{"role": "user", "content": content}])

    def _tag(self, one: Language) -> str | None:
        """Return the tag by which the template knows a language; it raises for other tags."""
        tags = (one.tag, _OTHER_TAGS.get(one.code, one.tag))
        return next((tag for tag in tags if self._accepts(tag)), None)

    def _accepts(self, tag: str) -> bool:
        try:
            self.model.prompt([_tagged_message("a", ENGLISH.tag, tag)])
        except ModelUnsupported:
            return False
        return True


def _without_loops(start: int) -> list[_OfAnswer]:
    """Return what keeps an answer that begins at a token from repeating itself."""
    import transformers

    processors = (
        transformers.NoRepeatNGramLogitsProcessor(NO_REPEATED_NGRAM),
        transformers.RepetitionPenaltyLogitsProcessor(REPETITION_PENALTY),
    )
    return [_OfAnswer(one, start) for one in processors]


def _tagged_message(text: str, source: str | None, target: str | None) -> dict[str, Any]:
    """Return a message of a template that writes the request itself."""
    content = {"type": "text", "source_lang_code": source, "target_lang_code": target, "text": text}
    return {"role": "user", "content": [content]}
