"""Words alone: captions and translations, answered at once."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel, Field

from marsam.api.dependencies import Service, uploaded
from marsam.imaging.image_io import open_picture
from marsam.options import MAX_TEXT, CaptionOptions, TranslateOptions
from marsam.text.languages import ARABIC, ENGLISH, language


class Text(BaseModel):
    """A text to translate; languages by name, tag or NLLB code."""

    text: str = Field(max_length=5 * MAX_TEXT)
    source: str = Field(default=ENGLISH.short, max_length=100)
    target: str = Field(default=ARABIC.short, max_length=100)
    back: bool = False


def routes(service: Service) -> APIRouter:
    """``/v1/captions`` and ``/v1/translations``."""
    router = APIRouter(prefix="/v1", tags=["words"])

    @router.post("/captions", summary="Describe a picture in English and Arabic")
    def caption(
        picture: Annotated[UploadFile, File()],
        candidates: Annotated[int, Form()] = CaptionOptions.candidates,
        prefix: Annotated[str, Form(max_length=200)] = "",
    ) -> dict[str, Any]:
        options = CaptionOptions(candidates=candidates, prefix=prefix)
        image = open_picture(uploaded(picture) or b"")
        with service.words() as studio:
            words = studio.describe(image, options)
        told = [
            c.to_dict() | {"ar": a.text, "warnings": [str(n) for n in (*c.warnings, *a.warnings)]}
            for c, a in words
        ]
        return {"en": told[0]["text"], "ar": told[0]["ar"], "candidates": told}

    @router.post("/translations", summary="Translate a text")
    def translate(asked: Text) -> dict[str, Any]:
        options = TranslateOptions(
            source=language(asked.source).code,
            target=language(asked.target).code,
            back=asked.back,
        )
        with service.words() as studio:
            return studio.translator.translate(asked.text, options).to_dict()

    return router
