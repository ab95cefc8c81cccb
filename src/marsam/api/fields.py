"""Types of request fields that several routes and tools have, with their OpenAPI descriptions."""

from typing import Annotated

from pydantic import Field

from marsam.options import MAX_PICTURES, MAX_RAW_CHARACTERS

LongText = Annotated[
    str, Field(max_length=MAX_RAW_CHARACTERS, examples=["a cat on a blue background"])
]
PictureCount = Annotated[
    int, Field(description=f"Number of pictures to generate, 1 to {MAX_PICTURES}.", examples=[2])
]
Seed = Annotated[
    int | None,
    Field(
        description="Picture i uses seed + i; the same seed gives the same picture. "
        "Default: random.",
        examples=[7],
    ),
]
RecipeName = Annotated[
    str,
    Field(
        description="Quality preset: `draft` (fast), `balanced` or `faithful` (slow).",
        examples=["balanced"],
    ),
]
Side = Annotated[
    int | None,
    Field(description="Pixels: a multiple of 8, 64 to 2048. Default: the model's.", examples=[512]),
]
Candidates = Annotated[int, Field(description="Captions to return, at most; 1 to 5.", examples=[3])]
Prefix = Annotated[str, Field(max_length=200, examples=["a photograph of"])]
LanguageName = Annotated[
    str,
    Field(
        max_length=100,
        description="Language: a name, BCP 47 tag or NLLB code.",
        examples=["ar", "Arabic", "arb_Arab"],
    ),
]
