"""What lies on a desk, as Gradio sees it: the same thing is shown the same way everywhere."""

import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError
from marsam.journal.records import Run
from marsam.options import PaintOptions
from marsam.runs.scheduler import Scheduler
from marsam.text.languages import ARABIC as ARABIC_LANGUAGE
from marsam.web import render
from marsam.web.export_zip import bundle
from marsam.web.layout import Parts
from marsam.web.session import Desk, sentence, served
from marsam.web.settings import written
from marsam.web.strings import ARABIC, both, say

Update = dict[Any, Any]
"""New values of parts of the page."""
_log = logging.getLogger(__name__)


class View:
    """Turns desks into updates of the page's parts."""

    def __init__(self, parts: Parts, scheduler: Scheduler) -> None:
        self.parts, self.scheduler = parts, scheduler
        self.studio, self.journal, self.estimator = (
            scheduler.studio,
            scheduler.journal,
            scheduler.estimator,
        )

    def desk(self, desk: Desk, *, picture: bool = True) -> Update:
        """Everything on a desk; ``picture=False`` leaves the picture box as it is."""
        options = desk.options
        settings: Update = {}
        if options is not None:
            settings = self.settings(options)
        source = gr.update(value=self.source(desk))
        shown: Update = {self.parts.picture: source} if picture else {}
        return merged(self.words(desk), self.landed(desk), self.bundle(desk)) | shown | settings

    def words(self, desk: Desk) -> Update:
        """Both texts, what stands beside them, and what will be sent."""
        parts, prompt = self.parts, desk.prompt
        english, arabic = (prompt.english, prompt.arabic) if prompt else ("", "")
        if prompt and prompt.language == ARABIC_LANGUAGE.code:
            arabic = prompt.given
        caption = desk.captions[0].warnings if desk.captions else ()
        return {
            parts.english: gr.update(value=english),
            parts.arabic: gr.update(value=arabic),
            parts.candidates: candidates(desk),
            parts.english_notes: notes(caption if prompt and not prompt.back else ()),
            parts.arabic_notes: notes(prompt.warnings if prompt else ()),
            parts.from_arabic: gr.update(visible=False),
            parts.from_english: gr.update(visible=False),
            parts.sent: render.sent(prompt),
            parts.copy: render.alt_text(english, arabic),
        }

    def settings(self, options: PaintOptions) -> Update:
        """The settings, as somebody would have typed them."""
        parts = self.parts
        size = f"{options.width}×{options.height}" if options.width and options.height else ""
        return {
            parts.number: gr.update(value=options.pictures),
            parts.recipe: gr.update(value=str(options.recipe)),
            parts.steps: gr.update(value=written(options.steps)),
            parts.guidance: gr.update(value=written(options.guidance_scale)),
            parts.size: gr.update(value=size),
            parts.seed: gr.update(value=written(options.seed)),
            parts.negative: gr.update(value=options.negative_prompt),
        }

    def landed(self, desk: Desk) -> Update:
        """The new pictures, and what can be done with them."""
        parts = self.parts
        return {
            parts.gallery: album(self.shown(desk)),
            parts.results: render.results(desk.pictures),
            parts.actions: gr.update(visible=bool(desk.pictures)),
        }

    def bundle(self, desk: Desk) -> Update:
        """All pictures in one file, to be downloaded."""
        if not (desk.prompt and desk.pictures):
            return {}
        with tempfile.TemporaryDirectory() as folder:
            made = bundle(desk.pictures, desk.prompt, Path(folder) / "marsam.zip")
            file = served(made, self.parts.download) if made else None
        return {self.parts.download: gr.update(value=file)}

    def shown(self, desk: Desk) -> list[tuple[str, str]]:
        """The new pictures with their captions, as files the page can fetch."""
        return [
            (served(p.path, self.parts.gallery), render.caption_of(p, desk.prompt, desk.language))
            for p in desk.pictures
            if p.path is not None
        ]

    def source(self, desk: Desk) -> str | None:
        """The picture it all began with, as a file the page can fetch."""
        return served(desk.source, self.parts.picture) if desk.source else None

    def means(self) -> Update:
        """What does the work, and how fast."""
        return {
            self.parts.strip: render.strip(self.studio, self.estimator),
            self.parts.about_text: render.about(self.studio, self.estimator),
        }

    def earlier(self, desk: Desk) -> Update:
        """The visitor's earlier work; none of it chosen."""
        desk.chosen = None
        return {self.parts.earlier: album(self.covers(desk))} | self.choice(desk)

    def covers(self, desk: Desk) -> list[tuple[str, str]]:
        """A picture for every earlier run that has one."""
        covers = [(run, _cover(run)) for run in self.journal.runs(desk.visitor)]
        shown = [(run, cover) for run, cover in covers if cover is not None]
        desk.listed = tuple(run.id for run, _ in shown)
        return [
            (served(cover, self.parts.earlier), _title(run, desk.language)) for run, cover in shown
        ]

    def choice(self, desk: Desk) -> Update:
        """What is chosen of it, and what can be done with that."""
        parts, line = self.parts, both("chosen_none" if desk.listed else "no_runs")
        if desk.chosen is not None:
            run = self.journal.run(desk.visitor, desk.chosen)
            line = render.bdi(_title(run, desk.language))
        return {
            parts.chosen: f"<p>{line}</p>",
            parts.open: gr.update(interactive=desk.chosen is not None),
            parts.delete: gr.update(interactive=desk.chosen is not None),
            parts.sure: gr.update(visible=False),
        }

    def tell(self, desk: Desk, error: MarsamError) -> None:
        """One sentence in the reader's language; the details go to the log."""
        _log.info("told a reader: %s", error)
        gr.Warning(say(sentence(error), desk.language))


def merged(*updates: Update) -> Update:
    """One update of everything; what two say about the same part is taken together."""
    merged: Update = {}
    for update in updates:
        for part, value in update.items():
            before = merged.get(part)
            both_are = isinstance(before, dict) and isinstance(value, dict)
            merged[part] = before | value if both_are else value
    return merged


def album(shown: list[tuple[str, str]]) -> Any:
    """Pictures for a gallery; an empty one is of no use to anybody."""
    return gr.update(value=shown, visible=bool(shown))


def notes(found: Any, *, stale: bool = False) -> Any:
    """Remarks beside a text, gone when there are none."""
    return gr.update(value=render.notices(found, stale=stale), visible=bool(found) or stale)


def candidates(desk: Desk) -> Any:
    """The wordings to choose from, when there is a choice."""
    texts = [caption.text for caption in desk.captions]
    choices = [(text, i) for i, text in enumerate(texts)]
    chosen = desk.prompt.english if desk.prompt else (texts or [""])[0]
    value = texts.index(chosen) if chosen in texts else None
    return gr.update(choices=choices, value=value, visible=len(texts) > 1)


def _cover(run: Run) -> Path | None:
    painted = (p.path for p in run.pictures if p.path is not None)
    return next(painted, None) or run.image_path


def _title(run: Run, language: str) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    words = ""
    if run.prompt is not None:
        words = run.prompt.arabic if language == ARABIC else run.prompt.english
    return f"{words} · {when}" if words else when
