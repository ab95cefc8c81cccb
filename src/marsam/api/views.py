"""Parts of a run in JSON responses: captions, the prompt, the prompt check and the options."""

from typing import Any

from pydantic import BaseModel, Field

from marsam.options import ArabicCaption, CaptionLength
from marsam.recipes import Recipe


def _text(description: str, example: str) -> Any:
    """A field of text with its description and an example."""
    return Field(description=description, examples=[example])


class CaptionView(BaseModel):
    """An English caption of the input image."""

    text: str = _text("Caption in English.", "a cat on a blue background")
    score: float = Field(
        description="Mean log-probability per token, at most 0; higher is better.",
        examples=[-0.0484],
    )
    warnings: list[str] = Field(
        description="Codes of what to check.", examples=[["loop_collapsed"]]
    )


class PromptView(BaseModel):
    """The prompt of a run, in English and Arabic."""

    english: str = _text("English text without weights.", "a cat")
    arabic: str = _text("The same in Arabic.", "قطة")
    given: str = _text("Text as it was sent, or the caption.", "قطة")
    language: str = _text("NLLB code of the given text.", "arb_Arab")
    back: str | None = Field(
        description="English text translated back, if another language was given.", examples=["قطة"]
    )
    weighted: str = _text(
        "English text with weights, as the painter reads it; empty without weights.", "(a cat:1.3)"
    )
    written: str = _text(
        "Arabic text, if the painter reads that as it was written; else empty.", ""
    )
    negative: str = _text("What the given text says the pictures should not show.", "a dog")
    style: str = _text("Style of the pictures, whose words the painter reads too; or empty.", "")
    native: str | None = Field(
        description="Arabic caption of the captioner's own; null unless requested.",
        examples=["قطة"],
    )
    agreement: float | None = Field(
        description="How far it names what the English caption names, 0 to 1.", examples=[1.0]
    )
    tokens: int = Field(description="Length by the painter's tokenizer.", examples=[4])
    limit: int = Field(description="Tokens that the painter reads.", examples=[77])
    cut: str = _text("End of the prompt that is not read; empty if it fits.", "")
    warnings: list[str] = Field(description="Codes of what to check.", examples=[["prompt_cut"]])
    unknown_words: list[str] = Field(
        description="Words that the models do not know; if there are any, arabic is empty.",
        examples=[["dragon"]],
    )


class FidelityView(BaseModel):
    """How well a picture matches its prompt, by a caption of the picture."""

    score: float = Field(
        description="0 to 1; 1 if the caption has all of the prompt and nothing more.",
        examples=[0.85],
    )
    missing: list[str] = Field(
        description="Phrases of the prompt that the caption lacks.", examples=[["red apple"]]
    )
    added: list[str] = Field(
        description="Phrases that only the caption has.", examples=[["a table"]]
    )
    caption: str = _text("Caption of the picture in English.", "a green apple on a table")
    en: str = _text("The result in an English sentence.", "Missing: red apple.")
    ar: str = _text("The result in an Arabic sentence.", "ينقص: تفاحة حمراء.")


class CaptionOptionsView(BaseModel):
    """Options of the captioner."""

    language: str = _text("NLLB code of the captions' language.", "eng_Latn")
    length: CaptionLength = Field(description="How much a caption says.", examples=["sentence"])
    ask: str = _text("Request to the captioner in place of ours; empty: ours.", "")
    context: str = _text("Text around the image.", "")
    arabic: ArabicCaption = Field(
        description="Where the Arabic caption comes from.", examples=["translated"]
    )
    candidates: int = Field(description="Captions, at most.", examples=[1])
    prefix: str = _text("Words every caption starts with.", "a photograph of")
    beams: int = Field(description="Width of the beam search.", examples=[3])
    sampling: bool = Field(description="Sample instead of beam search.", examples=[False])
    seed: int = Field(description="Seed of the sampling.", examples=[0])
    min_tokens: int = Field(description="Least length of a caption, in tokens.", examples=[1])
    max_tokens: int | None = Field(
        description="Greatest length of a caption, in tokens; null: the captioner's.", examples=[40]
    )


class TermView(BaseModel):
    """A term of a glossary."""

    term: str = _text("Term in English.", "Marsam")
    arabic: str | None = Field(description="Required translation.", examples=["مرسم"])
    protect: bool = Field(description="Stays as it is in every language.", examples=[False])


class GlossaryView(BaseModel):
    """Terms with a required translation."""

    terms: list[TermView] = Field(description="The terms.")


class TranslateOptionsView(BaseModel):
    """Options of the translator."""

    source: str = _text("NLLB code of the source language.", "eng_Latn")
    target: str = _text("NLLB code of the target language.", "arb_Arab")
    beams: int = Field(description="Width of the beam search.", examples=[4])
    back: bool = Field(description="Also translate back.", examples=[False])
    glossary: GlossaryView = Field(description="Glossary of the translations.")


class PaintOptionsView(BaseModel):
    """Options of the painter."""

    pictures: int = Field(description="Number of pictures.", examples=[4])
    seed: int | None = Field(description="Picture i uses seed + i.", examples=[7])
    recipe: Recipe = Field(description="Quality preset.", examples=["balanced"])
    steps: int | None = Field(description="Denoising steps; null: the preset's.", examples=[12])
    guidance_scale: float | None = Field(
        description="How closely the prompt is followed; null: the model's.", examples=[7.5]
    )
    negative_prompt: str = _text("What the pictures should not show.", "a red background")
    style: str = _text("Style of the pictures; empty: none.", "watercolour")
    width: int | None = Field(description="Pixels; null: the model's.", examples=[512])
    height: int | None = Field(description="Pixels; null: the model's.", examples=[512])
    strength: float | None = Field(
        description="How much of the picture is painted anew; null: painted from words alone.",
        examples=[0.6],
    )
    as_written: bool = Field(
        description="Paint an Arabic prompt as it is written.", examples=[False]
    )
    preview_every: int = Field(description="Steps between previews; 0: none.", examples=[0])


class RunOptionsView(BaseModel):
    """Options of a run."""

    caption: CaptionOptionsView = Field(description="How the image is captioned.")
    translate: TranslateOptionsView = Field(description="How texts are translated.")
    paint: PaintOptionsView = Field(description="How pictures are generated.")
    language: str | None = Field(
        description="NLLB code of the prompt's language; null: detected.", examples=["arb_Arab"]
    )
    check: bool = Field(description="Compare every picture with the prompt.", examples=[True])
    keep_best: int | None = Field(
        description="Number of pictures to keep; null: all.", examples=[2]
    )
