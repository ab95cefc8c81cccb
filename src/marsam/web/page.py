"""The page of the studio: built, served, and mounted on an ASGI app."""

import os
import re
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
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.updates import Update, merge
from marsam.web import endpoints, render
from marsam.web.describe import DescribeHandlers
from marsam.web.downloads import DownloadHandlers
from marsam.web.history import HistoryHandlers
from marsam.web.layout import Components
from marsam.web.paint import PaintHandlers
from marsam.web.session import EXAMPLES_DIR, MAX_SESSIONS, Sessions, create_cache, example_run
from marsam.web.strings import STRINGS
from marsam.web.view import UNQUEUED, View, gallery_update

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
    # Gradio has no other setting for it.
    os.environ["GRADIO_TEMP_DIR"] = str(create_cache(scheduler.journal.folder))
    with gr.Blocks(title="Marsam · مرسم", delete_cache=(3600, 86400)) as page:
        endpoints.add_endpoints(scheduler)  # first, so that they get the names without a suffix
        components = Components(scheduler.studio, offer_download=offer_download)
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
    page.state_session_capacity = MAX_SESSIONS
    return page


class PageHandlers:
    """Events of the page itself: it was opened, closed, or switched to the other language."""

    def __init__(self, view: View, sessions: Sessions, paint: PaintHandlers) -> None:
        self.view, self.sessions, self.paint = view, sessions, paint
        self.components = view.components

    def connect(self, page: gr.Blocks) -> None:
        """Attach the handlers to their events."""
        parts, options = self.components, UNQUEUED | {"outputs": self.components.all}
        client = [parts.client, parts.language]
        page.load(self.load, client, js="() => window.marsam.load()", **options).then(
            self.paint.show_eta, parts.time_settings, [parts.expected], **UNQUEUED
        ).then(None, js="() => window.marsam.ready()")
        page.unload(self.sessions.close)
        script = "(language) => window.marsam.setLanguage(language)"
        parts.language.input(self.set_language, [parts.language], js=script, **options)

    def load(self, client: Any, language: str, request: gr.Request) -> Update:
        """Show the client's last run, or the example to new clients.

        ``client`` is the ID that the browser keeps; another value is ignored.
        """
        view, parts, session = self.view, self.components, self.sessions.of(request)
        if re.fullmatch("[0-9a-f]{32}", client or ""):
            session.client = client
        session.language = ARABIC if language == ARABIC else ENGLISH
        runs = view.journal.runs(session.client, limit=1)
        session.load_run(runs[0] if runs else example_run(), example=not runs)
        status = "" if runs else render.status_panel(STRINGS.html("example_shown"))
        return merge(
            parts.labels(session.language),
            view.show_session(session),
            view.show_history(session),
            view.show_models(),
            {parts.language: session.language, parts.status: status},
        )

    def set_language(self, language: str, request: gr.Request) -> Update:
        """Translate the page; its content stays."""
        view, parts, session = self.view, self.components, self.sessions.of(request)
        session.language = language
        thumbnails = view.history_thumbnails(session)
        update = merge(parts.labels(language), {parts.history: gallery_update(thumbnails)})
        if any(not picture.blocked and picture.find() is None for picture in session.pictures):
            return update  # deleted on another page: the gallery stays as it is
        return merge(update, {parts.gallery: gallery_update(view.gallery_items(session))})


def warm_up(studio: Studio, estimator: TimeEstimator) -> None:
    """Load the models before the first request, and measure the time per picture if unknown."""
    options = RunOptions(paint=PaintOptions(pictures=2, seed=0, steps=2, recipe=Recipe.DRAFT))
    for event in studio.stream(EXAMPLES_DIR / "cat.png", options):
        # The first picture includes the warm-up of the models; the second takes the usual time.
        known = estimator.estimate(PaintOptions()) is not None
        if isinstance(event, Painted) and event.picture.index == 1 and not known:
            estimator.update(event.picture, event.seconds)


def mount(app: Any, scheduler: Scheduler, *, offer_download: bool = True) -> None:
    """Add the page to an app, at its root; routes that the app already has come first.

    ``offer_download`` is as in :func:`build`.
    """
    page = build(scheduler, offer_download=offer_download)
    gr.mount_gradio_app(app, page, path="/", **launch_options())
    # Before this is set, Gradio does not check the paths that a request names.
    page.has_launched = True
