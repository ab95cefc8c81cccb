"""Captions and translations, in the response to the request."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from marsam.api.bodies import Body, File, body_of, request_body
from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.fields import (
    Arabic,
    Ask,
    Candidates,
    Context,
    LanguageName,
    Length,
    LongText,
    Prefix,
)
from marsam.api.responses import errors
from marsam.imaging.image_io import CAPTION_SIDE, open_picture
from marsam.options import ArabicCaption, CaptionLength, CaptionOptions, TranslateOptions
from marsam.text.languages import ARABIC, ENGLISH, language

router = APIRouter(prefix="/v1", tags=["Text"], responses=errors(413, 415, 422, 503, 507))


class CaptionRequest(Body):
    """An image to caption, and how."""

    picture: File
    """JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP image, at most 20 MB.

    A file in a form, base64 in JSON.
    """
    candidates: Candidates = CaptionOptions.candidates
    prefix: Prefix = ""
    """Words every caption starts with."""
    length: Length = str(CaptionOptions.length)
    ask: Ask = ""
    context: Context = ""
    arabic: Arabic = str(CaptionOptions.arabic)

    def options(self) -> CaptionOptions:
        """The options; MarsamError if a value is out of range or unknown."""
        return CaptionOptions(
            candidates=self.candidates,
            prefix=self.prefix,
            length=CaptionLength.named(self.length),
            ask=self.ask,
            context=self.context,
            arabic=ArabicCaption.named(self.arabic),
        )


class CaptionCandidate(BaseModel):
    """A caption in English and Arabic."""

    text: str = Field(description="Caption in English.", examples=["a cat"])
    score: float = Field(
        description="Mean log-probability per token, at most 0; higher is better.",
        examples=[-0.0484],
    )
    warnings: list[str] = Field(
        description="Codes of what to check, in either language.", examples=[["loop_collapsed"]]
    )
    ar: str = Field(description="Caption in Arabic.", examples=["قطة"])
    native: str | None = Field(
        description="Arabic caption of the captioner's own; null unless requested.",
        examples=["قطة"],
    )
    agreement: float | None = Field(
        description="How far it names what the English caption names, 0 to 1.", examples=[1.0]
    )
    unknown_words: list[str] = Field(
        description="Words that the translator does not know; if there are any, ar is empty.",
        examples=[["dragon"]],
    )


class Captions(BaseModel):
    """Captions of an image."""

    en: str = Field(description="Best caption in English.", examples=["a cat"])
    ar: str = Field(description="Best caption in Arabic.", examples=["قطة"])
    native: str | None = Field(
        description="Arabic caption of the captioner's own; null unless requested.",
        examples=["قطة"],
    )
    candidates: list[CaptionCandidate] = Field(description="All captions, best first.")


class TranslationRequest(Body):
    """A text to translate, and how."""

    text: LongText
    """Text to translate, at most 2000 characters."""
    source: LanguageName = ENGLISH.tag
    target: LanguageName = ARABIC.tag
    back: bool = Field(default=False, examples=[True])
    """Also translate the result back into the source language."""


class TranslationView(BaseModel):
    """A translated text."""

    text: str = Field(description="Translation.", examples=["سمكتان"])
    source: str = Field(description="NLLB code of the source language.", examples=["eng_Latn"])
    target: str = Field(description="NLLB code of the target language.", examples=["arb_Arab"])
    back: str | None = Field(
        description="Back translation; null unless requested.", examples=["two fish"]
    )
    standard: str | None = Field(
        description="Modern Standard Arabic; null unless the target is an experimental variety.",
        examples=["سمكتان"],
    )
    warnings: list[str] = Field(description="Codes of what to check.", examples=[["held"]])
    unknown_words: list[str] = Field(
        description="Words that the translator does not know; if there are any, text is empty.",
        examples=[["dragon"]],
    )


@router.post(
    "/captions",
    summary="Caption an image in English and Arabic",
    openapi_extra=request_body(CaptionRequest),
)
async def caption(
    body: Annotated[CaptionRequest, Depends(body_of(CaptionRequest))],
    service: ServiceDep,
    client: ClientDep,
) -> Captions:
    """The response comes at once; no run is created."""
    options = body.options()
    image = await service.decode(client, lambda: open_picture(body.picture, side=CAPTION_SIDE))
    pairs = await service.with_models(client, lambda studio: studio.describe(image, options))
    candidates = [
        CaptionCandidate(
            text=english.text,
            score=round(english.score, 4),
            ar=arabic.text,
            native=arabic.native,
            agreement=arabic.agreement,
            warnings=[str(notice) for notice in (*english.warnings, *arabic.warnings)],
            unknown_words=list(arabic.unknown_words),
        )
        for english, arabic in pairs
    ]
    best = candidates[0]
    return Captions(en=best.text, ar=best.ar, native=best.native, candidates=candidates)


@router.post(
    "/translations",
    summary="Translate a text",
    response_model=TranslationView,
    openapi_extra=request_body(TranslationRequest),
)
async def translate(
    body: Annotated[TranslationRequest, Depends(body_of(TranslationRequest))],
    service: ServiceDep,
    client: ClientDep,
) -> dict[str, Any]:
    """Between any two of the translator's languages. The response comes at once."""
    options = TranslateOptions(
        source=language(body.source).code, target=language(body.target).code, back=body.back
    )
    return await service.with_models(
        client, lambda studio: studio.translator.translate(body.text, options).to_dict()
    )
