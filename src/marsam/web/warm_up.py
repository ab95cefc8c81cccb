"""Warm-up: load the models and measure their time before the first request."""

import logging

from marsam.errors import MarsamError
from marsam.options import PaintOptions, RunOptions
from marsam.recipes import Recipe
from marsam.results import Painted
from marsam.runs.eta import TimeEstimator
from marsam.studio import Studio
from marsam.web.session import EXAMPLES_DIR

_log = logging.getLogger(__name__)


def warm_up(studio: Studio, estimator: TimeEstimator) -> None:
    """Load the models before the first request, and measure the time per picture if unknown."""
    try:
        _try_all(studio, estimator)
    except MarsamError as error:  # the first request gets the error itself
        _log.warning("The models could not be tried: %s", error)


def _try_all(studio: Studio, estimator: TimeEstimator) -> None:
    options = RunOptions(paint=PaintOptions(pictures=2, seed=0, steps=2, recipe=Recipe.DRAFT))
    for event in studio.stream(EXAMPLES_DIR / "cat.png", options):
        # The first picture includes the warm-up of the models; the second takes the usual time.
        known = estimator.estimate(PaintOptions()) is not None
        if isinstance(event, Painted) and event.picture.index == 1 and not known:
            estimator.update(event.picture, event.seconds)
