"""What a captioner can do, and what it refuses."""

from dataclasses import dataclass

from marsam.errors import LanguageError, OptionError
from marsam.options import ArabicCaption, CaptionLength, CaptionOptions
from marsam.text.languages import ARABIC, ENGLISH, language


@dataclass(frozen=True, kw_only=True)
class CaptionerAbilities:
    """What a captioner can do.

    Attributes:
        languages: NLLB codes of the languages that it captions in.
        lengths: whether it knows more lengths than one sentence.
        requests: whether it reads requests in the user's words, and the text around an image.
        prefixes: whether a caption can begin with given words.
    """

    languages: tuple[str, ...] = (ENGLISH.code,)
    lengths: bool = False
    requests: bool = False
    prefixes: bool = True

    def check(self, options: CaptionOptions, model: str) -> None:
        """Refuse what a captioner, here named ``model``, cannot do.

        Raises:
            LanguageError: it does not caption in the language.
            OptionError: it reads no request, context, length or prefix.
        """
        codes = [options.language]
        codes += [ARABIC.code] if options.arabic != ArabicCaption.TRANSLATED else []
        for code in codes:
            if code not in self.languages:
                raise LanguageError(
                    "{model} does not caption in {language}; for that choose a vision-language "
                    "model, such as one of the Qwen family.",
                    model=model,
                    language=language(code),
                )
        for option, is_asked in (
            ("length", options.length != CaptionLength.SENTENCE and not self.lengths),
            ("ask", bool(options.ask) and not self.requests),
            ("context", bool(options.context) and not self.requests),
            ("prefix", bool(options.prefix) and not self.prefixes),
        ):
            if is_asked:
                raise OptionError(
                    "{option} has no effect with {model}; choose a vision-language model, such as "
                    "one of the Qwen family.",
                    option=option,
                    model=model,
                )
