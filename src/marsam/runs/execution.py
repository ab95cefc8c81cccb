"""Creation and execution of runs; each result is in the journal before its event is seen."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Self

from marsam.errors import Cancelled, MarsamError, OptionError, OutOfMemory
from marsam.imaging.image_io import CAPTION_SIDE, open_picture
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from marsam.journal.records import NewRun, Run
from marsam.native_captions import check_captions
from marsam.options import CaptionOptions, RunOptions, checked_text, new_seed
from marsam.prompts import require_arabic
from marsam.results import (
    Caption,
    Captioned,
    Checked,
    Event,
    Finished,
    Painted,
    Previewed,
    Prompt,
    Prompted,
    Translated,
)
from marsam.runs.repeat import require_same_sampling
from marsam.studio import Studio

_log = logging.getLogger(__name__)


def create_run(
    studio: Studio, journal: Journal, new: NewRun, *, described: str | None = None
) -> Run:
    """Check a new run and store it, with a seed and the names of the models.

    The seed and the models are fixed now, so that a resumed run paints the same pixels. An image
    beside a typed prompt, or with a strength, is what the pictures are variations of. The
    returned run carries the decoded image; the stored file is read only when a run is resumed.
    ``described`` is the ID of the client's run that has only text: the pictures are added to it if
    no other page paints from it yet, and a run of its own is created otherwise.

    Raises:
        RunExists: when the client has a run of the same idempotency key.
        MarsamError: for an image or prompt that cannot be used, and when nothing can be stored.
    """
    prompt, options = new.prompt, new.options
    if new.image is None and prompt is None:
        raise OptionError("Give an image or a prompt, or both.")
    if isinstance(prompt, str):
        prompt = checked_text(prompt)
    if options is not None:
        if prompt is None:
            check_captions(studio.captioner, options.caption, options.translate)
        else:
            _refuse_requests(options.caption, prompt)
        if options.paint.seed is None:
            options = replace(options, paint=replace(options.paint, seed=new_seed()))
            new = replace(new, random_seed=True)
        is_variation = isinstance(prompt, str) or options.paint.strength is not None
        has_start = new.image is not None and is_variation
        require_arabic(prompt, options)
        options = studio.resolve_options(options, has_start=has_start)
    new = replace(new, prompt=prompt, options=options, models=studio.names)
    if described is not None and (run := journal.start_painting(described, new)):
        return run
    if new.image is not None:
        new = replace(new, image=open_picture(new.image, side=CAPTION_SIDE))
    return journal.insert(new)


def _refuse_requests(options: CaptionOptions, prompt: str | Prompt) -> None:
    """Raise OptionError for requests to the captioner in a run that a typed prompt begins."""
    defaults = CaptionOptions()
    for option in ("length", "ask", "context", "arabic") if isinstance(prompt, str) else ():
        if getattr(options, option) != getattr(defaults, option):
            raise OptionError(
                "{option} is about captions, and this run has a prompt; leave one of them out.",
                option=option,
            )


def execute_run(
    studio: Studio, journal: Journal, run: Run, *, is_abandoned: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Do what is left of a run of this process, one event at a time; closing the iterator stops it.

    A new run goes through all stages; one that has its text is painted; of an interrupted one the
    missing pictures are painted, from the seeds and to the pixels they would have had. ``Finished``
    comes only when there was no picture before. A :class:`RunRecorder` stores how the run ends.
    ``is_abandoned`` tells whether the run was ended meanwhile, as after a step that hung.

    Raises:
        Cancelled: when it was abandoned.
        MarsamError: as :meth:`marsam.studio.Studio.stream`, and when nothing can be stored.
    """
    done = run.painted
    options = run.options or RunOptions()
    yield from _check_unchecked(studio, journal, run, options)
    if done >= options.paint.pictures:
        return
    prompt, captions = run.prompt, tuple[Caption, ...]()
    image = start = None
    if prompt is None and run.prompt_text is None:
        image = run.image or run.image_path
    elif options.paint.strength is not None:
        start = run.image or run.image_path
    events = studio.stream(
        image, _remaining_options(options, done), prompt=prompt or run.prompt_text, start=start
    )
    with closing(events):  # type: ignore[type-var]
        for event in events:
            if is_abandoned():
                raise Cancelled("The run was abandoned.")
            match event:
                case Captioned():
                    captions = event.candidates
                case Prompted() if event.prompt != run.prompt:
                    prompt = event.prompt
                    journal.save_text(run.id, captions or run.captions, prompt)
                case Painted():
                    picture = replace(event.picture, index=event.picture.index + done)
                    event = replace(event, picture=picture)
                    journal.save_picture(run.id, event, prompt)
                case Checked():
                    event = replace(event, index=event.index + done)
                    journal.save_check(run.id, event)
                case Previewed():
                    event = replace(event, index=event.index + done)
                case Finished() if done:
                    return
            yield event


