"""Captions by chat: a message with a picture is answered with what the picture shows."""

import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from marsam.api.dependencies import ClientDep, ServiceDep, decode_base64_image
from marsam.api.ignored import IGNORED, MAX_TOLD_NAMES, set_fields
from marsam.api.openai.events import event, event_stream
from marsam.api.responses import OpenAIErrorBody, errors
from marsam.errors import OptionError, PictureError
from marsam.messages import in_language
from marsam.notices import Notice
from marsam.options import (
    MAX_REQUEST_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    CaptionLength,
    CaptionOptions,
)
from marsam.stages.protocols import Captioner
from marsam.studio import Studio
from marsam.text.languages import ARABIC, ENGLISH, Language, script_of

MAX_MESSAGES = 1000
PICTURE_WANTED = (
    "This server describes pictures and does not chat; send one picture in the last message."
)

_NO_DIFFERENCE = {
    *("metadata", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention"),
    *("safety_identifier", "service_tier", "store", "user", "verbosity"),
}
"""Fields that change no answer of a captioner."""

router = APIRouter(prefix="/chat", responses=errors(503, 507, body=OpenAIErrorBody))


class StreamOptions(BaseModel):
    """Options of a stream."""

    include_usage: bool | None = Field(
        default=None, description="End with a chunk of `usage`, which is null."
    )


class ChatRequest(BaseModel, use_attribute_docstrings=True):
    """Body of an OpenAI-compatible chat request.

    Other fields, such as `temperature`, have no effect; `ignored` in the response names them.
    """

    model_config = ConfigDict(extra="allow")

    messages: list[dict[str, Any]] = Field(
        max_length=MAX_MESSAGES,
        examples=[
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}},
                    ],
                }
            ]
        ],
    )
    """The last message of role `user` has one picture, as a data URL in `image_url`.

    If its text is mainly in Arabic script, the answer is in Arabic, otherwise in English. A
    captioner that reads requests, as vision-language models do, answers the text, if that has at
    most 200 characters; any other describes the picture.
    """
    n: int | None = None
    """Must be 1."""
    stream: bool | None = None
    """Send the answer as server-sent events."""
    stream_options: StreamOptions | None = None
    """Options of the stream."""
    tool_choice: Any = None
    """Must not require a tool."""
    response_format: dict[str, Any] | None = None
    """Must be of type `text`."""
    logprobs: bool | None = None
    """Must be false."""
    model: str | None = None
    """Has no effect: there is one captioner."""

    def ignored(self, captioner: str, *, is_read: bool) -> list[str]:
        """The names of what has no effect here, and would have with OpenAI.

        ``is_read``: whether the captioner read the text of the last message.
        """
        told = ["model"] if self.model not in (None, captioner) else []
        last = max(i for i, one in enumerate(self.messages) if one.get("role") == "user")
        told += [f"messages.{i}" for i in range(len(self.messages)) if i != last]
        told += [] if is_read else [f"messages.{last}.content"]
        told += set_fields(self.model_extra or {}, _NO_DIFFERENCE)
        return told[:MAX_TOLD_NAMES]


class ChatMessage(BaseModel):
    """The answer."""

    role: Literal["assistant"] = Field(default="assistant", description="Always `assistant`.")
    content: str = Field(description="What the picture shows.")
    refusal: str | None = Field(default=None, description="Always null.")


class Choice(BaseModel):
    """The only answer."""

    index: int = Field(default=0, description="Always 0.")
    message: ChatMessage = Field(description="The answer.")
    logprobs: str | None = Field(default=None, description="Always null.")
    finish_reason: Literal["stop"] = Field(default="stop", description="Always `stop`.")


class ChatResponse(BaseModel):
    """An answer."""

    id: str = Field(description="ID of the answer.")
    object: Literal["chat.completion"] = Field(
        default="chat.completion", description="Always `chat.completion`."
    )
    created: int = Field(description="Unix time, in seconds.")
    model: str = Field(description="Name of the captioner.")
    choices: list[Choice] = Field(description="The only answer.")
    ignored: list[str] = IGNORED


