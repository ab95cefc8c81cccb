"""Describes the pictures of all lists: one at a time, and the visitors take turns."""

import logging
import threading
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from marsam.batch.cache import BatchContext, ResultCache, ScannedFile, models_of
from marsam.batch.engine import LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.rows import Row
from marsam.errors import MarsamError
from marsam.options import BatchOptions
from marsam.runs.fair_queue import FairQueue, Job
from marsam.runs.scheduler import Scheduler
from marsam.web.many.lists import MAX_LISTS
from marsam.web.many.picture_list import PictureList

_log = logging.getLogger(__name__)


class Describer:
    """One thread describes the pictures of all lists.

    A list is in the queue once, whatever it has left: after each picture it is the turn of another
    visitor's. All lists together have one of the page's turns at the models; people who wait for a
    caption have the others.

    Args:
        scheduler: has the models, and says when the server stops.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queue = FairQueue(
            max_queued=MAX_LISTS, max_per_client=MAX_LISTS, max_cost_per_client=MAX_LISTS
        )
        self._lists: dict[str, PictureList] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self, one: PictureList) -> None:
        """Describe the pictures of a list that wait; nothing if that is being done."""
        with self._lock:
            if one.id in self._lists or not one.waiting:
                return
            one.working, one.error = True, None
            self._lists[one.id] = one
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="lists", daemon=True)
                self._thread.start()
        self._enqueue(one)

    def stop(self, one: PictureList) -> None:
        """Stop after the picture in progress."""
        with self._lock:
            one.working = False
            if self._queue.remove(one.id):
                self._lists.pop(one.id, None)

    def turn(self, one: PictureList) -> AbstractContextManager[None]:
        """The visitor's turn at what takes time, such as reading a document."""
        return self._scheduler.text_turns.turn(one.account)

    def is_stopping(self, one: PictureList) -> bool:
        """Whether a picture of a stopped list is in progress."""
        return not one.working and one.id in self._lists

    def _enqueue(self, one: PictureList) -> None:
        self._queue.enqueue(Job(one.account, one.id, 1.0))

    def _work(self) -> None:
        while (list_id := self._queue.pop()) is not None and not self._scheduler.is_closing:
            with self._lock:
                one = self._lists.get(list_id)
            if one is None:
                continue
            try:
                if one.working and one.waiting:
                    self._describe_next(one)
            except MarsamError as error:
                _log.info("a list was stopped: %s", error)
                one.working, one.error = False, error
            with self._lock:
                if one.working and one.waiting:
                    self._enqueue(one)
                else:
                    one.working = False
                    del self._lists[list_id]

    def _describe_next(self, one: PictureList) -> None:
        """Describe one picture as a batch of one: with its cache, and what people wrote."""
        with self.turn(one), one.busy:
            if not one.working:  # deleted meanwhile
                return
            path = one.pictures / one.waiting[0]
            try:
                row = self._row(one, path)
                one.image(row)
            except MarsamError:  # a model cannot be used, or the disk is full
                raise
            except Exception:  # a defect of Marsam must not end the list
                _log.exception("a picture of a list could not be described")
                row = Row(path=one.waiting[0]).with_error(MarsamError(MarsamError.public_message))
            one.finish(row)

    def _row(self, one: PictureList, path: Path) -> Row:
        with closing(ResultCache(one.folder / "captions.db")) as cache:
            kept = {row.sha256: row for row in one.review.rows if row.is_kept}
            studio = self._scheduler.studio
            context = BatchContext(
                cache=cache,
                options=BatchOptions(),
                models=self._models,
                kept=kept,
                has_contexts=len(one.documents) > 0 and studio.captioner.abilities.requests,
            )
            pipeline = BatchPipeline(
                engine=LocalEngine(studio=studio, context=context),
                context=context,
                painter=studio.painter,
                folder=one.pictures,
                pictures_folder=one.folder / "new",
            )
            files = (_in_document(one, file, context) for file in pipeline.engine.scan([path]))
            with closing(pipeline.rows_of(files)) as rows:
                return next(rows)

    @cached_property
    def _models(self) -> dict[str, str]:
        return models_of(self._scheduler.studio)  # takes seconds


def _in_document(one: PictureList, file: ScannedFile, context: BatchContext) -> ScannedFile:
    """The file with what is around it in a document, for a captioner that reads it."""
    image = one.documents.image(file.info.sha256) if context.has_contexts and file.info else None
    return replace(file, context=image.around) if image else file
