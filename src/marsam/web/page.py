"""The studio's page: its parts, what happens when they are used, and how it is served."""

import os
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr

from marsam.imaging.image_io import MAX_BYTES
from marsam.options import PaintOptions, RunOptions
from marsam.recipes import Recipe
from marsam.results import Painted
from marsam.runs.eta import TimeEstimator
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.ui import theme
from marsam.web import endpoints, render
from marsam.web.arrival import Visit
from marsam.web.describe import Reading
from marsam.web.downloads import Fetching
from marsam.web.history import History
from marsam.web.layout import Parts, lay_out
from marsam.web.paint import Painting
from marsam.web.session import Desks
from marsam.web.strings import ARABIC, ENGLISH
from marsam.web.view import View

TOGETHER = 4
"""How many readers' requests of one kind are worked on at once; the models take turns."""
WAITING = 64
"""Requests that may wait for that; more are turned away."""


def build(scheduler: Scheduler, *, offer: bool = True) -> gr.Blocks:
    """The page, on any scheduler (tests give it one of fakes).

    Args:
        scheduler: does the work.
        offer: whether its readers may have the full models fetched onto this machine.
    """
    with gr.Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400)) as page:
        endpoints.add(scheduler)  # first: they have the right to the plain names
        parts = lay_out(scheduler.studio, scheduler.estimator, offer=offer)
        _wire(page, parts, View(parts, scheduler), offer=offer)
    page.queue(max_size=WAITING, api_open=False)
    return page


def _wire(page: gr.Blocks, parts: Parts, view: View, *, offer: bool) -> None:
    desks = Desks(view.scheduler)
    visit, reading = Visit(view, desks), Reading(view, desks)
    painting, history, fetching = (
        Painting(view, desks, reading),
        History(view, desks),
        Fetching(view, desks),
    )
    # An event touches only what it names: whatever waits for an answer takes no input meanwhile.
    everything = list(vars(parts).values())
    panes = [parts.english, parts.arabic]
    notes = [parts.english_notes, parts.arabic_notes, parts.from_english, parts.from_arabic]
    words = [*panes, *notes, parts.candidates, parts.sent, parts.copy, parts.status]
    settings = [parts.number, parts.recipe, parts.steps]
    fine = [parts.guidance, parts.size, parts.seed, parts.negative]
    new = [parts.gallery, parts.results, parts.actions, parts.download]
    earlier = [parts.earlier, parts.chosen, parts.open, parts.delete, parts.sure]
    work = [*words, *new, *earlier, parts.paint, parts.stop, parts.strip, parts.about_text]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    quick: dict[str, Any] = {"queue": False, **quiet}
    slow: dict[str, Any] = {"concurrency_limit": TOGETHER, **quiet}

    def foresee(event: Any, **options: Any) -> Any:
        return event(painting.foresee, settings, [parts.expected], **quick, **options)

    arrival = page.load(
        visit.arrive,
        [parts.visitor, parts.language],
        everything,
        js="() => window.marsam.arrive()",
        **quick,
    )
    foresee(arrival.then).then(None, js="() => window.marsam.ready()")
    page.unload(desks.leave)
    parts.language.input(
        visit.speak,
        [parts.language],
        everything,
        js="(code) => window.marsam.speak(code)",
        **quick,
    )

    described = [parts.picture, *words, *new, *earlier, *settings, *fine]
    # The file as it was given: Gradio would open it first, and what it cannot open becomes an
    # error nobody can act on.
    given: dict[str, Any] = {"inputs": [parts.picture], "outputs": described, "preprocess": False}
    parts.picture.input(reading.describe, **given, **slow)
    parts.examples.select(reading.try_example, None, [parts.picture], **quick).then(
        reading.describe, **given, **slow
    )
    parts.candidates.input(reading.choose, [parts.candidates], words, **slow)
    for language, pane, update in (
        (ENGLISH, parts.english, parts.from_english),
        (ARABIC, parts.arabic, parts.from_arabic),
    ):
        code = gr.State(language)
        # Gradio's "input" hears keys only: not a paste, a dictation, or a phone's keyboard.
        pane.change(reading.edit, [code, *panes], notes, trigger_mode="always_last", **quick)
        update.click(reading.sync, [code, *panes], words, **slow)

    foresee(
        gr.on(
            [parts.paint.click, parts.english.submit, parts.arabic.submit],
            painting.paint,
            [*panes, *settings, *fine],
            work,
            **slow,
        ).then
    )
    parts.stop.click(painting.stop, None, [parts.status], **quick)
    parts.more.click(painting.more, None, work, **slow)
    parts.same.click(painting.same, None, work, **slow)
    for setting in settings:
        foresee(setting.change, trigger_mode="always_last")

    parts.earlier.select(history.select, None, earlier, **quick)
    parts.open.click(history.open, None, [parts.tabs, *described], **quick)
    parts.delete.click(history.delete, None, [parts.sure], **quick)
    parts.keep.click(history.keep, None, [parts.sure], **quick)
    parts.really.click(history.really, None, earlier, **quick)

    if offer:  # whoever knows the page could ask for what is only hidden
        progress = [parts.fetch, parts.fetch_stop, parts.fetch_status]
        parts.fetch.click(fetching.fetch, None, progress, **slow)
        parts.fetch_stop.click(fetching.stop, None, None, **quick)


def launch_options() -> dict[str, Any]:
    """How the page is served: nothing leaves the machine, uploads are bounded."""
    return {
        "theme": theme.theme(),
        "css": theme.css(),
        "head": theme.head(),
        "max_file_size": MAX_BYTES,
        "allowed_paths": [str(render.HERE / "examples")],
        "enable_monitoring": False,
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": False,
    }


def get_ready(studio: Studio, estimator: TimeEstimator) -> None:
    """Read the models while the reader looks around, and time the painter once.

    The first picture is then described at once, and the time it takes to paint is known before the
    first click.
    """
    options = RunOptions(paint=PaintOptions(pictures=2, seed=0, steps=2, recipe=Recipe.DRAFT))
    example = render.HERE / "examples" / "cat.png"
    for event in studio.stream(example, options):
        # The first picture also warms the models up; the second takes what a picture takes.
        known = estimator.estimate(PaintOptions()) is not None
        if isinstance(event, Painted) and event.picture.index == 1 and not known:
            estimator.update(event.picture, event.seconds)


def mount(app: Any, scheduler: Scheduler) -> None:
    """Add the page to an app, at its root; routes that are there already come first."""
    page = build(scheduler)
    gr.mount_gradio_app(app, page, path="/", **launch_options())
    # Else Gradio would not look where the files lie that a request names: it could name any here.
    page.has_launched = True
