"""What routes and tools share: the run service, the client's ID, and images in requests."""

import asyncio
import base64
import string
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, cast

import anyio.to_thread
from fastapi import Depends, Path, Request
from PIL import Image

from marsam.errors import OptionError, PictureError, PromptError, RetryLater, RunExists
from marsam.imaging.image_io import CAPTION_SIDE, FILE_TOO_LARGE, MAX_BYTES, open_picture
from marsam.journal.records import FINAL_STATES, NewRun, Run, StoredPicture
from marsam.options import MAX_TEXT_REQUESTS, CaptionOptions, PaintOptions, RunOptions
from marsam.runs.execution import RunEnded, RunEvent
from marsam.runs.scheduler import Scheduler
from marsam.slots import LOCAL_CLIENT, Places, Slots
from marsam.studio import Studio

CONCURRENT_TEXT_REQUESTS, CONCURRENT_UPLOADS = 8, 2
MAX_UPLOADS = 200
"""Images that are decoded, or wait for that; the security middleware bounds the large ones."""
MAX_EVENT_STREAMS = 200
"""Runs that are followed at the same time, half of them by one client. Each reads the journal every
second: together they take half of a core."""
DISCONNECT_POLL_S = 1.0
"""How often a waiting request checks that its client is still connected."""
MAX_BASE64_CHARACTERS = MAX_BYTES * 4 // 3 * 78 // 76 + 200
"""The largest file in base64, with two characters after each line of 76, and a data URL around."""
STOPPING = "The server is stopping. Send the request again in a few seconds."
BLOCKED = "The safety checker blocked the pictures; change the prompt or the seed."
OnEvent = Callable[[RunEvent | None], Awaitable[None]]
Result = TypeVar("Result")
_STANDARD_BASE64 = str.maketrans("-_", "+/", string.whitespace)


@dataclass
class RunService:
    """Start runs and wait for them; limit the requests that need text models only."""

    scheduler: Scheduler
    max_text_requests: int = MAX_TEXT_REQUESTS
    _uploads: Slots = field(
        init=False,
        default_factory=lambda: Slots(concurrent=CONCURRENT_UPLOADS, max_requests=MAX_UPLOADS),
    )
    _text_requests: Slots = field(init=False)
    event_streams: Places = field(
        init=False, default_factory=lambda: Places(number=MAX_EVENT_STREAMS)
    )

    def __post_init__(self) -> None:
        self._text_requests = Slots(
            concurrent=CONCURRENT_TEXT_REQUESTS, max_requests=self.max_text_requests
        )

    @property
    def is_stopping(self) -> bool:
        """Whether the server stops: the runs in progress become interrupted."""
        return self.scheduler.is_closing

    async def with_models(self, client: str, call: Callable[[Studio], Result]) -> Result:
        """Call a function with the models in a thread, in the client's turn.

        Raises:
            QueueFull: when too many requests for captions and translations wait.
            QuotaExceeded: when too many of the client wait.
        """
        async with self._text_requests.slot(client):
            return await anyio.to_thread.run_sync(call, self.scheduler.studio)

    async def decode(self, client: str, read: Callable[[], Result]) -> Result:
        """Call a function that decodes or stores an image in a thread, in the client's turn.

        A decoded image takes up to 100 MB. Until then a request holds neither that nor a thread.

        Raises:
            QueueFull: when too many images wait.
            QuotaExceeded: when too many of the client wait.
        """
        async with self._uploads.slot(client):
            return await anyio.to_thread.run_sync(read)

    def create(self, new: NewRun) -> tuple[Run, bool]:
        """Create a run and enqueue it, or find the run that the same request created before.

        Returns:
            The run, and whether it is new.

        Raises:
            RunExists: when the idempotency key was used for another request.
            MarsamError: when the request is invalid, or cannot be accepted at the moment.
        """
        journal, key = self.scheduler.journal, new.idempotency_key
        run = journal.find_by_idempotency_key(new.client, key) if key else None
        if run is None:
            try:
                return journal.run(new.client, self.scheduler.enqueue_run(new)), True
            except RunExists as error:  # created by a request at the same moment
                run = journal.run(new.client, error.run)
        if run.request_digest != new.request_digest:
            raise RunExists("This idempotency key was used for another request.", run=run.id)
        return run, False

    async def start(
        self,
        request: Request,
        paint: PaintOptions,
        *,
        prompt: str | None = None,
        image: Image.Image | None = None,
        language: str | None = None,
        caption: CaptionOptions | None = None,
    ) -> Run:
        """Create a run of the client's; MarsamError when it cannot be accepted."""
        options = RunOptions(paint=paint, language=language, caption=caption or CaptionOptions())
        new = NewRun(client=client_id(request), options=options, prompt=prompt, image=image)
        run, _ = await anyio.to_thread.run_sync(self.create, new)
        return run

    async def finish(
        self, request: Request, run_id: str, *, on_event: OnEvent | None = None
    ) -> Run:
        """Wait until a run has ended; cancel it when the client disconnects.

        ``on_event`` gets each event of the run, and None at first and after a second without one.

        Raises:
            MarsamError: when the run failed, with the reason.
            Cancelled: when it was cancelled.
            RetryLater: when the server stops.
        """
        async with aclosing(self.follow(run_id)) as events:
            async for event in events:
                if isinstance(event, RunEnded):
                    if event.state == "interrupted":
                        raise RetryLater(STOPPING)
                    return await anyio.to_thread.run_sync(self.scheduler.result, run_id, event)
                if on_event is not None:
                    await on_event(event)
                if await request.is_disconnected():
                    await anyio.to_thread.run_sync(self.scheduler.cancel, run_id)
        raise AssertionError("the events of a run end with RunEnded")

    async def follow(self, run_id: str) -> AsyncGenerator[RunEvent | None]:
        """The events of a run from now on; the last is its end.

        None comes at first and after a second without an event. Closing the iterator cancels the
        run, as nobody waits for it then.
        """
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[RunEvent]()

        def listen(event: RunEvent) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        unsubscribe = await anyio.to_thread.run_sync(self.scheduler.subscribe, run_id, listen)
        event: RunEvent | None = None
        try:
            while not (isinstance(event, RunEnded) and event.state in FINAL_STATES):
                yield None if isinstance(event, RunEnded) else event
                is_stopping = self.is_stopping
                try:
                    event = await asyncio.wait_for(queue.get(), DISCONNECT_POLL_S)
                except TimeoutError:  # the step may take longer than the server has to stop
                    event = RunEnded("interrupted") if is_stopping else None
            yield event
        finally:
            unsubscribe()
            if not self.is_stopping:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self.scheduler.cancel, run_id)


