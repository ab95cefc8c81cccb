"""OpenAI-compatible image generation."""

from typing import Literal

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from marsam.api.dependencies import ServiceDep
from marsam.api.fields import LongText, Seed
from marsam.api.responses import OpenAIErrorBody, base64_file, errors
from marsam.journal.records import StoredPicture
from marsam.options import PaintOptions, parse_size

router = APIRouter(
    prefix="/v1/images",
    tags=["OpenAI"],
    responses=errors(409, 422, 503, 504, 507, body=OpenAIErrorBody),
)


class ImageRequest(BaseModel, use_attribute_docstrings=True):
    """Body of an OpenAI-compatible image request. Unknown fields are ignored."""

    prompt: LongText
    """Prompt in English or Arabic, at most 2000 characters."""
    n: int | None = 1
    """Number of images, 1 to 10."""
    size: str | None = Field(default=None, examples=["512x512"])
    """Width and height in pixels, or `auto` for the model's own."""
    response_format: Literal["url", "b64_json"] | None = None
    """Links, or PNG files in base64 (default)."""
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
async def generate(body: ImageRequest, service: ServiceDep, request: Request) -> ImageResponse:
    """For OpenAI's clients. The response comes when all images are finished."""
    width, height = parse_size(body.size)
    options = PaintOptions(pictures=body.n or 1, seed=body.seed, width=width, height=height)
    run = await service.generate(request, options, prompt=body.prompt)
    english = run.prompt.for_painter if run.prompt else body.prompt

    def image(picture: StoredPicture) -> GeneratedImage:
        if body.response_format == "url":
            url = f"{request.base_url}v1/pictures/{run.id}-{picture.index}"
            return GeneratedImage(url=url, revised_prompt=english)
        return GeneratedImage(b64_json=base64_file(picture), revised_prompt=english)

    pictures = [picture for picture in run.pictures if not picture.blocked]
    images = await anyio.to_thread.run_sync(lambda: list(map(image, pictures)))
    return ImageResponse(created=int(run.created), data=images)