def _check_unchecked(
    studio: Studio, journal: Journal, run: Run, options: RunOptions
) -> Iterator[Checked]:
    """Check pictures that were stored just before the run was interrupted."""
    for picture in run.pictures if options.check and run.prompt is not None else ():
        if picture.path is None or picture.fidelity is not None or run.prompt is None:
            continue
        started = time.monotonic()
        fidelity = studio.check_fidelity(open_picture(picture.path), run.prompt)
        if fidelity is None:
            continue
        event = Checked(index=picture.index, fidelity=fidelity, seconds=time.monotonic() - started)
        journal.save_check(run.id, event)
        yield event


def _remaining_options(options: RunOptions, done: int) -> RunOptions:
    """The options for the pictures that are still missing."""
    if not done:
        return options
    paint = options.paint
    seed = None if paint.seed is None else paint.seed + done
    paint = replace(paint, pictures=paint.pictures - done, seed=seed)
    return replace(options, paint=paint, keep_best=None)


def require_same_models(run: Run, studio: Studio) -> None:
    """Raise OptionError when a run was started with other models or another way of sampling."""
    if run.models and dict(run.models) != studio.names:
        other = [name for name in run.models.values() if name not in studio.names.values()]
        raise OptionError("This run was started with other models: {other}.", other=other)
    for picture in run.pictures[:1]:
        if (path := picture.find()) is not None and (record := read_record(path)) is not None:
            require_same_sampling(record, studio.painter)


@dataclass(frozen=True)
class RunEnded:
    """The end of a run: ``finished``, ``stopped``, ``failed`` or ``interrupted``."""

    state: str
    error: MarsamError | None = None

    @classmethod
    def by(cls, error: BaseException | None) -> Self:
        """How a run ended that was left with this error, or without one."""
        if error is None:
            return cls("finished")
        if isinstance(error, Cancelled) or not isinstance(error, Exception):
            return cls("stopped")  # Ctrl-C and a closed iterator are no Exception
        if isinstance(error, MemoryError):
            error = OutOfMemory("There is not enough memory for this run.")
        if not isinstance(error, MarsamError):  # a defect of Marsam
            _log.error("A run failed.", exc_info=error)
            error = MarsamError("Something unexpected happened: {reason}", reason=error)
        return cls("failed", error)


RunEvent = Event | RunEnded


class RunRecorder:
    """Adds up the seconds of a run's stages, and stores how the run ended.

    As a context manager it stores the end of the run when the block is left: *finished*; *stopped*
    when it was cancelled or its iterator closed; *failed* after any other error. Earlier seconds
    of the run count.
    """

    def __init__(self, journal: Journal, run: Run) -> None:
        self.journal, self.run_id = journal, run.id
        self.seconds = dict(run.seconds)

    def add(self, event: Event) -> None:
        """Count the seconds of an event."""
        add_seconds(self.seconds, event)

    def finish(self, ended: RunEnded) -> None:
        """Store the end of the run, unless it had ended before; JournalError if it cannot be."""
        seconds = dict(self.seconds)  # another thread may still be adding
        self.journal.finish(self.run_id, ended.state, error=ended.error, seconds=seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # The first error is the one to raise, even if its end cannot be stored either.
        with suppress(MarsamError) if error else nullcontext():
            self.finish(RunEnded.by(error))


def execute_and_record(studio: Studio, journal: Journal, run: Run) -> Iterator[Event]:
    """Execute a run to its end as :func:`execute_run`, and store that end, even of an error."""
    with (
        RunRecorder(journal, run) as recorder,
        closing(execute_run(studio, journal, run)) as events,  # type: ignore[type-var]
    ):
        for event in events:
            recorder.add(event)
            yield event


def add_seconds(seconds: dict[str, float], event: Event) -> None:
    """Add what an event's stage took to the sum of that stage."""
    stage = {Captioned: "caption", Translated: "translate", Painted: "paint", Checked: "check"}.get(
        type(event)
    )
    if isinstance(event, Prompted) and event.seconds:  # a caption's translation has its own event
        stage = "translate"
    if stage is not None:
        took: float = getattr(event, "seconds")  # noqa: B009 - not all events have it
        seconds[stage] = seconds.get(stage, 0.0) + took
