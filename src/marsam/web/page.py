"""The page of the studio: built, served, and mounted on an ASGI app."""

import os
from functools import partial
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr

from marsam.options import PaintOptions, RunOptions
from marsam.recipes import Recipe
from marsam.results import Painted
from marsam.runs.eta import TimeEstimator
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.ui import theme
from marsam.web import endpoints
from marsam.web.describe import DescribeHandlers
from marsam.web.downloads import DownloadHandlers
from marsam.web.history import HistoryHandlers
from marsam.web.layout import create_components
from marsam.web.lifecycle import PageHandlers
from marsam.web.paint import PaintHandlers
from marsam.web.session import EXAMPLES_DIR, Sessions
from marsam.web.view import View

MAX_QUEUED_REQUESTS = 64
"""Requests that may wait in Gradio's queue; more are refused."""

launch_options = partial(theme.launch_options, [EXAMPLES_DIR])
"""Arguments with which the page must be launched or mounted."""


def build(scheduler: Scheduler, *, offer_download: bool = True) -> gr.Blocks:
    """The page.

    Args:
        scheduler: runs the models; tests pass one with fake models.
        offer_download: whether visitors may download the full size models to this machine.
    """
    with gr.Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400)) as page:
        endpoints.add_endpoints(scheduler)  # first, so that they get the names without a suffix
        components = create_components(scheduler.studio, offer_download=offer_download)
        view, sessions = View(components, scheduler), Sessions(scheduler)
        describe = DescribeHandlers(view, sessions)
        paint = PaintHandlers(view, sessions, describe)
        PageHandlers(view, sessions, paint).connect(page)
        describe.connect()
        paint.connect()
        HistoryHandlers(view, sessions).connect()
        if offer_download:  # a client could send the event of a button that is only hidden
            DownloadHandlers(view, sessions).connect()
    page.queue(max_size=MAX_QUEUED_REQUESTS, api_open=False)
    return page


def warm_up(studio: Studio, estimator: TimeEstimator) -> None:
    """Load the models before the first request, and measure the time per picture if unknown."""
    options = RunOptions(paint=PaintOptions(pictures=2, seed=0, steps=2, recipe=Recipe.DRAFT))
    for event in studio.stream(EXAMPLES_DIR / "cat.png", options):
        # The first picture includes the warm-up of the models; the second takes the usual time.
        known = estimator.estimate(PaintOptions()) is not None
        if isinstance(event, Painted) and event.picture.index == 1 and not known:
            estimator.update(event.picture, event.seconds)


def mount(app: Any, scheduler: Scheduler) -> None:
    """Add the page to an app, at its root; routes that the app already has come first."""
    page = build(scheduler)
    gr.mount_gradio_app(app, page, path="/", **launch_options())
    # Before this is set, Gradio does not check the paths that a request names.
    page.has_launched = True
