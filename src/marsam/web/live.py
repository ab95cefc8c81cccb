"""Pictures that follow what is typed: one step each, and in no journal."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr

from marsam.errors import MarsamError, PromptError, UnknownWords, public_message_of
from marsam.options import PaintOptions, RunOptions
from marsam.recipes import Recipe
from marsam.results import Painted, Picture, Prompt, Prompted
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.updates import Update
from marsam.web import render
from marsam.web.paint import PaintHandlers
from marsam.web.session import Live, Session, Sessions
from marsam.web.settings import paint_options
from marsam.web.texts import TextHandlers
from marsam.web.view import OUTSIDE, QUEUED, UNQUEUED, View, notes_update


class LiveHandlers:
    """Paints what is in the text boxes while a person types; ``live.js`` says when.

    Runs go first: while one waits or is in progress, nothing is painted here.
    """

    def __init__(
        self, view: View, sessions: Sessions, texts: TextHandlers, paint: PaintHandlers
    ) -> None:
        self.view, self.sessions, self.texts, self.paint = view, sessions, texts, paint
        self.components, self.scheduler = view.components, view.scheduler

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        inputs = [*parts.texts, *parts.settings]
        shown = [parts.live, parts.live_picture, parts.typing]
        # While a picture is painted, the browser keeps the last of the events that follow.
        follow = QUEUED | {
            "inputs": inputs,
            "outputs": [*shown, parts.english_notes, parts.arabic_notes, parts.fetch_models],
            "trigger_mode": "always_last",
        }
        parts.live.change(
            self.switch_live, [parts.live], shown, trigger_mode="always_last", **UNQUEUED
        ).then(self.paint_live, **follow)
        parts.typing.input(self.paint_live, **follow)
        parts.live_picture.click(self.paint_shown, inputs, self.paint.outputs, **QUEUED)

    def switch_live(self, wanted: bool, request: gr.Request) -> Update:
        """Begin or end to follow what is typed."""
        parts, session = self.components, self.sessions.of(request)
        session.live = Live() if wanted and not self.view.too_slow(session.language) else None
        picture = gr.update(value=render.live_picture(), visible=session.live is not None)
        return self.view.show_live(session) | {parts.live_picture: picture, parts.typing: ""}

    def paint_live(self, request: gr.Request, english: str, arabic: str, *settings: Any) -> Update:
        """Show one instant picture of what is in the text boxes, if it still is when it is done."""
        session, texts = self.sessions.of(request), {ENGLISH: english, ARABIC: arabic}
        live, before, nothing = session.live, session.texts, {self.components.live: gr.skip()}

        def is_outdated() -> bool:
            return session.live is not live or session.texts not in (before, texts)

        if live is None or not session.described.is_set():
            return nothing
        try:
            given = paint_options(*settings)
            options = PaintOptions(
                pictures=1,
                recipe=Recipe.INSTANT,
                seed=live.seed if given.seed is None else given.seed,
                style=given.style,
                as_written=given.as_written,
            )
            with self.scheduler.quick_turns.turn(session.whose_turn):
                if is_outdated() or not self.scheduler.is_idle:
                    return nothing
                prompt = self._prompt(session, texts)
                found = self._paint(prompt, options) if prompt else None
        except PromptError as error:  # of half a word, perhaps: the next one is soon typed
            return nothing if is_outdated() else self._show_refusal(session, texts, error)
        except MarsamError as error:
            session.live = None
            self.view.warn(session, error)
            parts = self.components
            return {
                parts.live: gr.update(value=False),
                parts.live_picture: gr.update(visible=False),
            }
        if is_outdated():
            return nothing
        if found is None:
            live.shown = None
            return {self.components.live_picture: gr.update(value=render.live_picture())}
        prompt, picture = found
        live.shown = None if picture.blocked else (prompt, picture.seed)
        return self._show(session, texts, prompt, picture)

    def paint_shown(
        self, request: gr.Request, english: str, arabic: str, *settings: Any
    ) -> Iterator[Update]:
        """Paint the picture that is shown with the chosen quality, as a run like any other."""
        session, parts = self.sessions.of(request), self.components
        live = session.live
        try:
            if live is None or live.shown is None or not session.described.is_set():
                yield {parts.status: gr.skip()}
                return
            prompt, seed = live.shown
            options = replace(paint_options(*settings), pictures=1, seed=seed)
            session.read_texts(english, arabic)
            session.adopt(prompt)
        except MarsamError as error:
            self.view.warn(session, error)
            yield {parts.status: gr.skip()}
            return
        yield from self.paint.paint_prompt(session, options)

    def _prompt(self, session: Session, texts: dict[str, str]) -> Prompt | None:
        """The prompt of what was typed last, or the session's if nothing was; None for no text."""
        if not any(text.strip() for text in texts.values()):
            return None
        if not (edited := session.edited_in(texts)):
            return session.prompt
        with self.scheduler.text_turns.turn(session.whose_turn):
            return self.texts.translated(edited[0], texts[edited[0]])

    def _paint(self, prompt: Prompt, options: PaintOptions) -> tuple[Prompt, Picture] | None:
        """The picture, and its prompt with the notices about both; None for an empty prompt."""
        studio = self.view.studio
        prompt = studio.prompts.as_written(prompt, options.as_written)
        options = replace(options, as_written=bool(prompt.written))
        run = RunOptions(paint=options, check=False)
        with closing(studio.stream(prompt=prompt, options=run)) as events:  # type: ignore[type-var]
            for event in events:
                match event:
                    case Prompted():
                        prompt = event.prompt
                    case Painted():
                        self.view.estimator.update(event.picture, event.seconds)
                        return prompt, event.picture
        return None

    def _show(
        self, session: Session, texts: dict[str, str], prompt: Prompt, picture: Picture
    ) -> Update:
        parts = self.components
        shown = self.view.show_live(session) | {
            parts.live_picture: gr.update(value=render.live_picture(picture, prompt)),
            parts.typing: render.live_said(prompt),
        }
        if not (edited := session.edited_in(texts)):
            return shown
        found, is_english = prompt.warnings, edited[0] == ENGLISH
        return shown | {
            parts.english_notes: notes_update((), stale=not is_english),
            parts.arabic_notes: notes_update(found, prompt.unknown_words, stale=is_english),
            parts.fetch_models: self.view.fetch_models_update(OUTSIDE.intersection(found)),
        }

    def _show_refusal(self, session: Session, texts: dict[str, str], error: PromptError) -> Update:
        """Say below the text box why its text cannot be painted."""
        parts = self.components
        is_arabic = session.edited_in(texts)[:1] == [ARABIC]
        sentence = render.notices([public_message_of(error)], False)
        return {
            parts.arabic_notes if is_arabic else parts.english_notes: gr.update(
                value=sentence, visible=True
            ),
            parts.fetch_models: self.view.fetch_models_update(isinstance(error, UnknownWords)),
        }
