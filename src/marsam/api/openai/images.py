"""Images from text, at once or as a stream of events."""

import base64
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from marsam.api.dependencies import (
    BLOCKED,
    STOPPING,
    RunService,
    ServiceDep,
    renamed_options,
    visible_pictures,
)
from marsam.api.fields import AsWritten, LongText, Seed, StyleName
from marsam.api.ignored import IGNORED
from marsam.api.openai.encoding import Format, encode_picture, encode_preview
from marsam.api.openai.events import KEEP_ALIVE, error_event, event, event_stream
from marsam.api.pictures import picture_link
from marsam.api.reader_language import reader_language
from marsam.api.responses import OpenAIErrorBody, errors
from marsam.errors import Cancelled, MarsamError, OptionError, PromptError, RetryLater
from marsam.imaging.metadata import read_record
from marsam.journal.records import Run, StoredPicture
from marsam.options import PaintOptions, parse_size
from marsam.recipes import Recipe
from marsam.results import Previewed
from marsam.runs.execution import RunEnded
from marsam.stages.protocols import Painter
from marsam.styles import NO_STYLE

Quality = Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"]
RECIPES: dict[Quality | None, Recipe] = {
    "low": Recipe.DRAFT,
    "high": Recipe.FAITHFUL,
    "xhigh": Recipe.FAITHFUL,
    "max": Recipe.FAITHFUL,
    "hd": Recipe.FAITHFUL,
}
"""Presets by quality; all others are balanced."""
QUALITIES = {
    Recipe.INSTANT: "low",
    Recipe.DRAFT: "low",
    Recipe.BALANCED: "medium",
    Recipe.FAITHFUL: "high",
}
OPENAI_STYLES = ("vivid", "natural")
KEEP_ALIVE_S = 15.0

router = APIRouter(prefix="/images", responses=errors(409, 503, 504, 507, body=OpenAIErrorBody))


