"""Types of request fields that several routes have, with their OpenAPI descriptions."""

from typing import Annotated

from fastapi import UploadFile
from pydantic import Field

from marsam.options import MAX_TEXT_CHARACTERS

ImageFile = Annotated[UploadFile, Field(description="JPEG, PNG or WebP image, at most 20 MB.")]
Prompt = Annotated[
    str,
    Field(
        max_length=5 * MAX_TEXT_CHARACTERS,
        description="Prompt in English or Arabic, at most 2000 characters.",
        examples=["a cat on a blue background"],
    ),
]
Seed = Annotated[
    int | None,
    Field(
        description="Seed of the first picture; picture i uses seed + i. Default: random.",
        examples=[7],
    ),
]
Steps = Annotated[
    int | None, Field(description="Denoising steps, 1 to 200. Default: the preset's.")
]
GuidanceScale = Annotated[
    float | None,
    Field(
        description="How closely to follow the prompt, 1 to 30. Default: the model's.",
        examples=[7.5],
    ),
]
NegativePrompt = Annotated[
    str,
    Field(
        max_length=MAX_TEXT_CHARACTERS, description="What the pictures should not show, in English."
    ),
]
Side = Annotated[
    int | None,
    Field(description="Pixels: a multiple of 8, 64 to 2048. Default: the model's.", examples=[512]),
]
Candidates = Annotated[int, Field(description="Number of alternative captions, 1 to 5.")]
Prefix = Annotated[
    str,
    Field(
        max_length=200, description="Words every caption starts with.", examples=["a photograph of"]
    ),
]
LanguageName = Annotated[
    str,
    Field(
        max_length=100,
        description="Language: a name, BCP 47 tag or NLLB code.",
        examples=["ar", "Arabic", "arb_Arab"],
    ),
]
