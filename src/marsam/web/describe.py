"""Captions and prompt: the events of the input picture and of the two text boxes."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError, OptionError, PictureError, UnknownWords
from marsam.imaging import metadata
from marsam.imaging.image_io import CAPTION_SIDE, open_header, open_picture
from marsam.imaging.metadata import Record
from marsam.journal.records import NewRun
from marsam.options import CaptionOptions, RunOptions
from marsam.results import Captioned, Prompted, Translated
from marsam.runs.execution import RunRecorder, create_run, execute_run
from marsam.runs.repeat import repeat_options, repeat_prompt, require_same_sampling
from marsam.text import languages
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.updates import Update, merge
from marsam.web import render
from marsam.web.layout import EXAMPLES
from marsam.web.session import Session, Sessions, sha256_of, uploaded_path
from marsam.web.settings import SIZES
from marsam.web.strings import STRINGS
from marsam.web.view import QUEUED, UNQUEUED, View, candidates_update, notes_update

CANDIDATES = 3
"""Captions to choose from."""


class DescribeHandlers:
    """Describes pictures, and keeps the prompts in both languages together."""

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.view, self.sessions = view, sessions
        self.components, self.journal, self.studio = view.components, view.journal, view.studio

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        # The file as it was uploaded: if Gradio opened it and failed, its message would not help.
        image = QUEUED | {"inputs": [parts.image], "outputs": parts.run, "preprocess": False}
        # By default, Gradio drops an event while an earlier one is being answered.
        image["trigger_mode"] = "always_last"
        parts.image.input(self.describe, **image)
        parts.examples.select(self.select_example, None, [parts.image], **UNQUEUED).then(
            self.describe, **image
        )
        parts.candidates.input(
            self.select_candidate,
            [parts.candidates],
            parts.prompt,
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

    def describe(self, file: dict[str, Any] | None, request: gr.Request) -> Iterator[Update]:
        """A picture was added: describe it, or restore the settings stored in it.

        ``file`` is Gradio's ``FileData`` of the upload; None when the picture was removed.
        """
        parts, session = self.components, self.sessions.of(request)
        try:
            path = uploaded_path(file, parts.image)
            if path is None:
                session.image_sha256 = ""
            if path is None or session.matches(sha256_of(path)):
                yield {parts.status: gr.skip()}
                return
            image = open_picture(path, side=CAPTION_SIDE)
            record: Record | None = None
            # Without a record, or with that of a newer Marsam, it is described like any other.
            with suppress(PictureError):
                record = metadata.read_record(path)
            if record is not None:
                yield self._restore(session, path, record)
                return
        except MarsamError as error:  # no picture, or its settings are out of range
            self.view.warn(session, error)
            yield self.view.show_image(session)
            return
        yield from self._describe(session, image, show=not _is_shown_by_browsers(path))

    def select_example(self, event: gr.SelectData) -> Update:
        """Put an example into the picture box."""
        return {self.components.image: EXAMPLES[event.index]}

    def _describe(self, session: Session, image: Any, *, show: bool) -> Iterator[Update]:
        """Describe a picture; ``show`` replaces the file on the page, which shows the upload."""
        parts = self.components
        session.described.clear()
        try:
            run = create_run(self.studio, self.journal, NewRun(client=session.client, image=image))
            session.load_run(run)
            with RunRecorder(self.journal, run) as recorder:
                yield self.view.show_session(session, image=show) | {
                    parts.status: render.status_panel(STRINGS.html("reading")),
                    parts.english: "",
                    parts.arabic: "",
                }
                options = RunOptions(caption=CaptionOptions(candidates=CANDIDATES))
                for event in execute_run(self.studio, self.journal, replace(run, options=options)):
                    recorder.add(event)
                    match event:
                        case Captioned():
                            session.captions = event.candidates
                            yield {
                                parts.english: event.caption.text,
                                parts.english_notes: notes_update(event.caption.warnings),
                                parts.candidates: candidates_update(session),
                                parts.status: render.status_panel(STRINGS.html("translating")),
                            }
                        case Translated():
                            yield {parts.arabic: event.translation.text}
                        case Prompted():
                            session.prompt = event.prompt
                            break
            yield merge(self.view.show_prompt(session), self.view.show_history(session)) | {
                parts.status: render.status_panel(STRINGS.html("captions_ready"))
            }
        except MarsamError as error:
            self.view.warn(session, error)
            yield {parts.status: ""}
        finally:
            session.described.set()

    def edit(self, language: str, english: str, arabic: str, request: gr.Request) -> Update:
        """A text box changed: mark the other one as out of date."""
        parts, session = self.components, self.sessions.of(request)
        if not session.described.is_set():
            return {parts.english_notes: gr.skip()}  # changed by the description
        if _is_edited(session, language, english, arabic):
            session.edited = language
        edited = edited_language(session, english, arabic)
        if not edited:  # a translation has just changed the text box
            return self.view.show_notes(session)
        return {
            parts.arabic_notes: notes_update((), stale=edited == ENGLISH),
            parts.english_notes: notes_update((), stale=edited == ARABIC),
            parts.from_english: gr.update(visible=edited == ENGLISH),
            parts.from_arabic: gr.update(visible=edited == ARABIC),
        }

    def select_candidate(self, index: int | None, request: gr.Request) -> Update:
        """Use another caption as the prompt."""
        session = self.sessions.of(request)
        session.described.wait()  # it makes the first caption the prompt when it ends
        if index is None or not 0 <= index < len(session.captions):
            return {self.components.status: gr.skip()}
        return self.translate_edited(ENGLISH, session.captions[index].text, "", request)

    def translate_edited(
        self, language: str, english: str, arabic: str, request: gr.Request
    ) -> Update:
        """Update the other text box."""
        session = self.sessions.of(request)
        try:
            self.set_prompt(session, language, arabic if language == ARABIC else english)
        except MarsamError as error:
            self.view.warn(session, error)
            needed = isinstance(error, UnknownWords)
            return {self.components.fetch_models: self.view.fetch_models_update(needed)}
        return self.view.show_prompt(session)

    def set_prompt(self, session: Session, language: str, text: str) -> None:
        """Translate a text and make it the session's prompt.

        Raises:
            MarsamError: when it cannot be translated.
        """
        code = (languages.ARABIC if language == ARABIC else languages.ENGLISH).code
        for event in self.studio.stream(prompt=text, options=RunOptions(language=code)):
            if isinstance(event, Prompted):
                session.prompt, session.edited = event.prompt, ""
                break

    def _restore(self, session: Session, path: Path, record: Record) -> Update:
        """Load the prompt and the settings that are stored in one of Marsam's pictures."""
        # A size that the page does not offer was the model's default.
        offered = f"{record.width}×{record.height}" in SIZES
        options = repeat_options(record)
        session.options = options if offered else replace(options, width=None, height=None)
        session.prompt = repeat_prompt(record, self.studio.painter)
        session.image, session.image_sha256, session.run = path, sha256_of(path), None
        session.captions, session.pictures, session.edited = (), [], ""
        try:
            require_same_sampling(record, self.studio.painter)
        except OptionError as error:  # the settings are worth having all the same
            self.view.warn(session, error)
        return self.view.show_session(session, image=False) | {
            self.components.status: render.status_panel(STRINGS.html("restored"))
        }


def _is_shown_by_browsers(path: Path) -> bool:
    """Whether the file of a picture is shown by browsers: they do not show HEIC and TIFF."""
    with open_header(path) as image:
        return image.format in ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "WEBP")


def edited_language(session: Session, english: str, arabic: str) -> str:
    """The language whose text box differs from the prompt, the last edited first; or ``""``."""
    order = sorted((ENGLISH, ARABIC), key=lambda language: language != session.edited)
    edited = (one for one in order if _is_edited(session, one, english, arabic))
    return next(edited, "")


def _is_edited(session: Session, language: str, english: str, arabic: str) -> bool:
    """Whether a text box differs from the prompt; an empty one does not count."""
    prompt, text = session.prompt, (arabic if language == ARABIC else english).strip()
    if prompt is None or not text:
        return bool(text)
    is_arabic = prompt.language == languages.ARABIC.code
    own = prompt.given if is_arabic else prompt.arabic
    return text != (own if language == ARABIC else prompt.for_painter)
