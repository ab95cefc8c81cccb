"""JSON responses: runs, pictures and errors."""

import base64
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from marsam import errors as kinds
from marsam.errors import MarsamError, error_from_code, public_message_of
from marsam.journal.records import Run, StoredPicture

# The first classes that fit decide.
_STATUS: dict[int, tuple[type[MarsamError], ...]] = {
    404: (kinds.RunMissing,),
    409: (kinds.RunExists, kinds.Cancelled),
    422: (kinds.InputError,),
    429: (kinds.QuotaExceeded,),
    504: (kinds.StepTimeout,),
    507: (kinds.OutOfMemory, kinds.DiskFull),
    503: (kinds.QueueFull, kinds.JournalError, kinds.ModelError, kinds.ClusterError),
    500: (MarsamError,),
}
_HTTP = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_DESCRIPTIONS = {
    401: "A valid API key is required.",
    403: "The Host or Origin header is not allowed.",
    404: "There is no such run or picture, or it is another client's.",
    409: "The run was cancelled, or the idempotency key was used for another request.",
    413: "The request is too large.",
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
    """What is wrong, in one or two sentences for people."""


class ErrorBody(FailureView):
    """The body of every error response."""

    request_id: str = Field(examples=["9f86d081884c7d65"])
    """ID of the request, also sent as `X-Request-ID`."""


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, for its OpenAPI description."""
    return {
        status: {"model": ErrorBody, "description": _DESCRIPTIONS[status]} for status in statuses
    }


def add_errors(app: FastAPI) -> None:
    """Make every error of the app a response with an :class:`ErrorBody`."""

    @app.exception_handler(MarsamError)
    def _marsam_error(request: Request, error: MarsamError) -> JSONResponse:
        status = next(status for status, classes in _STATUS.items() if isinstance(error, classes))
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, kinds.RetryLater) else {}
        if isinstance(error, (kinds.Cancelled, kinds.OutOfMemory, kinds.StepTimeout)):
            # OpenAI's clients retry by themselves, and the same would happen again.
            headers["X-Should-Retry"] = "false"
        return _error_response(request, status, error.code, public_message_of(error), headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return _error_response(request, 422, "invalid_request", f"{field}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP.get(error.status_code, "http_error")
        return _error_response(request, error.status_code, code, f"{error.detail}.", error.headers)

    @app.exception_handler(Exception)
    def _unexpected(request: Request, _error: Exception) -> JSONResponse:
        return _error_response(request, 500, "internal", "An unexpected error occurred.")


def _error_response(
    request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    request_id = str(getattr(request.state, "request_id", ""))
    body = ErrorBody(code=code, message=message, request_id=request_id)
    return JSONResponse(body.model_dump(), status, headers)


class Bilingual(BaseModel):
    """A text in English and Arabic."""

    en: str = Field(description="English.")
    ar: str = Field(description="Arabic.")


class PictureView(BaseModel):
    """A generated image."""

    id: str = Field(description="ID of the picture.", examples=["5d41402abc4b2a76-0"])
    index: int = Field(description="Position in the run, from 0.")
    seed: int = Field(description="Seed it was generated from.")
    url: str | None = Field(description="Path to download the PNG file; null if it was blocked.")
    blocked: bool = Field(description="The safety checker blocked the picture.")
    fidelity: dict[str, Any] | None = Field(
        description="How well the picture matches the prompt; null if not checked."
    )


class RunView(BaseModel):
    """A run and its results so far."""

    id: str = Field(description="ID of the run.", examples=["5d41402abc4b2a76"])
    state: str = Field(
        description="`queued`, `running`, `finished`, `stopped`, `failed` or `interrupted`."
    )
    position: int | None = Field(
        description="Queue position from 1; 0 while the run is executed, null after its end."
    )
    created: float = Field(description="Unix time of its creation, in seconds.")
    caption: Bilingual | None = Field(description="Prompt in both languages; null until known.")
    captions: list[dict[str, Any]] = Field(description="English captions of the image, best first.")
    prompt: dict[str, Any] | None = Field(
        description="Prompt sent to the painter, its translations, and how much of it fits."
    )
    pictures: list[PictureView] = Field(description="Pictures generated so far.")
    kept: list[int] = Field(
        description="Indices of the pictures to keep: all, or the best if `keep_best` was set."
    )
    options: dict[str, Any] | None = Field(description="Options of the run.")
    models: dict[str, str] = Field(description="Model of each stage.")
    seconds: dict[str, float] = Field(description="Seconds spent in each stage.")
    error: FailureView | None = Field(description="Why the run failed; null if it did not fail.")


def picture_view(run: Run, picture: StoredPicture) -> PictureView:
    """One picture of a run."""
    picture_id = f"{run.id}-{picture.index}"
    url = None if picture.blocked else f"/v1/pictures/{picture_id}"
    return PictureView(id=picture_id, url=url, **picture.to_dict())


def run_view(run: Run, *, position: int | None = None) -> RunView:
    """A run and its results so far; ``position`` is as in :class:`RunView`."""
    failure = run.error and FailureView(
        code=run.error.code, message=public_message_of(error_from_code(*run.error))
    )
    changes = {
        # The journal learns that a run is executed only with its first result.
        "state": "running" if run.state == "queued" and position == 0 else run.state,
        "position": position,
        "created": round(run.created, 3),
        "pictures": [picture_view(run, picture) for picture in run.pictures],
        "error": failure,
    }
    return RunView.model_validate(run.to_dict() | changes)


def base64_file(picture: StoredPicture) -> str:
    """The PNG file of a picture in base64; empty when it was blocked."""
    return base64.b64encode(picture.path.read_bytes()).decode() if picture.path else ""
