"""Updates of the page's components from the state of a session."""

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError
from marsam.hub.catalog import MINI, STANDARD
from marsam.journal.records import Run
from marsam.notices import Notice, notice_sentences
from marsam.options import PaintOptions
from marsam.runs.scheduler import Scheduler
from marsam.text import languages
from marsam.ui.error_messages import error_message
from marsam.ui.html import EMPTY, bdi, paragraph
from marsam.ui.i18n import ARABIC
from marsam.ui.updates import Update, merge
from marsam.web import render
from marsam.web.export_zip import export_zip
from marsam.web.layout import Components
from marsam.web.session import Session, cached_path
from marsam.web.settings import format_number
from marsam.web.strings import STRINGS

UNQUEUED: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Options of events that take no time."""
QUEUED = UNQUEUED | {"queue": True, "concurrency_limit": 4}
"""Options of events that run the models: four requests of a kind at a time share them."""
_log = logging.getLogger(__name__)


OUTSIDE = {Notice.OUT_OF_WORLD, Notice.UNKNOWN_WORDS}
"""Notices that the full size models would not give."""


class View:
    """Shows sessions on the page.

    Args:
        components: of the page.
        scheduler: knows the models and the journal.
    """

    def __init__(self, components: Components, scheduler: Scheduler) -> None:
        self.components, self.scheduler = components, scheduler
        self.studio, self.journal = scheduler.studio, scheduler.journal
        self.estimator = scheduler.estimator
        # The models that a process uses are chosen when it starts.
        self._full_models_at_start = render.full_models_downloaded()

    def show_session(self, session: Session, *, image: bool = True) -> Update:
        """Everything; ``image=False`` leaves the input picture as it is."""
        updates = [self.show_prompt(session), self.show_pictures(session), self.show_zip(session)]
        if image:
            updates.append(self.show_image(session))
        if session.options is not None:
            updates.append(self.show_settings(session.options))
        return merge(*updates)

    def show_image(self, session: Session) -> Update:
        """The input picture."""
        component = self.components.image
        path = cached_path(session.image, component) if session.image else None
        return {component: gr.update(value=path)}

    def show_prompt(self, session: Session) -> Update:
        """Both text boxes, the notices below them, and the prompt for the painter."""
        parts, prompt = self.components, session.prompt
        english, arabic = (prompt.english, prompt.arabic) if prompt else ("", "")
        if prompt and prompt.language == languages.ARABIC.code:
            arabic = prompt.given
        shown = prompt.for_painter if prompt else ""
        found = prompt.warnings if prompt else ()
        return self.show_notes(session) | {
            parts.english: gr.update(value=shown),
            parts.arabic: gr.update(value=arabic),
            parts.candidates: candidates_update(session),
            parts.fetch_models: self.fetch_models_update(OUTSIDE.intersection(found)),
            parts.sent: render.sent(prompt),
            parts.copy: EMPTY if Notice.OUT_OF_WORLD in found else render.alt_text(english, arabic),
        }

    def show_notes(self, session: Session) -> Update:
        """The notices below both text boxes, neither of which was edited."""
        parts, prompt = self.components, session.prompt
        found = prompt.warnings if prompt else ()
        about_caption = session.captions[0].warnings if session.captions else ()
        about_arabic = [notice for notice in found if notice not in about_caption]
        words = prompt.unknown_words if prompt else ()
        return {
            parts.english_notes: notes_update([n for n in found if n in about_caption]),
            parts.arabic_notes: notes_update(about_arabic, words),
            parts.from_arabic: gr.update(visible=False),
            parts.from_english: gr.update(visible=False),
        }

    def fetch_models_update(self, needed: object) -> Any:
        """Show the button where the mini models do not suffice, and the full ones are offered."""
        return gr.update(visible=bool(needed) and self.components.offered)

    def show_settings(self, options: PaintOptions) -> Update:
        """The settings, as text in their boxes."""
        parts = self.components
        size = f"{options.width}×{options.height}" if options.width and options.height else ""
        return {
            parts.number: gr.update(value=options.pictures),
            parts.recipe: gr.update(value=str(options.recipe)),
            parts.steps: gr.update(value=format_number(options.steps)),
            parts.guidance: gr.update(value=format_number(options.guidance_scale)),
            parts.size: gr.update(value=size),
            parts.seed: gr.update(value=format_number(options.seed)),
            parts.negative: gr.update(value=options.negative_prompt),
        }

    def show_pictures(self, session: Session) -> Update:
        """The new pictures, a line for each, and their buttons."""
        parts = self.components
        return {
            parts.gallery: gallery_update(self.gallery_items(session)),
            parts.results: render.results(session.pictures),
            parts.actions: gr.update(visible=bool(session.pictures)),
        }

    def show_zip(self, session: Session) -> Update:
        """All pictures in one file, for the download button."""
        if not (session.prompt and session.pictures):
            return {}
        component = self.components.download
        with tempfile.TemporaryDirectory() as folder:
            file = export_zip(session.pictures, session.prompt, Path(folder) / "marsam.zip")
            copy = cached_path(file, component, folder=session.run) if file else None
            return {component: gr.update(value=copy)}

    def gallery_items(self, session: Session) -> list[tuple[str, str]]:
        """Files and captions of the new pictures."""
        gallery, prompt, language = self.components.gallery, session.prompt, session.language
        return [
            (cached_path(path, gallery), render.picture_caption(p, prompt, language))
            for p in session.pictures
            if (path := p.find()) is not None
        ]

    def show_models(self) -> Update:
        """The models, the device, and the time per picture."""
        parts, studio, estimator = self.components, self.studio, self.estimator
        return {
            parts.summary: render.summary_line(studio, estimator, self._models_reason()),
            parts.about_text: render.about(studio, estimator),
        }

    def _models_reason(self) -> str:
        """The key of the string that says why these models are used."""
        if self.studio.models == STANDARD.name:
            return "models_downloaded"
        if self.studio.models != MINI.name or self._full_models_at_start:
            return "models_chosen"
        return "models_after_restart" if render.full_models_downloaded() else "models_missing"

    def show_history(self, session: Session) -> Update:
        """The client's runs; none is selected."""
        session.selected = None
        thumbnails = self.history_thumbnails(session)
        return {self.components.history: gallery_update(thumbnails)} | self.show_selection(session)

    def history_thumbnails(self, session: Session) -> list[tuple[str, str]]:
        """A picture and a title for each run that has a picture."""
        runs = [(run, _thumbnail(run)) for run in self.journal.runs(session.client)]
        shown = [(run, path) for run, path in runs if path is not None]
        session.history = tuple(run.id for run, _ in shown)
        return [
            (cached_path(path, self.components.history), _title(run, session.language))
            for run, path in shown
        ]

    def show_selection(self, session: Session) -> Update:
        """The selected run, and the buttons that open or delete it.

        Raises:
            JournalError: when it was deleted on another page.
        """
        parts, selected = self.components, session.selected
        line = STRINGS.html("select_one" if session.history else "no_runs")
        if selected is not None:
            line = bdi(_title(self.journal.run(session.client, selected), session.language))
        return {
            parts.selection: paragraph(line),
            parts.open: gr.update(interactive=selected is not None),
            parts.delete: gr.update(interactive=selected is not None),
            parts.confirmation: gr.update(visible=False),
        }

    def warn(self, session: Session, error: MarsamError) -> None:
        """Show an error as one sentence in the reader's language; log the details."""
        _log.info("shown as a warning: %s", error)
        message = error_message(error)
        gr.Warning(message.ar if session.language == ARABIC else message.en)


def gallery_update(items: list[tuple[str, str]]) -> Any:
    """Pictures and captions for a gallery, which is hidden when there are none."""
    return gr.update(value=items, visible=bool(items))


def notes_update(
    notices: Sequence[Notice], unknown_words: Sequence[str] = (), *, stale: bool = False
) -> Any:
    """Notices below a text box, hidden when there are none."""
    sentences = notice_sentences(notices, unknown_words)
    return gr.update(value=render.notices(sentences, stale), visible=bool(notices) or stale)


def candidates_update(session: Session) -> Any:
    """The captions to choose from, hidden when there is no choice."""
    texts = [caption.text for caption in session.captions]
    choices = [(text, index) for index, text in enumerate(texts)]
    english = session.prompt.english if session.prompt else (texts or [""])[0]
    value = texts.index(english) if english in texts else None
    return gr.update(choices=choices, value=value, visible=len(texts) > 1)


def _thumbnail(run: Run) -> Path | None:
    files = (picture.find() for picture in run.pictures)
    return next(filter(None, files), None) or run.find_image()


def _title(run: Run, language: str) -> str:
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    caption = run.prompt.texts[language] if run.prompt else ""
    return f"{caption} · {date}" if caption else date
