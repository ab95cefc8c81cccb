"""Runs: create, list, follow, cancel, resume and delete them."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from marsam.api.bodies import Body, File, body_of, request_body
from marsam.api.dependencies import ClientDep, RootDep, RunDep, RunService, ServiceDep, open_stream
from marsam.api.fields import (
    Arabic,
    Ask,
    AsWritten,
    Candidates,
    Context,
    GuidanceScale,
    Length,
    NegativePrompt,
    PictureCount,
    Prefix,
    RecipeName,
    Seed,
    Side,
    Steps,
    Strength,
    StyleName,
)
from marsam.api.reader_language import ReaderLanguage
from marsam.api.responses import RunView, errors, picture_view, run_view
from marsam.errors import RunMissing
from marsam.journal.records import FINAL_STATES, NewRun, Run, RunFailure
from marsam.options import (
    MAX_RAW_CHARACTERS,
    ArabicCaption,
    CaptionLength,
    CaptionOptions,
    PaintOptions,
    RunOptions,
)
from marsam.recipes import recipe_named
from marsam.results import Previewed
from marsam.runs.execution import RunEnded, RunEvent
from marsam.text.languages import language

EVENT_POLL_S = 1.0
"""How often a run without events is read from the journal: another process may execute it."""
MAX_LISTED_RUNS = 200
END_EVENT_ID_BASE = 1_000_000
"""ID of the last event of a run, minus the number of its pictures by then."""

router = APIRouter(prefix="/v1", tags=["Runs"], responses=errors(422, 503))


class RunRequest(Body):
    """What a run does: an image, a prompt or both, and options."""

    picture: File | None = None
    """Input image: JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP, at most 20 MB.

    A file in a form, base64 in JSON. It is captioned, and the pictures show what the caption says;
    with `strength` they are variations of it. With `prompt` they are variations of it that show
    what the prompt says.
    """
    prompt: str | None = Field(
        default=None, max_length=MAX_RAW_CHARACTERS, examples=["a cat on a blue background"]
    )
    """Prompt in any language, at most 2000 characters."""
    pictures: PictureCount = PaintOptions.pictures
    seed: Seed = None
    recipe: RecipeName = str(PaintOptions.recipe)
    style: StyleName = PaintOptions.style
    steps: Steps = None
    guidance_scale: GuidanceScale = None
    negative_prompt: NegativePrompt = ""
    width: Side = None
    height: Side = None
    strength: Strength = None
    as_written: AsWritten = PaintOptions.as_written
    candidates: Candidates = CaptionOptions.candidates
    prefix: Prefix = ""
    """Words every caption starts with."""
    length: Length = str(CaptionOptions.length)
    ask: Ask = ""
    context: Context = ""
    arabic: Arabic = str(CaptionOptions.arabic)
    language: str | None = Field(
        default=None, max_length=100, examples=["ar", "French", "fra_Latn"]
    )
    """Prompt's language: a name, BCP 47 tag or NLLB code. Default: Arabic or English, by script."""
    check: bool = Field(default=RunOptions.check, examples=[True])
    """Caption every picture again and compare it with the prompt."""
    keep_best: int | None = Field(default=None, examples=[2])
    """Keep only this many pictures, those that match the prompt best. Default: all."""

    def options(self) -> RunOptions:
        """The options of the run; MarsamError if a value is out of range or a name unknown."""
        paint = self.model_dump(include={option.name for option in fields(PaintOptions)})
        return RunOptions(
            caption=CaptionOptions(
                candidates=self.candidates,
                prefix=self.prefix,
                length=CaptionLength.named(self.length),
                ask=self.ask,
                context=self.context,
                arabic=ArabicCaption.named(self.arabic),
            ),
            paint=PaintOptions(**paint | {"recipe": recipe_named(self.recipe)}),
            language=language(self.language).code if self.language else None,
            check=self.check,
            keep_best=self.keep_best,
        )


class RunList(BaseModel):
    """Runs of a client."""

    runs: list[RunView] = Field(description="The newest first.")


