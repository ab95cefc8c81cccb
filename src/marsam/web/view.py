"""Updates of the page's components from the state of a session."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from marsam.errors import MarsamError, public_message_of
from marsam.hub.catalog import MINI, SETS, ModelSet
from marsam.journal.records import StoredPicture
from marsam.notices import Notice, notice_sentences
from marsam.options import DEFAULT_STRENGTH, PaintOptions
from marsam.recipes import Recipe
from marsam.results import Prompt
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.styles import NO_STYLE
from marsam.ui.html import EMPTY
from marsam.ui.i18n import ARABIC, ENGLISH, duration, isolates_as_html
from marsam.ui.native import native_caption
from marsam.ui.updates import Update, merge
from marsam.web import gallery, render, sheet
from marsam.web.export_zip import export_zip
from marsam.web.layout import Components, offered_sets
from marsam.web.links import link_to
from marsam.web.session import EXAMPLE_RUN_DIR, Session, cached_path
from marsam.web.settings import START_PICTURE, START_WORDS, format_number
from marsam.web.strings import STRINGS

UNQUEUED: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Options of events that take no time."""
QUEUED = UNQUEUED | {"queue": True}
"""Options of events that run the models."""
_log = logging.getLogger(__name__)


MAX_WORKS = 300
"""Runs that the earlier work shows, the latest."""
MAX_LIVE_S = 2.0
"""An instant picture that takes longer does not follow what is typed."""
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
        self.journal, self.estimator = scheduler.journal, scheduler.estimator
        self.gallery = gallery.Gallery(components.gallery)

    @property
    def studio(self) -> Studio:
        """The models in use, which may be exchanged for others."""
        return self.scheduler.studio

    def show_session(self, session: Session, *, image: bool = True) -> Update:
        """Everything; ``image=False`` leaves the input picture as it is."""
        if session.options is not None and not self._knows_styles:
            session.style = NO_STYLE  # another painter's
            session.options = replace(session.options, style=NO_STYLE)
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
        parts, texts = self.components, session.texts
        sent = self.show_sent(session)
        found = session.prompt.warnings if session.prompt else ()
        return sent | {
            parts.english: gr.update(value=texts[ENGLISH]),
            parts.arabic: gr.update(value=texts[ARABIC]),
            parts.candidates: candidates_update(session),
            parts.fetch_models: self.fetch_models_update(OUTSIDE.intersection(found)),
        }

    def show_sent(self, session: Session) -> Update:
        """The prompt for the painter as the settings have it, and the notices."""
        if session.prompt is not None:
            prompts = self.studio.prompts
            prompt = prompts.as_written(session.prompt, session.as_written)
            session.prompt = prompts.in_style(prompt, session.style)
        return self.show_notes(session) | {self.components.sent: render.sent(session.prompt)}

    def show_notes(self, session: Session) -> Update:
        """The notices below both text boxes, and what can be done with the texts."""
        parts, prompt, edited = self.components, session.prompt, session.edited_languages
        found = prompt.warnings if prompt and not edited else ()
        about_caption = session.captions[0].warnings if session.captions else ()
        about_english = [notice for notice in found if notice in about_caption]
        about_arabic = [notice for notice in found if notice not in about_caption]
        words = prompt.unknown_words if prompt and not edited else ()
        is_english, is_arabic = edited[:1] == [ENGLISH], edited[:1] == [ARABIC]
        # What a model says of a picture that it does not know is no alt text.
        may_copy = Notice.OUT_OF_WORLD not in found
        native = prompt.native_beside(session.texts[ARABIC]) if prompt and not edited else ""
        return {
            parts.native: gr.update(
                value=native_caption(native, prompt.agreement if prompt else None),
                visible=bool(native),
            ),
            parts.use_native: gr.update(visible=bool(native)),
            parts.english_notes: notes_update(about_english, stale=is_arabic),
            parts.arabic_notes: notes_update(about_arabic, words, stale=is_english),
            parts.from_arabic: gr.update(visible=is_arabic),
            parts.from_english: gr.update(visible=is_english),
            parts.keep_both: gr.update(visible=bool(edited) and all(session.texts.values())),
            parts.undo: gr.update(visible=session.previous is not None),
            parts.copy: render.alt_text(session.texts, session.file_name) if may_copy else EMPTY,
        }

    def fetch_models_update(self, needed: object) -> Any:
        """Show the button where the mini models do not suffice, and the full ones are offered."""
        return gr.update(visible=bool(needed) and self._offers_models)

    def show_settings(self, options: PaintOptions) -> Update:
        """The settings, as text in their boxes."""
        parts = self.components
        size = f"{options.width}×{options.height}" if options.width and options.height else ""
        offered = options.recipe in self.studio.painter.recipes  # with the models of now
        recipe = options.recipe if offered else PaintOptions.recipe
        return {
            parts.number: gr.update(value=options.pictures),
            parts.recipe: gr.update(value=str(recipe)),
            parts.steps: gr.update(value=format_number(options.steps)),
            parts.guidance: gr.update(value=format_number(options.guidance_scale)),
            parts.size: gr.update(value=size),
            parts.seed: gr.update(value=format_number(options.seed)),
            parts.negative: gr.update(value=options.negative_prompt),
            parts.style: gr.update(value=options.style),
            parts.as_written: gr.update(value=options.as_written),
            parts.start: gr.update(value=START_PICTURE if options.strength else START_WORDS),
            parts.strength: gr.update(
                value=options.strength or DEFAULT_STRENGTH, visible=bool(options.strength)
            ),
        }

    def show_pictures(self, session: Session) -> Update:
        """The new pictures and the buttons below them."""
        parts = self.components
        rounds = [
            self.gallery.round(run.id, run.prompt, run.pictures, run.options.paint)
            for run in session.rounds
            if run.options is not None
        ]
        painted = session.painted_prompt
        run = session.run if not session.is_example else ""
        rounds.append(
            self.gallery.round(
                run or "", painted, session.pictures, session.options, missing=session.missing
            )
        )
        rounds = [one for one in rounds if one.pictures or one.missing]
        is_idle = session.painting_run is None
        return {
            parts.gallery: gr.update(value=gallery.rounds(rounds), visible=bool(rounds)),
            parts.more: gr.update(visible=bool(session.pictures) and is_idle),
            parts.resume: gr.update(visible=bool(session.missing and session.run) and is_idle),
        }

    def show_zip(self, session: Session) -> Update:
        """All pictures in one file, the kept ones, and both on a page to print."""
        parts, prompt = self.components, session.painted_prompt
        pictures = [*(p for run in session.rounds for p in run.pictures), *session.pictures]
        kept = [picture for picture in pictures if picture.starred]
        page = self._sheet(session, prompt, pictures)
        return {
            parts.sheet: page,
            parts.print: gr.update(visible=bool(page)),
            parts.copy_link: self._link(session, prompt),
            parts.download: self._zip_update(session, prompt, pictures, "marsam.zip"),
            parts.download_kept: self._zip_update(session, prompt, kept, "marsam-kept.zip"),
        }

    def _sheet(
        self, session: Session, prompt: Prompt | None, pictures: list[StoredPicture]
    ) -> Markup:
        """The page to print, in an attribute of an element that shows nothing."""
        found = [(picture, file) for picture in pictures if (file := picture.find()) is not None]
        if prompt is None or not found:
            return EMPTY
        source, language = self.gallery.url, session.language
        page = sheet.sheet(found, prompt, language=language, source=source, only_kept=True)
        return Markup('<div hidden data-page="{}"></div>').format(page)

    def _link(self, session: Session, prompt: Prompt | None) -> Markup:
        """The button that copies a link to the words and settings of the pictures."""
        if prompt is None or session.options is None or not session.pictures or not session.run:
            return EMPTY
        first = session.pictures[0]
        link = link_to(prompt, session.options, seed=first.seed - first.index)
        return render.copy_link(link) if link else EMPTY

    def _zip_update(
        self, session: Session, prompt: Prompt | None, pictures: list[StoredPicture], name: str
    ) -> Any:
        if prompt is None or not pictures:
            return gr.update(visible=False)
        with tempfile.TemporaryDirectory() as folder:
            file = export_zip(pictures, prompt, Path(folder) / name, language=session.language)
            component = self.components.download
            folder_of_copy = session.run or EXAMPLE_RUN_DIR.name
            copy = cached_path(file, component, folder=folder_of_copy) if file else None
            return gr.update(value=copy, visible=copy is not None)

    def show_exchanged_models(self, session: Session, wanted: str | None = None) -> Update:
        """Everything that depends on the models, which are others than before."""
        parts, session.models = self.components, self.studio.names
        labels = parts.labels(session.language, self.studio)
        return merge(
            {part: labels[part] for part in parts.models if part in labels},
            self.show_models(wanted),
            self.show_live(session),
            {parts.fetch_models: gr.update(visible=False)},
        )

    def show_models(self, wanted: str | None = None) -> Update:
        """The models in use, and the buttons to use others: the set that is ``wanted``, if any."""
        parts, chosen = self.components, self.chosen_set(wanted)
        downloaded, offers = render.is_downloaded(chosen), self._offers_models
        return self.show_summary() | {
            parts.offered: gr.update(visible=offers, value=chosen.name),
            parts.download_models: gr.update(visible=offers and not downloaded),
            parts.style_models: gr.update(visible=offers),
            parts.use_models: gr.update(visible=offers and downloaded),
        }

    def chosen_set(self, wanted: object) -> ModelSet:
        """The offered set of this name; else one that is downloaded, or the first."""
        sets = offered_sets(self.studio.device)
        named = (one for one in sets if one.name == wanted)
        return next(named, None) or next(filter(render.is_downloaded, sets), sets[0])

    def show_summary(self) -> Update:
        """The models, the device, and the time per picture."""
        parts, studio, estimator = self.components, self.studio, self.estimator
        downloaded = any(map(render.is_downloaded, offered_sets(studio.device)))
        reason = "models_ready" if downloaded else "models_missing"
        if studio.models != MINI.name:
            reason = "models_downloaded" if studio.models in SETS else "models_chosen"
        return {
            parts.summary: render.summary_line(studio, estimator, reason),
            parts.about_text: render.about(studio, estimator),
        }

    def show_live(self, session: Session) -> Update:
        """Whether pictures can follow what is typed, and where they cannot, why."""
        component = self.components.live
        if Recipe.INSTANT not in self.studio.painter.recipes:
            return {component: gr.update(visible=False, value=False)}
        reason = self.too_slow(session.language)
        info = reason or STRINGS.text("live_info", session.language)
        off = {"value": False} if reason else {}
        return {component: gr.update(visible=True, interactive=not reason, info=info, **off)}

    def too_slow(self, language: str) -> str:
        """Why instant pictures are too slow to follow what is typed; empty where they are not."""
        seconds = self.estimator.estimate(PaintOptions(pictures=1, recipe=Recipe.INSTANT))
        if seconds is None:
            device = self.studio.device
            is_fast = self.studio.models == MINI.name or (device is not None and not device.is_cpu)
            return "" if is_fast else STRINGS.text("live_unknown", language)
        time = duration(seconds, genitive=True)
        line = STRINGS.text("live_slow", language, time.ar if language == ARABIC else time.en)
        return line if seconds > MAX_LIVE_S else ""

    @property
    def _knows_styles(self) -> bool:
        return self.studio.painter.sampling(PaintOptions.recipe).styles

    @property
    def _offers_models(self) -> bool:
        """Whether visitors may exchange the models for others."""
        return self.components.offer_download and self.studio.models == MINI.name

    def show_history(self, session: Session) -> Update:
        """The client's earlier work."""
        words, kept = session.search
        works = self.gallery.works(
            self.journal.runs(session.client, limit=MAX_WORKS), words=words, kept=kept
        )
        return {self.components.history: gallery.history(works)}

    def warn(self, session: Session, error: MarsamError) -> None:
        """Show an error as one sentence in the reader's language; log the details."""
        _log.info("shown as a warning: %s", error)
        message = public_message_of(error)
        text = message.ar if session.language == ARABIC else message.en
        gr.Warning(render.about_box(error, isolates_as_html(text)))


def notes_update(
    notices: Sequence[Notice], unknown_words: Sequence[str] = (), *, stale: bool = False
) -> Any:
    """Notices below a text box, hidden when there are none."""
    sentences = notice_sentences(notices, unknown_words)
    return gr.update(value=render.notices(sentences, stale), visible=bool(notices) or stale)


def candidates_update(session: Session) -> Any:
    """The captions to choose from, hidden when there is no choice."""
    texts = [caption.text for caption in session.captions]
    arabic = session.candidates_in_arabic or ("",) * len(texts)
    labels = [
        f"{one}\u2003\u2067{other}\u2069" if other else one
        for one, other in zip(texts, arabic, strict=True)
    ]
    choices = [(label, index) for index, label in enumerate(labels)]
    english = session.prompt.english if session.prompt else (texts or [""])[0]
    value = texts.index(english) if english in texts else None
    return gr.update(choices=choices, value=value, visible=len(texts) > 1)
