"""Types of request fields that several routes and tools have, with their OpenAPI descriptions."""

from typing import Annotated

from pydantic import Field

from marsam.options import (
    DEFAULT_STRENGTH,
    MAX_CONTEXT_CHARACTERS,
    MAX_PICTURES,
    MAX_RAW_CHARACTERS,
    MAX_REQUEST_CHARACTERS,
    MAX_TEXT_CHARACTERS,
)
from marsam.styles import STYLES

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
        description="Quality preset: `instant` (one step, if the painter has it), `draft`, "
        "`balanced` or `faithful` (slow).",
        examples=["balanced"],
    ),
]
StyleName = Annotated[
    str,
    Field(
        max_length=100,
        description=f"Style of the pictures: {', '.join(f'`{key}`' for key in STYLES)}. "
        "Default: none. The mini models know no styles.",
        examples=[""],
    ),
]
Side = Annotated[
    int | None,
    Field(description="Pixels: a multiple of 8, 64 to 2048. Default: the model's.", examples=[512]),
]
Strength = Annotated[
    float | None,
    Field(
        description="How much of the start picture is painted anew: from above 0, near to it, to "
        f"1, far from it. Default: {DEFAULT_STRENGTH:g} with a picture and a prompt.",
        examples=[0.6],
    ),
]
Steps = Annotated[
    int | None,
    Field(description="Denoising steps, 1 to 200. Default: the preset's.", examples=[12]),
]
GuidanceScale = Annotated[
    float | None,
    Field(
        description="How closely to follow the prompt, 0 (no guidance) to 30. Default: the "
        "model's.",
        examples=[7.5],
    ),
]
NegativePrompt = Annotated[
    str,
    Field(
        max_length=MAX_TEXT_CHARACTERS,
        description="What the pictures should not show, in English or Arabic.",
        examples=["a red background"],
    ),
]
AsWritten = Annotated[
    bool,
    Field(
        description="Paint an Arabic prompt as it is written, not in English; the painter must "
        "read Arabic.",
        examples=[False],
    ),
]
Candidates = Annotated[int, Field(description="Captions to return, at most; 1 to 5.", examples=[3])]
Length = Annotated[
    str,
    Field(
        max_length=100,
        description="How much a caption says: `short`, `sentence` or `paragraph`. Only captioners "
        "that read requests, as vision-language models do, know more than `sentence`.",
        examples=["sentence"],
    ),
]
Ask = Annotated[
    str,
    Field(
        max_length=MAX_REQUEST_CHARACTERS,
        description="A request to the captioner in place of ours, if it reads requests.",
        examples=[""],
    ),
]
Context = Annotated[
    str,
    Field(
        max_length=MAX_CONTEXT_CHARACTERS,
        description="Text around the image, such as its heading, for a captioner that reads "
        "requests.",
        examples=[""],
    ),
]
Arabic = Annotated[
    str,
    Field(
        max_length=100,
        description="Where the Arabic caption comes from: `translated` from the English one, "
        "`native` (a captioner that speaks Arabic writes it), or `both`.",
        examples=["translated"],
    ),
]
Prefix = Annotated[str, Field(max_length=200, examples=["a photograph of"])]
LanguageName = Annotated[
    str,
    Field(
        max_length=100,
        description="Language: a name, BCP 47 tag or NLLB code.",
        examples=["ar", "Arabic", "arb_Arab"],
    ),
]