@router.post(
    "/runs",
    status_code=202,
    summary="Create a run",
    responses=errors(409, 413, 415, 507),
    openapi_extra=request_body(RunRequest),
)
async def create(
    body: Annotated[RunRequest, Depends(body_of(RunRequest))],
    service: ServiceDep,
    client: ClientDep,
    root: RootDep,
    language: ReaderLanguage,
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=255,
            description="Of your choice; a repeated key creates no second run.",
            examples=["order-1"],
        ),
    ] = None,
) -> RunView:
    """Caption an image, or translate a prompt, and generate pictures from the text.

    With both, or with `strength`, the pictures are variations of the image (image-to-image).

    The response comes at once. Follow the run with its events, or request it again.
    """
    options = body.options()

    def create_run() -> tuple[Run, bool]:
        new = NewRun(
            client=client,
            options=options,
            image=body.picture,
            prompt=body.prompt,
            idempotency_key=idempotency_key or None,
            request_digest=request_digest(options, body.picture, body.prompt),
        )
        return service.create(new)

    if body.picture is not None:
        run, is_new = await service.decode(client, create_run)
    else:
        run, is_new = await anyio.to_thread.run_sync(create_run)
    response.headers["Location"] = f"{root}/v1/runs/{run.id}"
    if not is_new:
        response.headers["Idempotent-Replayed"] = "true"
    return _view(service, root, language, run)


@router.head("/runs", include_in_schema=False)
@router.get("/runs", summary="List your runs")
def list_runs(
    service: ServiceDep,
    client: ClientDep,
    root: RootDep,
    language: ReaderLanguage,
    limit: Annotated[
        int,
        Query(ge=1, le=MAX_LISTED_RUNS, description="Number of runs, at most 200.", examples=[10]),
    ] = 50,
) -> RunList:
    """The newest runs first."""
    runs = service.scheduler.journal.runs(client, limit=limit)
    return RunList(runs=[_view(service, root, language, run) for run in runs])


@router.head("/runs/{run_id}", include_in_schema=False)
@router.get("/runs/{run_id}", summary="Get a run", responses=errors(404))
def show(run: RunDep, service: ServiceDep, root: RootDep, language: ReaderLanguage) -> RunView:
    """The run and its results so far."""
    return _view(service, root, language, run)


@router.delete("/runs/{run_id}", status_code=204, summary="Delete a run", responses=errors(404))
def delete(run: RunDep, service: ServiceDep, client: ClientDep) -> None:
    """Its text and pictures are deleted, also their copies for the page; it is cancelled before."""
    service.scheduler.delete(client, run.id)


@router.post("/runs/{run_id}/cancel", summary="Cancel a run", responses=errors(404))
def cancel(
    run: RunDep, service: ServiceDep, client: ClientDep, root: RootDep, language: ReaderLanguage
) -> RunView:
    """Finished pictures are kept."""
    if not service.scheduler.cancel(run.id):  # another process may execute it
        service.scheduler.journal.request_cancel(run.id)
    return _view(service, root, language, service.scheduler.journal.run(client, run.id))


@router.post(
    "/runs/{run_id}/resume", status_code=202, summary="Resume a run", responses=errors(404, 507)
)
def resume(
    run: RunDep, service: ServiceDep, client: ClientDep, root: RootDep, language: ReaderLanguage
) -> RunView:
    """Generate the missing pictures of a stopped, failed or interrupted run, from their seeds."""
    service.scheduler.resume(client, run.id)
    return _view(service, root, language, service.scheduler.journal.run(client, run.id))