def get_service(request: Request) -> RunService:
    """The app's run service."""
    return cast("RunService", request.app.state.service)


def client_id(request: Request) -> str:
    """Whose request it is, as the security middleware found out: a key or an address."""
    return str(getattr(request.state, "client", LOCAL_CLIENT))


def root_path(request: Request) -> str:
    """The path under which a proxy mounts the server; links begin with it."""
    return str(request.scope.get("root_path", ""))


ServiceDep = Annotated[RunService, Depends(get_service)]
ClientDep = Annotated[str, Depends(client_id)]
RootDep = Annotated[str, Depends(root_path)]


def get_run(
    service: ServiceDep,
    client: ClientDep,
    run_id: Annotated[str, Path(description="ID of a run.", examples=["5d41402abc4b2a76"])],
) -> Run:
    """The run in the path; RunMissing when there is none, or it is another client's."""
    return service.scheduler.journal.run(client, run_id)


RunDep = Annotated[Run, Depends(get_run)]


async def open_stream(service: ServiceDep, client: ClientDep) -> AsyncIterator[None]:
    """Occupy a place for a stream of events until it is closed."""
    with service.event_streams.place(client):
        yield


def decode_base64_image(text: str) -> Image.Image:
    """An image in base64; see :func:`decode_base64`."""
    return open_picture(decode_base64(text), side=CAPTION_SIDE)


def decode_base64(text: str) -> bytes:
    """A file in base64, with or without a data URL around it; PictureError for anything else.

    White space, missing padding and the alphabet for URLs are accepted, as clients send them.
    """
    if len(text) > MAX_BASE64_CHARACTERS:
        raise PictureError(FILE_TOO_LARGE)
    data = text.partition(",")[2] if text.startswith("data:") else text
    data = data.translate(_STANDARD_BASE64).rstrip("=")
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except ValueError as error:
        raise PictureError("This is not a file in base64.") from error


@contextmanager
def renamed_options(**names: str) -> Iterator[None]:
    """Name options in an error's sentence as the dialect does; ``names`` by our own."""
    try:
        yield
    except OptionError as error:
        raise error.renamed(names.get(error.option, error.option)) from error


def visible_pictures(run: Run) -> list[StoredPicture]:
    """The pictures of a run that were not blocked; PromptError when all of them were."""
    pictures = [picture for picture in run.pictures if not picture.blocked]
    if run.pictures and not pictures:
        raise PromptError(BLOCKED)
    return pictures
