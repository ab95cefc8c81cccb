"""Tools for AI assistants, by the Model Context Protocol, at ``/mcp``."""

import base64
import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import anyio.to_thread
from fastapi import Request
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ImageContent, TextContent
from pydantic import Field

from marsam.api.dependencies import client_id, decode_base64_image, get_service
from marsam.errors import MarsamError, public_message_of
from marsam.imaging.image_io import MAX_BYTES
from marsam.journal.records import NewRun, Run
from marsam.options import PaintOptions, RunOptions, TranslateOptions
from marsam.recipes import recipe_named
from marsam.text.languages import language

PATH = "/mcp"
Image = Annotated[str, Field(description="JPEG, PNG or WebP image in base64, at most 20 MB.")]
Prompt = Annotated[
    str, Field(description="What the images show, in English or Arabic, at most 2000 characters.")
]
Pictures = Annotated[int, Field(description="Number of images to generate, 1 to 10.")]
Seed = Annotated[
    int | None,
    Field(description="Seed of the first image; the same seed gives the same image. Else random."),
]
Recipe = Annotated[
    str, Field(description="Quality preset: draft (fast), balanced, or faithful (slow).")
]
ToolContext = Context[Any, Any, Any]
Content = list[TextContent | ImageContent]
T = TypeVar("T")
_log = logging.getLogger(__name__)


def mcp_server() -> FastMCP[Any]:
    """An MCP server with the tools caption, translate, paint and run."""
    server: FastMCP[Any] = FastMCP(
        "marsam",
        instructions="Caption images and generate images from text, in English and Arabic.",
        log_level="WARNING",
        stateless_http=True,
        json_response=True,
        streamable_http_path=PATH,
        max_request_body_size=MAX_BYTES * 4 // 3,
        # The security middleware has checked the Host and Origin headers.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    for tool in (caption, translate, paint, run):
        server.add_tool(tool, description=inspect.getdoc(tool))
    return server


async def caption(picture: Image, context: ToolContext) -> dict[str, str]:
    """Caption an image in English and Arabic.

    Takes a few seconds. Does not read text in the image, and does not answer questions about it.
    """

    def work() -> dict[str, str]:
        image = decode_base64_image(picture)
        with get_service(_request(context)).text_slot() as studio:
            english, arabic = studio.describe(image)[0]
            return {"en": english.text, "ar": arabic.text}

    return await _in_thread(work)


async def translate(
    context: ToolContext,
    text: Annotated[str, Field(description="Text to translate, at most 2000 characters.")],
    source: Annotated[
        str, Field(description="Language of the text: a name, or a code such as en or eng_Latn.")
    ] = "en",
    target: Annotated[
        str,
        Field(description="Language to translate into: a name, or a code such as ar or arb_Arab."),
    ] = "ar",
) -> dict[str, Any]:
    """Translate a text between any two of 202 languages.

    Takes a few seconds. Not needed before paint, which accepts Arabic prompts.
    """

    def work() -> dict[str, Any]:
        options = TranslateOptions(source=language(source).code, target=language(target).code)
        with get_service(_request(context)).text_slot() as studio:
            return studio.translator.translate(text, options).to_dict()

    return await _in_thread(work)


async def paint(
    prompt: Prompt,
    context: ToolContext,
    pictures: Pictures = 1,
    seed: Seed = None,
    recipe: Recipe = "balanced",
) -> Content:
    """Generate 1 to 10 images from a text prompt in English or Arabic.

    Returns PNG images, the prompt in both languages, and the seeds. Slow: seconds to minutes per
    image. Does not edit images.
    """
    return await _generate(context, pictures, seed, recipe, prompt=prompt)


async def run(
    picture: Image,
    context: ToolContext,
    pictures: Pictures = 1,
    seed: Seed = None,
    recipe: Recipe = "balanced",
) -> Content:
    """Caption an image in English and Arabic, and generate 1 to 10 new images from the caption.

    Returns PNG images, the caption in both languages, and the seeds. Slow: seconds to minutes per
    image. Use caption if no new images are wanted.
    """
    return await _generate(context, pictures, seed, recipe, picture=picture)


async def _generate(
    context: ToolContext,
    pictures: int,
    seed: int | None,
    recipe: str,
    *,
    prompt: str | None = None,
    picture: str | None = None,
) -> Content:
    request = _request(context)
    service, client = get_service(request), client_id(request)

    def create() -> Run:
        paint = PaintOptions(pictures=pictures, seed=seed, recipe=recipe_named(recipe))
        image = None if picture is None else decode_base64_image(picture)
        options = RunOptions(paint=paint)
        new = NewRun(client=client, options=options, image=image, prompt=prompt)
        return service.create(new)[0]

    created = await _in_thread(create)
    try:
        finished = await service.wait(request, created.id)
    except MarsamError as error:
        raise ToolError(public_message_of(error)) from error
    return await _in_thread(lambda: _content(finished))


def _request(context: ToolContext) -> Request:
    return cast("Request", context.request_context.request)


async def _in_thread(work: Callable[[], T]) -> T:
    """Do blocking work in a thread; its errors become errors that the assistant can read."""
    try:
        return await anyio.to_thread.run_sync(work)
    except MarsamError as error:
        raise ToolError(public_message_of(error)) from error
    except Exception as error:
        _log.exception("an MCP tool failed")
        raise ToolError(MarsamError.public_message) from error


def _content(run: Run) -> Content:
    prompt = f"{run.prompt.english}\n{run.prompt.arabic}" if run.prompt else ""
    seeds = ", ".join(str(picture.seed) for picture in run.pictures)
    content: Content = [TextContent(type="text", text=f"{prompt}\nseeds: {seeds}")]
    for picture in run.pictures:
        if picture.path is not None:
            data = base64.b64encode(picture.path.read_bytes()).decode()
            content.append(ImageContent(type="image", data=data, mimeType="image/png"))
    return content
