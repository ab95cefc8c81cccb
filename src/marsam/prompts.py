"""Prompts for the painter: typed texts in English and Arabic, with weights and what to avoid."""

from dataclasses import dataclass, replace

from marsam.errors import OptionError
from marsam.notices import Notice
from marsam.options import (
    MAX_RAW_CHARACTERS,
    PaintOptions,
    RunOptions,
    TranslateOptions,
    checked_text,
)
from marsam.recipes import Recipe
from marsam.results import Prompt, Translation
from marsam.stages.protocols import Painter, Translator
from marsam.text.languages import (
    ARABIC,
    ENGLISH,
    Language,
    arabic_parts,
    detect_language,
    language,
    script_of,
)
from marsam.text.prompt_syntax import (
    PlainPrompt,
    plain_negative_prompt,
    plain_prompt,
    plain_text,
    weighted_prompt,
)


@dataclass(frozen=True, kw_only=True)
class PromptBuilder:
    """Translates prompts for a painter: most read English only."""

    translator: Translator
    painter: Painter

    def bilingual(self, text: str, options: RunOptions) -> Prompt:
        """Return a typed prompt in English and Arabic, whatever its language."""
        plain = plain_prompt(text)
        prompt = self._translated_prompt(checked_text(plain.words), options)
        return self._completed(prompt, text, plain, options)

    def pair(self, english: str, arabic: str, options: RunOptions) -> Prompt:
        """Return a prompt whose two texts a person wrote: neither is changed."""
        plain = plain_prompt(english)
        words = checked_text(plain.words)
        own = Translation(
            text=checked_text(arabic, "Arabic text"),
            source=ENGLISH.code,
            target=ARABIC.code,
            unknown_words=self.translator.translate(words, options.translate).unknown_words,
        )
        return self._completed(self.measured(words, own), english, plain, options)

    def _completed(
        self, prompt: Prompt, text: str, plain: PlainPrompt, options: RunOptions
    ) -> Prompt:
        """Add to a prompt what the typed text has besides words."""
        weighted, warnings = self._weighted(prompt.english, plain, prompt.language, options)
        if plain.is_changed:
            warnings = (*warnings, Notice.PROMPT_SYNTAX)
        return replace(
            prompt,
            given=text,
            weighted=weighted,
            negative=plain.negative,
            warnings=(*prompt.warnings, *warnings),
        )

    def _weighted(
        self, english: str, plain: PlainPrompt, source: str, options: RunOptions
    ) -> tuple[str, tuple[Notice, ...]]:
        """Put the weights of a typed text into its translation, where the painter reads them."""

        def in_english(phrase: str) -> str:
            if source in (ENGLISH.code, ARABIC.code):
                return self._arabic_parts_translated(phrase, options)[0]
            to_english = TranslateOptions(source=source, target=ENGLISH.code)
            return self.translator.translate(phrase, to_english).text.rstrip(".")

        readable = self.painter.sampling(options.paint.recipe).prompt_weights
        weighted, is_complete = weighted_prompt(
            english, plain.weights if readable else (), in_english
        )
        is_complete &= readable or not plain.weights
        return weighted, () if is_complete else (Notice.WEIGHTS_LOST,)

    def _translated_prompt(self, text: str, options: RunOptions) -> Prompt:
        source = language(options.language) if options.language else detect_language(text)
        to_arabic = replace(options.translate, source=ENGLISH.code, target=ARABIC.code)
        if source == ENGLISH or (not options.language and _is_mixed(text)):
            english, warnings = self._arabic_parts_translated(text, options)
            arabic = self.translator.translate(english, to_arabic)
            return self.measured(english, arabic, given=text, warnings=warnings)
        if source == ARABIC and _is_mixed(text):
            english, warnings = self._arabic_parts_translated(text, options)
            own = Translation(text=text, source=ENGLISH.code, target=ARABIC.code)
            return self.measured(english, own, given=text, source=source, warnings=warnings)
        to_english = TranslateOptions(
            source=source.code, target=ENGLISH.code, back=True, glossary=options.translate.glossary
        )
        sent = self.translator.translate(text, to_english).checked()
        # The translation may be empty, and then there is nothing to paint.
        english = checked_text(sent.text, "translated prompt")
        if source == ARABIC:
            arabic = Translation(text=text, source=ENGLISH.code, target=ARABIC.code)
        else:
            arabic = self.translator.translate(english, to_arabic)
        return self.measured(
            english, arabic, given=text, source=source, back=sent.back, warnings=sent.warnings
        )

    def _arabic_parts_translated(
        self, text: str, options: RunOptions
    ) -> tuple[str, tuple[Notice, ...]]:
        """An English text whose Arabic parts are translated, and the notices about these."""
        to_english = replace(options.translate, source=ARABIC.code, target=ENGLISH.code)
        parts, warnings = [], list[Notice]()
        for part, is_arabic in arabic_parts(text):
            if is_arabic:
                translated = self.translator.translate(part, to_english).checked()
                warnings += translated.warnings
                part = translated.text.rstrip(".")
            parts.append(part)
        return checked_text("".join(parts), "translated prompt"), tuple(dict.fromkeys(warnings))

    def measured(
        self,
        english: str,
        arabic: Translation,
        *,
        given: str | None = None,
        source: Language = ENGLISH,
        back: str | None = None,
        warnings: tuple[Notice, ...] = (),
    ) -> Prompt:
        """Return a prompt with its length; ``warnings`` are those about ``english``."""
        length = self.painter.measure(english)
        cut = (Notice.PROMPT_CUT,) if length.cut else ()
        return Prompt(
            english=english,
            arabic=arabic.text,
            given=given or english,
            language=source.code,
            back=back,
            length=length,
            native=arabic.native,
            agreement=arabic.agreement,
            warnings=tuple(dict.fromkeys((*warnings, *arabic.warnings, *cut))),
            unknown_words=arabic.unknown_words,
        )

    def as_written(self, prompt: Prompt, wanted: bool = True) -> Prompt:
        """Return a prompt that is painted as it was written in Arabic, with the length that it has.

        It is painted in English where that is not ``wanted``, it was not written in Arabic, or the
        painter reads none.
        """
        written = ""
        if wanted and is_arabic_prompt(prompt) and self.painter.sampling(Recipe.DRAFT).reads_arabic:
            text = plain_prompt(prompt.given).words
            written = weighted_prompt(text, ())[0] or text
        return (
            prompt if written == prompt.written else self._again(replace(prompt, written=written))
        )

    def in_style(self, prompt: Prompt, style: str) -> Prompt:
        """Return a prompt in a style, or in none, with the length that it then has."""
        if style == prompt.style:
            return prompt
        return self._again(replace(prompt, style=style))

    def _again(self, prompt: Prompt) -> Prompt:
        """Measure a prompt again."""
        length = self.painter.measure(plain_text(prompt.for_painter))
        others = tuple(one for one in prompt.warnings if one is not Notice.PROMPT_CUT)
        cut = (Notice.PROMPT_CUT,) if length.cut else ()
        return replace(prompt, length=length, warnings=(*others, *cut))

    def prepare_painting(
        self, options: RunOptions, negative: str = ""
    ) -> tuple[PaintOptions, tuple[Notice, ...]]:
        """Return the options for the painter, which reads English only, and what has no effect.

        Args:
            options: with a negative prompt in English or Arabic.
            negative: what else the pictures should not show.

        Raises:
            PromptError: when the negative prompt is too long, or has words that the models do not
                know.
        """
        paint = options.paint
        typed = ", ".join(filter(None, (paint.negative_prompt, negative)))
        typed = checked_text(typed, "negative prompt") if typed.strip() else ""
        plain = plain_negative_prompt(typed)
        english, warnings = plain.words, tuple[Notice, ...]()
        if english:
            english, _ = self._arabic_parts_translated(english, options)
            weighted, warnings = self._weighted(english, plain, ENGLISH.code, options)
            english = weighted or english
        if plain.is_changed:
            warnings = (*warnings, Notice.PROMPT_SYNTAX)
        warnings += self._without_effect(replace(paint, negative_prompt=english))
        return replace(paint, negative_prompt=english), warnings

    def _without_effect(self, paint: PaintOptions) -> tuple[Notice, ...]:
        """Say that a guidance scale or a negative prompt has no effect with the painter."""
        sampling, guidance = self.painter.sampling(paint.recipe), paint.guidance_scale
        asks_guidance = guidance is not None and guidance > sampling.guidance_off
        if not (asks_guidance or paint.negative_prompt):
            return ()
        if not (sampling.classifier_free_guidance or sampling.embedded_guidance):
            others = map(self.painter.sampling, self.painter.recipes)
            has_guidance = any(o.classifier_free_guidance or o.embedded_guidance for o in others)
            return (Notice.NO_GUIDANCE if has_guidance else Notice.PAINTER_WITHOUT_GUIDANCE,)
        if not paint.negative_prompt or sampling.takes_negative_prompt(guidance):
            return ()
        return (Notice.NO_GUIDANCE if sampling.negative_prompts else Notice.NO_NEGATIVE_PROMPT,)


