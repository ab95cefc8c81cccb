"""Tools for language models, by the Model Context Protocol, at ``/mcp``."""

import base64
import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from mcp.server.fastmcp import Context, FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ImageContent, TextContent
from pydantic import Field

from marsam.api.dependencies import Service, encoded
from marsam.api.responses import client
from marsam.errors import MarsamError, public
from marsam.imaging.image_io import MAX_BYTES
from marsam.journal.records import Run
from marsam.options import PaintOptions, RunOptions, TranslateOptions, recipe_named
from marsam.text.languages import language

PATH = "/mcp"
Picture = Annotated[str, Field(description="A JPEG, PNG or WebP picture, in base64.")]
Number = Annotated[int, Field(description="How many new pictures, 1 to 10.")]
Seed = Annotated[int | None, Field(description="The same seed paints the same picture again.")]
Recipe = Annotated[str, Field(description="draft (quick), balanced, or faithful (slow).")]
Answer = list[TextContent | ImageContent]
T = TypeVar("T")
_log = logging.getLogger(__name__)


def tools(service: Service) -> FastMCP[Any]:
    """The tools caption, translate, paint and run."""
    mcp: FastMCP[Any] = FastMCP(
        "marsam",
        instructions="Pictures into words and words into pictures, in English and Arabic.",
        log_level="WARNING",
        stateless_http=True,
        json_response=True,
        streamable_http_path=PATH,
        max_request_body_size=MAX_BYTES * 4 // 3,
        # The guard in front of the whole service has looked at both already.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    @mcp.tool()
    async def caption(picture: Picture) -> dict[str, str]:
        """Describe a picture in English and in Arabic."""

        def work() -> dict[str, str]:
            image = encoded(picture)
            with service.words() as studio:
                english, twin = studio.describe(image)[0]
                return {"en": english.text, "ar": twin.text}

        return await _told(work)

    @mcp.tool()
    async def translate(
        text: str,
        source: Annotated[str, Field(description="Language: a name, en, eng_Latn…")] = "en",
        target: Annotated[str, Field(description="Language: a name, ar, arb_Arab…")] = "ar",
    ) -> dict[str, Any]:
        """Translate a text between any two of 202 languages."""

        def work() -> dict[str, Any]:
            options = TranslateOptions(source=language(source).code, target=language(target).code)
            with service.words() as studio:
                return studio.translator.translate(text, options).to_dict()

        return await _told(work)

    @mcp.tool()
    async def paint(
        prompt: Annotated[str, Field(description="What to paint, in English or Arabic.")],
        context: Context[Any, Any, Any],
        pictures: Number = 1,
        seed: Seed = None,
        recipe: Recipe = "balanced",
    ) -> Answer:
        """Paint pictures from words; comes back with the pictures and both languages."""
        return await _run(context, pictures, seed, recipe, prompt=prompt)

    @mcp.tool()
    async def run(
        picture: Picture,
        context: Context[Any, Any, Any],
        pictures: Number = 1,
        seed: Seed = None,
        recipe: Recipe = "balanced",
    ) -> Answer:
        """Describe a picture in both languages, and paint new ones from the description."""
        return await _run(context, pictures, seed, recipe, picture=picture)

    async def _run(
        context: Context[Any, Any, Any],
        pictures: int,
        seed: int | None,
        recipe: str,
        *,
        prompt: str | None = None,
        picture: str | None = None,
    ) -> Answer:
        request: Any = context.request_context.request
        me = client(request)

        def begin() -> Run:
            paint = PaintOptions(pictures=pictures, seed=seed, recipe=recipe_named(recipe))
            image = None if picture is None else encoded(picture)
            return service.begin(me, RunOptions(paint=paint), picture=image, prompt=prompt)[0]

        begun = await _told(begin)
        try:
            done = await service.done(request, begun.id)
        except MarsamError as error:
            raise ToolError(public(error)) from error
        return await _told(lambda: _shown(done))

    return mcp


async def _told(work: Callable[[], T]) -> T:
    """Do it beside the loop; our sentences reach the model."""
    try:
        return await anyio.to_thread.run_sync(work)
    except MarsamError as error:
        raise ToolError(public(error)) from error
    except Exception as error:
        _log.exception("a tool failed")
        raise ToolError(MarsamError.told) from error


def _shown(run: Run) -> Answer:
    words = f"{run.prompt.english}\n{run.prompt.arabic}" if run.prompt else ""
    seeds = ", ".join(str(picture.seed) for picture in run.pictures)
    answer: Answer = [TextContent(type="text", text=f"{words}\nseeds: {seeds}")]
    for picture in run.pictures:
        if picture.path is not None:
            data = base64.b64encode(picture.path.read_bytes()).decode()
            answer.append(ImageContent(type="image", data=data, mimeType="image/png"))
    return answer
