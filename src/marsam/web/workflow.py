"""What happens when a reader does something: inputs become options, events become the page."""

import dataclasses
import logging
import queue
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr

from marsam import metadata
from marsam.catalog import STANDARD
from marsam.errors import Cancelled, MarsamError, OptionError, PictureError
from marsam.hub import PullProgress, pull
from marsam.images import open_picture
from marsam.journal import Journal, Run
from marsam.languages import ARABIC as ARABIC_LANGUAGE
from marsam.languages import ENGLISH as ENGLISH_LANGUAGE
from marsam.metadata import Record
from marsam.options import CaptionOptions, PaintOptions, RunOptions
from marsam.pace import Pace
from marsam.painter import RECIPES
from marsam.results import (
    Captioned,
    Checked,
    Event,
    Painted,
    Previewed,
    Prompt,
    Prompted,
    Translated,
)
from marsam.studio import Studio
from marsam.web import render
from marsam.web.bundle import bundle
from marsam.web.desk import Desk, Desks, digest, example, sentence, served
from marsam.web.layout import EXAMPLES, SIZES, Parts
from marsam.web.words import ARABIC, ENGLISH, both, of_pictures, pictures, say

CANDIDATES = 3
PREVIEWS = 6
"""Previews a picture, about."""
PATIENCE = 0.1
"""Seconds between two reports of a step; more often, nobody could read."""

Update = dict[Any, Any]
_log = logging.getLogger(__name__)