def is_arabic_prompt(prompt: Prompt) -> bool:
    """Whether a prompt was written in Arabic, or partly so."""
    return _has_arabic(prompt.given, language(prompt.language))


def require_arabic(prompt: str | Prompt | None, options: RunOptions) -> None:
    """Refuse to paint what is no Arabic prompt as it is written.

    Args:
        prompt: None for the caption of an image.
        options: of the run.

    Raises:
        OptionError: when they ask for that.
    """
    if not options.paint.as_written:
        return
    if isinstance(prompt, str):
        source = language(options.language) if options.language else ENGLISH
        is_arabic = _has_arabic(prompt[:MAX_RAW_CHARACTERS], source)
    else:
        is_arabic = prompt is not None and is_arabic_prompt(prompt)
    if not is_arabic:
        raise OptionError("Only an Arabic prompt is painted as written.", option="as_written")


def _has_arabic(text: str, source: Language) -> bool:
    """Whether a text has Arabic words; its language is an Arabic one, or English (with Arabic)."""
    is_known = source == ENGLISH or source.en.endswith("Arabic")
    return is_known and any(is_arabic for _, is_arabic in arabic_parts(text))


def _is_mixed(text: str) -> bool:
    """Whether a text has Arabic parts and others with words, such as English tags."""
    return any(script_of(part) and not is_arabic for part, is_arabic in arabic_parts(text))
