"""JSON responses: runs, pictures and errors."""

import base64
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, computed_field
from starlette.exceptions import HTTPException

from marsam import errors as kinds
from marsam.api.reader_language import reader_language
from marsam.api.validation import invalid_field, invalid_sentence
from marsam.api.views import CaptionView, FidelityView, PromptView, RunOptionsView
from marsam.errors import MarsamError, public_message_of
from marsam.journal.records import Run, StoredPicture
from marsam.messages import InBothLanguages, Message, in_language

# The first classes that fit decide.
_STATUS: dict[int, tuple[type[MarsamError], ...]] = {
    404: (kinds.RunMissing,),
    409: (kinds.RunExists, kinds.Cancelled),
    422: (kinds.InputError,),
    429: (kinds.QuotaExceeded,),
    504: (kinds.StepTimeout,),
    507: (kinds.OutOfMemory, kinds.DiskFull),
    503: (kinds.RetryLater, kinds.JournalError, kinds.ModelError, kinds.ClusterError),
    500: (MarsamError,),
}
_HTTP = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_type"}
_SENTENCES = {
    404: Message("There is no such route."),
    405: Message("This method is not allowed here."),
    413: Message("The request is too large."),
}
"""For errors of the libraries below, whose own sentences are English only."""
_DESCRIPTIONS = {
    401: "A valid API key is required.",
    403: "The Host or Origin header is not allowed.",
    404: "There is no such run or picture, or it is another client's.",
    409: "The run was cancelled, or the idempotency key was used for another request.",
    413: "The request is too large.",
    415: "The body is neither JSON nor a form.",
    422: "The request is invalid; the message says why.",
    429: "The client has too many unfinished runs, or sent too many wrong keys.",
    503: "The queue is full, or a model or the storage cannot be used at the moment.",
    504: "A step took too long.",
    507: "There is not enough memory or disk space.",
}


class FailureView(BaseModel, use_attribute_docstrings=True):
    """Why a run failed."""

    code: str = Field(examples=["option_error", "out_of_memory"])
    """Kind of error, for programs."""
    message: str = Field(examples=["size must be like 512x512."])
    """What is wrong, in one or two sentences for people: in Arabic if the request's
    `Accept-Language` prefers it to English, otherwise in English."""


class ErrorBody(FailureView, use_attribute_docstrings=True):
    """The body of an error response."""

    request_id: str = Field(examples=["9f86d081884c7d65"])
    """ID of the request, also sent as `X-Request-ID`."""
    status: int = Field(exclude=True)
    field: str | None = Field(default=None, exclude=True)


class OpenAIError(BaseModel):
    """An error as OpenAI's clients read it."""

    message: str = Field(description="What is wrong.", examples=["size must be like 512x512."])
    type: str = Field(description="Kind of error.", examples=["invalid_request_error"])
    code: str = Field(description="Kind of error, for programs.", examples=["option_error"])
    param: str | None = Field(
        description="Field of the request that is wrong, if it is one.", examples=["size"]
    )


class OpenAIErrorBody(ErrorBody):
    """The body of an error response to OpenAI's clients."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def error(self) -> OpenAIError:
        """The error as OpenAI's clients read it."""
        known = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return OpenAIError(
            message=self.message,
            type=known.get(self.status, kind),
            code=self.code,
            param=self.field,
        )


class LibreTranslateErrorBody(ErrorBody):
    """The body of an error response to LibreTranslate's clients."""

    @computed_field
    def error(self) -> str:
        """What is wrong."""
        return self.message


class WebUIErrorBody(ErrorBody):
    """The body of an error response to the web UI's clients."""

    @computed_field
    def error(self) -> str:
        """Kind of error."""
        return self.code

    @computed_field
    def detail(self) -> str:
        """What is wrong."""
        return self.message

    @computed_field
    def errors(self) -> str:
        """What is wrong."""
        return self.message


_DIALECTS: tuple[tuple[tuple[str, ...], type[ErrorBody]], ...] = (
    (("/v1/runs", "/v1/pictures", "/v1/captions", "/v1/translations"), ErrorBody),
    (("/v1/",), OpenAIErrorBody),
    (("/sdapi/",), WebUIErrorBody),
    (
        ("/translate", "/languages", "/detect", "/frontend/", "/download_file"),
        LibreTranslateErrorBody,
    ),
)
"""Errors by the beginning of the path; the first that fits decides."""


def error_body(
    path: str, status: int, code: str, message: str, request_id: str, *, field: str | None = None
) -> dict[str, Any]:
    """The body of an error response, so that the clients of the path's dialect show the message.

    The keys of :class:`ErrorBody` are in all dialects. ``field`` is the one that is wrong, if any.
    """
    fitting = (kind for prefixes, kind in _DIALECTS if path.startswith(prefixes))
    body = next(fitting, ErrorBody)(
        code=code, message=message, request_id=request_id, status=status, field=field
    )
    return body.model_dump()