class Workflow:
    """The handlers of one page's events; what they know of a reader lies on that reader's desk."""

    def __init__(self, parts: Parts, studio: Studio, journal: Journal, pace: Pace) -> None:
        self.parts, self.studio, self.journal, self.pace = parts, studio, journal, pace
        self.desks = Desks()

    # Coming and going.

    def arrive(self, visitor: str, language: str, request: gr.Request) -> Update:
        """The page was opened: its language, and the reader's last work, or an example."""
        desk = self.desks.of(request)
        if re.fullmatch("[0-9a-f]{32}", visitor or ""):
            desk.visitor = visitor
        desk.language = ARABIC if language == ARABIC else ENGLISH
        runs = self.journal.runs(desk.visitor, limit=1)
        desk.put(runs[0] if runs else example(), keep=bool(runs))
        line = both("example_shown") if not runs else ""
        return (
            _merged(self.parts.labels(desk.language), self._desk(desk), self._earlier(desk))
            | {self.parts.language: desk.language, self.parts.status: render.easel(line)}
            | {self.parts.strip: render.strip(self.studio, self.pace)}
            | {self.parts.about_text: render.about(self.studio, self.pace)}
        )

    def speak(self, language: str, request: gr.Request) -> Update:
        """Everything in the other language; what is on the page stays."""
        desk = self.desks.of(request)
        desk.language = language
        return _merged(
            self.parts.labels(language),
            {
                self.parts.gallery: _album(self._shown(desk)),
                self.parts.earlier: _album(self._covers(desk)),
            },
        )

    # Words.

    def describe(self, given: dict[str, Any] | None, request: gr.Request) -> Iterator[Update]:
        """A picture was dropped: its words, or everything it was painted with.

        ``given`` is Gradio's note of an uploaded file; None when the picture was taken away.
        """
        parts, desk = self.parts, self.desks.of(request)
        path = given["path"] if given else None
        if path is None or digest(path) == desk.digest:
            yield {parts.status: gr.skip()}
            return
        try:
            record = metadata.read(Path(path))
            source = open_picture(Path(path))
        except PictureError as error:
            self._tell(desk, error)
            yield {parts.picture: str(desk.source) and self._source(desk)}
            return
        if record is not None:
            yield self._restore(desk, Path(path), record)
            return
        yield from self._described(desk, source)

    def try_example(self, event: gr.SelectData) -> Update:
        """One of the examples was chosen."""
        return {self.parts.picture: EXAMPLES[event.index]}

    def _described(self, desk: Desk, source: Any) -> Iterator[Update]:
        parts = self.parts
        try:
            run = self.journal.begin(desk.visitor, source=source)
            desk.put(self.journal.run(desk.visitor, run))
            desk.reading = True
            yield self._desk(desk, picture=False) | {
                parts.status: render.easel(both("reading")),
                parts.english: "",
                parts.arabic: "",
            }
            options = RunOptions(caption=CaptionOptions(candidates=CANDIDATES))
            for event in self.studio.stream(source, options):
                match event:
                    case Captioned():
                        desk.captions = event.candidates
                        yield {
                            parts.english: event.caption.text,
                            parts.english_notes: _notes(event.caption.warnings),
                            parts.candidates: _candidates(desk),
                            parts.status: render.easel(both("translating")),
                        }
                    case Translated():
                        yield {parts.arabic: event.translation.text}
                    case Prompted():
                        desk.prompt = event.prompt
                        break
            desk.reading = False
            self.journal.describe(run, desk.captions, desk.prompt)
            self.journal.end(run, "finished")
            yield _merged(self._words(desk), self._earlier(desk)) | {
                parts.status: render.easel(both("words_ready"))
            }
        except MarsamError as error:
            self._tell(desk, error)
            yield {parts.status: ""}
        finally:
            desk.reading = False

    def edit(self, language: str, english: str, arabic: str, request: gr.Request) -> Update:
        """One text was changed; the other is out of date until it is synced."""
        desk = self.desks.of(request)
        if desk.reading:
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
            self._settle(desk, language, arabic if language == ARABIC else english)
        except MarsamError as error:
            self._tell(desk, error)
            return {self.parts.status: gr.skip()}
        return self._words(desk)

    def _settle(self, desk: Desk, language: str, text: str) -> None:
        code = (ARABIC_LANGUAGE if language == ARABIC else ENGLISH_LANGUAGE).code
        for event in self.studio.stream(prompt=text, options=RunOptions(language=code)):
            if isinstance(event, Prompted):
                desk.prompt, desk.edited = event.prompt, ""
                break

    # Pictures.

    def paint(
        self,
        english: str,
        arabic: str,
        number: float,
        recipe: str,
        steps: str,
        guidance: str,
        size: str,
        seed: str,
        negative: str,
        request: gr.Request,
    ) -> Iterator[Update]:
        """The large button: settle the words if need be, then paint."""
        desk = self.desks.of(request)
        if not (english.strip() or arabic.strip()):
            gr.Warning(say("nothing_given", desk.language))
            yield {self.parts.status: gr.skip()}
            return
        width, height = map(int, size.split("×")) if size else (None, None)
        try:
            options = PaintOptions(
                pictures=int(number),
                seed=_whole(seed),
                recipe=RECIPE_BY_NAME[recipe],
                steps=_whole(steps),
                guidance_scale=_number(guidance),
                negative_prompt=negative or "",
                width=width,
                height=height,
            )
            if language := self._edited(desk, english, arabic):
                yield {self.parts.status: render.easel(both("translating"))}
                self._settle(desk, language, arabic if language == ARABIC else english)
        except MarsamError as error:
            self._tell(desk, error)
            yield {self.parts.status: ""}
            return
        yield from self._painted(desk, options)

    def more(self, request: gr.Request) -> Iterator[Update]:
        """The same words and settings, the seeds that follow."""
        desk = self.desks.of(request)
        if desk.prompt and desk.pictures:
            options = desk.options or PaintOptions()
            seed = max(p.seed for p in desk.pictures) + 1
            yield from self._painted(desk, dataclasses.replace(options, seed=seed))

    def same(self, request: gr.Request) -> Iterator[Update]:
        """The very same pictures once more."""
        desk = self.desks.of(request)
        if desk.prompt and desk.pictures:
            options = desk.options or PaintOptions()
            seed = min(p.seed for p in desk.pictures)
            yield from self._painted(desk, dataclasses.replace(options, seed=seed))

    def stop(self, request: gr.Request) -> Update:
        """End the work after this step; what is finished stays."""
        self.desks.of(request).stop.set()
        return {self.parts.status: render.easel(both("stopping"))}

    def _painted(self, desk: Desk, options: PaintOptions) -> Iterator[Update]:
        parts, prompt = self.parts, desk.prompt
        if prompt is None:
            raise AssertionError("words are settled before they are painted")
        if desk.busy.locked():
            yield {parts.status: gr.skip()}
            return
        steps = options.steps or RECIPES[options.recipe].steps
        options = dataclasses.replace(options, preview_every=max(1, steps // PREVIEWS))
        try:
            run = self._run_for(desk, options)
        except MarsamError as error:
            self._tell(desk, error)
            yield {parts.status: ""}
            return
        desk.run, desk.pictures, desk.options = run, [], options
        desk.stop = threading.Event()
        # The work has a thread of its own: whatever becomes of the page, what is finished is kept,
        # and a closed page ends it through the same flag as Stop.
        told: queue.SimpleQueue[Event | MarsamError | str] = queue.SimpleQueue()
        args = (desk, run, prompt, options, told)
        threading.Thread(target=self._work, args=args, name=f"run-{run}", daemon=True).start()
        yield self._words(desk) | {
            parts.paint: gr.update(interactive=False),
            parts.stop: gr.update(visible=True),
            parts.actions: gr.update(visible=False),
            parts.gallery: _album([]),
            parts.results: "",
            parts.status: render.easel(both("waiting"), share=0),
        }
        started, reported, failed = time.monotonic(), 0.0, False
        while not isinstance(news := told.get(), str):
            match news:
                case MarsamError():
                    self._tell(desk, news)
                    failed = True
                case Previewed():
                    now = time.monotonic()
                    if news.image is not None or now - reported > PATIENCE:
                        reported = now
                        yield self._step(news, options, now - started)
                case Painted():
                    yield self._landed(desk)
                case Checked():
                    yield {parts.results: render.results(desk.pictures)}
        done = pictures(sum(p.path is not None for p in desk.pictures))
        line = both("done" if news == "finished" else "stopped", done)
        yield _merged(self._landed(desk), self._earlier(desk)) | {
            parts.paint: gr.update(interactive=True),
            parts.stop: gr.update(visible=False),
            parts.status: render.easel("" if failed and not desk.pictures else line),
            parts.strip: render.strip(self.studio, self.pace),
            parts.about_text: render.about(self.studio, self.pace),
        }

    def _work(
        self,
        desk: Desk,
        run: str,
        prompt: Prompt,
        options: PaintOptions,
        told: "queue.SimpleQueue[Event | MarsamError | str]",
    ) -> None:
        """Paint, keep, tell; the last thing told is how it ended."""
        state, stop, painted = "stopped", desk.stop, desk.pictures
        stream = self.studio.stream(prompt=prompt, options=RunOptions(paint=options))
        try:
            with desk.busy, closing(stream):  # type: ignore[type-var]
                for event in stream:
                    if isinstance(event, Painted):
                        painted.append(self.journal.paint(run, event, prompt))
                        self.pace.learn(event.picture, event.seconds)
                    elif isinstance(event, Checked):
                        self.journal.check(run, event)
                        painted[event.index] = dataclasses.replace(
                            painted[event.index], fidelity=event.fidelity
                        )
                    told.put(event)
                    if stop.is_set():
                        break
                else:
                    state = "finished"
        except MarsamError as error:
            state = "failed"
            told.put(error)
        except Exception as error:
            _log.exception("painting failed")
            state = "failed"
            told.put(MarsamError(str(error)))
        finally:
            try:
                self.journal.end(run, state)
            except MarsamError as error:
                told.put(error)
            told.put(state)

    def _run_for(self, desk: Desk, options: PaintOptions) -> str:
        """A run of its own for what is painted now, with the words it is painted from."""
        chosen = dataclasses.asdict(options)
        source = open_picture(desk.source) if desk.source else None
        if desk.run is not None and not desk.pictures:
            self.journal.delete(desk.visitor, desk.run)  # only words so far; they move over
        return self.journal.begin(
            desk.visitor,
            source=source,
            captions=desk.captions,
            prompt=desk.prompt,
            options=chosen,
        )

    def _step(self, event: Previewed, options: PaintOptions, elapsed: float) -> Update:
        done = event.index * event.steps + event.step
        every = options.pictures * event.steps
        left = elapsed / done * (every - done)
        if done < 3:
            left = self.pace.expected(options) or left
        line = both(
            "painting",
            picture=event.index + 1,
            pictures=options.pictures,
            step=event.step,
            steps=event.steps,
        )
        html = render.easel(line, sketch=event.image, share=done / every, remaining=left)
        return {self.parts.status: html}

    # Earlier work.

    def select(self, event: gr.SelectData, request: gr.Request) -> Update:
        """A run of the history was chosen."""
        desk = self.desks.of(request)
        index = event.index if isinstance(event.index, int) else event.index[0]
        desk.chosen = desk.listed[index] if 0 <= index < len(desk.listed) else None
        return self._choice(desk)

    def open(self, request: gr.Request) -> Update:
        """Lay the chosen run on the desk."""
        desk = self.desks.of(request)
        try:
            desk.put(self.journal.run(desk.visitor, desk.chosen or ""))
        except MarsamError as error:
            self._tell(desk, error)
            return self._earlier(desk)
        return self._desk(desk) | {
            self.parts.status: "",
            self.parts.tabs: gr.update(selected="studio"),
        }

    def delete(self, request: gr.Request) -> Update:
        """Ask before deleting."""
        return {self.parts.sure: gr.update(visible=self.desks.of(request).chosen is not None)}

    def keep(self) -> Update:
        """Delete nothing after all."""
        return {self.parts.sure: gr.update(visible=False)}

    def really(self, request: gr.Request) -> Update:
        """Delete the chosen run."""
        desk = self.desks.of(request)
        try:
            self.journal.delete(desk.visitor, desk.chosen or "")
            gr.Info(say("deleted", desk.language))
        except MarsamError as error:
            self._tell(desk, error)
        if desk.chosen == desk.run:
            desk.run = None
        desk.chosen = None
        return self._earlier(desk)

    # The full models.

    def fetch(self, request: gr.Request) -> Iterator[Update]:
        """Fetch the full models, saying how far it is."""
        parts, desk = self.parts, self.desks.of(request)
        desk.stop = stop = threading.Event()
        told: queue.SimpleQueue[PullProgress | MarsamError | None] = queue.SimpleQueue()

        def report(progress: PullProgress) -> None:
            if stop.is_set():
                raise Cancelled("The download was stopped.")
            told.put(progress)

        def work() -> None:
            try:
                for model in STANDARD.models:
                    pull(model.source, files=model.files, progress=report)
                told.put(None)
            except MarsamError as error:
                told.put(error)

        threading.Thread(target=work, name="fetch", daemon=True).start()
        working = {parts.fetch: gr.update(visible=False), parts.fetch_stop: gr.update(visible=True)}
        yield working
        line, reported = both("fetched"), 0.0
        while (news := told.get()) is not None:
            if isinstance(news, MarsamError):
                stopped = isinstance(news, Cancelled)
                line = both("fetch_stopped" if stopped else sentence(news))
                break
            if time.monotonic() - reported > PATIENCE:
                reported = time.monotonic()
                yield {parts.fetch_status: _progress(news)}
        yield {
            parts.fetch: gr.update(visible=True),
            parts.fetch_stop: gr.update(visible=False),
            parts.fetch_status: f"<p>{line}</p>",
        }

    # How things look.

    def foresee(self, number: float, recipe: str, steps: str) -> Update:
        """How long it will take, before the click."""
        try:
            options = PaintOptions(
                pictures=int(number),
                recipe=RECIPE_BY_NAME[recipe],
                steps=_whole(steps),
            )
        except MarsamError:
            return {self.parts.expected: ""}
        seconds = self.pace.expected(options)
        return {self.parts.expected: render.expected(seconds, of_pictures(options.pictures))}

    def _desk(self, desk: Desk, *, picture: bool = True) -> Update:
        options = desk.options
        settings: Update = {}
        if options is not None:
            settings = self._settings(options)
        source = gr.update(value=self._source(desk))
        shown: Update = {self.parts.picture: source} if picture else {}
        return _merged(self._words(desk), self._landed(desk)) | shown | settings

    def _settings(self, options: PaintOptions) -> Update:
        parts = self.parts
        size = f"{options.width}×{options.height}" if options.width and options.height else ""
        return {
            parts.number: gr.update(value=options.pictures),
            parts.recipe: gr.update(value=str(options.recipe)),
            parts.steps: gr.update(value=_written(options.steps)),
            parts.guidance: gr.update(value=_written(options.guidance_scale)),
            parts.size: gr.update(value=size),
            parts.seed: gr.update(value=_written(options.seed)),
            parts.negative: gr.update(value=options.negative_prompt),
        }

    def _words(self, desk: Desk) -> Update:
        parts, prompt = self.parts, desk.prompt
        english, arabic = (prompt.english, prompt.arabic) if prompt else ("", "")
        if prompt and prompt.language == ARABIC_LANGUAGE.code:
            arabic = prompt.given
        caption = desk.captions[0].warnings if desk.captions else ()
        return {
            parts.english: gr.update(value=english),
            parts.arabic: gr.update(value=arabic),
            parts.candidates: _candidates(desk),
            parts.english_notes: _notes(caption if prompt and not prompt.back else ()),
            parts.arabic_notes: _notes(prompt.warnings if prompt else ()),
            parts.from_arabic: gr.update(visible=False),
            parts.from_english: gr.update(visible=False),
            parts.sent: render.sent(prompt),
            parts.copy: render.alt_text(english, arabic),
        }

    def _edited(self, desk: Desk, english: str, arabic: str) -> str:
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
        parts, edited = self.parts, self._edited(desk, english, arabic)
        return {
            parts.arabic_notes: _notes((), stale=edited == ENGLISH),
            parts.english_notes: _notes((), stale=edited == ARABIC),
            parts.from_english: gr.update(visible=edited == ENGLISH),
            parts.from_arabic: gr.update(visible=edited == ARABIC),
        }

    def _landed(self, desk: Desk) -> Update:
        """The new pictures, and what can be done with them."""
        parts = self.parts
        updates: Update = {
            parts.gallery: _album(self._shown(desk)),
            parts.results: render.results(desk.pictures),
            parts.actions: gr.update(visible=bool(desk.pictures)),
        }
        if desk.prompt and desk.pictures:
            with tempfile.TemporaryDirectory() as folder:
                made = bundle(desk.pictures, desk.prompt, Path(folder) / "marsam.zip")
                file = served(made, parts.download) if made else None
            updates[parts.download] = gr.update(value=file)
        return updates

    def _shown(self, desk: Desk) -> list[tuple[str, str]]:
        return [
            (served(p.path, self.parts.gallery), render.caption_of(p, desk.prompt, desk.language))
            for p in desk.pictures
            if p.path is not None
        ]

    def _source(self, desk: Desk) -> str | None:
        return served(desk.source, self.parts.picture) if desk.source else None

    def _earlier(self, desk: Desk) -> Update:
        desk.chosen = None
        return {self.parts.earlier: _album(self._covers(desk))} | self._choice(desk)

    def _covers(self, desk: Desk) -> list[tuple[str, str]]:
        """A picture for every earlier run that has one."""
        covers = [(run, _cover(run)) for run in self.journal.runs(desk.visitor)]
        shown = [(run, cover) for run, cover in covers if cover is not None]
        desk.listed = tuple(run.id for run, _ in shown)
        return [
            (served(cover, self.parts.earlier), _title(run, desk.language)) for run, cover in shown
        ]

    def _choice(self, desk: Desk) -> Update:
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

    def _restore(self, desk: Desk, path: Path, record: Record) -> Update:
        """One of our own pictures came back: its words and settings with it."""
        desk.source, desk.digest, desk.run = path, digest(path), None
        desk.captions, desk.pictures, desk.edited = (), [], ""
        desk.prompt = Prompt(
            english=record.prompt,
            arabic=record.arabic,
            given=record.prompt,
            language=ENGLISH_LANGUAGE.code,
            back=None,
            length=self.studio.painter.measure(record.prompt),
        )
        # Only a size that the page offers is one somebody chose; else it was the model's own.
        chosen = f"{record.width}×{record.height}" in SIZES
        desk.options = PaintOptions(
            pictures=1,
            seed=record.seed,
            recipe=RECIPE_BY_NAME.get(record.recipe, PaintOptions().recipe),
            steps=record.steps,
            guidance_scale=record.guidance_scale,
            negative_prompt=record.negative_prompt,
            width=record.width if chosen else None,
            height=record.height if chosen else None,
        )
        return self._desk(desk, picture=False) | {self.parts.status: render.easel(both("restored"))}

    def _tell(self, desk: Desk, error: MarsamError) -> None:
        _log.info("told a reader: %s", error)
        gr.Warning(say(sentence(error), desk.language))


def _number(text: str | None) -> float | None:
    """A number as people type it, in either language's digits; nothing is None."""
    written = (text or "").strip().replace("٫", ".")
    try:
        return float(written) if written else None
    except ValueError as error:
        raise OptionError(f"{text!r} is not a number.") from error


def _written(number: float | None) -> str:
    return "" if number is None else f"{number:g}" if isinstance(number, float) else str(number)


def _whole(text: str | None) -> int | None:
    number = _number(text)
    if number is not None and not number.is_integer():  # infinity is none either
        raise OptionError(f"{text!r} is not a whole number.")
    return None if number is None else int(number)


RECIPE_BY_NAME = {str(recipe): recipe for recipe in RECIPES}


def _merged(*updates: Update) -> Update:
    """One update of everything; what two say about the same part is taken together."""
    merged: Update = {}
    for update in updates:
        for part, value in update.items():
            before = merged.get(part)
            both_are = isinstance(before, dict) and isinstance(value, dict)
            merged[part] = before | value if both_are else value
    return merged


def _album(shown: list[tuple[str, str]]) -> Any:
    """Pictures for a gallery; an empty one is of no use to anybody."""
    return gr.update(value=shown, visible=bool(shown))


def _notes(found: Any, *, stale: bool = False) -> Any:
    return gr.update(value=render.notices(found, stale=stale), visible=bool(found) or stale)


def _candidates(desk: Desk) -> Any:
    texts = [caption.text for caption in desk.captions]
    choices = [(text, i) for i, text in enumerate(texts)]
    chosen = desk.prompt.english if desk.prompt else (texts or [""])[0]
    value = texts.index(chosen) if chosen in texts else None
    return gr.update(choices=choices, value=value, visible=len(texts) > 1)


def _cover(run: Run) -> Path | None:
    painted = (p.path for p in run.pictures if p.path is not None)
    return next(painted, run.source)


def _title(run: Run, language: str) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    words = ""
    if run.prompt is not None:
        words = run.prompt.arabic if language == ARABIC else run.prompt.english
    return f"{words} · {when}" if words else when


def _progress(news: PullProgress) -> str:
    line = both(
        "fetching",
        source=news.source,
        done=f"{news.done / 1e9:.2f}",
        total=f"{news.total / 1e9:.2f}",
    )
    share = news.done / news.total if news.total else 0
    return f'<p>{line}</p><progress max="1" value="{share:.3f}"></progress>'