class ImageRequest(BaseModel, use_attribute_docstrings=True):
    """Body of an OpenAI-compatible image request; null is the same as nothing.

    Fields that OpenAI does not have are refused, except `seed` and `as_written`. `model`,
    `moderation` and the styles of OpenAI have no effect; `ignored` in the response names them.
    """

    model_config = ConfigDict(extra="forbid")

    prompt: LongText
    """Prompt in English or Arabic, at most 2000 characters."""
    n: int | None = None
    """Number of images, 1 to 10. Default: 1."""
    size: str | None = Field(default=None, examples=["512x512"])
    """Width and height in pixels, or `auto` for the model's own."""
    quality: Quality | None = None
    """`low` is the preset `draft`, `medium`, `standard` and `auto` are `balanced`, the others
    `faithful`.
    """
    response_format: Literal["url", "b64_json"] | None = None
    """Links to PNG files, or files in base64 (default)."""
    output_format: Format | None = None
    """Format of the files. Default: `png`."""
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """Quality of JPEG and WebP files, 0 to 100. Default: 100."""
    background: Literal["auto", "opaque", "transparent"] | None = None
    """`transparent` is refused."""
    stream: bool | None = None
    """Send each image when it is finished, as a server-sent event."""
    partial_images: int | None = Field(default=None, ge=0, le=3)
    """Previews of each image to send in a stream, 0 to 3. Default: 0."""
    seed: Seed = None
    as_written: AsWritten = PaintOptions.as_written
    model: str | None = None
    """Has no effect."""
    style: StyleName | None = None
    """A style of `/v1/runs`; `vivid` and `natural` have no effect."""
    moderation: str | None = None
    """Has no effect."""
    user: str | None = None
    """Has no effect."""
    safety_identifier: str | None = None
    """Has no effect."""

    def ignored(self, painter: str) -> list[str]:
        """The names of fields that would have made a difference with OpenAI."""
        told = ["model"] if self.model not in (None, painter) else []
        told += ["style"] if self.style in OPENAI_STYLES else []
        return told + (["moderation"] if self.moderation not in (None, "auto") else [])

    @property
    def format(self) -> Format:
        """The format of the files."""
        return self.output_format or "png"

    def options(self, painter: Painter) -> PaintOptions:
        """The options of the run; OptionError for what cannot be done."""
        if self.background == "transparent":
            raise OptionError("Images have no transparent background; leave background out.")
        if self.output_compression not in (None, 100) and self.format == "png":
            raise OptionError("output_compression needs output_format jpeg or webp.")
        if self.response_format == "url" and self.format != "png":
            raise OptionError("Links are to PNG files; leave output_format or response_format out.")
        if self.response_format == "url" and self.stream:
            raise OptionError("A stream has no links; leave response_format out.")
        if self.partial_images and not self.stream:
            raise OptionError("partial_images needs stream.")
        width, height = parse_size(self.size)
        recipe = RECIPES.get(self.quality, Recipe.BALANCED)
        every = 0
        if self.partial_images:
            every = max(1, painter.sampling(recipe).steps // (self.partial_images + 1))
        with renamed_options(pictures="n", width="The width in size", height="The height in size"):
            return PaintOptions(
                pictures=1 if self.n is None else self.n,
                seed=self.seed,
                as_written=self.as_written,
                recipe=recipe,
                style=NO_STYLE if self.style in (None, *OPENAI_STYLES) else self.style,
                width=width,
                height=height,
                preview_every=every,
            )


class GeneratedImage(BaseModel):
    """One image, with ``b64_json`` or ``url``."""

    b64_json: str | None = Field(default=None, description="File in base64.")
    url: str | None = Field(default=None, description="Link to the PNG file; needs no API key.")
    revised_prompt: str = Field(description="English prompt the image was generated from.")


class TokenDetails(BaseModel):
    """Tokens by kind."""

    text_tokens: int = Field(description="Tokens of the prompt.")
    image_tokens: int = Field(default=0, description="Always 0.")


class Usage(BaseModel):
    """Tokens of the prompt, as the painter counts them; images have none."""

    input_tokens: int = Field(description="Tokens of the prompt.")
    output_tokens: int = Field(default=0, description="Always 0.")
    total_tokens: int = Field(description="Tokens of the prompt.")
    input_tokens_details: TokenDetails = Field(description="Tokens by kind.")


class ImageResponse(BaseModel):
    """Generated images."""

    created: int = Field(description="Unix time of the request, in seconds.")
    data: list[GeneratedImage] = Field(description="The images.")
    background: str = Field(default="opaque", description="Always `opaque`.")
    output_format: Format = Field(description="Format of the files.")
    quality: str = Field(description="`low`, `medium` or `high`, by the preset.")
    size: str = Field(description="Width and height in pixels.", examples=["512x512"])
    usage: Usage = Field(description="Tokens of the prompt.")
    ignored: list[str] = IGNORED


@router.post(
    "/generations",
    summary="Generate images",
    response_model=ImageResponse,
    response_model_exclude_none=True,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def generate(
    body: ImageRequest, service: ServiceDep, request: Request
) -> ImageResponse | StreamingResponse:
    """For OpenAI's clients. The response comes when all images are finished.

    With `stream`, each image is an event `image_generation.completed`, and each preview an event
    `image_generation.partial_image`.
    """
    options = body.options(service.scheduler.studio.painter)
    return await paint_images(body, service, request, options, prompt=body.prompt)


async def paint_images(
    body: ImageRequest,
    service: RunService,
    request: Request,
    options: PaintOptions,
    *,
    prompt: str | None = None,
    image: Image.Image | None = None,
    kind: str = "image_generation",
) -> ImageResponse | StreamingResponse:
    """Execute a run, and return its images as a request wants them.

    ``kind`` is what the types of the events of a stream begin with.
    """
    run = await service.start(request, options, prompt=prompt, image=image)
    if body.stream:
        return event_stream(_events(service, run, body, kind, reader_language(request)))
    run = await service.finish(request, run.id)
    pictures = visible_pictures(run)
    links = [
        picture_link(request, f"{run.id}-{picture.index}").url
        for picture in pictures
        if body.response_format == "url"
    ]
    origin = f"{request.base_url.scheme}://{request.base_url.netloc}"
    painted = run.prompt.for_painter if run.prompt else body.prompt

    def respond() -> ImageResponse:
        images = (
            [GeneratedImage(url=origin + link, revised_prompt=painted) for link in links]
            if body.response_format == "url"
            else [
                GeneratedImage(b64_json=_file(picture, body), revised_prompt=painted)
                for picture in pictures
            ]
        )
        return ImageResponse(
            created=int(run.created),
            data=images,
            output_format=body.format,
            quality=QUALITIES[options.recipe],
            size=_size(pictures[0]) if pictures else body.size or "auto",
            usage=_usage(run),
            ignored=body.ignored(service.scheduler.studio.painter.name),
        )

    return await anyio.to_thread.run_sync(respond)


async def _events(
    service: RunService, run: Run, body: ImageRequest, kind: str, language: str
) -> AsyncGenerator[str]:
    """The events of a run: finished images come from the journal, so that none is missed."""
    recipe = run.options.paint.recipe if run.options else Recipe.BALANCED
    common = {
        "created_at": int(run.created),
        "background": "opaque",
        "output_format": body.format,
        "quality": QUALITIES[recipe],
        "ignored": body.ignored(service.scheduler.studio.painter.name),
    }
    completed = common | {"type": f"{kind}.completed"}
    sent, shown, last = 0, Counter[int](), time.monotonic()
    async with aclosing(service.follow(run.id)) as events:
        async for happened in events:
            if isinstance(happened, Previewed):
                index, image = happened.index, happened.image
                if image is None or index < sent or shown[index] == body.partial_images:
                    continue
                data = common | {
                    "type": f"{kind}.partial_image",
                    "partial_image_index": shown[index],
                    "b64_json": _base64(encode_preview(image, body.format)),
                    "size": "{}x{}".format(*image.size),
                }
                shown[index] += 1
                yield event(data)
            elif happened is None and time.monotonic() - last < KEEP_ALIVE_S:
                continue
            run = await anyio.to_thread.run_sync(service.scheduler.journal.run, None, run.id)
            for picture in run.pictures[sent:]:
                sent += 1
                if not picture.blocked:
                    yield event(
                        await anyio.to_thread.run_sync(_completed, picture, run, body, completed)
                    )
            last = time.monotonic()
            if happened is None:
                yield KEEP_ALIVE
            elif isinstance(happened, RunEnded) and (error := _failure(happened, run)):
                yield error_event(error, language)


def _completed(
    picture: StoredPicture, run: Run, body: ImageRequest, common: dict[str, Any]
) -> dict[str, Any]:
    return common | {
        "b64_json": _file(picture, body),
        "size": _size(picture),
        "usage": _usage(run).model_dump(),
        "revised_prompt": run.prompt.for_painter if run.prompt else body.prompt,
    }


def _failure(ended: RunEnded, run: Run) -> MarsamError | None:
    if ended.error is not None:
        return ended.error
    if ended.state == "interrupted":
        return RetryLater(STOPPING)
    if ended.state != "finished":
        return Cancelled("The run was stopped; its finished pictures are kept.")
    is_blocked = bool(run.pictures) and all(picture.blocked for picture in run.pictures)
    return PromptError(BLOCKED) if is_blocked else None


def _file(picture: StoredPicture, body: ImageRequest) -> str:
    if picture.path is None:
        return ""
    compression = 100 if body.output_compression is None else body.output_compression
    return _base64(encode_picture(picture.path, body.format, compression))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _size(picture: StoredPicture) -> str:
    record = read_record(picture.path) if picture.path else None
    return f"{record.width}x{record.height}" if record else "auto"


def _usage(run: Run) -> Usage:
    tokens = run.prompt.length.tokens if run.prompt else 0
    details = TokenDetails(text_tokens=tokens)
    return Usage(input_tokens=tokens, total_tokens=tokens, input_tokens_details=details)
