"""Progress of an MCP tool's run, as notifications to its client."""

import time
from typing import Any

from mcp.server.fastmcp import Context

from marsam.messages import Message, in_language
from marsam.results import Painted, Previewed
from marsam.runs.execution import RunEvent

HEARTBEAT_S = 10.0
"""Time between two progress notifications, at most: clients give up after a minute without one."""


class ProgressReporter:
    """Tells the client how many pictures are done, and that the run goes on if nothing happens."""

    def __init__(self, context: Context[Any, Any, Any], pictures: int, language: str) -> None:
        self.context, self.pictures, self.language = context, pictures, language
        self.done, self.sent = 0.0, float("-inf")
        self.message = Message("Waiting for the models.")

    async def __call__(self, event: RunEvent | None) -> None:
        """Report an event, or after a while that there was none."""
        done, now = self.done, time.monotonic()
        match event:
            case Previewed():
                done = event.index + event.step / event.steps
                self.message = Message(
                    "Image {image} of {images}: step {step} of {steps}.",
                    image=event.index + 1,
                    images=self.pictures,
                    step=event.step,
                    steps=event.steps,
                )
            case Painted():
                done = event.picture.index + 1
                self.message = Message(
                    "Image {image} of {images} is finished.",
                    image=event.picture.index + 1,
                    images=self.pictures,
                )
            case _ if now - self.sent < HEARTBEAT_S:
                return
        # The protocol demands that each value is greater than the one before.
        self.done, self.sent = max(done, self.done + 0.0001), now
        message = in_language(self.message, self.language)
        await self.context.report_progress(self.done, self.pictures, message)
