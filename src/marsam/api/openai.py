"""OpenAI-compatible image generation."""

from typing import Literal

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.fields import Prompt, Seed
from marsam.api.responses import base64_file, errors
from marsam.errors import OptionError
from marsam.journal.records import StoredPicture
from marsam.options import PaintOptions

router = APIRouter(prefix="/v1/images", tags=["OpenAI"], responses=errors(409, 422, 503, 504, 507))


class ImageRequest(BaseModel):
    """Body of an OpenAI-compatible image request. Unknown fields are ignored."""

    prompt: Prompt
    n: int | None = Field(default=1, description="Number of images, 1 to 10.")
    size: str | None = Field(
        default=None,
        description="Width and height in pixels, or `auto` for the model's own.",
        examples=["512x512"],
    )
    response_format: Literal["url", "b64_json"] | None = Field(
        default=None, description="Links, or PNG files in base64 (default)."
    )
    seed: Seed = None


class GeneratedImage(BaseModel):
    """One image, with ``b64_json`` or ``url``."""

    b64_json: str | None = Field(default=None, description="PNG file in base64.")
    url: str | None = Field(default=None, description="Link to the PNG file.")
    revised_prompt: str = Field(description="English prompt the image was generated from.")


class ImageResponse(BaseModel):
    """Generated images."""

    created: int = Field(description="Unix time of the request, in seconds.")
    data: list[GeneratedImage] = Field(description="The images.")


@router.post("/generations", summary="Generate images", response_model_exclude_none=True)
async def generate(
    body: ImageRequest, service: ServiceDep, client: ClientDep, request: Request
) -> ImageResponse:
    """For OpenAI's clients. The response comes when all images are finished."""
    width, height = parse_size(body.size)
    options = PaintOptions(pictures=body.n or 1, seed=body.seed, width=width, height=height)
    run, pictures = await service.generate(request, client, body.prompt, options)
    english = run.prompt.english if run.prompt else body.prompt

    def image(picture: StoredPicture) -> GeneratedImage:
        if body.response_format == "url":
            url = f"{request.base_url}v1/pictures/{run.id}-{picture.index}"
            return GeneratedImage(url=url, revised_prompt=english)
        return GeneratedImage(b64_json=base64_file(picture), revised_prompt=english)

    images = await anyio.to_thread.run_sync(lambda: [image(picture) for picture in pictures])
    return ImageResponse(created=int(run.created), data=images)


def parse_size(size: str | None) -> tuple[int | None, int | None]:
    """Width and height in pixels of ``512x512``; None for ``auto`` or nothing.

    Raises:
        OptionError: for anything else.
    """
    if size in (None, "", "auto"):
        return None, None
    width, _, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(str(size)) < 12):
        raise OptionError("size must be like 512x512.")
    return int(width), int(height)
