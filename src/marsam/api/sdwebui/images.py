"""Images of the web UI: from text, captioned, and their metadata."""

import json
from collections.abc import Sequence
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from marsam.api.dependencies import (
    ClientDep,
    ServiceDep,
    decode_base64,
    decode_base64_image,
    visible_pictures,
)
from marsam.api.responses import WebUIErrorBody, base64_file, errors
from marsam.api.sdwebui.infotext import parse_infotext, read_infotext
from marsam.api.sdwebui.paint_request import PaintRequest
from marsam.api.sdwebui.progress import BoardDep
from marsam.api.sdwebui.settings import SAMPLER_NAMES
from marsam.errors import Cancelled, OptionError
from marsam.imaging.metadata import infotext, read_record
from marsam.journal.records import Run
from marsam.notices import notice_sentences

router = APIRouter()


class PaintResponse(BaseModel):
    """Generated images, as the web UI returns them."""

    images: list[str] = Field(description="PNG files in base64.")
    parameters: PaintRequest = Field(description="The request.")
    info: str = Field(
        description="JSON text with the seeds and settings that were used, the fields that were "
        "`ignored`, and `notes` for people."
    )


class ImageToRead(BaseModel):
    """An image to caption or to read; ``model`` is ignored, as there is one captioner."""

    image: str = Field(description="Image in base64, with or without a data URL.")


class InterrogateResponse(BaseModel):
    """A caption."""

    caption: str = Field(description="Caption in English.")


class InfoResponse(BaseModel):
    """What the metadata of an image say."""

    info: str = Field(description="Generation parameters as text; empty if there are none.")
    items: dict[str, str] = Field(description="The same text as `parameters`, if there is one.")
    parameters: dict[str, str] = Field(description="The parameters by name.")


@router.post(
    "/txt2img", summary="Generate images", responses=errors(409, 503, 504, 507, body=WebUIErrorBody)
)
async def txt2img(
    body: PaintRequest, service: ServiceDep, board: BoardDep, client: ClientDep, request: Request
) -> PaintResponse:
    """For clients of the web UI. The response comes when all images are finished."""
    scheduler = service.scheduler
    options, ignored, notes = body.options(scheduler.studio.painter)
    run = await service.start(request, options, prompt=body.prompt or "")
    with board.show(scheduler, client, run) as progress:
        try:
            run = await service.finish(request, run.id)
        except Cancelled:
            if not progress.interrupted:
                raise
            run = await anyio.to_thread.run_sync(scheduler.journal.run, None, run.id)
            notes.append("The run was interrupted.")
    return await anyio.to_thread.run_sync(_paint_response, body, run, ignored, notes)


@router.post("/img2img", summary="Refuse to change an image")
def img2img() -> None:
    """Always refused."""
    raise OptionError("This server does not paint from images; use txt2img, or interrogate.")


@router.post(
    "/interrogate", summary="Caption an image", responses=errors(503, 507, body=WebUIErrorBody)
)
async def interrogate(
    body: ImageToRead, service: ServiceDep, client: ClientDep
) -> InterrogateResponse:
    """For clients of the web UI."""
    image = await service.decode(client, lambda: decode_base64_image(body.image))
    caption = await service.with_models(client, lambda studio: studio.caption(image)[0])
    return InterrogateResponse(caption=caption.text)


@router.post("/png-info", summary="Read the metadata of an image")
async def png_info(body: ImageToRead, service: ServiceDep, client: ClientDep) -> InfoResponse:
    """Generation parameters of a picture of Marsam or of the web UI."""
    text = await service.decode(client, lambda: read_infotext(decode_base64(body.image)))
    items = {"parameters": text} if text else {}
    return InfoResponse(info=text, items=items, parameters=parse_infotext(text))


def _paint_response(
    body: PaintRequest, run: Run, ignored: Sequence[str], notes: Sequence[str]
) -> PaintResponse:
    pictures = visible_pictures(run)
    records = [record for one in pictures if one.path and (record := read_record(one.path))]
    first = records[0] if records else None
    said = notice_sentences(run.prompt.warnings, run.prompt.unknown_words) if run.prompt else ()
    blocked = [
        f"Picture {one.index + 1} was blocked by the safety checker."
        for one in run.pictures
        if one.blocked
    ]
    info: dict[str, Any] = {
        "prompt": body.prompt,
        "all_prompts": [record.prompt for record in records],
        "negative_prompt": body.negative_prompt or "",
        "all_negative_prompts": [record.negative_prompt for record in records],
        "seed": pictures[0].seed if pictures else body.seed,
        "all_seeds": [picture.seed for picture in pictures],
        "steps": first.steps if first else body.steps,
        "cfg_scale": first.guidance_scale if first else body.cfg_scale,
        "sampler_name": SAMPLER_NAMES.get(first.scheduler, first.scheduler) if first else "",
        "width": first.width if first else body.width,
        "height": first.height if first else body.height,
        "batch_size": body.batch_size or 1,
        "sd_model_name": first.painter if first else "",
        "index_of_first_image": 0,
        "infotexts": [infotext(record) for record in records],
        "ignored": list(ignored),
        "notes": [*notes, *blocked, *(notice.en for notice in said)],
    }
    return PaintResponse(
        images=[base64_file(one) for one in pictures] if body.send_images is not False else [],
        parameters=body.known(),
        info=json.dumps(info, ensure_ascii=False),
    )
