"""The Studio as a Gradio Space on Hugging Face; see docs/space.md.

It runs on a CPU, on a GPU and on ZeroGPU. It uses the standard set if the Space has preloaded it,
otherwise the bundled mini set. Visitors see only their own runs, which are deleted after a day.
``MARSAM_DATA`` and those that name models, such as ``MARSAM_MODELS``, can be set as variables of
the Space.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

try:
    import spaces  # must be imported before torch, which it patches on ZeroGPU
except ImportError:
    spaces = None

sys.path.insert(0, str(Path(__file__).parent / "src"))  # a Space installs only requirements.txt

import gradio as gr
from PIL import Image

from marsam import OptionError, Painted, PaintOptions, Previewed, Prompted, Recipe, Studio
from marsam.errors import RetryLater
from marsam.journal.journal import Journal
from marsam.journal.retention import prune_hourly
from marsam.recipes import SamplingConfig
from marsam.results import PromptLength
from marsam.runs.cost import cost_of
from marsam.runs.scheduler import Scheduler
from marsam.stages.loading import prepare_process
from marsam.stages.protocols import Painter
from marsam.ui.blocks import MAX_THREADS
from marsam.web.layout import EXAMPLES
from marsam.web.page import build, launch_options
from marsam.web.warm_up import warm_up

ZERO_GPU = spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in (
    "1",
    "t",
    "true",
)
WAITING, SHARE = 20, 2
"""Limits of queued runs: of all visitors, and of one visitor."""
PICTURES = 4
"""Limit of the work of one run, in faithful images of 512 x 512 pixels."""
START, PICTURE = 20.0, 5.0
"""Estimated GPU seconds for loading and for one such image; high enough for slow starts."""


class SpacePainter:
    """A painter with a limit of work per run; on ZeroGPU it allocates a GPU for each run."""

    def __init__(self, painter: Painter) -> None:
        self.painter, self.name, self.recipes = painter, painter.name, painter.recipes
        self.measure: Callable[[str], PromptLength] = painter.measure
        self.sampling: Callable[[Recipe], SamplingConfig] = painter.sampling
        allocate = spaces.GPU(duration=self.seconds) if spaces else lambda work: work
        self._work = allocate(painter.paint)

    def seconds(
        self, _prompt: str, options: PaintOptions, _start: Image.Image | None = None
    ) -> float:
        """Return the GPU seconds to request from ZeroGPU."""
        return START + PICTURE * cost_of(options, self)

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        """Generate the images.

        Raises:
            OptionError: the run exceeds the limit of work.
            RetryLater: ZeroGPU has no GPU, or the visitor has no quota left.
        """
        if cost_of(options, self) > PICTURES:
            raise OptionError(
                "This run is too large for a shared Space; choose fewer or smaller images."
            )
        try:
            yield from self._work(prompt, options, start)
        except gr.Error as error:  # from ZeroGPU: no quota left, or no GPU available
            raise RetryLater(str(error.message), seconds=60) from error


def open_studio() -> Scheduler:
    """Load the models and start the scheduler; on ZeroGPU only the painter uses a GPU."""
    studio = Studio.load()
    if ZERO_GPU:
        on_cpu = Studio.load(device="cpu")
        studio = replace(studio, captioner=on_cpu.captioner, translator=on_cpu.translator)
    studio = replace(studio, painter=SpacePainter(studio.painter))
    scheduler = Scheduler(studio, Journal(), max_queued=WAITING, max_per_client=SHARE)
    if ZERO_GPU:  # warm up captioner and translator only: a GPU is charged to a visitor's quota
        next(event for event in studio.stream(EXAMPLES[0]) if isinstance(event, Prompted))
    else:
        Thread(target=warm_up, args=(studio, scheduler.estimator), daemon=True).start()
    Thread(target=prune_hourly, args=(scheduler.journal, 1.0, 2000.0), daemon=True).start()
    return scheduler


if __name__ == "__main__":
    prepare_process()
    os.environ.setdefault("MARSAM_DATA", tempfile.mkdtemp(prefix="marsam-"))
    page = build(open_studio(), offer_download=False)
    page.launch(max_threads=MAX_THREADS, **launch_options(page))
