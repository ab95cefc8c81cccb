"""Painting: the events of the paint button and of the buttons below the pictures."""

import dataclasses
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from marsam.errors import InputError, MarsamError, RunMissing
from marsam.journal.records import NewRun, StoredPicture
from marsam.options import DEFAULT_STRENGTH, PaintOptions, RunOptions
from marsam.results import Checked, Painted, Previewed, Prompted
from marsam.runs.execution import RunEnded, RunEvent
from marsam.styles import NO_STYLE
from marsam.ui.html import EMPTY, paragraph
from marsam.ui.i18n import both, pictures, runs
from marsam.ui.updates import Update, merge
from marsam.web import render
from marsam.web.session import Session, Sessions
from marsam.web.settings import START_PICTURE, paint_options
from marsam.web.strings import STRINGS
from marsam.web.texts import TextHandlers
from marsam.web.view import QUEUED, UNQUEUED, View

PREVIEWS_PER_PICTURE = 6
QUEUE_POLL_S = 1.0
"""How often the queue position is shown while a run waits."""
MIN_REPORT_INTERVAL_S = 0.1


class PaintHandlers:
    """Paints pictures; edited texts become the prompt first."""

    def __init__(self, view: View, sessions: Sessions, texts: TextHandlers) -> None:
        self.view, self.sessions, self.texts = view, sessions, texts
        self.components, self.journal = view.components, view.journal
        self.scheduler, self.estimator = view.scheduler, view.estimator

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        outputs = [*parts.prompt, *parts.pictures, *parts.past_runs]
        outputs += [parts.image, parts.paint, parts.stop, parts.summary, parts.about_text]
        outputs += [parts.live]
        painted = gr.on(
            [parts.paint.click], self.paint, [*parts.texts, *parts.settings], outputs, **QUEUED
        )
        eta = UNQUEUED | {"inputs": parts.time_settings, "outputs": [parts.expected]}
        painted.then(self.show_eta, **eta)
        for setting in parts.time_settings:
            setting.change(self.show_eta, trigger_mode="always_last", **eta)
        parts.style.change(self.choose_style, [parts.style], [*parts.notes, parts.sent], **UNQUEUED)
        parts.as_written.change(
            self.choose_language, [parts.as_written], [*parts.notes, parts.sent], **UNQUEUED
        )
        parts.start.change(self.show_strength, [parts.start], [parts.strength], **UNQUEUED)
        parts.stop.click(self.stop, None, [parts.status], **UNQUEUED)
        parts.more.click(self.more, None, outputs, **QUEUED)
        parts.resume.click(self.resume, None, outputs, **QUEUED)
        # An event of its own: those of one event wait for each other.
        parts.gallery.select(self.vary, parts.settings, outputs, **QUEUED)
        kept = [parts.gallery, *parts.pictures[1:], *parts.past_runs]
        parts.gallery.click(self.change_picture, None, kept, trigger_mode="multiple", **UNQUEUED)
        self.outputs = outputs

    def paint(
        self, request: gr.Request, english: str, arabic: str, *settings: Any
    ) -> Iterator[Update]:
        """Translate the prompt if it was edited, then paint."""
        parts, session = self.components, self.sessions.of(request)
        if not session.described.is_set():  # a picture was just added: paint from its caption
            session.described.wait()
        else:
            try:
                session.read_texts(english, arabic)
            except MarsamError as error:
                self.view.warn(session, error)
                yield {parts.status: gr.skip()}
                return
        if not any(text.strip() for text in session.texts.values()):
            self.view.warn(session, InputError(STRINGS["nothing_given"]))
            yield {parts.status: gr.skip()}
            return
        try:
            options = paint_options(*settings)
            if edited := session.edited_languages:
                yield {parts.status: render.status_panel(STRINGS.html("translating"))}
                # Two texts that a person wrote are both kept.
                language = edited[0] if len(edited) == 1 else ""
                self.texts.translate(session, language, session.texts[edited[0]])
        except MarsamError as error:
            self.view.warn(session, error)
            yield {parts.status: ""}
            return
        yield from self.paint_prompt(session, options)

    def more(self, request: gr.Request) -> Iterator[Update]:
        """Paint the same prompt with the seeds that follow, as another round."""
        session = self.sessions.of(request)
        painted = [*(p for run in session.rounds for p in run.pictures), *session.pictures]
        if session.painted_prompt and painted:
            seed = max(picture.seed for picture in painted) + 1
            options = session.options or PaintOptions()
            session.set_prompt(session.painted_prompt)
            yield from self.paint_prompt(session, options, next_seed=seed)

    def resume(self, request: gr.Request) -> Iterator[Update]:
        """Paint the missing pictures of a run that was stopped."""
        session = self.sessions.of(request)
        try:
            self.scheduler.resume(session.client, session.run or "", account=session.account)
        except MarsamError as error:
            self.view.warn(session, error)
            yield {self.components.status: ""}
            return
        yield from self.follow(request)

    def follow(self, request: gr.Request) -> Iterator[Update]:
        """Show the progress of the session's run, if it is being painted."""
        session = self.sessions.of(request)
        run = session.run and self.journal.run(session.client, session.run)
        if not run or run.ended or run.options is None or run.prompt is None:
            yield {self.components.status: gr.skip()}
        elif session.painting.acquire(blocking=False):
            yield from self._follow(session, run.id, run.options.paint)

    def show_strength(self, start: str) -> Update:
        """Show how near to the picture the new ones are, where they begin with it."""
        return {self.components.strength: gr.update(visible=start == START_PICTURE)}

    def choose_style(self, style: str | None, request: gr.Request) -> Update:
        """Show what the painter reads in this style."""
        session = self.sessions.of(request)
        session.style = style or NO_STYLE
        return self.view.show_sent(session)

    def choose_language(self, as_written: bool, request: gr.Request) -> Update:
        """Show what the painter reads: an Arabic prompt as it is written, or in English."""
        session = self.sessions.of(request)
        session.as_written = bool(as_written)
        return self.view.show_sent(session)

    def vary(self, event: gr.EventData, request: gr.Request, *settings: Any) -> Iterator[Update]:
        """Paint variations of the picture whose button was pressed."""
        session = self.sessions.of(request)
        if session.painted_prompt is None:
            yield {self.components.status: gr.skip()}
            return
        try:
            options = paint_options(*settings)
            image = self._find(session, event).path
        except MarsamError as error:
            self.view.warn(session, error)
            yield {self.components.status: ""}
            return
        if options.strength is None:
            options = dataclasses.replace(options, strength=DEFAULT_STRENGTH)
        session.set_prompt(session.painted_prompt)
        yield from self.paint_prompt(session, options, start=image)

    def change_picture(self, event: gr.EventData, request: gr.Request) -> Update:
        """Mark the picture whose button was pressed as one to keep, or delete it."""
        session = self.sessions.of(request)
        try:
            if event.action == "delete":
                self.journal.delete_picture(session.client, str(event.run), int(event.index))
            elif event.action == "star":
                starred = self._find(session, event).starred
                self.journal.star_picture(
                    session.client, str(event.run), int(event.index), starred=not starred
                )
            *rounds, latest = self.journal.rounds(session.client, session.run or "")
            session.rounds = tuple(rounds)
            session.pictures = list(latest.pictures)
        except MarsamError as error:
            self.view.warn(session, error)
        return merge(
            self.view.show_pictures(session),
            self.view.show_zip(session),
            self.view.show_history(session),
        )

    def _find(self, session: Session, event: gr.EventData) -> StoredPicture:
        run = self.journal.run(session.client, str(event.run))
        for picture in run.pictures:
            if picture.index == int(event.index):
                return picture
        raise RunMissing("This picture was deleted.")

    def stop(self, request: gr.Request) -> Update:
        """Cancel the run after the current step; finished pictures are kept."""
        if (run := self.sessions.of(request).painting_run) is not None:
            self.scheduler.cancel(run)
        return {self.components.status: render.status_panel(STRINGS.html("stopping"))}

    def show_eta(self, *settings: Any) -> Update:
        """The time that painting will take, from the settings it depends on."""
        try:
            options = paint_options(*settings)
        except MarsamError as error:
            sentence = render.about_box(error, both(error))
            return {self.components.expected: paragraph(sentence, "expected")}
        html = render.expected_time(self.estimator.estimate(options), options.pictures)
        return {self.components.expected: html}

    def paint_prompt(
        self,
        session: Session,
        options: PaintOptions,
        *,
        next_seed: int | None = None,
        start: Path | None = None,
    ) -> Iterator[Update]:
        """Paint the session's prompt.

        ``next_seed`` replaces the seed of the options; ``start`` is a picture to begin with, in the
        place of the input picture.
        """
        if session.prompt is None:
            raise AssertionError("the prompt is translated before it is painted")
        # The box is about Arabic prompts only, and about painters that read them.
        prompt = self.view.studio.prompts.as_written(session.prompt, options.as_written)
        options = dataclasses.replace(options, as_written=bool(prompt.written))
        parts, session.prompt = self.components, prompt
        if not session.painting.acquire(blocking=False):
            yield {parts.status: gr.skip()}
            return
        steps = options.steps or self.view.studio.painter.sampling(options.recipe).steps
        options = dataclasses.replace(options, preview_every=max(1, steps // PREVIEWS_PER_PICTURE))
        first = options if next_seed is None else dataclasses.replace(options, seed=next_seed)
        # Pictures of the same prompt are another round of the run before.
        is_round = session.has_painted(prompt) and start is None
        try:
            before = self.journal.run(session.client, session.run or "") if is_round else None
            new = NewRun(
                client=session.client,
                account=session.account,
                options=RunOptions(paint=first),
                random_seed=options.seed is None,
                image=start or (session.image if options.strength else session.own_image),
                captions=session.captions,
                prompt=prompt,
                parent=(before.parent or before.id) if before else None,
            )
            # A run that was only described so far gets the pictures; else a new one does.
            described = None if session.pictures or start else session.run
            run = self.scheduler.enqueue_run(new, described=described)
            session.image = self.journal.run(session.client, run).image_path
        except MarsamError as error:
            session.painting.release()
            self.view.warn(session, error)
            yield {parts.status: ""}
            return
        session.rounds = (*session.rounds, before) if before else ()
        if start is not None:
            yield self.view.show_image(session)
        session.run, session.is_example = run, False
        session.pictures, session.options, session.painted_prompt = [], options, prompt
        yield from self._follow(session, run, options)

    def _follow(self, session: Session, run: str, options: PaintOptions) -> Iterator[Update]:
        """Show a run until it ends; the scheduler paints it even if the page closes."""
        events: queue.SimpleQueue[RunEvent] = queue.SimpleQueue()
        unsubscribe = self.scheduler.subscribe(run, events.put)
        session.painting_run = run
        try:
            yield from self._updates(session, run, events, options)
        finally:
            unsubscribe()
            session.painting_run = None
            session.painting.release()

    def _updates(
        self,
        session: Session,
        run: str,
        events: "queue.SimpleQueue[RunEvent]",
        options: PaintOptions,
    ) -> Iterator[Update]:
        parts, prompt = self.components, session.prompt
        waiting = self._queue_panel(run)
        if self._load_pictures(session, run):
            yield merge(self.view.show_prompt(session), self.view.show_pictures(session)) | {
                parts.paint: gr.update(interactive=False),
                parts.stop: gr.update(visible=True),
                parts.status: waiting,
            }
        started, reported = time.monotonic(), 0.0
        while not isinstance(event := _next_event(events), RunEnded):
            match event:
                case None:
                    # Each update takes Gradio 30 ms of its only thread, and many pages may wait.
                    if not reported and (panel := self._queue_panel(run)) != waiting:
                        waiting = panel
                        yield {parts.status: waiting}
                case Previewed():
                    now = time.monotonic()
                    started = started if reported else now
                    if event.image is not None or now - reported > MIN_REPORT_INTERVAL_S:
                        reported = now
                        yield {parts.status: self._step_panel(event, options, now - started)}
                case Prompted():
                    if session.run == run and session.prompt == prompt:
                        session.prompt = session.painted_prompt = event.prompt
                        yield self.view.show_notes(session)
                case Painted() | Checked():
                    # Another run may have been opened on the page meanwhile.
                    if session.run == run and self._load_pictures(session, run):
                        yield self.view.show_pictures(session)
        if event.error is not None:
            self.view.warn(session, event.error)
        session.painting_run = None
        if session.run == run:
            self._load_pictures(session, run)
        kept = sum(not p.blocked for p in session.pictures)
        state = "done" if event.state == "finished" else "stopped"
        line = STRINGS.html(state, pictures(kept)) if kept else STRINGS.html(f"{state}_without")
        yield merge(
            self.view.show_pictures(session),
            self.view.show_zip(session),
            self.view.show_history(session),
            self.view.show_summary(),
            self.view.show_live(session),
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
            stored = self.journal.run(session.client, run)
            session.pictures = list(stored.pictures)
            wanted = stored.options.paint.pictures if stored.options else 0
            session.missing = 0 if stored.state == "finished" else max(0, wanted - stored.painted)
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
            line,
            preview=event.image,
            share=done / total,
            remaining=remaining,
            title=f"{event.index + 1}/{options.pictures}",
        )


def _next_event(events: "queue.SimpleQueue[RunEvent]") -> RunEvent | None:
    try:
        return events.get(timeout=QUEUE_POLL_S)
    except queue.Empty:
        return None
