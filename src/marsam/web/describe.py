"""Captions: the events of the input picture and of the examples."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError, OptionError, PictureError
from marsam.imaging import metadata
from marsam.imaging.image_io import CAPTION_SIDE, open_header, open_picture
from marsam.imaging.metadata import Record
from marsam.journal.records import NewRun
from marsam.options import (
    ArabicCaption,
    CaptionLength,
    CaptionOptions,
    RunOptions,
    TranslateOptions,
    resolve_options,
)
from marsam.results import Captioned, Prompted, Translated
from marsam.runs.execution import RunRecorder, create_run, execute_run
from marsam.runs.repeat import repeat_options, repeat_prompt, require_same_sampling
from marsam.styles import NO_STYLE
from marsam.text.languages import ARABIC
from marsam.ui.i18n import Bilingual
from marsam.ui.updates import Update, merge
from marsam.web import render
from marsam.web.layout import EXAMPLES
from marsam.web.session import Session, Sessions, sha256_of, uploaded_path
from marsam.web.settings import SIZES
from marsam.web.strings import STRINGS
from marsam.web.view import QUEUED, UNQUEUED, View, candidates_update, notes_update

MAX_NAME_CHARACTERS = 255
"""Of an uploaded file's name."""
CANDIDATES = 3
"""Captions to choose from."""
VARIATION = Bilingual(
    "This picture is a variation of another picture, which is not stored in it: "
    "its words and settings are here, but they alone give other pictures.",
    "هذه الصورة تنويع على صورة أخرى ليست محفوظة فيها: "
    "استُعيدت كلماتها وإعداداتها، لكنها وحدها تعطي صورًا مختلفة.",
)


