"""``marsam caption`` and ``marsam translate``: text without new pictures."""

import codecs
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from marsam.cli.completion import language_names
from marsam.cli.console import (
    NATIVE_MARK,
    RIGHT_TO_LEFT,
    complain,
    isolate,
    print_json,
    shown_name,
    warn,
    warn_mini_models,
)
from marsam.cli.options import (
    ArabicSource,
    Ask,
    Captioner,
    Context,
    DeviceOption,
    GlossaryFile,
    Json,
    Length,
    Models,
    TargetLanguage,
    Translator,
)
from marsam.errors import MarsamError, PictureError, PromptError
from marsam.imaging.file_kinds import READABLE
from marsam.native_captions import check_captions
from marsam.notices import notice_sentences
from marsam.options import CaptionOptions, TranslateOptions
from marsam.studio import Studio
from marsam.text.glossary import Glossary, load_glossary
from marsam.text.languages import language, script_of


def refuse_folder(path: Path) -> None:
    """Point to ``marsam batch`` when a folder is given instead of a picture."""
    if path.is_dir():
        raise PictureError(
            "{path} is a folder. To caption a folder, use: marsam batch {quoted} --out "
            "captions.csv",
            path=path,
            quoted=shlex.quote(str(path)),
        )


def caption(
    images: Annotated[list[Path], typer.Argument(help=f"Pictures: {READABLE}.")],
    candidates: Annotated[
        int, typer.Option(min=1, max=5, help="Number of different captions per picture, at most.")
    ] = CaptionOptions.candidates,
    prefix: Annotated[
        str, typer.Option(help='First words of the caption, for example "a photograph of".')
    ] = CaptionOptions.prefix,
    sampling: Annotated[
        bool, typer.Option("--sampling", help="Sample captions at random instead of beam search.")
    ] = CaptionOptions.sampling,
    seed: Annotated[int, typer.Option(min=0, help="Seed for --sampling.")] = CaptionOptions.seed,
    length: Length = CaptionOptions.length,
    ask: Ask = CaptionOptions.ask,
    context: Context = CaptionOptions.context,
    arabic: ArabicSource = CaptionOptions.arabic,
    target: TargetLanguage = "ar",
    glossary: GlossaryFile = None,
    models: Models = None,
    captioner: Captioner = None,
    translator: Translator = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Caption pictures in English and Arabic. Pictures that fail do not stop the others."""
    options = CaptionOptions(
        candidates=candidates,
        prefix=prefix,
        sampling=sampling,
        seed=seed,
        length=length,
        ask=ask,
        context=context,
        arabic=arabic,
    )
    into = language(target)
    translate = TranslateOptions(
        target=into.code, glossary=load_glossary(glossary) if glossary else Glossary()
    )
    studio = Studio.load(models, captioner=captioner, translator=translator, device=device)
    check_captions(studio.captioner, options, translate)
    warn_mini_models(studio, quiet=as_json)
    rows: list[dict[str, Any]] = []
    for path in images:
        try:
            refuse_folder(path)
            captions = studio.describe(path, options, translate)
        except MarsamError as error:
            rows.append({"path": str(path), "error": str(error)})
            if not as_json:
                complain(error, about="" if str(path) in str(error) else shown_name(path))
            continue
        texts = [
            {
                "en": english.text,
                into.tag: other.text,
                **other.native_texts,
                "score": round(english.score, 4),
                "warnings": [str(notice) for notice in (*english.warnings, *other.warnings)],
            }
            for english, other in captions
        ]
        names = ("en", into.tag, *captions[0][1].native_texts, "warnings")
        row = {"path": str(path)} | {name: texts[0][name] for name in names}
        rows.append(row | ({"candidates": texts} if candidates > 1 else {}))
        for english, other in captions:
            notices = (*english.warnings, *other.warnings)
            warn(notice_sentences(notices, other.unknown_words))
            if not as_json and len(images) > 1:
                name = shown_name(path)
                is_reversed = script_of(other.text) in RIGHT_TO_LEFT
                text = isolate(other.text) if is_reversed else other.text
                typer.echo(f"{name}: {english.text}\n{name}: {text}")
                if native := other.native_beside(other.text):
                    typer.echo(f"{name}: {NATIVE_MARK} {isolate(native)}")
            elif not as_json:
                typer.echo(f"{english.text}\n{other.text}")
                if native := other.native_beside(other.text):
                    typer.echo(f"{NATIVE_MARK} {native}")
    if as_json:
        print_json({"captions": rows})
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def _standard_input() -> str:
    """Read a text in UTF-8, or in UTF-16 with a byte order mark, as Windows writes it."""
    data = sys.stdin.buffer.read()
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise PromptError("The text is not UTF-8; save it as UTF-8 and try again.") from error


def translate(
    text: Annotated[str, typer.Argument(help="The text; - reads it from standard input.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="Language of the text: a name, en, eng_Latn…",
            autocompletion=language_names,
        ),
    ] = "en",
    target: TargetLanguage = "ar",
    back: Annotated[bool, typer.Option("--back", help="Also translate the result back.")] = False,
    glossary: GlossaryFile = None,
    models: Models = None,
    translator: Translator = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Translate a text."""
    options = TranslateOptions(
        source=language(source).code,
        target=language(target).code,
        back=back,
        glossary=load_glossary(glossary) if glossary else Glossary(),
    )
    original = _standard_input() if text == "-" else text
    studio = Studio.load(models, translator=translator, device=device)
    warn_mini_models(studio, quiet=as_json)
    result = studio.translator.translate(original, options)
    if as_json:
        document = result.to_dict()
        optional = ("back", "standard", "unknown_words")
        texts = {name: document[name] for name in optional if document[name]}
        names = {"text": result.text, "to": result.target, "warnings": document["warnings"]}
        print_json(names | texts)
        return
    warn(notice_sentences(result.checked().warnings))
    typer.echo(result.text)
    if result.standard is not None:
        typer.echo(f"arb_Arab: {result.standard}")
    if result.back is not None:
        typer.echo(f"↩ {result.back}")
