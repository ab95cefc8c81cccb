"""Tools for AI assistants, by the Model Context Protocol, at ``/mcp``."""

import inspect
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

import anyio.to_thread
from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import ContentBlock, ImageContent, TextContent, Tool, ToolAnnotations
from pydantic import Field, ValidationError
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from marsam.api.dependencies import MAX_BASE64_CHARACTERS, decode_base64_image
from marsam.api.fields import (
    Arabic,
    Ask,
    AsWritten,
    Context,
    GuidanceScale,
    Length,
    NegativePrompt,
    PictureCount,
    RecipeName,
    Seed,
    Side,
    Steps,
    Strength,
    StyleName,
)
from marsam.api.mcp_calls import RunningCalls, with_session
from marsam.api.mcp_context import ToolContext, language_of_client, request_of, service_and_client
from marsam.api.mcp_progress import ProgressReporter
from marsam.api.mcp_text import TEXT_TOOLS, Image, StartImage, caption_options
from marsam.api.responses import base64_file
from marsam.api.validation import invalid_sentence
from marsam.errors import MarsamError, public_message_of
from marsam.journal.records import Run
from marsam.messages import InBothLanguages, Message, in_language
from marsam.notices import notice_sentences
from marsam.options import MAX_PICTURES, MAX_TEXT_CHARACTERS, CaptionOptions, PaintOptions
from marsam.recipes import recipe_named
from marsam.runs.scheduler import Scheduler
from marsam.stages.protocols import Translator
from marsam.text.languages import language as language_named
from marsam.version import __version__

MAX_NAMED_LANGUAGES = 5
INSTRUCTIONS = """\
Caption images and generate images from text, in English and Arabic. Use `caption` to describe an
image, `paint` to generate images from a text, `run` to generate new images like a given one, and
`translate` for texts that are not prompts. `alt_texts` writes those that a document lacks. Images
take time: ask for one before asking for many."""
REQUESTS_READ = "It reads requests: ask for what the caption should say."
NO_REQUESTS = "Does not read text in the image, and does not answer questions about it."
PromptLanguage = Annotated[
    str,
    Field(
        max_length=100,
        description="Language of the prompt: a name, BCP 47 tag or NLLB code; `auto` tells "
        "Arabic from English by the script.",
        examples=["auto", "ar", "French"],
    ),
]
Content = list[TextContent | ImageContent]
_log = logging.getLogger(__name__)


