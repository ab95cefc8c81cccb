"""Source and target language tokens of each family of translation models, and its languages."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

from marsam.errors import LanguageError
from marsam.messages import InBothLanguages, Message
from marsam.stages.translation_model import unknown_language
from marsam.text.languages import Language, languages

MAX_NAMED = 3
"""Languages that an error names; of more it says the number."""


class LanguageTokens(Protocol):
    """The languages of a tokenizer."""

    @property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """The languages that each known language can be translated into, as NLLB codes."""

    def prepare(self, source: Language, target: Language) -> tuple[str, dict[str, Any]]:
        """Set the tokenizer to a pair of languages; return a prefix for texts, and options.

        The options are arguments of ``generate``.

        Raises:
            LanguageError: when the model does not translate in this direction.
        """


class MultilingualTokens:
    """NLLB and M2M100: the source is set in the tokenizer, the target is the first token."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer, self._name = tokenizer, name

    @cached_property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """See :class:`LanguageTokens`."""
        known = tuple(one.code for one in languages() if self._code_and_token(one))
        return dict.fromkeys(known, known)

    def prepare(self, source: Language, target: Language) -> tuple[str, dict[str, Any]]:
        """See :class:`LanguageTokens`."""
        found = [self._code_and_token(one) for one in (source, target)]
        for one, known in zip((source, target), found, strict=True):
            if known is None:
                raise unknown_language(self._name, one)
        (self._tokenizer.src_lang, _), (_, token) = filter(None, found)
        return "", {"forced_bos_token_id": token}

    def _code_and_token(self, one: Language) -> tuple[str, int] | None:
        """Return the tokenizer's code of a language and its token ID: as NLLB, else as M2M100."""
        for code, token in ((one.code, one.code), (one.tag, f"__{one.tag}__")):
            number = _token_id(self._tokenizer, token)
            if number is not None:
                return code, number
        return None


class TargetTokens:
    """T5 models such as MADLAD-400: ``<2ar>`` before the text names the target.

    Every language that can be a target can be a source, which the model finds out by itself.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer, self._name = tokenizer, name

    @cached_property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """See :class:`LanguageTokens`."""
        known = tuple(one.code for one in languages() if self._token(one))
        return dict.fromkeys(known, known)

    def prepare(self, source: Language, target: Language) -> tuple[str, dict[str, Any]]:
        """See :class:`LanguageTokens`."""
        for one in (source, target):
            if self._token(one) is None:
                raise unknown_language(self._name, one)
        return f"{self._token(target)} ", {}

    def _token(self, one: Language) -> str | None:
        tokens = (f"<2{name}>" for name in _bcp47_names(one))
        return next((t for t in tokens if _token_id(self._tokenizer, t) is not None), None)


class MarianTokens:
    """Marian models have one direction, or several targets selected by a token in the text."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self._tokenizer, self._name = tokenizer, name

    @cached_property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """See :class:`LanguageTokens`."""
        tokenizer = self._tokenizer
        sources = [one.code for one in languages() if _is_marian(one, tokenizer.source_lang)]
        targets = tuple(one.code for one in languages() if self._prefix(one) is not None)
        return dict.fromkeys(sources, targets) if targets else {}

    def prepare(self, source: Language, target: Language) -> tuple[str, dict[str, Any]]:
        """See :class:`LanguageTokens`."""
        if not self.targets:
            raise unknown_language(self._name, source)
        prefix = self._prefix(target)
        if prefix is None or not _is_marian(source, self._tokenizer.source_lang):
            raise wrong_direction(self._name, self.targets, source, target)
        return prefix, {}

    @cached_property
    def _has_target_group(self) -> bool:
        """Whether the target is a group such as ``ROMANCE``, and tokens name its languages."""
        tokenizer = self._tokenizer
        is_one = any(_is_marian(one, tokenizer.target_lang) for one in languages())
        return bool(tokenizer.supported_language_codes) and not is_one

    def _prefix(self, target: Language) -> str | None:
        """Return what stands before a text; None for a language that is no target."""
        if not self._has_target_group and not _is_marian(target, self._tokenizer.target_lang):
            return None
        listed = self._tokenizer.supported_language_codes
        tokens = [f">>{tag}<<" for tag in sorted(_opus_names(target))]
        supported = [token for token in tokens if token in listed]
        if listed and not supported:
            return None
        return f"{supported[0]} " if supported else ""


def wrong_direction(
    name: str, targets: Mapping[str, tuple[str, ...]], source: Language, target: Language
) -> LanguageError:
    """Return the error about a direction in which a model does not translate."""
    sources = [one for one in languages() if one.code in targets]
    into = {code for codes in targets.values() for code in codes}
    return LanguageError(
        "{name} translates only from {sources} into {targets}. For {source} into {target}, name "
        "a second model with --translator.",
        name=name,
        sources=_named(sources),
        targets=_named([one for one in languages() if one.code in into]),
        source=source,
        target=target,
    )


def _named(found: list[Language]) -> list[Language] | InBothLanguages:
    """Return languages to name in a sentence, or their number."""
    return found if len(found) <= MAX_NAMED else Message("{count} languages", count=len(found))


def _token_id(tokenizer: Any, token: str) -> int | None:
    """Return the ID of a token, or None where the vocabulary lacks it."""
    number = tokenizer.convert_tokens_to_ids(token)
    # An unknown code would silently become <unk>, and the output could be in any language.
    return number if number is not None and number != tokenizer.unk_token_id else None


_OTHER_TAGS = {
    "heb_Hebr": ("iw",),
    "ind_Latn": ("in",),
    "jav_Latn": ("jw",),
    "nob_Latn": ("no",),
    "tgl_Latn": ("fil",),
    "ydd_Hebr": ("ji",),
    "zho_Hans": ("zh", "zh_CN"),
    "zho_Hant": ("zh_TW",),
}
"""Former and other tags of languages."""


def _bcp47_names(one: Language) -> tuple[str, ...]:
    """Return how a tokenizer may write a language, the best name first."""
    return (one.tag, one.tag.replace("-", "_"), *_OTHER_TAGS.get(one.code, ()))


def _is_marian(one: Language, own: str | None) -> bool:
    """Whether a language is the one that a Marian tokenizer names; it names groups, too."""
    return not own or one.tag in own.split("+") or own in _opus_names(one)


def _opus_names(one: Language) -> set[str]:
    """Return the tags of a language in OPUS, whose Arabic is the macro-language ``ara``."""
    three = one.code[:3]
    return {one.tag, three, "ara" if three == "arb" else three}
