"""Painting: settings become options, events become the page."""

import dataclasses
import queue
import time
from collections.abc import Iterator

import gradio as gr

from marsam.errors import MarsamError
from marsam.journal.records import NewRun
from marsam.options import PaintOptions, RunOptions, new_seed
from marsam.results import Checked, Painted, Previewed
from marsam.runs.execution import RunEnded, RunEvent
from marsam.web import render
from marsam.web.describe import Reading
from marsam.web.session import Desk, Desks
from marsam.web.settings import RECIPES_BY_NAME, decimal, whole
from marsam.web.strings import ARABIC, both, of_pictures, pictures, runs_ahead, say
from marsam.web.view import Update, View, album, merged

PREVIEWS = 6
"""Previews a picture, about."""
LOOK = 1.0
"""Seconds between two looks at the line while nothing else happens."""
PATIENCE = 0.1
"""Seconds between two reports of a step; more often, nobody could read."""


class Painting:
    """The handlers that paint; words are settled by ``reading`` first."""

    def __init__(self, view: View, desks: Desks, reading: Reading) -> None:
        self.view, self.desks, self.reading = view, desks, reading
        self.parts, self.journal, self.estimator = view.parts, view.journal, view.estimator
        self.studio, self.scheduler = view.studio, view.scheduler

    def paint(
        self,
        english: str,
        arabic: str,
        number: float,
        recipe: str,
        steps: str,
        guidance: str,
        size: str,
        seed: str,
        negative: str,
        request: gr.Request,
    ) -> Iterator[Update]:
        """The large button: settle the words if need be, then paint."""
        desk = self.desks.of(request)
        if not desk.read.is_set():  # a picture was dropped a moment ago: its words are meant
            desk.read.wait()
            prompt = desk.prompt
            english, arabic = (prompt.english, prompt.arabic) if prompt else ("", "")
        if not (english.strip() or arabic.strip()):
            gr.Warning(say("nothing_given", desk.language))
            yield {self.parts.status: gr.skip()}
            return
        width, height = map(int, size.split("×")) if size else (None, None)
        try:
            options = PaintOptions(
                pictures=int(number),
                seed=whole(seed),
                recipe=RECIPES_BY_NAME[recipe],
                steps=whole(steps),
                guidance_scale=decimal(guidance),
                negative_prompt=negative or "",
                width=width,
                height=height,
            )
            if language := self.reading.edited(desk, english, arabic):
                yield {self.parts.status: render.easel(both("translating"))}
                self.reading.settle(desk, language, arabic if language == ARABIC else english)
        except MarsamError as error:
            self.view.tell(desk, error)
            yield {self.parts.status: ""}
            return
        yield from self._painted(desk, options)

    def more(self, request: gr.Request) -> Iterator[Update]:
        """The same words and settings, the seeds that follow."""
        desk = self.desks.of(request)
        if desk.prompt and desk.pictures:
            options = desk.options or PaintOptions()
            seed = max(p.seed for p in desk.pictures) + 1
            yield from self._painted(desk, dataclasses.replace(options, seed=seed))

    def same(self, request: gr.Request) -> Iterator[Update]:
        """The very same pictures once more."""
        desk = self.desks.of(request)
        if desk.prompt and desk.pictures:
            options = desk.options or PaintOptions()
            seed = min(p.seed for p in desk.pictures)
            yield from self._painted(desk, dataclasses.replace(options, seed=seed))

    def stop(self, request: gr.Request) -> Update:
        """End the work after this step; what is finished stays."""
        if (run := self.desks.of(request).working) is not None:
            self.scheduler.cancel(run)
        return {self.parts.status: render.easel(both("stopping"))}

    def _painted(self, desk: Desk, options: PaintOptions) -> Iterator[Update]:
        parts, prompt = self.parts, desk.prompt
        if prompt is None:
            raise AssertionError("words are settled before they are painted")
        if not desk.busy.acquire(blocking=False):
            yield {parts.status: gr.skip()}
            return
        steps = options.steps or self.studio.painter.sampling(options.recipe).steps
        seed = options.seed if options.seed is not None else new_seed()
        options = dataclasses.replace(options, seed=seed, preview_every=max(1, steps // PREVIEWS))
        # The scheduler has its own threads: finished pictures are kept even if the page is closed.
        told: queue.SimpleQueue[RunEvent] = queue.SimpleQueue()
        try:
            new = NewRun(
                client=desk.visitor,
                options=RunOptions(paint=options),
                image=desk.source,
                captions=desk.captions,
                prompt=prompt,
            )
            # A run that has only its text so far gets the pictures; otherwise a new one does.
            run = self.scheduler.enqueue_run(new, described=None if desk.pictures else desk.run)
            desk.source = self.journal.run(desk.visitor, run).image_path
            quiet = self.scheduler.subscribe(run, told.put)
        except MarsamError as error:
            desk.busy.release()
            self.view.tell(desk, error)
            yield {parts.status: ""}
            return
        desk.run, desk.working, desk.pictures, desk.options = run, run, [], options
        try:
            yield from self._followed(desk, run, told, options)
        finally:
            quiet()
            desk.working = None
            desk.busy.release()

    def _followed(
        self, desk: Desk, run: str, told: "queue.SimpleQueue[RunEvent]", options: PaintOptions
    ) -> Iterator[Update]:
        parts = self.parts
        yield self.view.words(desk) | {
            parts.paint: gr.update(interactive=False),
            parts.stop: gr.update(visible=True),
            parts.actions: gr.update(visible=False),
            parts.gallery: album([]),
            parts.results: "",
            parts.status: render.easel(self._waiting(run), share=0),
        }
        started, reported = time.monotonic(), 0.0
        while not isinstance(news := self._next(told), RunEnded):
            match news:
                case None:
                    yield {parts.status: render.easel(self._waiting(run), share=0)}
                case Previewed():
                    now = time.monotonic()
                    started = started if reported else now
                    if news.image is not None or now - reported > PATIENCE:
                        reported = now
                        yield self._step(news, options, now - started)
                case Painted() | Checked():
                    # Something else may have been laid on the desk meanwhile.
                    if desk.run == run and self._collected(desk, run):
                        yield self.view.landed(desk)
        if news.error is not None:
            self.view.tell(desk, news.error)
        kept = sum(not p.blocked for p in desk.pictures)
        if news.state == "finished":
            line = both("done", pictures(kept)) if kept else both("done_without")
        else:
            line = both("stopped", pictures(kept)) if kept else both("stopped_without")
        yield merged(
            self.view.landed(desk),
            self.view.bundle(desk),
            self.view.earlier(desk),
            self.view.means(),
        ) | {
            parts.paint: gr.update(interactive=True),
            parts.stop: gr.update(visible=False),
            parts.status: render.easel("" if news.error and not desk.pictures else line),
        }

    def _collected(self, desk: Desk, run: str) -> bool:
        """Lay what is painted on the desk; False when the run is gone, deleted on another page."""
        try:
            desk.pictures = list(self.journal.run(desk.visitor, run).pictures)
        except MarsamError as error:
            self.view.tell(desk, error)
            return False
        return True

    def _next(self, told: "queue.SimpleQueue[RunEvent]") -> RunEvent | None:
        try:
            return told.get(timeout=LOOK)
        except queue.Empty:
            return None

    def _waiting(self, run: str) -> str:
        """Whose turn it is."""
        ahead = (self.scheduler.queue_position(run) or 1) - 1
        return both("waiting_behind", runs_ahead(ahead)) if ahead else both("waiting")

    def _step(self, event: Previewed, options: PaintOptions, elapsed: float) -> Update:
        done = event.index * event.steps + event.step
        every = options.pictures * event.steps
        left = elapsed / done * (every - done)
        if done < 3:
            left = self.estimator.estimate(options) or left
        line = both(
            "painting",
            picture=event.index + 1,
            pictures=options.pictures,
            step=event.step,
            steps=event.steps,
        )
        html = render.easel(line, sketch=event.image, share=done / every, remaining=left)
        return {self.parts.status: html}

    def foresee(self, number: float, recipe: str, steps: str) -> Update:
        """How long it will take, before the click."""
        try:
            options = PaintOptions(
                pictures=int(number),
                recipe=RECIPES_BY_NAME[recipe],
                steps=whole(steps),
            )
        except MarsamError:
            return {self.parts.expected: ""}
        seconds = self.estimator.estimate(options)
        return {self.parts.expected: render.expected(seconds, of_pictures(options.pictures))}
