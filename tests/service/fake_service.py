"""A server with fake stages, as a process that tests may kill.

``python -m tests.service.fake_service PORT`` with ``MARSAM_DATA`` set. Results depend on the
request, so that a test can detect a mixed-up response. ``SLOW`` is the time of a step in seconds;
With ``ARABIC``, the captioner
writes that when it is asked in Arabic, and reads requests; the painter reads Arabic.
``FAILPOINT`` names the point of saving a picture at which the process kills itself, and ``FAIL_AT``
how often that point is passed before.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Previewed, Studio, environment
from marsam.api.metrics import Metrics
from marsam.journal.journal import Journal
from marsam.results import Caption
from marsam.runs.scheduler import Scheduler
from marsam.server.addresses import PublicUrl
from marsam.server.app import create_app
from marsam.server.exit import end_on_signals
from marsam.server.listen import listen
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator
from marsam.text.languages import ARABIC

HANG_S = 9.0
FAILPOINTS = ("created", "written", "synced", "renamed", "recorded", "announced")


class ColourCaptioner(FakeCaptioner):
    """Captions an image with the colour of its corner, and repeats what it was asked."""

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        self.abilities.check(options, self.name)
        red, green, blue = image.getpixel((0, 0))  # type: ignore[misc]
        text = f"a square of {red} {green} {blue}"
        if options.language == ARABIC.code:
            text = self.arabic
        return (Caption(text=f"{text}; {options.ask}" if options.ask else text),)


@dataclass
class SlowPainter(FakePainter):
    """Waits after every step."""

    pause: float = 0.0

    def paint(
        self, prompt: str, options: PaintOptions, start: Image.Image | None = None
    ) -> Iterator[Previewed | Painted]:
        for event in super().paint(prompt, options, start):
            if "hang" in prompt:
                time.sleep(HANG_S)
            if "no memory" in prompt:
                raise MemoryError
            self.calls.clear()  # some tests measure the memory of the process
            yield event
            if self.pause and isinstance(event, Previewed):
                time.sleep(self.pause)


def fake_stages(pause: float = 0.0) -> Studio:
    """Three stages whose results depend on their input."""
    translator = FakeTranslator(unknown_words=frozenset({"dragon"}))
    return Studio(
        captioner=ColourCaptioner(arabic=os.environ.get("ARABIC", "")),
        translator=translator,
        painter=SlowPainter(steps=2, pause=pause, reads_arabic="ARABIC" in os.environ),
        models="fake",
    )


def _die(point: str, wanted: str, left: list[int]) -> None:
    if point == wanted:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def install_failpoint(wanted: str, after: int) -> None:
    """Make the process kill itself at one point of saving a picture."""
    import pathlib

    from marsam.runs import execution

    left = [after]
    fsync, save, replace = os.fsync, Image.Image.save, pathlib.Path.replace
    paint = Journal.save_picture
    execute_run = execution.execute_run

    def created(self: Image.Image, file: Any, *args: Any, **more: Any) -> None:
        if "marsam-" in str(getattr(file, "name", "")):
            _die("created", wanted, left)
            save(self, file, *args, **more)
            _die("written", wanted, left)
        else:
            save(self, file, *args, **more)

    def synced(handle: int) -> None:
        fsync(handle)
        if pathlib.Path(f"/proc/self/fd/{handle}").readlink().name.startswith(".marsam-"):
            _die("synced", wanted, left)

    def renamed(self: pathlib.Path, target: Any) -> pathlib.Path:
        done = replace(self, target)
        if self.name.startswith(".marsam-"):
            _die("renamed", wanted, left)
        return done

    def recorded(self: Journal, *args: Any, **more: Any) -> Any:
        kept = paint(self, *args, **more)
        _die("recorded", wanted, left)
        return kept

    def announced(*args: Any, **more: Any) -> Iterator[Any]:
        for event in execute_run(*args, **more):
            yield event
            if isinstance(event, Painted):
                _die("announced", wanted, left)

    from marsam.runs import scheduler

    # unittest.mock loads faster than pytest, and the tests start this process dozens of times.
    patch.object(Image.Image, "save", created).start()
    patch("os.fsync", synced).start()
    patch.object(pathlib.Path, "replace", renamed).start()
    patch.object(Journal, "save_picture", recorded).start()
    patch.object(scheduler, "execute_run", announced).start()


def main(port: int) -> None:
    end_on_signals()
    if failpoint := os.environ.get("FAILPOINT"):
        install_failpoint(failpoint, int(os.environ.get("FAIL_AT", "0")))
    patch("marsam.runs.scheduler.ORPHAN_CHECK_INTERVAL_S", 2.0).start()
    metrics = Metrics()
    pause = float(os.environ.get("SLOW", "0"))
    scheduler = Scheduler(
        fake_stages(pause),
        Journal(),
        max_queued=int(os.environ.get("QUEUE", "100")),
        max_per_client=int(os.environ.get("SHARE", "1000000")),
        max_cost_per_client=float(os.environ.get("BUDGET", "1000000")),
        step_timeout=float(os.environ.get("STEP_TIMEOUT", "900")),
        observer=metrics.observe,
    )
    if os.environ.get("LEAK"):
        kept, begin = [], scheduler.journal.run

        def leaking(*args: Any) -> Any:
            kept.append(bytearray(os.urandom(100_000)))
            return begin(*args)

        patch.object(scheduler.journal, "run", leaking).start()
    if files := os.environ.get("UPLOADS"):
        patch("marsam.ui.uploads.UPLOADS_PER_DAY", int(files)).start()
    keys = frozenset(filter(None, os.environ.get("KEYS", "").split(",")))
    public_url = environment.PUBLIC_URL.get()
    app = create_app(
        scheduler,
        page=bool(os.environ.get("PAGE")),
        keys=keys,
        hosts=(environment.HOST_NAMES.get() or "").split(),
        origins=(environment.ORIGINS.get() or "").split(),
        public_url=PublicUrl.parse(public_url) if public_url else None,
        metrics=metrics,
    )
    proxies = (environment.TRUSTED_PROXIES.get() or "").split()
    listen(app, host="127.0.0.1", port=port, trusted_proxies=proxies, on_stop=scheduler.close)


if __name__ == "__main__":
    main(int(sys.argv[1]))
