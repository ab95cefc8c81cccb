"""Words: a picture described, a text edited, the two languages kept together."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError, PictureError
from marsam.imaging import metadata
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import Record
from marsam.journal.records import NewRun
from marsam.options import CaptionOptions, PaintOptions, RunOptions
from marsam.results import Captioned, Prompt, Prompted, Translated
from marsam.runs.execution import RunRecorder, create_run, execute_run
from marsam.text.languages import ARABIC as ARABIC_LANGUAGE
from marsam.text.languages import ENGLISH as ENGLISH_LANGUAGE
from marsam.web import render
from marsam.web.layout import EXAMPLES, SIZES
from marsam.web.session import Desk, Desks, digest, received
from marsam.web.settings import RECIPES_BY_NAME
from marsam.web.strings import ARABIC, ENGLISH, both
from marsam.web.view import Update, View, candidates, merged, notes

CANDIDATES = 3


class Reading:
    """The handlers of the picture and of the two texts."""

    def __init__(self, view: View, desks: Desks) -> None:
        self.view, self.desks = view, desks
        self.parts, self.journal, self.studio = view.parts, view.journal, view.studio

    def describe(self, given: dict[str, Any] | None, request: gr.Request) -> Iterator[Update]:
        """A picture was dropped: its words, or everything it was painted with.

        ``given`` is Gradio's note of an uploaded file; None when the picture was taken away.
        """
        parts, desk = self.parts, self.desks.of(request)
        try:
            path = received(given, parts.picture)
            if path is None:
                desk.digest = ""
            if path is None or desk.shows(digest(path)):
                yield {parts.status: gr.skip()}
                return
            source = open_picture(path)
        except PictureError as error:
            self.view.tell(desk, error)
            yield {parts.picture: self.view.source(desk)}
            return
        try:
            record = metadata.read(path)
        except PictureError:
            record = None  # damaged, or of a newer Marsam: a picture like any other
        if record is not None:
            try:
                yield self._restore(desk, path, record)
            except MarsamError as error:  # a record with numbers that nobody could choose
                self.view.tell(desk, error)
                yield {parts.picture: self.view.source(desk)}
            return
        yield from self._described(desk, source)

    def try_example(self, event: gr.SelectData) -> Update:
        """One of the examples was chosen."""
        return {self.parts.picture: EXAMPLES[event.index]}

    def _described(self, desk: Desk, source: Any) -> Iterator[Update]:
        parts = self.parts
        desk.read.clear()
        try:
            new = NewRun(client=desk.visitor, image=source)
            run = create_run(self.studio, self.journal, new)
            desk.put(run)
            with RunRecorder(self.journal, run) as recorder:
                yield self.view.desk(desk, picture=False) | {
                    parts.status: render.easel(both("reading")),
                    parts.english: "",
                    parts.arabic: "",
                }
                options = RunOptions(caption=CaptionOptions(candidates=CANDIDATES))
                for event in execute_run(self.studio, self.journal, replace(run, options=options)):
                    recorder.add(event)
                    match event:
                        case Captioned():
                            desk.captions = event.candidates
                            yield {
                                parts.english: event.caption.text,
                                parts.english_notes: notes(event.caption.warnings),
                                parts.candidates: candidates(desk),
                                parts.status: render.easel(both("translating")),
                            }
                        case Translated():
                            yield {parts.arabic: event.translation.text}
                        case Prompted():
                            desk.prompt = event.prompt
                            break
            desk.read.set()
            yield merged(self.view.words(desk), self.view.earlier(desk)) | {
                parts.status: render.easel(both("words_ready"))
            }
        except MarsamError as error:
            self.view.tell(desk, error)
            yield {parts.status: ""}
        finally:
            desk.read.set()

    def edit(self, language: str, english: str, arabic: str, request: gr.Request) -> Update:
        """One text was changed; the other is out of date until it is synced."""
        desk = self.desks.of(request)
        if not desk.read.is_set():
            return {self.parts.english_notes: gr.skip()}  # ours, not the reader's
        if self._is_new(desk, language, english, arabic):
            desk.edited = language
        return self._staleness(desk, english, arabic)

    def choose(self, index: int | None, request: gr.Request) -> Update:
        """Another wording was picked."""
        desk = self.desks.of(request)
        if index is None or not 0 <= index < len(desk.captions):
            return {self.parts.status: gr.skip()}
        return self.sync(ENGLISH, desk.captions[index].text, "", request)

    def sync(self, language: str, english: str, arabic: str, request: gr.Request) -> Update:
        """Bring the other text up to date."""
        desk = self.desks.of(request)
        try:
            self.settle(desk, language, arabic if language == ARABIC else english)
        except MarsamError as error:
            self.view.tell(desk, error)
            return {self.parts.status: gr.skip()}
        return self.view.words(desk)

    def settle(self, desk: Desk, language: str, text: str) -> None:
        """Make a text the words on the desk, with its twin and the English to be sent.

        Raises:
            MarsamError: when it cannot be translated.
        """
        code = (ARABIC_LANGUAGE if language == ARABIC else ENGLISH_LANGUAGE).code
        for event in self.studio.stream(prompt=text, options=RunOptions(language=code)):
            if isinstance(event, Prompted):
                desk.prompt, desk.edited = event.prompt, ""
                break

    def edited(self, desk: Desk, english: str, arabic: str) -> str:
        """Which text was changed since the words were settled; the last one, if both were."""
        order = sorted((ENGLISH, ARABIC), key=lambda language: language != desk.edited)
        return next((one for one in order if self._is_new(desk, one, english, arabic)), "")

    def _is_new(self, desk: Desk, language: str, english: str, arabic: str) -> bool:
        """Whether a text was changed; one that was emptied leaves the word to the other."""
        prompt, text = desk.prompt, (arabic if language == ARABIC else english).strip()
        settled: tuple[str, ...] = ("",)
        if prompt is not None:
            arabic_ones = (prompt.arabic, prompt.given)
            settled = ("", *(arabic_ones if language == ARABIC else (prompt.english,)))
        return text not in settled

    def _staleness(self, desk: Desk, english: str, arabic: str) -> Update:
        parts, edited = self.parts, self.edited(desk, english, arabic)
        return {
            parts.arabic_notes: notes((), stale=edited == ENGLISH),
            parts.english_notes: notes((), stale=edited == ARABIC),
            parts.from_english: gr.update(visible=edited == ENGLISH),
            parts.from_arabic: gr.update(visible=edited == ARABIC),
        }

    def _restore(self, desk: Desk, path: Path, record: Record) -> Update:
        """One of our own pictures came back: its words and settings with it."""
        prompt = Prompt(
            english=record.prompt,
            arabic=record.arabic,
            given=record.prompt,
            language=ENGLISH_LANGUAGE.code,
            back=None,
            length=self.studio.painter.measure(record.prompt),
        )
        # Only a size that the page offers is one somebody chose; else it was the model's own.
        chosen = f"{record.width}×{record.height}" in SIZES
        options = PaintOptions(
            pictures=1,
            seed=record.seed,
            recipe=RECIPES_BY_NAME.get(record.recipe, PaintOptions().recipe),
            steps=record.steps,
            guidance_scale=record.guidance_scale,
            negative_prompt=record.negative_prompt,
            width=record.width if chosen else None,
            height=record.height if chosen else None,
        )
        desk.source, desk.digest, desk.run = path, digest(path), None
        desk.captions, desk.pictures, desk.edited = (), [], ""
        desk.prompt, desk.options = prompt, options
        return self.view.desk(desk, picture=False) | {
            self.parts.status: render.easel(both("restored"))
        }