class McpEndpoint:
    """ASGI endpoint: event streams with progress for clients that read them, else plain JSON."""

    def __init__(self, scheduler: Scheduler) -> None:
        server = ToolServer(scheduler)
        self._calls = server.calls
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
        receive, send = await self._calls.read(scope, receive), with_session(scope, send)
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
    """An MCP server with the tools for texts, and with paint and run."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__("marsam", instructions=INSTRUCTIONS, log_level="WARNING")
        self._mcp_server.version = __version__  # else it is the SDK's own
        self.scheduler, self.calls = scheduler, RunningCalls(scheduler)
        for tool in (*TEXT_TOOLS, paint, run):
            is_text = tool in TEXT_TOOLS
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
        language = language_of_client(self.get_context())
        known = {tool.name: tool.inputSchema["properties"] for tool in await super().list_tools()}
        if wrong := _wrong_name(name, arguments, known):
            raise ToolError(in_language(wrong, language))
        try:
            return await super().call_tool(name, arguments)
        except ToolError as error:
            raise ToolError(in_language(_sentence(error), language)) from error

    def _facts(self) -> dict[str, object]:
        """What the descriptions of the tools say about this server."""
        times = self.scheduler.estimator.seconds_per_picture()
        known = [
            f"{recipe} about {max(1, round(time))} s" for recipe, time in times.items() if time
        ]
        return {
            "time": f"time per image: {', '.join(known)}" if known else "seconds to minutes each",
            "languages": _languages(self.scheduler.studio.translator),
            "requests": REQUESTS_READ
            if self.scheduler.studio.captioner.abilities.requests
            else NO_REQUESTS,
            "pictures": MAX_PICTURES,
            "characters": MAX_TEXT_CHARACTERS,
        }


async def paint(
    prompt: Annotated[
        str,
        Field(
            description=f"What to show, at most {MAX_TEXT_CHARACTERS} characters; English and "
            "Arabic are recognised."
        ),
    ],
    tool_context: ToolContext,
    pictures: PictureCount = 1,
    seed: Seed = None,
    recipe: RecipeName = "balanced",
    style: StyleName = "",
    picture: StartImage = None,
    strength: Strength = None,
    language: PromptLanguage = "auto",
    negative_prompt: NegativePrompt = "",
    steps: Steps = None,
    guidance_scale: GuidanceScale = None,
    width: Side = None,
    height: Side = None,
    as_written: AsWritten = False,
) -> Content:
    """Generate 1 to {pictures} images from a text prompt.

    Prompts in {languages}. With a picture, the images are variations of it that show what the
    prompt says; its composition stays, as far as the strength is low. Returns PNG images, the
    prompt in both languages, and the seeds. Slow, {time}, and it waits for other runs; it reports
    its progress, and can be cancelled. Does not edit parts of images.
    """
    code = None if language == "auto" else language_named(language).code
    options = PaintOptions(
        pictures=pictures,
        seed=seed,
        recipe=recipe_named(recipe),
        style=style,
        strength=strength,
        negative_prompt=negative_prompt,
        steps=steps,
        guidance_scale=guidance_scale,
        width=width,
        height=height,
        as_written=as_written,
    )
    return await _generate(tool_context, options, language=code, prompt=prompt, picture=picture)


async def run(
    picture: Image,
    tool_context: ToolContext,
    pictures: PictureCount = 1,
    seed: Seed = None,
    recipe: RecipeName = "balanced",
    style: StyleName = "",
    strength: Strength = None,
    negative_prompt: NegativePrompt = "",
    steps: Steps = None,
    guidance_scale: GuidanceScale = None,
    width: Side = None,
    height: Side = None,
    length: Length = "sentence",
    ask: Ask = "",
    context: Context = "",
    arabic: Arabic = "translated",
) -> Content:
    """Caption an image in English and Arabic, and generate 1 to {pictures} new images from it.

    The new images show what the caption says; with a strength, they are variations of the image
    itself. Returns PNG images, the caption in both languages, and the seeds. {requests} Slow,
    {time}, and it waits for other runs; it reports its progress, and can be cancelled. Use caption
    if no new images are wanted.
    """
    options = PaintOptions(
        pictures=pictures,
        seed=seed,
        recipe=recipe_named(recipe),
        style=style,
        strength=strength,
        negative_prompt=negative_prompt,
        steps=steps,
        guidance_scale=guidance_scale,
        width=width,
        height=height,
    )
    caption = caption_options(length, ask, context, arabic)
    return await _generate(tool_context, options, picture=picture, caption=caption)


async def _generate(
    tool_context: ToolContext,
    options: PaintOptions,
    *,
    prompt: str | None = None,
    picture: str | None = None,
    language: str | None = None,
    caption: CaptionOptions | None = None,
) -> Content:
    """Execute a run for a prompt, an image or both, and report its progress."""
    service, client = service_and_client(tool_context)
    request, calls = request_of(tool_context), cast("ToolServer", tool_context.fastmcp).calls
    image = None
    if picture is not None:
        image = await service.decode(client, lambda: decode_base64_image(picture))
    language_of_reader = language_of_client(tool_context)
    progress = ProgressReporter(tool_context, options.pictures, language_of_reader)
    created = await service.start(
        request, options, prompt=prompt, image=image, language=language, caption=caption
    )
    with calls.running(request, tool_context.request_id, created.id):
        finished = await service.finish(request, created.id, on_event=progress)
    return await anyio.to_thread.run_sync(_content, finished, language_of_reader)


def _languages(translator: Translator) -> str:
    """The languages of a translator; if they are many, how many."""
    try:
        targets = translator.targets()
    except MarsamError:  # the tools are listed all the same; a call says what is wrong
        return "many languages"
    codes = set(targets).union(*targets.values())
    if len(codes) > MAX_NAMED_LANGUAGES:
        return f"{len(codes)} languages"
    return " and ".join(sorted(language_named(code).en for code in codes))


def _wrong_name(
    name: str, arguments: Collection[str], known: Mapping[str, Collection[str]]
) -> Message | None:
    """What is wrong with the names in a call; ``known`` are the arguments of the tools."""
    if name not in known:
        return Message(
            "There is no tool {name!r}; the tools are {names}.", name=name[:50], names=[*known]
        )
    if unknown := sorted(set(arguments) - set(known[name])):
        return Message(
            "{tool} has no argument {unknown}; it takes {names}.",
            tool=name,
            unknown=unknown,
            names=[*known[name]],
        )
    return None


def _sentence(error: ToolError) -> InBothLanguages:
    """What an assistant reads of an error."""
    match error.__cause__:
        case MarsamError() as cause:
            return public_message_of(cause)
        case ValidationError() as cause:
            return invalid_sentence(cause.errors())
        case cause:
            _log.error("an MCP tool failed", exc_info=cause)
            return Message(MarsamError.public_message)


def _content(run: Run, language: str) -> Content:
    lines = []
    if prompt := run.prompt:
        notices = notice_sentences(prompt.warnings, prompt.unknown_words)
        lines = [
            prompt.english,
            prompt.arabic,
            *filter(None, [prompt.native_beside(prompt.arabic)]),
            *(in_language(notice, language) for notice in notices),
        ]
    lines.append(f"seeds: {', '.join(str(picture.seed) for picture in run.pictures)}")
    content: Content = [TextContent(type="text", text="\n".join(lines))]
    for picture in run.pictures:
        if not picture.blocked:
            data = base64_file(picture)
            content.append(ImageContent(type="image", data=data, mimeType="image/png"))
    return content
