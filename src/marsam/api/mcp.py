"""Tools for AI assistants, by the Model Context Protocol, at ``/mcp``."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any, cast

import anyio.to_thread
from fastapi import Request
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ImageContent, TextContent
from pydantic import Field

from marsam.api.dependencies import decode_base64_image, get_service
from marsam.api.fields import LanguageName, PictureCount, RecipeName, Seed
from marsam.api.responses import base64_file
from marsam.errors import MarsamError, public_message_of
from marsam.imaging.file_kinds import READABLE
from marsam.imaging.image_io import MAX_BYTES
from marsam.journal.records import Run
from marsam.notices import notice_sentences
from marsam.options import PaintOptions, TranslateOptions
from marsam.recipes import recipe_named
from marsam.text.languages import language

Image = Annotated[str, Field(description=f"{READABLE} image in base64, at most 20 MB.")]
ToolContext = Context[Any, Any, Any]
Content = list[TextContent | ImageContent]
_log = logging.getLogger(__name__)


def mcp_server() -> FastMCP[Any]:
    """An MCP server with the tools caption, translate, paint and run."""
    server: FastMCP[Any] = FastMCP(
        "marsam",
        instructions="Caption images and generate images from text, in English and Arabic.",
        log_level="WARNING",
        stateless_http=True,
        json_response=True,
        streamable_http_path="/mcp",
        max_request_body_size=MAX_BYTES * 4 // 3,
        # The security middleware has checked the Host and Origin headers.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    for tool in (caption, translate, paint, run):
        server.add_tool(_safe(tool), description=inspect.getdoc(tool))
    return server


def caption(picture: Image, context: ToolContext) -> dict[str, Any]:
    """Caption an image in English and Arabic; the notes say what is wrong with the captions.

    Takes a few seconds. Does not read text in the image, and does not answer questions about it.
    """
    image = decode_base64_image(picture)
    with get_service(_request(context)).text_slot() as studio:
        english, arabic = studio.describe(image)[0]
    notices = notice_sentences((*english.warnings, *arabic.warnings), arabic.unknown_words)
    return {"en": english.text, "ar": arabic.text, "notes": [notice.en for notice in notices]}


def translate(
    context: ToolContext,
    text: Annotated[str, Field(description="Text to translate, at most 2000 characters.")],
    source: LanguageName = "en",
    target: LanguageName = "ar",
) -> dict[str, Any]:
    """Translate a text between any two of 202 languages.

    Takes a few seconds. Not needed before paint, which accepts Arabic prompts.
    """
    options = TranslateOptions(source=language(source).code, target=language(target).code)
    with get_service(_request(context)).text_slot() as studio:
        return studio.translator.translate(text, options).to_dict()


async def paint(
    prompt: Annotated[
        str, Field(description="What to show, in English or Arabic, at most 2000 characters.")
    ],
    context: ToolContext,
    pictures: PictureCount = 1,
    seed: Seed = None,
    recipe: RecipeName = "balanced",
) -> Content:
    """Generate 1 to 10 images from a text prompt in English or Arabic.

    Returns PNG images, the prompt in both languages, and the seeds. Slow: seconds to minutes per
    image. Does not edit images.
    """
    request = _request(context)
    options = PaintOptions(pictures=pictures, seed=seed, recipe=recipe_named(recipe))
    finished = await get_service(request).generate(request, options, prompt=prompt)
    return await anyio.to_thread.run_sync(_content, finished)


async def run(
    picture: Image,
    context: ToolContext,
    pictures: PictureCount = 1,
    seed: Seed = None,
    recipe: RecipeName = "balanced",
) -> Content:
    """Caption an image in English and Arabic, and generate 1 to 10 new images from the caption.

    Returns PNG images, the caption in both languages, and the seeds. Slow: seconds to minutes per
    image. Use caption if no new images are wanted.
    """
    request = _request(context)
    options = PaintOptions(pictures=pictures, seed=seed, recipe=recipe_named(recipe))
    image = await anyio.to_thread.run_sync(decode_base64_image, picture)
    finished = await get_service(request).generate(request, options, image=image)
    return await anyio.to_thread.run_sync(_content, finished)


def _safe(tool: Callable[..., Any]) -> Callable[..., Any]:
    """Run a blocking tool in a thread; raise errors that the assistant can read."""

    @functools.wraps(tool)
    async def call(**arguments: Any) -> Any:
        try:
            if inspect.iscoroutinefunction(tool):
                return await tool(**arguments)
            return await anyio.to_thread.run_sync(functools.partial(tool, **arguments))
        except MarsamError as error:
            raise ToolError(public_message_of(error)) from error
        except Exception as error:
            _log.exception("an MCP tool failed")
            raise ToolError(MarsamError.public_message) from error

    return call


def _request(context: ToolContext) -> Request:
    return cast("Request", context.request_context.request)


def _content(run: Run) -> Content:
    lines = []
    if prompt := run.prompt:
        notices = notice_sentences(prompt.warnings, prompt.unknown_words)
        lines = [prompt.english, prompt.arabic, *(notice.en for notice in notices)]
    lines.append(f"seeds: {', '.join(str(picture.seed) for picture in run.pictures)}")
    content: Content = [TextContent(type="text", text="\n".join(lines))]
    for picture in run.pictures:
        if not picture.blocked:
            data = base64_file(picture)
            content.append(ImageContent(type="image", data=data, mimeType="image/png"))
    return content