@router.get(
    "/runs/{run_id}/events",
    response_class=EventSourceResponse,
    summary="Follow a run",
    dependencies=[Depends(open_stream)],
    responses=errors(404, 503),
)
async def events(
    run: RunDep,
    service: ServiceDep,
    root: RootDep,
    language: ReaderLanguage,
    last_event_id: Annotated[
        int,
        Header(
            description="ID of the last event received; earlier ones are left out.", examples=[2]
        ),
    ] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events about a run and its results.

    The events are `queued`, `captioned`, `prompted`, `previewed`, `painted`, `checked` and `ended`.
    Results are read from the journal, so that their events have the same IDs after a restart, and
    come from whichever process executes the run.
    """
    changed, latest = asyncio.Event(), dict[type[RunEvent], RunEvent]()
    loop = asyncio.get_running_loop()

    def on_event(event: RunEvent) -> None:
        latest[type(event)] = event  # replaces an earlier preview that was not sent yet
        with suppress(RuntimeError):  # the loop may be closed already
            loop.call_soon_threadsafe(changed.set)

    last_id, last_position, is_stopping = last_event_id, None, False
    if last_id >= END_EVENT_ID_BASE:  # the client saw an end; the run may have been resumed since
        last_id = 9 + 2 * (last_id - END_EVENT_ID_BASE)
    unsubscribe = await anyio.to_thread.run_sync(service.scheduler.subscribe, run.id, on_event)
    try:
        while True:
            changed.clear()
            ended = latest.get(RunEnded)
            run = await anyio.to_thread.run_sync(service.scheduler.journal.run, None, run.id)
            for event_id, kind, data in _stored_events(run, root, language):
                if event_id > last_id:
                    yield _event(kind, data, event_id)
                    last_id = event_id
            if run.ended:
                return
            if isinstance(ended, RunEnded) and ended.state in FINAL_STATES:
                # The journal cannot be written at the moment.
                failure = RunFailure.of(ended.error) if ended.error else None
                yield _event(
                    "ended",
                    run_view(replace(run, state=ended.state, error=failure), root, language),
                )
                return
            position = service.scheduler.queue_position(run.id)
            if is_stopping:  # the step may take longer than the server has to stop
                if position is not None:
                    yield _event(
                        "ended", run_view(replace(run, state="interrupted"), root, language)
                    )
                return
            if position and position != last_position:
                yield _event("queued", {"position": position})
            last_position = position
            preview = latest.pop(Previewed, None)
            # Otherwise the picture is finished.
            if isinstance(preview, Previewed) and preview.index >= run.painted:
                done = {"index": preview.index, "step": preview.step, "steps": preview.steps}
                yield _event("previewed", done)
            is_stopping = service.is_stopping
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), EVENT_POLL_S)
    except RunMissing:
        return  # deleted meanwhile
    finally:
        unsubscribe()


def request_digest(options: RunOptions, image: bytes | None, prompt: str | None) -> str:
    """SHA-256 of everything a request asks for; equal requests have equal digests."""
    text = json.dumps([options.to_dict(), prompt], sort_keys=True).encode()
    return hashlib.sha256(text + b"\0" + (image or b"")).hexdigest()


def _view(service: RunService, root: str, language: str, run: Run) -> RunView:
    return run_view(run, root, language, position=service.scheduler.queue_position(run.id))


def _event(kind: str, data: object, event_id: int | None = None) -> ServerSentEvent:
    text = json.dumps(to_jsonable_python(data), ensure_ascii=False)
    return ServerSentEvent(raw_data=text, event=kind, id=str(event_id) if event_id else None)


def _stored_events(run: Run, root: str, language: str) -> Iterator[tuple[int, str, object]]:
    """The events of a run's stored results, with IDs that follow from the results alone."""
    if run.captions:
        yield 1, "captioned", {"captions": [caption.to_dict() for caption in run.captions]}
    if run.prompt is not None:
        yield 2, "prompted", run.prompt.to_dict()
    for picture in run.pictures:
        view = picture_view(run, picture, root)
        yield 10 + 2 * picture.index, "painted", view.model_copy(update={"fidelity": None})
        if picture.fidelity is not None:
            yield 11 + 2 * picture.index, "checked", view
    if run.ended:
        yield END_EVENT_ID_BASE + run.painted, "ended", run_view(run, root, language)
