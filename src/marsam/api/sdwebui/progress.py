"""How far a client's images are, and stopping them."""

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from PIL import Image
from pydantic import BaseModel, Field

from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.reader_language import ReaderLanguage
from marsam.journal.records import Run
from marsam.messages import Message, in_language
from marsam.results import Painted, Previewed
from marsam.runs.execution import RunEvent
from marsam.runs.scheduler import Scheduler

FIRST_PROGRESS = 0.01
"""Progress of work that has not begun: for the web UI's clients, 0 means that there is none."""

router = APIRouter()


@dataclass(eq=False)
class RunProgress:
    """How far a run is; events come from the thread that executes it."""

    run_id: str
    created: float
    pictures: int
    done: int = 0
    latest: Previewed | None = None
    preview: Image.Image | None = None
    started: float | None = None
    interrupted: bool = False

    def add(self, event: RunEvent) -> None:
        """Take an event of the run into account."""
        if isinstance(event, Previewed):
            self.started = self.started or time.monotonic()
            self.latest, self.preview = event, event.image or self.preview
        elif isinstance(event, Painted):
            self.done, self.latest = event.picture.index + 1, None

    @property
    def fraction(self) -> float:
        """From above 0 to 1."""
        step = self.latest.step / self.latest.steps if self.latest else 0.0
        return min(1.0, max(FIRST_PROGRESS, (self.done + step) / self.pictures))


@dataclass
class ProgressBoard:
    """The runs that clients of the web UI wait for, by client, the oldest first."""

    _runs: dict[str, list[RunProgress]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def show(self, scheduler: Scheduler, client: str, run: Run) -> Iterator[RunProgress]:
        """Follow a run while a client waits for it."""
        pictures = run.options.paint.pictures if run.options else 1
        progress = RunProgress(run.id, run.created, pictures)
        with self._lock:
            self._runs.setdefault(client, []).append(progress)
        unsubscribe = scheduler.subscribe(run.id, progress.add)
        try:
            yield progress
        finally:
            unsubscribe()
            with self._lock:
                self._runs[client].remove(progress)
                if not self._runs[client]:
                    del self._runs[client]

    def of(self, client: str) -> list[RunProgress]:
        """The runs of a client."""
        with self._lock:
            return list(self._runs.get(client, ()))


def get_board(request: Request) -> ProgressBoard:
    """The app's board."""
    return cast("ProgressBoard", request.app.state.progress_board)


BoardDep = Annotated[ProgressBoard, Depends(get_board)]


class ProgressState(BaseModel):
    """What is being done."""

    skipped: bool = Field(default=False, description="Always false.")
    interrupted: bool = Field(default=False, description="The client interrupted the run.")
    stopping_generation: bool = Field(default=False, description="As `interrupted`.")
    job: str = Field(default="", description="ID of the run.")
    job_count: int = Field(default=0, description="Images asked for, in all waiting runs.")
    job_timestamp: str = Field(default="0", description="When the run was created.")
    job_no: int = Field(default=0, description="Finished images of the run.")
    sampling_step: int = Field(default=0, description="Steps of the current image that are done.")
    sampling_steps: int = Field(default=0, description="Steps of the current image.")


class Progress(BaseModel):
    """How far the client's oldest run is."""

    progress: float = Field(default=0.0, description="From 0 to 1; 0 when nothing is to be done.")
    eta_relative: float = Field(default=0.0, description="Seconds left; 0 while unknown.")
    state: ProgressState = Field(description="What is being done.")
    current_image: str | None = Field(default=None, description="Preview, PNG in base64.")
    textinfo: str | None = Field(default=None, description="Position in the queue.")


@router.get("/progress", summary="Get the progress")
def get_progress(
    board: BoardDep,
    service: ServiceDep,
    client: ClientDep,
    language: ReaderLanguage,
    skip_current_image: Annotated[bool, Query(description="Leave out the preview.")] = False,
) -> Progress:
    """Of the images that this client asked for with `txt2img` or `img2img`."""
    runs = board.of(client)
    if not runs:
        return Progress(state=ProgressState())
    run, latest = runs[0], runs[0].latest
    left = 0.0
    if run.started is not None:
        elapsed = time.monotonic() - run.started
        left = elapsed / run.fraction - elapsed
    position = service.scheduler.queue_position(run.run_id)
    waiting = Message("Position {position} in the queue", position=position)
    preview = None if skip_current_image else run.preview
    return Progress(
        progress=round(run.fraction, 4),
        eta_relative=round(left, 1),
        state=ProgressState(
            interrupted=run.interrupted,
            stopping_generation=run.interrupted,
            job=run.run_id,
            job_count=sum(one.pictures for one in runs),
            job_timestamp=time.strftime("%Y%m%d%H%M%S", time.localtime(run.created)),
            job_no=run.done,
            sampling_step=latest.step if latest else 0,
            sampling_steps=latest.steps if latest else 0,
        ),
        current_image=_base64_png(preview) if preview else None,
        textinfo=in_language(waiting, language) if position else None,
    )


@router.post("/interrupt", summary="Stop generating")
def interrupt(board: BoardDep, service: ServiceDep, client: ClientDep) -> None:
    """Stop what this client asked for; `txt2img` or `img2img` returns the finished images."""
    for run in board.of(client):
        run.interrupted = True
        service.scheduler.cancel(run.run_id)


def _base64_png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
