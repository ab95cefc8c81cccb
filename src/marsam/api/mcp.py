"""Tools for AI assistants, by the Model Context Protocol, at ``/mcp``."""

import inspect
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

import anyio.to_thread
from fastapi import Request
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import ContentBlock, ImageContent, TextContent, Tool, ToolAnnotations
from pydantic import Field, ValidationError
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from marsam.api.dependencies import (
    MAX_BASE64_CHARACTERS,
    RunService,
    client_id,
    decode_base64_image,
    get_service,
)
from marsam.api.fields import LanguageName, PictureCount, RecipeName, Seed
from marsam.api.responses import base64_file
from marsam.api.validation import invalid_sentence
from marsam.errors import MarsamError, public_message_of
from marsam.imaging.file_kinds import READABLE
from marsam.imaging.image_io import MAX_BYTES
from marsam.journal.records import Run
from marsam.notices import notice_sentences
from marsam.options import MAX_PICTURES, MAX_TEXT_CHARACTERS, PaintOptions, TranslateOptions
from marsam.recipes import recipe_named
from marsam.results import Painted, Previewed
from marsam.runs.execution import RunEvent
from marsam.runs.scheduler import Scheduler
from marsam.stages.protocols import Translator
from marsam.text.languages import language
from marsam.version import __version__

HEARTBEAT_S = 10.0
"""Time between two progress notifications, at most: clients give up after a minute without one."""
MAX_NAMED_LANGUAGES = 5
INSTRUCTIONS = """\
Caption images and generate images from text, in English and Arabic. Use `caption` to describe an
image, `paint` to generate images from a text, `run` to generate new images like a given one, and
`translate` for texts that are not prompts. Images take time: ask for one before asking for many."""
Image = Annotated[
    str,
    Field(
        description=f"{READABLE} image in base64, at most {MAX_BYTES // 1_000_000} MB; "
        "not a URL or a path."
    ),
]
ToolContext = Context[Any, Any, Any]
Content = list[TextContent | ImageContent]
_log = logging.getLogger(__name__)


