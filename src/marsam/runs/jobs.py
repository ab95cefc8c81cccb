"""What the scheduler knows of its runs and of the threads that execute them."""

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from marsam.results import Previewed
from marsam.runs.execution import RunEnded, RunEvent, RunRecorder
from marsam.runs.fair_queue import FairQueue, Job

Listener = Callable[[RunEvent], None]


@dataclass
class ActiveJob:
    """A run that waits or is in progress, and who follows it."""

    queued: Job
    recorder: RunRecorder
    image: Image.Image | None  # the decoded input image, for the first execution
    cancelled: threading.Event = field(default_factory=threading.Event)
    last_progress: float = field(default_factory=time.monotonic)
    listeners: list[Listener] = field(default_factory=list)
    step: Previewed | None = None  # the last one, for those who follow the run later
    ended: RunEnded | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of the request: where GPUs are lent per request, they are lent to its user."""

    @property
    def run_id(self) -> str:
        """ID of the run in the journal."""
        return self.queued.id


@dataclass
class Worker:
    """A thread that executes one job at a time, and the queue in front of it."""

    queue: FairQueue
    job: ActiveJob | None = None
    hung: bool = False
