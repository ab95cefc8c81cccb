"""Captions that a captioner writes in Arabic itself, beside the translated ones."""

from collections.abc import Callable
from dataclasses import replace

from marsam.errors import LanguageError, MarsamError, ModelError, OptionError
from marsam.messages import Message
from marsam.notices import Notice
from marsam.options import ArabicCaption, CaptionOptions, TranslateOptions
from marsam.results import Caption, Translation
from marsam.stages.protocols import Captioner, Translator
from marsam.text.fidelity import compare
from marsam.text.languages import ARABIC, ENGLISH, language

MIN_AGREEMENT = 0.5
"""Agreement of two captions below which a reader is asked to compare them with the image."""


def check_captions(
    captioner: Captioner, options: CaptionOptions, translate: TranslateOptions
) -> None:
    """Refuse what the captioner cannot do, and captions that the workflow cannot use.

    Raises:
        LanguageError: for a language that the captioner does not know, or that is not English.
        OptionError: for what has no effect with the captioner or the language.
    """
    captioner.abilities.check(options, captioner.name)
    if options.language != ENGLISH.code:
        raise LanguageError(
            "The workflow needs an English caption; for one in Arabic, too, set {option} to both.",
            option=Message("arabic"),
        )
    if options.arabic != ArabicCaption.TRANSLATED and translate.target != ARABIC.code:
        raise OptionError(
            "{option} is about Modern Standard Arabic, but the captions are translated into "
            "{language}.",
            option="arabic",
            language=language(translate.target),
        )


def in_english(translator: Translator, arabic: str) -> str:
    """Return an Arabic text in English; empty where the translator does not know its words."""
    to_english = TranslateOptions(source=ARABIC.code, target=ENGLISH.code)
    return translator.translate(arabic, to_english).text


def with_native(
    translation: Translation,
    native: Caption,
    english: str,
    arabic: ArabicCaption,
    to_english: Callable[[str], str],
) -> Translation:
    """Return a caption's translation with the caption that the captioner wrote in Arabic.

    Args:
        translation: of the English caption.
        native: the Arabic caption; it may be empty.
        english: the English caption.
        arabic: ``native`` or ``both``: whether the native one takes the translation's place.
        to_english: translates from Arabic.
    """
    if not native.text:
        warnings = (*translation.warnings, Notice.NATIVE_MISSING)
        return replace(translation, native="", warnings=warnings)
    agreement, notices = compare_native(native.text, english, to_english)
    warnings = (*native.warnings, *notices)
    if arabic == ArabicCaption.BOTH:
        warnings = tuple(dict.fromkeys((*translation.warnings, *warnings)))
        return replace(translation, native=native.text, agreement=agreement, warnings=warnings)
    return Translation(
        text=native.text,
        source=translation.source,
        target=translation.target,
        native=native.text,
        agreement=agreement,
        warnings=warnings,
    )


def compare_native(
    native: str, english: str, to_english: Callable[[str], str]
) -> tuple[float | None, tuple[Notice, ...]]:
    """Return the agreement of an Arabic caption with the English one, and what to say of it."""
    agreement = agreement_of(native, english, to_english)
    differs = agreement is not None and agreement < MIN_AGREEMENT
    return agreement, (Notice.NATIVE_DIFFERS,) if differs else ()


def agreement_of(native: str, english: str, to_english: Callable[[str], str]) -> float | None:
    """Return how far an Arabic caption names what the English one names, 0 to 1.

    It is translated and compared with the English one (:func:`marsam.text.fidelity.compare`); None
    where it cannot be translated.
    """
    try:
        back = to_english(native)
    except ModelError:
        raise
    except MarsamError:  # such as a text in another script
        return None
    return round(compare(english, back).score, 4) if back else None
