"""Runs: begun, watched, cancelled, gone on with; and the pictures they made."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, File, Form, Header, Request, Response, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from marsam.api.dependencies import Service, fingerprint, run_options, uploaded
from marsam.api.responses import client, picture_view, run_view
from marsam.errors import RunMissing, public
from marsam.imaging.image_io import open_picture
from marsam.journal.records import FINAL_STATES, Run
from marsam.options import RunOptions
from marsam.results import Previewed
from marsam.runs.scheduler import RunEnded, RunEvent

QUIET = 1.0
"""Seconds between two looks at a run of which nothing is heard; another process may do it."""
LAST = 1_000_000
"""The number of the end of a run, beside how many pictures there are by then."""


def routes(service: Service) -> APIRouter:
    """``/v1/runs`` and ``/v1/pictures``."""
    router = APIRouter(prefix="/v1", tags=["runs"])
    scheduler, journal = service.scheduler, service.journal

    def shown(run: Run) -> dict[str, Any]:
        return run_view(run, position=scheduler.queue_position(run.id))

    @router.post("/runs", status_code=202, summary="Begin a run")
    def begin(
        request: Request,
        response: Response,
        options: Annotated[RunOptions, Depends(run_options)],
        picture: Annotated[UploadFile | None, File()] = None,
        prompt: Annotated[str | None, Form(max_length=10_000)] = None,
        idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
    ) -> dict[str, Any]:
        """Describe a picture, or take a prompt in any language, and paint from the words.

        Answers at once; follow the run by its ``events`` or by asking for it.
        """
        data = uploaded(picture)
        run, new = service.begin(
            client(request),
            options,
            picture=None if data is None else open_picture(data),
            prompt=prompt,
            key=idempotency_key,
            digest=fingerprint(options, data, prompt),
        )
        response.headers["Location"] = f"/v1/runs/{run.id}"
        if not new:
            response.headers["Idempotent-Replayed"] = "true"
        return shown(run)

    @router.get("/runs", summary="Your runs, the latest first")
    def listed(request: Request, limit: int = 50) -> dict[str, Any]:
        mine = journal.runs(client(request), limit=min(max(limit, 1), 200))
        return {"runs": [shown(run) for run in mine]}

    @router.get("/runs/{run_id}", summary="A run, as far as it has come")
    def show(request: Request, run_id: str) -> dict[str, Any]:
        return shown(journal.run(client(request), run_id))

    @router.delete("/runs/{run_id}", summary="Cancel a run; finished pictures stay")
    def cancel(request: Request, run_id: str) -> dict[str, Any]:
        run = journal.run(client(request), run_id)
        if not scheduler.cancel(run.id):  # another process may be at it
            journal.request_cancel(run.id)
        return shown(journal.run(client(request), run_id))

    @router.post("/runs/{run_id}/resume", status_code=202, summary="Go on with a run")
    def resume(request: Request, run_id: str) -> dict[str, Any]:
        """Paint the pictures that are missing, from the seeds they would have had."""
        me = client(request)
        scheduler.resume(me, run_id, line=me)
        return shown(journal.run(me, run_id))

    def mine(request: Request, run_id: str) -> Run:
        return journal.run(client(request), run_id)

    @router.get(
        "/runs/{run_id}/events",
        response_class=EventSourceResponse,
        summary="What happens to a run, as it happens",
    )
    async def events(
        run: Annotated[Run, Depends(mine)],
        last_event_id: Annotated[int, Header()] = 0,
    ) -> AsyncIterator[ServerSentEvent]:
        """Server-sent events; those with a number can be asked for again by ``Last-Event-ID``."""
        bell, heard = asyncio.Event(), list[RunEvent]()
        loop = asyncio.get_running_loop()

        def take(news: RunEvent) -> None:
            if isinstance(news, Previewed):
                heard[:] = [n for n in heard if isinstance(n, RunEnded)]
            if isinstance(news, Previewed | RunEnded):
                heard.append(news)
            bell.set()

        def hear(news: RunEvent) -> None:
            with suppress(RuntimeError):  # the loop may be closed already
                loop.call_soon_threadsafe(take, news)

        last, place = last_event_id, None
        if last >= LAST:  # it was told the end, and the run may have been gone on with
            last = 9 + 2 * (last - LAST)
        quiet = await anyio.to_thread.run_sync(scheduler.subscribe, run.id, hear)
        try:
            while True:
                bell.clear()
                lost = next(
                    (n for n in heard if isinstance(n, RunEnded) and n.state in FINAL_STATES), None
                )
                now = await anyio.to_thread.run_sync(journal.run, None, run.id)
                for number, kind, told in _kept(now):
                    if number > last:
                        yield _event(kind, told, number)
                        last = number
                if now.ended:
                    return
                if lost is not None:  # over, but nothing can be written down at the moment
                    yield _event("ended", _lost(now, lost))
                    return
                position = scheduler.queue_position(run.id)
                if position and position != place:
                    yield _event("queued", {"position": position})
                place = position
                for preview in [n for n in heard if isinstance(n, Previewed)]:
                    heard.remove(preview)
                    if preview.index < len(now.pictures):
                        continue  # it is finished by now
                    yield _event("previewed", _preview(preview))
                try:
                    await asyncio.wait_for(bell.wait(), QUIET)
                except TimeoutError:
                    continue
        except RunMissing:
            return  # deleted meanwhile
        finally:
            quiet()

    @router.head("/pictures/{picture_id}", include_in_schema=False)
    @router.get("/pictures/{picture_id}", response_class=FileResponse, summary="A picture, as PNG")
    def picture(request: Request, picture_id: str) -> FileResponse:
        run_id, _, index = picture_id.rpartition("-")
        run = journal.run(client(request), run_id)
        for one in run.pictures:
            if str(one.index) == index and one.path is not None and one.path.is_file():
                return FileResponse(one.path, media_type="image/png", filename=one.path.name)
        raise RunMissing("There is no such picture.")

    return router


def _event(kind: str, told: dict[str, Any], number: int | None = None) -> ServerSentEvent:
    data = json.dumps(told, ensure_ascii=False)
    return ServerSentEvent(raw_data=data, event=kind, id=None if number is None else str(number))


def _kept(run: Run) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """What has happened to a run, by number: the journal knows it, after any restart."""
    if run.captions:
        yield 1, "captioned", {"captions": [caption.to_dict() for caption in run.captions]}
    if run.prompt is not None:
        yield 2, "prompted", run.prompt.to_dict()
    for picture in run.pictures:
        view = picture_view(run, picture)
        yield 10 + 2 * picture.index, "painted", view | {"fidelity": None}
        if picture.fidelity is not None:
            yield 11 + 2 * picture.index, "checked", view
    if run.ended:
        yield LAST + len(run.pictures), "ended", run_view(run)


def _lost(run: Run, ended: RunEnded) -> dict[str, Any]:
    error = ended.error and {"code": ended.error.code, "message": public(ended.error)}
    return run_view(run) | {"state": ended.state, "error": error}


def _preview(event: Previewed) -> dict[str, Any]:
    told: dict[str, Any] = {"index": event.index, "step": event.step, "steps": event.steps}
    if event.image is not None:
        buffer = io.BytesIO()
        event.image.save(buffer, "JPEG", quality=70)
        sketch = base64.b64encode(buffer.getvalue()).decode()
        told["image"] = f"data:image/jpeg;base64,{sketch}"
    return told