def errors(*statuses: int, body: type[ErrorBody] = ErrorBody) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, for its OpenAPI description."""
    return {status: {"model": body, "description": _DESCRIPTIONS[status]} for status in statuses}


def status_of(error: MarsamError) -> int:
    """The HTTP status of an error."""
    return next(status for status, classes in _STATUS.items() if isinstance(error, classes))


def add_errors(app: FastAPI) -> None:
    """Make every error of the app a response with an :func:`error_body`."""

    @app.exception_handler(MarsamError)
    def _marsam_error(request: Request, error: MarsamError) -> JSONResponse:
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, kinds.RetryLater) else {}
        if isinstance(error, (kinds.Cancelled, kinds.OutOfMemory, kinds.StepTimeout)):
            # OpenAI's clients retry by themselves, and the same would happen again.
            headers["X-Should-Retry"] = "false"
        message = public_message_of(error)
        # The last word of "The width in size" is the field.
        option = error.option if isinstance(error, kinds.OptionError) else ""
        field = option.rpartition(" ")[2] or None
        return _error_response(request, status_of(error), error.code, message, headers, field=field)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        sentence, field = invalid_sentence(found), invalid_field(found)
        return _error_response(request, 422, "invalid_request", sentence, field=field)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP.get(error.status_code, "http_error")
        detail: object = error.detail
        sentence = detail if isinstance(detail, Message) else _SENTENCES.get(error.status_code)
        if sentence is None:
            said = str(detail).rstrip(".")
            sentence = Message("The request cannot be read: {said}.", said=said)
        return _error_response(request, error.status_code, code, sentence, error.headers)

    @app.exception_handler(Exception)
    def _unexpected(request: Request, _error: Exception) -> JSONResponse:
        sentence = Message("An unexpected error occurred.")
        return _error_response(request, 500, "internal", sentence)


def language_headers(language: str) -> dict[str, str]:
    """What a response in the reader's language says of it, to caches also."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def _error_response(
    request: Request,
    status: int,
    code: str,
    message: InBothLanguages,
    headers: Mapping[str, str] | None = None,
    *,
    field: str | None = None,
) -> JSONResponse:
    language = reader_language(request)
    request_id = str(getattr(request.state, "request_id", ""))
    path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
    text = in_language(message, language)
    body = error_body(path, status, code, text, request_id, field=field)
    return JSONResponse(body, status, {**(headers or {}), **language_headers(language)})


class Bilingual(BaseModel):
    """A text in English and Arabic."""

    en: str = Field(description="English.", examples=["a cat"])
    ar: str = Field(description="Arabic.", examples=["قطة"])


class PictureView(BaseModel):
    """A generated image."""

    id: str = Field(description="ID of the picture.", examples=["5d41402abc4b2a76-0"])
    index: int = Field(description="Position in the run, from 0.", examples=[0])
    seed: int = Field(description="Seed it was generated from.", examples=[7])
    url: str | None = Field(
        description="Path to download the PNG file; null if it was blocked.",
        examples=["/v1/pictures/5d41402abc4b2a76-0"],
    )
    blocked: bool = Field(description="The safety checker blocked the picture.", examples=[False])
    fidelity: FidelityView | None = Field(
        description="How well the picture matches the prompt; null if not checked."
    )


class RunView(BaseModel):
    """A run and its results so far."""

    id: str = Field(description="ID of the run.", examples=["5d41402abc4b2a76"])
    state: Literal["queued", "running", "finished", "stopped", "failed", "interrupted"] = Field(
        description="What happens to it: `stopped` is cancelled, `interrupted` with the server.",
        examples=["finished"],
    )
    position: int | None = Field(
        description="Queue position from 1; 0 while the run is executed, null after its end.",
        examples=[1],
    )
    created: float = Field(
        description="Unix time of its creation, in seconds.", examples=[1790000000.123]
    )
    caption: Bilingual | None = Field(description="Prompt in both languages; null until known.")
    captions: list[CaptionView] = Field(description="English captions of the image, best first.")
    prompt: PromptView | None = Field(
        description="Prompt sent to the painter, its translations, and how much of it fits."
    )
    pictures: list[PictureView] = Field(description="Pictures generated so far.")
    kept: list[int] = Field(
        description="Indices of the pictures to keep: all, or the best if `keep_best` was set.",
        examples=[[0, 1]],
    )
    options: RunOptionsView | None = Field(description="Options of the run.")
    models: dict[str, str] = Field(
        description="Model of each stage.",
        examples=[{"captioner": "mini-captioner", "translator": "mini-translator"}],
    )
    seconds: dict[str, float] = Field(
        description="Seconds spent in each stage.", examples=[{"caption": 0.4, "paint": 12.5}]
    )
    error: FailureView | None = Field(description="Why the run failed; null if it did not fail.")


def picture_view(run: Run, picture: StoredPicture, root: str) -> PictureView:
    """One picture of a run; ``root`` is the path under which the server is mounted."""
    picture_id = f"{run.id}-{picture.index}"
    url = None if picture.blocked else f"{root}/v1/pictures/{picture_id}"
    return PictureView(id=picture_id, url=url, **picture.to_dict())


def run_view(run: Run, root: str, language: str, *, position: int | None = None) -> RunView:
    """A run and its results so far.

    ``root`` is the path under which the server is mounted, ``language`` that of the reader of an
    error; ``position`` is as in :class:`RunView`.
    """
    failure = run.error and FailureView(
        code=run.error.code, message=in_language(public_message_of(run.error.error), language)
    )
    changes = {
        # The journal learns that a run is executed only with its first result.
        "state": "running" if run.state == "queued" and position == 0 else run.state,
        "position": position,
        "created": round(run.created, 3),
        "pictures": [picture_view(run, picture, root) for picture in run.pictures],
        "error": failure,
    }
    return RunView.model_validate(run.to_dict() | changes)


def base64_file(picture: StoredPicture) -> str:
    """The PNG file of a picture in base64; empty when it was blocked."""
    return base64.b64encode(picture.path.read_bytes()).decode() if picture.path else ""