class McpEndpoint:
    """ASGI endpoint: event streams with progress for clients that read them, else plain JSON."""

    def __init__(self, scheduler: Scheduler) -> None:
        server = ToolServer(scheduler)
        self._streaming, self._plain = (
            StreamableHTTPSessionManager(
                server._mcp_server,  # FastMCP itself makes only one manager
                json_response=json_response,
                stateless=True,
                max_request_body_size=MAX_BASE64_CHARACTERS + 100_000,
            )
            for json_response in (False, True)
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Serve requests as long as the context is open."""
        async with self._streaming.run(), self._plain.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one message."""
        accept = Headers(scope=scope).get("accept", "*/*")
        if "text/event-stream" in accept:
            await self._streaming.handle_request(scope, receive, send)
            return
        headers = scope["headers"]
        if "*/*" in accept:  # the SDK wants the media type itself
            others = [(name, value) for name, value in headers if name != b"accept"]
            headers = [*others, (b"accept", b"application/json")]
        await self._plain.handle_request({**scope, "headers": headers}, receive, send)


class ToolServer(FastMCP[Any]):
    """An MCP server with the tools caption, translate, paint and run."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__("marsam", instructions=INSTRUCTIONS, log_level="WARNING")
        self._mcp_server.version = __version__  # else it is the SDK's own
        self.scheduler = scheduler
        for tool in (caption, translate, paint, run):
            is_text = tool in (caption, translate)
            self.add_tool(
                tool,
                annotations=ToolAnnotations(
                    readOnlyHint=is_text, destructiveHint=False, openWorldHint=False
                ),
                structured_output=is_text,  # it would hold every image a second time, as text
            )

    async def list_tools(self) -> list[Tool]:
        """List the tools, described by the limits and the speed of this server."""
        facts = await anyio.to_thread.run_sync(self._facts)
        return [
            tool.model_copy(
                update={"description": inspect.cleandoc(tool.description or "").format(**facts)}
            )
            for tool in await super().list_tools()
        ]

    async def call_tool(
        self, name: str, arguments: dict[str, Any]
    ) -> Sequence[ContentBlock] | dict[str, Any]:
        """Call a tool; every error is a sentence that the assistant can act on."""
        known = {tool.name: tool.inputSchema["properties"] for tool in await super().list_tools()}
        if unknown := arguments.keys() - known.get(name, arguments):
            names = ", ".join(sorted(unknown))
            raise ToolError(f"{name} has no argument {names}; it takes {', '.join(known[name])}.")
        try:
            return await super().call_tool(name, arguments)
        except ToolError as error:
            raise ToolError(_sentence(error)) from error

    def _facts(self) -> dict[str, object]:
        """What the descriptions of the tools say about this server."""
        times = self.scheduler.estimator.seconds_per_picture()
        known = [
            f"{recipe} about {max(1, round(time))} s" for recipe, time in times.items() if time
        ]
        return {
            "time": f"time per image: {', '.join(known)}" if known else "seconds to minutes each",
            "languages": _languages(self.scheduler.studio.translator),
            "pictures": MAX_PICTURES,
            "characters": MAX_TEXT_CHARACTERS,
        }


async def caption(picture: Image, context: ToolContext) -> dict[str, Any]:
    """Caption an image in English and Arabic; the notes say what is wrong with the captions.

    Use it to learn what an image shows, or for an alt text. Takes a few seconds. Does not read text
    in the image, and does not answer questions about it.
    """
    service, client = _service_and_client(context)
    image = await service.decode(client, lambda: decode_base64_image(picture))
    english, arabic = await service.with_models(client, lambda studio: studio.describe(image)[0])
    notices = notice_sentences((*english.warnings, *arabic.warnings), arabic.unknown_words)
    return {"en": english.text, "ar": arabic.text, "notes": [notice.en for notice in notices]}


async def translate(
    context: ToolContext,
    text: Annotated[
        str, Field(description=f"Text to translate, at most {MAX_TEXT_CHARACTERS} characters.")
    ],
    source: LanguageName = "en",
    target: LanguageName = "ar",
) -> dict[str, Any]:
    """Translate a text between {languages}.

    At most {characters} characters; takes a few seconds. Not needed before paint, which accepts
    Arabic prompts.
    """
    options = TranslateOptions(source=language(source).code, target=language(target).code)
    service, client = _service_and_client(context)
    return await service.with_models(
        client, lambda studio: studio.translator.translate(text, options).to_dict()
    )


async def paint(
    prompt: Annotated[
        str,
        Field(
            description="What to show, in English or Arabic, "
            f"at most {MAX_TEXT_CHARACTERS} characters."
        ),
    ],
    context: ToolContext,
    pictures: PictureCount = 1,
    seed: Seed = None,
    recipe: RecipeName = "balanced",
) -> Content:
    """Generate 1 to {pictures} images from a text prompt in English or Arabic.

    Use it when there is no image to start from. Returns PNG images, the prompt in both languages,
    and the seeds. Slow, {time}, and it waits for other runs; it reports its progress. Does not edit
    images.
    """
    return await _generate(context, pictures, seed, recipe, prompt=prompt)


async def run(
    picture: Image,
    context: ToolContext,
    pictures: PictureCount = 1,
    seed: Seed = None,
    recipe: RecipeName = "balanced",
) -> Content:
    """Caption an image in English and Arabic, and generate 1 to {pictures} new images from it.

    The new images show what the caption says; they are not edits of the image. Returns PNG images,
    the caption in both languages, and the seeds. Slow, {time}, and it waits for other runs; it
    reports its progress. Use caption if no new images are wanted.
    """
    service, client = _service_and_client(context)
    image = await service.decode(client, lambda: decode_base64_image(picture))
    return await _generate(context, pictures, seed, recipe, image=image)


async def _generate(
    context: ToolContext, pictures: int, seed: int | None, recipe: str, **given: Any
) -> Content:
    """Execute a run for a prompt or an image, and report its progress."""
    request = _request(context)
    options = PaintOptions(pictures=pictures, seed=seed, recipe=recipe_named(recipe))
    progress = ProgressReporter(context, pictures)
    finished = await get_service(request).generate(request, options, on_event=progress, **given)
    return await anyio.to_thread.run_sync(_content, finished)


class ProgressReporter:
    """Tells the client how many pictures are done, and that the run goes on if nothing happens."""

    def __init__(self, context: ToolContext, pictures: int) -> None:
        self.context, self.pictures = context, pictures
        self.done, self.message, self.sent = 0.0, "Waiting for the models.", float("-inf")

    async def __call__(self, event: RunEvent | None) -> None:
        """Report an event, or after a while that there was none."""
        done, now = self.done, time.monotonic()
        match event:
            case Previewed():
                done = event.index + event.step / event.steps
                self.message = (
                    f"Image {event.index + 1} of {self.pictures}: "
                    f"step {event.step} of {event.steps}."
                )
            case Painted():
                done = event.picture.index + 1
                self.message = f"Image {event.picture.index + 1} of {self.pictures} is finished."
            case _ if now - self.sent < HEARTBEAT_S:
                return
        # The protocol demands that each value is greater than the one before.
        self.done, self.sent = max(done, self.done + 0.0001), now
        await self.context.report_progress(self.done, self.pictures, self.message)


def _languages(translator: Translator) -> str:
    """The languages of a translator; if they are many, how many."""
    try:
        targets = translator.targets()
    except MarsamError:  # the tools are listed all the same; a call says what is wrong
        return "languages"
    codes = set(targets).union(*targets.values())
    if len(codes) > MAX_NAMED_LANGUAGES:
        return f"{len(codes)} languages"
    return " and ".join(sorted(language(code).en for code in codes))


def _sentence(error: ToolError) -> str:
    """What an assistant reads of an error."""
    match error.__cause__:
        case None:
            return f"{error}."  # there is no such tool
        case MarsamError() as cause:
            return public_message_of(cause)
        case ValidationError() as cause:
            return invalid_sentence(cause.errors())
        case cause:
            _log.error("an MCP tool failed", exc_info=cause)
            return MarsamError.public_message


def _request(context: ToolContext) -> Request:
    return cast("Request", context.request_context.request)


def _service_and_client(context: ToolContext) -> tuple[RunService, str]:
    request = _request(context)
    return get_service(request), client_id(request)


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
