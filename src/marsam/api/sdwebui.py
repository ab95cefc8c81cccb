"""Routes for clients of the Stable Diffusion web UI (AUTOMATIC1111)."""

import json

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from marsam.api.dependencies import ClientDep, ServiceDep, decode_base64_image
from marsam.api.fields import LongText, Side
from marsam.api.responses import WebUIErrorBody, base64_file, errors
from marsam.imaging.metadata import infotext, read_record
from marsam.journal.records import StoredPicture
from marsam.options import MAX_TEXT_CHARACTERS, PaintOptions

router = APIRouter(prefix="/sdapi/v1", tags=["Stable Diffusion web UI"])


class PaintRequest(BaseModel, use_attribute_docstrings=True):
    """Body of a text-to-image request of the web UI. Unknown fields are ignored."""

    prompt: LongText
    """Prompt in English or Arabic, at most 2000 characters."""
    negative_prompt: str = Field(default="", max_length=MAX_TEXT_CHARACTERS)
    """What the pictures should not show, in English."""
    seed: int = -1
    """Seed of the first image; negative: random."""
    steps: int | None = None
    """Denoising steps, 1 to 200. Default: the preset's."""
    cfg_scale: float | None = Field(default=None, examples=[7.5])
    """How closely to follow the prompt, 1 to 30. Default: the model's."""
    width: Side = None
    height: Side = None
    batch_size: int = 1
    """Images in a batch."""
    n_iter: int = 1
    """Batches. 1 to 10 images can be generated in total."""


class PaintResponse(BaseModel):
    """Generated images, as the web UI returns them."""

    images: list[str] = Field(description="PNG files in base64.")
    parameters: PaintRequest = Field(description="The request.")
    info: str = Field(description="JSON text with the seeds and settings that were used.")


class InterrogateRequest(BaseModel):
    """An image to caption; ``model`` is ignored, as there is one captioner."""

    image: str = Field(description="Image in base64, with or without a data URL.")


class InterrogateResponse(BaseModel):
    """A caption."""

    caption: str = Field(description="Caption in English.")


@router.post(
    "/txt2img",
    summary="Generate images",
    responses=errors(409, 422, 503, 504, 507, body=WebUIErrorBody),
)
async def txt2img(body: PaintRequest, service: ServiceDep, request: Request) -> PaintResponse:
    """For clients of the web UI. The response comes when all images are finished."""
    options = PaintOptions(
        pictures=body.batch_size * body.n_iter,
        seed=body.seed if body.seed >= 0 else None,
        steps=body.steps,
        guidance_scale=body.cfg_scale,
        negative_prompt=body.negative_prompt,
        width=body.width,
        height=body.height,
    )
    run = await service.generate(request, options, prompt=body.prompt)
    pictures = [picture for picture in run.pictures if not picture.blocked]
    return await anyio.to_thread.run_sync(_paint_response, body, pictures)


@router.post(
    "/interrogate", summary="Caption an image", responses=errors(422, 503, 507, body=WebUIErrorBody)
)
async def interrogate(
    body: InterrogateRequest, service: ServiceDep, client: ClientDep
) -> InterrogateResponse:
    """For clients of the web UI."""
    image = await service.decode(client, lambda: decode_base64_image(body.image))
    caption = await service.with_models(client, lambda studio: studio.caption(image)[0])
    return InterrogateResponse(caption=caption.text)


def _paint_response(body: PaintRequest, pictures: list[StoredPicture]) -> PaintResponse:
    records = [record for one in pictures if one.path and (record := read_record(one.path))]
    info = {
        "prompt": body.prompt,
        "all_prompts": [record.prompt for record in records],
        "negative_prompt": body.negative_prompt,
        "seed": pictures[0].seed if pictures else body.seed,
        "all_seeds": [picture.seed for picture in pictures],
        "steps": records[0].steps if records else body.steps,
        "cfg_scale": records[0].guidance_scale if records else body.cfg_scale,
        "sampler_name": records[0].scheduler if records else "",
        "width": records[0].width if records else body.width,
        "height": records[0].height if records else body.height,
        "infotexts": [infotext(record) for record in records],
    }
    return PaintResponse(
        images=[base64_file(picture) for picture in pictures],
        parameters=body,
        info=json.dumps(info, ensure_ascii=False),
    )
