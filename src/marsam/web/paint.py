"""Painting: the events of the paint button and of the buttons below the pictures."""

import dataclasses
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from markupsafe import Markup

from marsam.errors import MarsamError
from marsam.journal.records import NewRun
from marsam.options import PaintOptions, RunOptions, new_seed
from marsam.results import Checked, Painted, Previewed, Prompted
from marsam.runs.execution import RunEnded, RunEvent
from marsam.ui.html import EMPTY
from marsam.ui.i18n import ARABIC, pictures, runs
from marsam.ui.updates import Update, merge
from marsam.web import render
from marsam.web.describe import DescribeHandlers, edited_language
from marsam.web.session import Session, Sessions
from marsam.web.settings import paint_options
from marsam.web.strings import STRINGS
from marsam.web.view import QUEUED, UNQUEUED, View, gallery_update

PREVIEWS_PER_PICTURE = 6
QUEUE_POLL_S = 1.0
"""How often the queue position is shown while a run waits."""
MIN_REPORT_INTERVAL_S = 0.1


class PaintHandlers:
    """Paints pictures; the prompt is translated by ``describe`` first."""

    def __init__(self, view: View, sessions: Sessions, describe: DescribeHandlers) -> None:
        self.view, self.sessions, self.describe = view, sessions, describe
        self.components, self.journal = view.components, view.journal
        self.studio, self.scheduler, self.estimator = view.studio, view.scheduler, view.estimator

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        outputs = [*parts.prompt, *parts.pictures, *parts.past_runs]
        outputs += [parts.paint, parts.stop, parts.summary, parts.about_text]
        painted = gr.on(
            [parts.paint.click, parts.english.submit, parts.arabic.submit],
            self.paint,
            [*parts.texts, *parts.settings],
            outputs,
            **QUEUED,
        )
        eta = UNQUEUED | {"inputs": parts.time_settings, "outputs": [parts.expected]}
        painted.then(self.show_eta, **eta)
        for setting in parts.time_settings:
            setting.change(self.show_eta, trigger_mode="always_last", **eta)
        parts.stop.click(self.stop, None, [parts.status], **UNQUEUED)
        parts.more.click(self.more, None, outputs, **QUEUED)
        parts.same.click(self.same, None, outputs, **QUEUED)

    def paint(
        self, request: gr.Request, english: str, arabic: str, *settings: Any
    ) -> Iterator[Update]:
        """Translate the prompt if it was edited, then paint."""
        parts, session = self.components, self.sessions.of(request)
        if not session.described.is_set():  # a picture was just added: paint from its caption
            session.described.wait()
            prompt = session.prompt
            english, arabic = (prompt.english, prompt.arabic) if prompt else ("", "")
        if not (english.strip() or arabic.strip()):
            gr.Warning(STRINGS.text("nothing_given", session.language))
            yield {parts.status: gr.skip()}
            return
        try:
            options = paint_options(*settings)
            if language := edited_language(session, english, arabic):
                yield {parts.status: render.status_panel(STRINGS.html("translating"))}
                text = arabic if language == ARABIC else english
                self.describe.set_prompt(session, language, text)
        except MarsamError as error:
            self.view.warn(session, error)
            yield {parts.status: ""}
            return
        yield from self._paint(session, options)

    def more(self, request: gr.Request) -> Iterator[Update]:
        """Paint the same prompt with the seeds that follow."""
        yield from self._repeat(request, lambda seeds: max(seeds) + 1)

    def same(self, request: gr.Request) -> Iterator[Update]:
        """Paint the same pictures once more."""
        yield from self._repeat(request, min)

    def _repeat(
        self, request: gr.Request, choose_seed: Callable[[list[int]], int]
    ) -> Iterator[Update]:
        session = self.sessions.of(request)
        if session.prompt and session.pictures:
            seed = choose_seed([picture.seed for picture in session.pictures])
            options = dataclasses.replace(session.options or PaintOptions(), seed=seed)
            yield from self._paint(session, options)

    def stop(self, request: gr.Request) -> Update:
        """Cancel the run after the current step; finished pictures are kept."""
        if (run := self.sessions.of(request).painting_run) is not None:
            self.scheduler.cancel(run)
        return {self.components.status: render.status_panel(STRINGS.html("stopping"))}

    def show_eta(self, *settings: Any) -> Update:
        """The time that painting will take, from the settings it depends on."""
        try:
            options = paint_options(*settings)
        except MarsamError:
            return {self.components.expected: ""}
        html = render.expected_time(self.estimator.estimate(options), options.pictures)
        return {self.components.expected: html}

    def _paint(self, session: Session, options: PaintOptions) -> Iterator[Update]:
        parts, prompt = self.components, session.prompt
        if prompt is None:
            raise AssertionError("the prompt is translated before it is painted")
        if not session.painting.acquire(blocking=False):
            yield {parts.status: gr.skip()}
            return
        steps = options.steps or self.studio.painter.sampling(options.recipe).steps
        options = dataclasses.replace(
            options,
            seed=new_seed() if options.seed is None else options.seed,
            preview_every=max(1, steps // PREVIEWS_PER_PICTURE),
        )
        # The scheduler has its own threads: finished pictures are stored even if the page closes.
        events: queue.SimpleQueue[RunEvent] = queue.SimpleQueue()
        try:
            new = NewRun(
                client=session.client,
                account=session.account,
                options=RunOptions(paint=options),
                image=session.image,
                captions=session.captions,
                prompt=prompt,
            )
            # A run that was only described so far gets the pictures; else a new one does.
            described = None if session.pictures else session.run
            run = self.scheduler.enqueue_run(new, described=described)
            session.image = self.journal.run(session.client, run).image_path
            unsubscribe = self.scheduler.subscribe(run, events.put)
        except MarsamError as error:
            session.painting.release()
            self.view.warn(session, error)
            yield {parts.status: ""}
            return
        session.run = session.painting_run = run
        session.pictures, session.options = [], options
        try:
            yield from self._follow(session, run, events, options)
        finally:
            unsubscribe()
            session.painting_run = None
            session.painting.release()

    def _follow(
        self,
        session: Session,
        run: str,
        events: "queue.SimpleQueue[RunEvent]",
        options: PaintOptions,
    ) -> Iterator[Update]:
        parts, prompt = self.components, session.prompt
        yield self.view.show_prompt(session) | {
            parts.paint: gr.update(interactive=False),
            parts.stop: gr.update(visible=True),
            parts.actions: gr.update(visible=False),
            parts.gallery: gallery_update([]),
            parts.results: "",
            parts.status: self._queue_panel(run),
        }
        started, reported = time.monotonic(), 0.0
        while not isinstance(event := _next_event(events), RunEnded):
            match event:
                case None:
                    yield {parts.status: self._queue_panel(run)}
                case Previewed():
                    now = time.monotonic()
                    started = started if reported else now
                    if event.image is not None or now - reported > MIN_REPORT_INTERVAL_S:
                        reported = now
                        yield {parts.status: self._step_panel(event, options, now - started)}
                case Prompted():
                    if session.run == run and session.prompt == prompt:
                        session.prompt = event.prompt
                        yield self.view.show_notes(session)
                case Painted() | Checked():
                    # Another run may have been opened on the page meanwhile.
                    if session.run == run and self._load_pictures(session, run):
                        yield self.view.show_pictures(session)
        if event.error is not None:
            self.view.warn(session, event.error)
        kept = sum(not p.blocked for p in session.pictures)
        state = "done" if event.state == "finished" else "stopped"
        line = STRINGS.html(state, pictures(kept)) if kept else STRINGS.html(f"{state}_without")
        yield merge(
            self.view.show_pictures(session),
            self.view.show_zip(session),
            self.view.show_history(session),
            self.view.show_models(),
        ) | {
            parts.paint: gr.update(interactive=True),
            parts.stop: gr.update(visible=False),
            parts.status: render.status_panel(
                EMPTY if event.error and not session.pictures else line
            ),
        }

    def _load_pictures(self, session: Session, run: str) -> bool:
        """Load what is painted so far; False when the run was deleted on another page."""
        try:
            session.pictures = list(self.journal.run(session.client, run).pictures)
        except MarsamError as error:
            self.view.warn(session, error)
            return False
        return True

    def _queue_panel(self, run: str) -> Markup:
        ahead = (self.scheduler.queue_position(run) or 1) - 1
        line = STRINGS.html("waiting_behind", runs(ahead)) if ahead else STRINGS.html("waiting")
        return render.status_panel(line, share=0)

    def _step_panel(self, event: Previewed, options: PaintOptions, elapsed: float) -> Markup:
        done = event.index * event.steps + event.step
        total = options.pictures * event.steps
        remaining = elapsed / done * (total - done)
        if done < 3:
            remaining = self.estimator.estimate(options) or remaining
        line = STRINGS.html(
            "painting",
            picture=event.index + 1,
            pictures=options.pictures,
            step=event.step,
            steps=event.steps,
        )
        return render.status_panel(
            line, preview=event.image, share=done / total, remaining=remaining
        )


def _next_event(events: "queue.SimpleQueue[RunEvent]") -> RunEvent | None:
    try:
        return events.get(timeout=QUEUE_POLL_S)
    except queue.Empty:
        return None
