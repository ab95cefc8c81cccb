"""Marsam as a Gradio Space: the studio, for anybody who comes.

It runs as it is on a processor, on a GPU and on ZeroGPU, with the standard set where the Space has
preloaded it and else with the bundled mini set. What a visitor makes is theirs alone, and is
deleted after a day. The Space's own variables are Marsam's: ``MARSAM_MODELS``, ``MARSAM_DATA``.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

try:
    import spaces  # before torch, which it watches over on ZeroGPU
except ImportError:
    spaces = None

sys.path.insert(0, str(Path(__file__).parent / "src"))  # a Space installs requirements.txt alone

import gradio as gr

from marsam import OptionError, Painted, PaintOptions, Previewed, Prompted, Recipe, Studio
from marsam.errors import Refused
from marsam.journal.journal import Journal
from marsam.recipes import Method
from marsam.results import PromptLength
from marsam.runs.scheduler import Scheduler
from marsam.server.app import in_background, prune_hourly
from marsam.server.security import MAX_BODY
from marsam.stages.protocols import Painter
from marsam.web.layout import EXAMPLES
from marsam.web.page import build, get_ready, launch_options

ZERO_GPU = spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in (
    "1",
    "t",
    "true",
)
WAITING, SHARE = 20, 2
"""Runs that may wait, and those of one visitor."""
PASSES = 400
"""Of the U-Net over 512 x 512 pixels, in one run: as many as four faithful pictures take."""
START, PASS = 20.0, 0.05
"""Seconds of a GPU to get ready, and for a pass: generous, so that no picture is cut off."""


class SpacePainter:
    """A painter that does not do more than a visitor may ask for, on a GPU that may be lent."""

    def __init__(self, painter: Painter) -> None:
        self.painter, self.name = painter, painter.name
        self.measure: Callable[[str], PromptLength] = painter.measure
        self.method: Callable[[Recipe], Method] = painter.method
        lend = spaces.GPU(duration=self.seconds) if spaces else lambda work: work
        self._work = lend(painter.paint)

    def passes(self, options: PaintOptions) -> float:
        """How much work the pictures are."""
        method = self.method(options.recipe)
        area = (options.width or 512) * (options.height or 512) / 512**2
        return options.pictures * method.passes(options.steps or method.steps) * area

    def seconds(self, _prompt: str, options: PaintOptions) -> float:
        """How long a GPU is needed for them."""
        return START + PASS * self.passes(options)

    def paint(self, prompt: str, options: PaintOptions) -> Iterator[Previewed | Painted]:
        """Paint as the painter does.

        Raises:
            OptionError: when it would be too much work.
            Refused: when no GPU is to be had.
        """
        if self.passes(options) > PASSES:
            raise OptionError(
                "That is too much for a shared Space; ask for fewer, or smaller ones."
            )
        try:
            yield from self._work(prompt, options)
        except gr.Error as error:  # of ZeroGPU: no quota is left, or no GPU came
            raise Refused(str(error.message), seconds=60) from error


def open_studio() -> Scheduler:
    """The models and the line in front of them; words need no lent GPU, so they are never lent."""
    studio = Studio.load()
    if ZERO_GPU:
        near = Studio.load(device="cpu")
        studio = replace(studio, captioner=near.captioner, translator=near.translator)
    studio = replace(studio, painter=SpacePainter(studio.painter))
    scheduler = Scheduler(studio, Journal(), limit=WAITING, share=SHARE)
    if ZERO_GPU:  # painting is for visitors only, as each has a quota
        next(event for event in studio.stream(EXAMPLES[0]) if isinstance(event, Prompted))
    else:
        in_background(get_ready, studio, scheduler.estimator)
    in_background(prune_hourly, scheduler.journal, 1.0, 2000.0)
    return scheduler


if __name__ == "__main__":
    os.environ.setdefault("MARSAM_DATA", tempfile.mkdtemp(prefix="marsam-"))
    page = build(open_studio(), offer=False)
    page.launch(app_kwargs={"max_body_size": MAX_BODY}, **launch_options())
