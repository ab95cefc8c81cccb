"""The two text boxes: edits, translations of them, and what is kept of both."""

from typing import Any

import gradio as gr

from marsam.errors import MarsamError, UnknownWords
from marsam.journal.records import Draft, NewRun
from marsam.options import MAX_RAW_CHARACTERS, RunOptions
from marsam.results import Prompt, Prompted
from marsam.runs.execution import RunRecorder, create_run
from marsam.text import languages
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.updates import Update
from marsam.web.session import Session, Sessions
from marsam.web.view import QUEUED, UNQUEUED, View


class TextHandlers:
    """Keeps the prompt in both languages together; what a person writes is never overwritten.

    Every edit and every new prompt is stored in the journal as it is made.
    """

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.view, self.sessions = view, sessions
        self.components, self.journal = view.components, view.journal

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        parts.candidates.input(
            self.select_candidate,
            [parts.candidates],
            parts.prompt,
            preprocess=False,  # Gradio may have forgotten the choices of this page
            trigger_mode="always_last",
            **QUEUED,
        )
        for language, text_box, update in (
            (ENGLISH, parts.english, parts.from_english),
            (ARABIC, parts.arabic, parts.from_arabic),
        ):
            inputs = [gr.State(language), *parts.texts]
            # Gradio's "input" event is sent for keys only: not when text is pasted or dictated.
            text_box.change(self.edit, inputs, parts.notes, trigger_mode="always_last", **UNQUEUED)
            update.click(self.translate_edited, inputs, parts.prompt, **QUEUED)
        parts.keep_both.click(self.keep_both, parts.texts, parts.prompt, **QUEUED)
        parts.use_native.click(self.use_native, None, parts.prompt, **UNQUEUED)
        parts.undo.click(self.undo, None, parts.prompt, **UNQUEUED)

    def edit(self, language: str, english: str, arabic: str, request: gr.Request) -> Update:
        """A text box changed: mark the other one as out of date."""
        session = self.sessions.of(request)
        if not session.described.is_set():
            return {self.components.english_notes: gr.skip()}  # the description changes them
        texts = {ENGLISH: english, ARABIC: arabic}
        if max(map(len, texts.values())) > MAX_RAW_CHARACTERS:  # the browser sends no such text
            return {self.components.english_notes: gr.skip()}
        if texts != session.texts:  # else an update has just changed the text box
            session.texts = texts
            if language in session.edited_languages:
                session.edited = language
            if session.run is not None:  # an edit alone is no work of its own
                try:
                    self.store(session)
                except MarsamError as error:
                    self.view.warn(session, error)
        return self.view.show_notes(session)

    def select_candidate(self, index: Any, request: gr.Request) -> Update:
        """Use another caption as the prompt."""
        session = self.sessions.of(request)
        session.described.wait()  # it makes the first caption the prompt when it ends
        if type(index) is not int or not 0 <= index < len(session.captions):
            return {self.components.status: gr.skip()}
        return self.translate_edited(ENGLISH, session.captions[index].text, "", request)

    def translate_edited(
        self, language: str, english: str, arabic: str, request: gr.Request
    ) -> Update:
        """Update the other text box."""
        session = self.sessions.of(request)
        return self._update(session, language, arabic if language == ARABIC else english)

    def keep_both(self, english: str, arabic: str, request: gr.Request) -> Update:
        """Both texts are right as they are."""
        session = self.sessions.of(request)
        session.texts = {ENGLISH: english, ARABIC: arabic}
        return self._update(session, "")

    def use_native(self, request: gr.Request) -> Update:
        """Make the captioner's own Arabic caption the Arabic text."""
        session = self.sessions.of(request)
        if session.prompt is not None and session.prompt.native:
            session.set_prompt(session.prompt.with_native_text())
            self.store(session)
        return self.view.show_prompt(session)

    def undo(self, request: gr.Request) -> Update:
        """Go back to the texts before the last update."""
        session = self.sessions.of(request)
        session.undo()
        self.store(session)
        return self.view.show_prompt(session)

    def _update(self, session: Session, language: str, text: str = "") -> Update:
        try:
            self.translate(session, language, text)
        except MarsamError as error:
            self.view.warn(session, error)
            needed = isinstance(error, UnknownWords)
            return {self.components.fetch_models: self.view.fetch_models_update(needed)}
        return self.view.show_prompt(session)

    def translate(self, session: Session, language: str, text: str = "") -> None:
        """Make a text in a language the session's prompt, or without a language both texts.

        Raises:
            MarsamError: when it cannot be translated, or not be stored.
        """
        with self.view.scheduler.text_turns.turn(session.whose_turn):
            if not language:
                pair = self.view.studio.prompts.pair(
                    session.texts[ENGLISH], session.texts[ARABIC], RunOptions()
                )
                session.set_prompt(pair)
            else:
                session.set_prompt(self.translated(language, text))
        self.store(session)

    def translated(self, language: str, text: str) -> Prompt:
        """A text in a language as a prompt; errors as of :meth:`translate`."""
        code = (languages.ARABIC if language == ARABIC else languages.ENGLISH).code
        for event in self.view.studio.stream(prompt=text, options=RunOptions(language=code)):
            if isinstance(event, Prompted):
                return event.prompt
        raise AssertionError("a stream has a prompt")

    def store(self, session: Session) -> None:
        """Store the session's prompt and texts, in its run or, without one, in a new one."""
        prompt, is_edited = session.prompt, bool(session.edited_languages)
        if session.run is None:
            if prompt is not None and not is_edited:
                self._create_run(session, prompt)
            return
        if (
            prompt is not None
            and not is_edited
            and self.journal.correct_text(session.client, session.run, prompt)
        ):
            return
        draft = Draft(
            english=session.texts[ENGLISH],
            arabic=session.texts[ARABIC],
            edited=session.edited,
            prompt=prompt,
        )
        self.journal.save_draft(session.client, session.run, draft)

    def _create_run(self, session: Session, prompt: Prompt) -> None:
        new = NewRun(client=session.client, image=session.own_image, prompt=prompt)
        run = create_run(self.view.studio, self.journal, new)
        with RunRecorder(self.journal, run):
            session.run = run.id
