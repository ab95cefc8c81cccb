"""How each family of translation models is told the languages."""

from dataclasses import dataclass, field
from typing import Any

from marsam.errors import LanguageError
from marsam.text.languages import Language


@dataclass(frozen=True)
class Direction:
    """What one pair of languages means to a model.

    Attributes:
        prefix: written before the text.
        options: given to ``generate``.
    """

    prefix: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def direction(tokenizer: Any, name: str, source: Language, target: Language) -> Direction:
    """Set a tokenizer to a pair of languages, and say what else the model needs.

    Raises:
        LanguageError: when the model does not know one of them.
    """
    if hasattr(tokenizer, "spm_source"):
        return _marian(tokenizer, name, source, target)
    first, _ = _coded(tokenizer, name, source)
    _, token = _coded(tokenizer, name, target)
    tokenizer.src_lang = first
    return Direction(options={"forced_bos_token_id": token})


def _coded(tokenizer: Any, name: str, language: Language) -> tuple[str, int]:
    """The tokenizer's own code of a language, and its token: NLLB's way, then M2M100's."""
    for code, token in ((language.code, language.code), (language.short, f"__{language.short}__")):
        number = tokenizer.convert_tokens_to_ids(token)
        # An unknown code would silently become <unk>, and the model answer in any language.
        if number is not None and number != tokenizer.unk_token_id:
            return code, number
    raise LanguageError(f"{name} does not know {language.en} ({language.code}).")


def _marian(tokenizer: Any, name: str, source: Language, target: Language) -> Direction:
    """Marian models have one direction, or a few targets chosen by a mark before the text."""
    for language, own in ((source, tokenizer.source_lang), (target, tokenizer.target_lang)):
        if own and language.short not in own.split("+") and not _names(language) & {own}:
            raise LanguageError(f"{name} does not know {language.en} ({language.code}).")
    marks = [f">>{tag}<<" for tag in sorted(_names(target))]
    chosen = [mark for mark in marks if mark in tokenizer.supported_language_codes]
    if tokenizer.supported_language_codes and not chosen:
        raise LanguageError(f"{name} does not know {target.en} ({target.code}).")
    return Direction(prefix=f"{chosen[0]} " if chosen else "")


def _names(language: Language) -> set[str]:
    """The tags OPUS gives a language; its Arabic is the macro-language ``ara``."""
    three = language.code[:3]
    return {language.short, three, "ara" if three == "arb" else three}
