"""What routes and tools share: the run service, the client's ID, and images in requests."""

import asyncio
import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Annotated

import anyio.to_thread
from fastapi import Depends, Path, Request, UploadFile
from PIL import Image

from marsam.errors import PictureError, QueueFull, RunExists
from marsam.imaging.image_io import FILE_TOO_LARGE, MAX_BYTES, open_picture, read_bytes
from marsam.journal.journal import Journal
from marsam.journal.records import FINAL_STATES, NewRun, Run, StoredPicture
from marsam.options import PaintOptions, RunOptions
from marsam.runs.execution import RunEnded, RunEvent
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio

MAX_CONCURRENT_TEXT_REQUESTS = 8
"""Captions and translations that may wait for the models; further requests get status 503."""
DISCONNECT_POLL_S = 1.0
"""How often a waiting request checks that its client is still connected."""


@dataclass(frozen=True)
class RunService:
    """Start runs and wait for them; limit the requests that need text models only."""

    scheduler: Scheduler
    _text_slots: BoundedSemaphore = field(
        default_factory=lambda: BoundedSemaphore(MAX_CONCURRENT_TEXT_REQUESTS)
    )

    @property
    def journal(self) -> Journal:
        """The storage of runs."""
        return self.scheduler.journal

    @contextmanager
    def text_slot(self) -> Iterator[Studio]:
        """The models, for a request that does not queue; one of a limited number at a time.

        Raises:
            QueueFull: when all slots are taken.
        """
        if not self._text_slots.acquire(blocking=False):
            raise QueueFull("Too many text requests at the moment. Try again in a few seconds.")
        try:
            yield self.scheduler.studio
        finally:
            self._text_slots.release()

    def create(self, new: NewRun) -> tuple[Run, bool]:
        """Create a run and enqueue it, or find the run that the same request created before.

        Returns:
            The run, and whether it is new.

        Raises:
            RunExists: when the idempotency key was used for another request.
            MarsamError: when the request is invalid, or cannot be accepted at the moment.
        """
        key = new.idempotency_key
        if key and (run := self.journal.find_by_idempotency_key(new.client, key)):
            return _require_same(run, new), False
        try:
            run_id = self.scheduler.enqueue_run(new)
        except RunExists as error:  # created by a request at the same moment
            return _require_same(self.journal.run(new.client, error.run), new), False
        return self.journal.run(new.client, run_id), True

    async def wait(self, request: Request, run_id: str) -> Run:
        """Wait until a run has ended; cancel it when the client disconnects.

        Raises:
            MarsamError: when the run failed, with the reason.
            Cancelled: when it was cancelled.
        """
        changed, ended = asyncio.Event(), list[RunEnded]()
        loop = asyncio.get_running_loop()

        def on_event(event: RunEvent) -> None:
            if isinstance(event, RunEnded) and event.state in FINAL_STATES:
                ended.append(event)
                loop.call_soon_threadsafe(changed.set)

        unsubscribe = await anyio.to_thread.run_sync(self.scheduler.subscribe, run_id, on_event)
        try:
            while not changed.is_set():
                try:
                    await asyncio.wait_for(changed.wait(), DISCONNECT_POLL_S)
                except TimeoutError:
                    if await request.is_disconnected():
                        await anyio.to_thread.run_sync(self.scheduler.cancel, run_id)
        finally:
            unsubscribe()
        return await anyio.to_thread.run_sync(self.scheduler.result, run_id, ended[0])

    async def generate(
        self, request: Request, client: str, prompt: str, paint: PaintOptions
    ) -> tuple[Run, list[StoredPicture]]:
        """Create a run from a prompt and wait for it; the run and its pictures that have a file."""
        new = NewRun(client=client, options=RunOptions(paint=paint), prompt=prompt)
        run, _ = await anyio.to_thread.run_sync(self.create, new)
        run = await self.wait(request, run.id)
        return run, [picture for picture in run.pictures if picture.path is not None]


def _require_same(run: Run, new: NewRun) -> Run:
    if run.request_digest != new.request_digest:
        raise RunExists("This idempotency key was used for another request.", run=run.id)
    return run


def get_service(request: Request) -> RunService:
    """The app's run service."""
    service: RunService = request.app.state.service
    return service


def client_id(request: Request) -> str:
    """Whose request it is, as the security middleware found out: a key or an address."""
    return str(getattr(request.state, "client", "local"))


ServiceDep = Annotated[RunService, Depends(get_service)]
ClientDep = Annotated[str, Depends(client_id)]


def get_run(
    service: ServiceDep, client: ClientDep, run_id: Annotated[str, Path(description="ID of a run.")]
) -> Run:
    """The run in the path.

    Raises:
        RunMissing: when there is none, or it is another client's.
    """
    return service.journal.run(client, run_id)


RunDep = Annotated[Run, Depends(get_run)]


def read_upload(file: UploadFile) -> bytes:
    """The bytes of an uploaded file; its name is not used.

    Raises:
        PictureError: when it is too large.
    """
    return read_bytes(file.file)


def decode_base64_image(text: str) -> Image.Image:
    """Decode an image in base64, with or without a data URL around it.

    Raises:
        PictureError: when the text is not base64, or not an image that can be read.
    """
    data = text.partition(",")[2] if text.startswith("data:") else text
    if len(data) > MAX_BYTES * 4 // 3 + 4:
        raise PictureError(FILE_TOO_LARGE)
    try:
        return open_picture(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise PictureError("This is not an image in base64.") from error
