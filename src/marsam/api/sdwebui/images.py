"""Images of the web UI: from text, from images, captioned, and their metadata."""

import json
from collections.abc import Sequence
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from PIL import Image
from pydantic import BaseModel, Field, SerializeAsAny

from marsam.api.dependencies import (
    ClientDep,
    RunService,
    ServiceDep,
    decode_base64,
    decode_base64_image,
    visible_pictures,
)
from marsam.api.ignored import IGNORED
from marsam.api.reader_language import reader_language
from marsam.api.responses import WebUIErrorBody, base64_file, errors
from marsam.api.sdwebui.infotext import parse_infotext, read_infotext
from marsam.api.sdwebui.paint_request import PaintRequest, VariationRequest
from marsam.api.sdwebui.progress import BoardDep, ProgressBoard
from marsam.api.sdwebui.settings import SAMPLER_NAMES
from marsam.errors import Cancelled
from marsam.imaging.metadata import infotext, read_record
from marsam.journal.records import Run
from marsam.messages import InBothLanguages, Message, in_language
from marsam.notices import notice_sentences

router = APIRouter()


class PaintResponse(BaseModel):
    """Generated images, as the web UI returns them."""

    images: list[str] = Field(description="PNG files in base64.")
    parameters: SerializeAsAny[PaintRequest] = Field(description="The request, without images.")
    info: str = Field(
        description="JSON text with the seeds and settings that were used, the fields that were "
        "`ignored`, and `notes` for people."
    )


class ImageToRead(BaseModel):
    """An image to caption or to read."""

    image: str = Field(description="Image in base64, with or without a data URL.")
    model: str | None = Field(
        default=None, description="Has no effect: there is one captioner.", examples=["clip"]
    )


class InterrogateResponse(BaseModel):
    """A caption."""

    caption: str = Field(description="Caption in English.")
    ignored: list[str] = IGNORED


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
    return await _paint(body, service, board, client, request, prompt=body.prompt or "")


@router.post(
    "/img2img",
    summary="Generate variations of an image",
    responses=errors(409, 503, 504, 507, body=WebUIErrorBody),
)
async def img2img(
    body: VariationRequest,
    service: ServiceDep,
    board: BoardDep,
    client: ClientDep,
    request: Request,
) -> PaintResponse:
    """For clients of the web UI. Without a prompt, the image's caption is the prompt."""
    encoded = body.image()
    body.options(service.scheduler.studio.painter)  # refused before the image is decoded
    image = await service.decode(client, lambda: decode_base64_image(encoded))
    prompt = body.prompt if (body.prompt or "").strip() else None
    return await _paint(body, service, board, client, request, prompt=prompt, image=image)


async def _paint(
    body: PaintRequest,
    service: RunService,
    board: ProgressBoard,
    client: str,
    request: Request,
    *,
    prompt: str | None,
    image: Image.Image | None = None,
) -> PaintResponse:
    """Paint what a request asks for, and answer when all images are finished or interrupted."""
    scheduler = service.scheduler
    options, ignored, notes = body.options(scheduler.studio.painter)
    if prompt is None:
        notes.append(Message("There was no prompt, so the caption of the image was used."))
    run = await service.start(request, options, prompt=prompt, image=image)
    with board.show(scheduler, client, run) as progress:
        try:
            run = await service.finish(request, run.id)
        except Cancelled:
            if not progress.interrupted:
                raise
            run = await anyio.to_thread.run_sync(scheduler.journal.run, None, run.id)
            notes.append(Message("The run was interrupted."))
    language = reader_language(request)
    return await anyio.to_thread.run_sync(_paint_response, body, run, ignored, notes, language)


@router.post(
    "/interrogate", summary="Caption an image", responses=errors(503, 507, body=WebUIErrorBody)
)
async def interrogate(
    body: ImageToRead, service: ServiceDep, client: ClientDep
) -> InterrogateResponse:
    """For clients of the web UI."""
    image = await service.decode(client, lambda: decode_base64_image(body.image))
    caption = await service.with_models(client, lambda studio: studio.caption(image)[0])
    ignored = ["model"] if body.model not in (None, "", "clip") else []
    return InterrogateResponse(caption=caption.text, ignored=ignored)


@router.post("/png-info", summary="Read the metadata of an image")
async def png_info(body: ImageToRead, service: ServiceDep, client: ClientDep) -> InfoResponse:
    """Generation parameters of a picture of Marsam or of the web UI."""
    text = await service.decode(client, lambda: read_infotext(decode_base64(body.image)))
    items = {"parameters": text} if text else {}
    return InfoResponse(info=text, items=items, parameters=parse_infotext(text))


def _paint_response(
    body: PaintRequest,
    run: Run,
    ignored: Sequence[str],
    notes: Sequence[InBothLanguages],
    language: str,
) -> PaintResponse:
    pictures = visible_pictures(run)
    records = [record for one in pictures if one.path and (record := read_record(one.path))]
    first = records[0] if records else None
    said = notice_sentences(run.prompt.warnings, run.prompt.unknown_words) if run.prompt else ()
    blocked = [
        Message("Picture {number} was blocked by the safety checker.", number=one.index + 1)
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
        "denoising_strength": (first.strength or None) if first else None,
        "sampler_name": SAMPLER_NAMES.get(first.scheduler, first.scheduler) if first else "",
        "width": first.width if first else body.width,
        "height": first.height if first else body.height,
        "batch_size": body.batch_size or 1,
        "sd_model_name": first.painter if first else "",
        "index_of_first_image": 0,
        "infotexts": [infotext(record) for record in records],
        "ignored": list(ignored),
        "notes": [in_language(note, language) for note in (*notes, *blocked, *said)],
    }
    return PaintResponse(
        images=[base64_file(one) for one in pictures] if body.send_images is not False else [],
        parameters=body.known(),
        info=json.dumps(info, ensure_ascii=False),
    )
