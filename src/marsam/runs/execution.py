"""A run, done from wherever it stands: each result is in the journal before anyone hears of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from marsam.errors import Cancelled, MarsamError, OptionError
from marsam.imaging.image_io import Source, open_picture
from marsam.journal.journal import Journal
from marsam.journal.records import Run
from marsam.options import RunOptions, checked_text, new_seed
from marsam.results import (
    Caption,
    Captioned,
    Checked,
    Event,
    Finished,
    Painted,
    Previewed,
    Prompted,
    Translated,
)
from marsam.studio import Studio
from marsam.text.cleaning import clean


def execute_run(
    studio: Studio, journal: Journal, run: Run, *, given_up: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Do what is left of a run that is ours, one event at a time; closing the iterator stops it.

    A fresh run goes through everything; one whose words are settled paints; of one that was
    interrupted the missing pictures are painted, from the seeds and to the pixels they would have
    had. ``Finished`` comes only when nothing was there before. Ending the run in the journal is
    left to the reader, who knows how it ended.

    Args:
        studio: whose stages do the work.
        journal: keeps it.
        run: as the journal has it now.
        given_up: whether nobody wants what comes any more: a step that hung may still end.

    Raises:
        Cancelled: when it was given up.
        MarsamError: as :meth:`marsam.studio.Studio.stream`, and when nothing can be kept.
    """
    done = len(run.pictures)
    options = run.options or RunOptions()
    yield from _unchecked(studio, journal, run, options)
    if done >= options.paint.pictures:
        return
    prompt, captions = run.prompt, tuple[Caption, ...]()
    left = _left(options, done)
    if prompt is not None:
        events = studio.stream(prompt=prompt, options=left)
    elif run.source is not None:
        events = studio.stream(run.source, left)
    else:
        events = studio.stream(prompt=run.asked or "", options=left)
    with closing(events):  # type: ignore[type-var]
        for event in events:
            if given_up():
                raise Cancelled("The run was given up.")
            match event:
                case Captioned():
                    captions = event.candidates
                case Prompted() if run.prompt is None:
                    prompt = event.prompt
                    journal.save_text(run.id, captions, prompt)
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


def _unchecked(
    studio: Studio, journal: Journal, run: Run, options: RunOptions
) -> Iterator[Checked]:
    """Compare pictures that were kept a moment before everything ended."""
    for picture in run.pictures if options.check and run.prompt is not None else ():
        if picture.path is None or picture.fidelity is not None or run.prompt is None:
            continue
        started = time.monotonic()
        fidelity = studio.compared(open_picture(picture.path), run.prompt.english)
        event = Checked(index=picture.index, fidelity=fidelity, seconds=time.monotonic() - started)
        journal.save_check(run.id, event)
        yield event


def create_run(
    studio: Studio,
    journal: Journal,
    visitor: str,
    options: RunOptions,
    *,
    picture: Source | None = None,
    prompt: str | None = None,
    state: str = "running",
    once: tuple[str, str] | None = None,
) -> str:
    """Write a run down that begins with a picture or a prompt; its id.

    A seed is chosen now, so that the run can be gone on with: the same pictures come out.

    Raises:
        MarsamError: for a picture or prompt that cannot be used, and when nothing can be kept.
    """
    if (picture is None) == (prompt is None):
        raise OptionError("Give either a picture or a prompt.")
    if options.paint.seed is None:
        options = replace(options, paint=replace(options.paint, seed=new_seed()))
    return journal.begin(
        visitor,
        source=None if picture is None else open_picture(picture),
        asked=None if prompt is None else checked_text(clean(prompt)),
        options=options,
        state=state,
        models=studio.names,
        once=once,
    )


def execute_and_record(studio: Studio, journal: Journal, run: str) -> Iterator[Event]:
    """A run that was begun, to its end, which is written down too.

    Raises:
        MarsamError: as :meth:`marsam.studio.Studio.stream`; the journal then says that it failed.
    """
    begun = journal.run(None, run)
    seconds = dict(begun.seconds)
    state, failure = "stopped", None
    try:
        with closing(execute_run(studio, journal, begun)) as events:  # type: ignore[type-var]
            for event in events:
                add_seconds(seconds, event)
                yield event
        state = "finished"
    except Cancelled:
        raise
    except MarsamError as error:
        state, failure = "failed", error
        raise
    finally:
        journal.finish(run, state, error=failure, seconds=seconds)


def _left(options: RunOptions, done: int) -> RunOptions:
    """The options of what is still to be painted."""
    if not done:
        return options
    paint = options.paint
    seed = None if paint.seed is None else paint.seed + done
    paint = replace(paint, pictures=paint.pictures - done, seed=seed)
    return replace(options, paint=paint, keep_best=None)


def require_same_models(run: Run, studio: Studio) -> None:
    """Whether going on with a run would give what it would have given.

    Raises:
        OptionError: when it was begun with other models.
    """
    if run.models and dict(run.models) != studio.names:
        told = ", ".join(name for name in run.models.values() if name not in studio.names.values())
        raise OptionError(f"This run was begun with other models: {told}.")


def add_seconds(seconds: dict[str, float], event: Event) -> None:
    """Count what an event says about time."""
    stage = {
        Captioned: "caption",
        Translated: "translate",
        Painted: "paint",
        Checked: "check",
    }.get(type(event))
    if isinstance(event, Prompted) and event.seconds:  # a picture's words have been counted
        stage = "translate"
    if stage is not None:
        took: float = getattr(event, "seconds")  # noqa: B009 - only some kinds have it
        seconds[stage] = seconds.get(stage, 0.0) + took