@router.post(
    "/completions",
    summary="Describe a picture",
    response_model=ChatResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def complete(
    body: ChatRequest, service: ServiceDep, client: ClientDep
) -> ChatResponse | StreamingResponse:
    """For OpenAI's clients: what the picture shows, in Arabic if the question is in Arabic script.

    Only one picture with a question is accepted; earlier messages are not read. A captioner that
    reads no requests describes the picture, whatever the question. There is no `usage`.
    """
    _require_supported(body)
    url, text = _picture_and_text(body.messages)
    question = _Question(text)
    image = await service.decode(client, lambda: decode_base64_image(url))
    captioner = service.scheduler.studio.captioner
    name, is_read = captioner.name, not text or question.can_be_asked(captioner)
    content = await service.with_models(client, lambda studio: question.answer(studio, image))
    answer: dict[str, Any] = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": name,
        "ignored": body.ignored(name, is_read=is_read),
    }
    if body.stream:
        with_usage = bool(body.stream_options and body.stream_options.include_usage)
        return event_stream(_chunks(answer, content, with_usage=with_usage))
    choices = [Choice(message=ChatMessage(content=content))]
    return ChatResponse(**answer, choices=choices)


def _require_supported(body: ChatRequest) -> None:
    if body.n not in (None, 1):
        raise OptionError("n must be 1.")
    if body.logprobs:
        raise OptionError("logprobs is not supported.")
    if body.tool_choice not in (None, "none", "auto"):
        raise OptionError("This server calls no tools; leave tool_choice out.")
    if body.response_format and body.response_format.get("type") != "text":
        raise OptionError("The answer is plain text; leave response_format out.")


def _picture_and_text(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """The picture and the text of the last message of the user.

    Raises:
        OptionError: when there is not one picture, or something else.
        PictureError: when the picture is a link.
    """
    asked = [one.get("content") for one in messages if one.get("role") == "user"]
    parts = asked[-1] if asked else None
    if not isinstance(parts, list):
        raise OptionError(PICTURE_WANTED)
    urls, texts = [], []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            texts.append(str(part.get("text") or ""))
        elif kind == "image_url":
            url = part.get("image_url")
            urls.append(url.get("url") if isinstance(url, dict) else url)
        else:
            raise OptionError("Only text and one picture can be read in a message.")
    if len(urls) != 1 or not isinstance(urls[0], str):
        raise OptionError(PICTURE_WANTED)
    if not urls[0].startswith("data:"):
        raise PictureError("This server fetches no links; send the picture as a data URL.")
    return urls[0], " ".join(texts).strip()


@dataclass(frozen=True)
class _Question:
    """The text beside a picture; its script says in which language the answer is."""

    text: str

    @property
    def language(self) -> Language:
        is_arabic = script_of(self.text[:MAX_TEXT_CHARACTERS]) == ARABIC.script
        return ARABIC if is_arabic else ENGLISH

    def can_be_asked(self, captioner: Captioner) -> bool:
        """Whether the captioner can answer it; otherwise the picture is described."""
        can, is_short = captioner.abilities, len(self.text) <= MAX_REQUEST_CHARACTERS
        return bool(self.text) and is_short and can.requests and self.language.code in can.languages

    def answer(self, studio: Studio, image: Any) -> str:
        if self.can_be_asked(studio.captioner):
            # The question says how long the answer is.
            length = CaptionLength.PARAGRAPH
            options = CaptionOptions(language=self.language.code, ask=self.text, length=length)
            answer = studio.captioner.caption(image, options)[0]
            return answer.text or in_language(_why(answer.warnings), self.language.tag)
        if self.language == ENGLISH:
            caption = studio.caption(image)[0]
            return caption.text or _why(caption.warnings).en
        caption, arabic = studio.describe(image)[0]
        return arabic.checked().text or _why(caption.warnings).ar


def _why(warnings: tuple[Notice, ...]) -> Notice:
    """Why a caption is empty."""
    return warnings[0] if warnings else Notice.CAPTION_EMPTY


async def _chunks(answer: dict[str, Any], content: str, *, with_usage: bool) -> AsyncGenerator[str]:
    common = answer | {"object": "chat.completion.chunk"}
    deltas: list[tuple[dict[str, str], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": content}, None),
        ({}, "stop"),
    ]
    for delta, reason in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield event(common | {"choices": [choice]})
    if with_usage:
        yield event(common | {"choices": [], "usage": None})
    yield "data: [DONE]\n\n"
