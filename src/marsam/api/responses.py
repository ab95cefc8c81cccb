"""What the API says: runs and errors as JSON."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from marsam.errors import (
    Cancelled,
    ClusterError,
    DiskFull,
    InputError,
    JournalError,
    MarsamError,
    ModelError,
    OutOfMemory,
    Overdue,
    QueueFull,
    QuotaExceeded,
    Refused,
    RunExists,
    RunMissing,
    kinds,
    public,
)
from marsam.journal.records import Run, RunFailure, StoredPicture
from marsam.text.fidelity import best

# The first that fits.
_STATUS: tuple[tuple[type[MarsamError], int], ...] = (
    (RunMissing, 404),
    (RunExists, 409),
    (InputError, 422),
    (QueueFull, 503),
    (QuotaExceeded, 429),
    (Overdue, 504),
    (Cancelled, 409),
    (OutOfMemory, 507),
    (DiskFull, 507),
    (JournalError, 503),
    (ModelError, 503),
    (ClusterError, 503),
    (MarsamError, 500),
)
_KINDS = kinds()
_HTTP = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def add_errors(app: FastAPI) -> None:
    """Every error of the app as ``{code, message, request_id}``."""

    @app.exception_handler(MarsamError)
    def _ours(request: Request, error: MarsamError) -> JSONResponse:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, Refused) else {}
        if isinstance(error, (Cancelled, OutOfMemory, Overdue)):
            # Clients of OpenAI ask again by themselves; the same would only happen again.
            headers["X-Should-Retry"] = "false"
        return _answer(request, status, error.code, public(error), headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return _answer(request, 422, "invalid_request", f"{where}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP.get(error.status_code, "http_error")
        return _answer(
            request, error.status_code, code, f"{error.detail}.", dict(error.headers or {})
        )

    @app.exception_handler(Exception)
    def _unexpected(request: Request, _error: Exception) -> JSONResponse:
        return _answer(request, 500, "internal", "Something unexpected happened.")


def _answer(
    request: Request, status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    told = {"code": code, "message": message, "request_id": request_id(request)}
    return JSONResponse(told, status, headers)


def request_id(request: Request) -> str:
    """The name of a request, which its answer carries as well."""
    return str(getattr(request.state, "request_id", ""))


def client(request: Request) -> str:
    """Whose request it is."""
    return str(getattr(request.state, "client", "local"))


def failure_view(error: RunFailure) -> dict[str, str]:
    """Why a run failed, without the names of files."""
    told = _KINDS.get(error.code, MarsamError).told
    return {"code": error.code, "message": told or error.message}


def picture_view(run: Run, picture: StoredPicture) -> dict[str, Any]:
    """One picture of a run, and where to get it."""
    name = f"{run.id}-{picture.index}"
    return {
        "id": name,
        "index": picture.index,
        "seed": picture.seed,
        "url": None if picture.file is None else f"/v1/pictures/{name}",
        "blocked": picture.file is None,
        "fidelity": picture.fidelity.to_dict() if picture.fidelity else None,
    }


def run_view(run: Run, *, position: int | None = None) -> dict[str, Any]:
    """A run, as far as it has come.

    Args:
        run: which.
        position: in the waiting line; None when it does not wait.
    """
    words = run.prompt
    return {
        "id": run.id,
        # Of a run that is worked on, nothing may have been written down yet.
        "state": "running" if run.state == "queued" and position == 0 else run.state,
        "position": position,
        "created": round(run.created, 3),
        "caption": {"en": words.english, "ar": words.arabic} if words else None,
        "captions": [caption.to_dict() for caption in run.captions],
        "prompt": words.to_dict() if words else None,
        "pictures": [picture_view(run, picture) for picture in run.pictures],
        "kept": list(kept(run)),
        "options": run.options.to_dict() if run.options else None,
        "models": dict(run.models),
        "seconds": dict(run.seconds),
        "error": failure_view(run.error) if run.error else None,
    }


def kept(run: Run) -> tuple[int, ...]:
    """The pictures to keep: all, or the best when that was asked for."""
    wanted = run.options.keep_best if run.options else None
    chosen = best([picture.fidelity for picture in run.pictures], wanted)
    return tuple(run.pictures[place].index for place in chosen)
