"""Source and target language tokens of each family of translation models."""

from collections.abc import Callable
from typing import Any

from marsam.errors import LanguageError
from marsam.text.languages import Language, languages


def set_languages(
    tokenizer: Any, name: str, source: Language, target: Language
) -> tuple[str, dict[str, Any]]:
    """Set a tokenizer to a pair of languages; return a prefix for texts and ``generate``'s options.

    Raises:
        LanguageError: when the model does not know one of them.
    """
    if hasattr(tokenizer, "spm_source"):
        return _marian_prefix(tokenizer, name, source, target), {}
    code, _ = _code_and_token(tokenizer, name, source)
    _, token = _code_and_token(tokenizer, name, target)
    tokenizer.src_lang = code
    return "", {"forced_bos_token_id": token}


def known_targets(tokenizer: Any, name: str) -> dict[str, tuple[str, ...]]:
    """Return the languages that each language can be translated into, by NLLB code."""
    if hasattr(tokenizer, "spm_source"):
        pairs = {
            source.code: tuple(
                target.code
                for target in languages()
                if _is_known(_marian_prefix, tokenizer, name, source, target)
            )
            for source in languages()
        }
        return {source: targets for source, targets in pairs.items() if targets}
    known = tuple(
        one.code for one in languages() if _is_known(_code_and_token, tokenizer, name, one)
    )
    return dict.fromkeys(known, known)


def _is_known(find: Callable[..., object], *arguments: Any) -> bool:
    try:
        find(*arguments)
    except LanguageError:
        return False
    return True


def _code_and_token(tokenizer: Any, name: str, language: Language) -> tuple[str, int]:
    """Return the tokenizer's code of a language and its token ID: as NLLB, else as M2M100."""
    for code, token in ((language.code, language.code), (language.tag, f"__{language.tag}__")):
        number = tokenizer.convert_tokens_to_ids(token)
        # An unknown code would silently become <unk>, and the output could be in any language.
        if number is not None and number != tokenizer.unk_token_id:
            return code, number
    raise LanguageError(f"{name} does not know {language.en} ({language.code}).")


def _marian_prefix(tokenizer: Any, name: str, source: Language, target: Language) -> str:
    """Marian models have one direction, or several targets selected by a token in the text."""
    for language, own in ((source, tokenizer.source_lang), (target, tokenizer.target_lang)):
        if own and language.tag not in own.split("+") and not _names(language) & {own}:
            raise LanguageError(f"{name} does not know {language.en} ({language.code}).")
    tokens = [f">>{tag}<<" for tag in sorted(_names(target))]
    supported = [token for token in tokens if token in tokenizer.supported_language_codes]
    if tokenizer.supported_language_codes and not supported:
        raise LanguageError(f"{name} does not know {target.en} ({target.code}).")
    return f"{supported[0]} " if supported else ""


def _names(language: Language) -> set[str]:
    """Return the tags of a language in OPUS, whose Arabic is the macro-language ``ara``."""
    three = language.code[:3]
    return {language.tag, three, "ara" if three == "arb" else three}
