"""Variations of an image, with a prompt (OpenAI's edits) or with its caption (its variations)."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from marsam.api.bodies import Body, File, body_of, request_body
from marsam.api.dependencies import ClientDep, RunService, ServiceDep
from marsam.api.fields import Seed, Strength
from marsam.api.openai.images import ImageRequest, ImageResponse, paint_images
from marsam.api.responses import OpenAIErrorBody, errors
from marsam.errors import OptionError
from marsam.imaging.image_io import CAPTION_SIDE, open_picture
from marsam.options import DEFAULT_STRENGTH, PaintOptions
from marsam.stages.protocols import Painter

MAX_FILES = 20
"""Files of a form; more than one image is refused with a reason."""

router = APIRouter(
    prefix="/images", responses=errors(409, 413, 415, 503, 504, 507, body=OpenAIErrorBody)
)


class EditRequest(ImageRequest, Body):
    """Form of an OpenAI-compatible request to edit an image: as for `generations`, and an image."""

    image: File
    """The image that the new ones are variations of, at most 20 MB; as `image[]`, too."""
    strength: Strength = None
    mask: File | None = None
    """Refused, as whole images are painted."""
    input_fidelity: str | None = None
    """Has no effect; use `strength`."""

    def ignored(self, painter: str) -> list[str]:
        """As of :class:`ImageRequest`."""
        return super().ignored(painter) + (["input_fidelity"] if self.input_fidelity else [])

    def options(self, painter: Painter) -> PaintOptions:
        """As of :class:`ImageRequest`, with a strength; OptionError for a mask."""
        if self.mask is not None:
            raise OptionError(
                "This server paints whole images and no parts of them; leave out mask."
            )
        strength = DEFAULT_STRENGTH if self.strength is None else self.strength
        options = replace(super().options(painter), strength=strength)
        sampling = painter.sampling(options.recipe)
        steps = sampling.denoising_steps(sampling.steps, strength)
        every = max(1, steps // (self.partial_images + 1)) if self.partial_images else 0
        return replace(options, preview_every=every)


class VariationRequest(Body):
    """Form of an OpenAI-compatible request for variations of an image."""

    image: File
    """The image, at most 20 MB."""
    n: int | None = None
    """Number of images, 1 to 10. Default: 1."""
    size: str | None = Field(default=None, examples=["512x512"])
    """Width and height in pixels, or `auto` for the model's own."""
    response_format: Literal["url", "b64_json"] | None = None
    """Links to PNG files, or files in base64 (default)."""
    strength: Strength = None
    seed: Seed = None
    model: str | None = None
    """Has no effect."""
    user: str | None = None
    """Has no effect."""


@router.post(
    "/edits",
    summary="Generate variations of an image with a prompt",
    response_model=ImageResponse,
    response_model_exclude_none=True,
    responses={200: {"content": {"text/event-stream": {}}}},
    openapi_extra=request_body(EditRequest),
)
async def edit(
    body: Annotated[EditRequest, Depends(body_of(EditRequest, max_files=MAX_FILES))],
    service: ServiceDep,
    client: ClientDep,
    request: Request,
) -> ImageResponse | StreamingResponse:
    """For OpenAI's clients. The whole image is painted anew, as far as `strength` says.

    With `stream`, the events are `image_edit.completed` and `image_edit.partial_image`.
    """
    return await _paint(body, service, client, request, prompt=body.prompt)


@router.post(
    "/variations",
    summary="Generate variations of an image with its caption",
    response_model=ImageResponse,
    response_model_exclude_none=True,
    openapi_extra=request_body(VariationRequest),
)
async def vary(
    body: Annotated[VariationRequest, Depends(body_of(VariationRequest))],
    service: ServiceDep,
    client: ClientDep,
    request: Request,
) -> ImageResponse | StreamingResponse:
    """For OpenAI's clients. The caption of the image is the prompt."""
    edit = EditRequest(prompt="", **body.model_dump())
    return await _paint(edit, service, client, request, prompt=None)


async def _paint(
    body: EditRequest, service: RunService, client: str, request: Request, *, prompt: str | None
) -> ImageResponse | StreamingResponse:
    options = body.options(service.scheduler.studio.painter)
    image = await service.decode(client, lambda: open_picture(body.image, side=CAPTION_SIDE))
    return await paint_images(
        body, service, request, options, prompt=prompt, image=image, kind="image_edit"
    )
