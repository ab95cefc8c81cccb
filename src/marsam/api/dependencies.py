"""What requests have in common: pictures and options that come in, and runs that are waited for."""

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Form, Request
from PIL import Image

from marsam.errors import OptionError, PictureError, QueueFull, RunExists
from marsam.imaging.image_io import MAX_BYTES, open_picture, read_bytes
from marsam.journal.journal import Journal
from marsam.journal.records import FINAL_STATES, Run
from marsam.options import CaptionOptions, PaintOptions, RunOptions, recipe_named
from marsam.runs.scheduler import RunEnded, RunEvent, Scheduler
from marsam.studio import Studio
from marsam.text.languages import language as language_named

AT_ONCE = 8
"""Requests for words alone that may wait for the models; beyond, they are sent away at once."""
LOOK = 1.0
"""Seconds between two looks whether a waiting client is still there."""


@dataclass(frozen=True)
class Service:
    """What the routes work with."""

    scheduler: Scheduler
    _words: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))

    @property
    def studio(self) -> Studio:
        """The stages."""
        return self.scheduler.studio

    @property
    def journal(self) -> Journal:
        """Where results are kept."""
        return self.scheduler.journal

    @contextmanager
    def words(self) -> Iterator[Studio]:
        """The stages, for an answer at once.

        Raises:
            QueueFull: when too many are waiting for that.
        """
        if not self._words.acquire(blocking=False):
            raise QueueFull("Too many are asking for words; try again in a few seconds.")
        try:
            yield self.studio
        finally:
            self._words.release()

    def begin(
        self,
        client: str,
        options: RunOptions,
        *,
        picture: Image.Image | None = None,
        prompt: str | None = None,
        key: str | None = None,
        digest: str = "",
    ) -> tuple[Run, bool]:
        """Take a run in, or find the one that the same request began before.

        Returns:
            The run, and whether it is new.

        Raises:
            RunExists: when the idempotency key was used for another request.
            MarsamError: for a request that cannot be done, or not now.
        """
        if key and (same := self.journal.find_by_idempotency_key(client, key)):
            return _same(same, digest), False
        try:
            run = self.scheduler.enqueue_run(
                client,
                options,
                picture=picture,
                prompt=prompt,
                once=(key, digest) if key else None,
            )
        except RunExists as error:
            return _same(self.journal.run(client, error.run), digest), False
        return self.journal.run(client, run), True

    async def done(self, request: Request, run: str) -> Run:
        """Wait for a run; a client that goes away takes it along.

        Raises:
            MarsamError: why it failed.
            Cancelled: when it was stopped.
        """
        bell, told = asyncio.Event(), list[RunEnded]()
        loop = asyncio.get_running_loop()

        def hear(news: RunEvent) -> None:
            if isinstance(news, RunEnded) and news.state in FINAL_STATES:
                told.append(news)
                loop.call_soon_threadsafe(bell.set)

        quiet = await anyio.to_thread.run_sync(self.scheduler.subscribe, run, hear)
        try:
            while not bell.is_set():
                try:
                    await asyncio.wait_for(bell.wait(), LOOK)
                except TimeoutError:
                    if await request.is_disconnected():
                        await anyio.to_thread.run_sync(self.scheduler.cancel, run)
        finally:
            quiet()
        return await anyio.to_thread.run_sync(self.scheduler.result, run, told[0])


def _same(run: Run, digest: str) -> Run:
    if run.digest != digest:
        raise RunExists("This idempotency key was used for another request.", run=run.id)
    return run


def fingerprint(options: RunOptions, picture: bytes | None, prompt: str | None) -> str:
    """Tells whether two requests ask for the same."""
    told = json.dumps([options.to_dict(), prompt], sort_keys=True).encode()
    return hashlib.sha256(told + b"\0" + (picture or b"")).hexdigest()


def uploaded(file: Any) -> bytes | None:
    """The bytes of an uploaded file; its name is of no interest.

    Raises:
        PictureError: when it is too large.
    """
    return None if file is None else read_bytes(file.file)


def encoded(text: str) -> Image.Image:
    """A picture in base64, as it is or in a data URL.

    Raises:
        PictureError: when it is no such thing, or no picture we read.
    """
    data = text.partition(",")[2] if text.startswith("data:") else text
    if len(data) > MAX_BYTES * 4 // 3 + 4:
        raise PictureError(f"This file is larger than {MAX_BYTES // 1_000_000} MB.")
    try:
        return open_picture(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise PictureError("This is not a picture in base64.") from error


def size_named(size: str | None) -> tuple[int | None, int | None]:
    """Width and height of "512x512"; the model's own for ``auto`` or nothing.

    Raises:
        OptionError: for anything else.
    """
    if size in (None, "", "auto"):
        return None, None
    width, _, height = str(size).partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(str(size)) < 12):
        raise OptionError("size must be like 512x512.")
    return int(width), int(height)


def run_options(
    pictures: Annotated[int, Form()] = PaintOptions.pictures,
    seed: Annotated[int | None, Form()] = None,
    recipe: Annotated[str, Form()] = str(PaintOptions.recipe),
    steps: Annotated[int | None, Form()] = None,
    guidance_scale: Annotated[float | None, Form()] = None,
    negative_prompt: Annotated[str, Form(max_length=2000)] = "",
    width: Annotated[int | None, Form()] = None,
    height: Annotated[int | None, Form()] = None,
    candidates: Annotated[int, Form()] = CaptionOptions.candidates,
    prefix: Annotated[str, Form(max_length=200)] = "",
    language: Annotated[str | None, Form(max_length=100)] = None,
    check: Annotated[bool, Form()] = RunOptions.check,
    keep_best: Annotated[int | None, Form()] = None,
) -> RunOptions:
    """The options of a run, from the fields of a form."""
    return RunOptions(
        caption=CaptionOptions(candidates=candidates, prefix=prefix),
        paint=PaintOptions(
            pictures=pictures,
            seed=seed,
            recipe=recipe_named(recipe),
            steps=steps,
            guidance_scale=guidance_scale,
            negative_prompt=negative_prompt,
            width=width,
            height=height,
        ),
        language=language_named(language).code if language else None,
        check=check,
        keep_best=keep_best,
    )