class DescribeHandlers:
    """Describes pictures, or restores what is stored in them."""

    def __init__(self, view: View, sessions: Sessions) -> None:
        self.view, self.sessions = view, sessions
        self.components, self.journal = view.components, view.journal
        self.turns = view.scheduler.text_turns

    def connect(self) -> None:
        """Attach the handlers to their events."""
        parts = self.components
        # The file as it was uploaded: if Gradio opened it and failed, its message would not help.
        image = QUEUED | {"inputs": [parts.image], "outputs": parts.run, "preprocess": False}
        # By default, Gradio drops an event while an earlier one is being answered.
        image["trigger_mode"] = "always_last"
        # The "input" event also comes, with the picture, when the picture is removed.
        parts.image.upload(self.describe, **image)
        parts.examples.click(self.select_example, None, [parts.image], **UNQUEUED).then(
            self.describe, **image
        )
        again = QUEUED | {"inputs": [parts.caption_length, *parts.texts], "outputs": parts.run}
        parts.caption_length.input(self.change_length, trigger_mode="always_last", **again)
        parts.image.clear(self.remove, None, [parts.candidates], **UNQUEUED)

    def describe(self, file: dict[str, Any] | None, request: gr.Request) -> Iterator[Update]:
        """A picture was added: describe it, or restore the settings stored in it.

        ``file`` is Gradio's ``FileData`` of the upload; None when the picture was removed.
        """
        parts, session = self.components, self.sessions.of(request)
        try:
            path = uploaded_path(file, parts.image)
            if path is None or session.matches(sha256_of(path)):
                yield {parts.status: gr.skip()}
                return
        except MarsamError as error:  # not a file of the page's
            self.view.warn(session, error)
            yield self.view.show_image(session)
            return
        with self.turns.turn(session.whose_turn):
            name = str((file or {}).get("orig_name") or "")[:MAX_NAME_CHARACTERS]
            yield from self._describe_or_restore(session, path, name)

    def change_length(
        self, length: str, english: str, arabic: str, request: gr.Request
    ) -> Iterator[Update]:
        """Describe the picture in another length; the words before can be brought back."""
        session = self.sessions.of(request)
        try:
            if session.described.is_set():  # what was just typed may not have been sent yet
                session.read_texts(english, arabic)
            session.length = CaptionLength.named(length)
            earlier, image = session.run, session.image
            if image is None:
                yield {self.components.status: gr.skip()}
                return
            painted = bool(session.pictures)
            with self.turns.turn(session.whose_turn):
                opened = open_picture(image, side=CAPTION_SIDE)
                yield from self._describe(session, opened, session.file_name, show=False)
            if earlier and not painted and session.run != earlier:
                self.journal.delete(session.client, earlier, only_ended=True)
                yield self.view.show_history(session)
        except MarsamError as error:
            self.view.warn(session, error)
            yield {self.components.status: ""}

    def resume(self, request: gr.Request) -> Iterator[Update]:
        """Describe the picture of the last run, if its page was left before that was done."""
        session = self.sessions.of(request)
        run, image = session.run, session.image
        has_text = session.prompt is not None or any(session.texts.values())
        if run is None or image is None or has_text or session.options is not None:
            yield {self.components.status: gr.skip()}
            return
        try:
            # The page that was left may still be describing it.
            with self.turns.turn(session.whose_turn):
                stored = self.journal.run(session.client, run)
                if stored.prompt is not None:
                    session.load_run(stored)
                    yield self.view.show_session(session)
                    return
                yield from self._describe_or_restore(session, image, "")
            if session.run != run:
                self.journal.delete(session.client, run, only_ended=True)
                yield self.view.show_history(session)
        except MarsamError as error:
            self.view.warn(session, error)

    def _describe_or_restore(self, session: Session, path: Path, name: str) -> Iterator[Update]:
        try:
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
        yield from self._describe(session, image, name, show=not _is_shown_by_browsers(path))

    def remove(self, request: gr.Request) -> Update:
        """The picture was removed; the texts stay."""
        session = self.sessions.of(request)
        if session.described.is_set():
            session.image, session.image_sha256, session.captions = None, "", ()
            session.is_example = False
            if not session.pictures and session.painting_run is None:
                session.run = None  # what is painted next is not of this picture
        return {self.components.candidates: candidates_update(session)}

    def select_example(self, event: gr.EventData) -> Update:
        """Put an example into the picture box."""
        return {self.components.image: EXAMPLES[int(event.index)]}

    def _describe(self, session: Session, image: Any, name: str, *, show: bool) -> Iterator[Update]:
        """Describe a picture; ``show`` replaces the file on the page, which shows the upload."""
        parts, before = self.components, (session.prompt, session.texts, session.edited)
        is_own = any(session.texts.values())
        is_own &= not session.is_example or bool(session.edited_languages)
        session.described.clear()
        try:
            run = create_run(
                self.view.studio, self.journal, NewRun(client=session.client, image=image)
            )
            session.load_run(run)
            session.file_name = name
            with RunRecorder(self.journal, run) as recorder:
                yield self.view.show_session(session, image=show) | {
                    parts.status: render.status_panel(STRINGS.html("reading"), fills_texts=True),
                    parts.english: "",
                    parts.arabic: "",
                }
                speaks = ARABIC.code in self.view.studio.captioner.abilities.languages
                asked = ArabicCaption.BOTH if speaks else ArabicCaption.TRANSLATED
                caption = CaptionOptions(candidates=CANDIDATES, arabic=asked, length=session.length)
                options = RunOptions(caption=caption)
                for event in execute_run(
                    self.view.studio, self.journal, replace(run, options=options)
                ):
                    recorder.add(event)
                    match event:
                        case Captioned():
                            session.captions = event.candidates
                            yield {
                                parts.english: event.caption.text,
                                parts.english_notes: notes_update(event.caption.warnings),
                                parts.candidates: candidates_update(session),
                                parts.status: render.status_panel(
                                    STRINGS.html("translating"), fills_texts=True
                                ),
                            }
                        case Translated():
                            yield {parts.arabic: event.translation.text}
                        case Prompted():
                            session.set_prompt(event.prompt)
                            session.previous = before if is_own else None
                            break
            # Before the text boxes are shown: from then on what is in them is an edit.
            session.described.set()
            yield merge(self.view.show_prompt(session), self.view.show_history(session)) | {
                parts.status: render.status_panel(STRINGS.html("captions_ready"))
            }
            if len(session.captions) > 1:
                yield self._translate_candidates(session)
        except MarsamError as error:
            self.view.warn(session, error)
            session.prompt, session.texts, session.edited = before
            yield self.view.show_prompt(session) | {parts.status: ""}
        finally:
            session.described.set()

    def _translate_candidates(self, session: Session) -> Update:
        """Translate the captions to choose from, so that a reader of Arabic can choose."""
        texts = [caption.text for caption in session.captions]
        found = self.view.studio.translator.translate_many(texts, TranslateOptions())
        if texts == [caption.text for caption in session.captions]:  # else there is a new picture
            session.candidates_in_arabic = tuple(translation.text for translation in found)
        return {self.components.candidates: candidates_update(session)}

    def _restore(self, session: Session, path: Path, record: Record) -> Update:
        """Load the prompt and the settings that are stored in one of Marsam's pictures."""
        # A size that the page does not offer was the model's default.
        offered = f"{record.width}×{record.height}" in SIZES
        options = repeat_options(record)
        if options.strength is not None:
            self.view.warn(session, OptionError(VARIATION))
            options = replace(options, strength=None)
        painter = self.view.studio.painter
        try:
            resolve_options(options, painter.sampling(options.recipe), has_start=False)
        except OptionError as error:
            self.view.warn(session, error)
            options = replace(options, style=NO_STYLE, as_written=False)
        session.options = options if offered else replace(options, width=None, height=None)
        session.style, session.as_written = options.style, options.as_written
        session.set_prompt(repeat_prompt(record, painter))
        session.image, session.image_sha256, session.run = path, sha256_of(path), None
        session.captions, session.pictures, session.is_example = (), [], False
        session.rounds, session.missing = (), 0
        try:
            require_same_sampling(record, painter)
        except OptionError as error:  # the settings are worth having all the same
            self.view.warn(session, error)
        return self.view.show_session(session, image=False) | {
            self.components.status: render.status_panel(STRINGS.html("restored"))
        }


def _is_shown_by_browsers(path: Path) -> bool:
    """Whether the file of a picture is shown by browsers: they do not show HEIC and TIFF."""
    with open_header(path) as image:
        return image.format in ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "WEBP")
