"""The journal: every run with its text and pictures, in a database and files.

A picture is written to its file, then to its row, then announced; so whatever the journal lists
exists. The process that works on a run is its owner; when the owner ends before the run does, the
run becomes *interrupted*.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import sqlalchemy as sa
from PIL import Image

from marsam import environment
from marsam.errors import MarsamError, RunExists, RunMissing
from marsam.imaging.metadata import record_of, save_input_image, save_with_record
from marsam.journal.database import migrate, open_engine, pictures, runs, storage_error
from marsam.journal.file_store import RunFileStore
from marsam.journal.owner_lock import FileOwnerLock, PostgresOwnerLock
from marsam.journal.records import (
    ACTIVE_STATES,
    FINAL_STATES,
    IMAGE_FILE,
    Draft,
    NewRun,
    Run,
    RunFailure,
    picture_file,
)
from marsam.results import Caption, Checked, Painted, Prompt

IS_ACTIVE = runs.c.state.in_(ACTIVE_STATES)
HAS_NO_PICTURES = ~sa.exists().where(pictures.c.run_id == runs.c.id)


def data_folder() -> Path:
    """The folder of runs: ``MARSAM_DATA``, else the system's folder for a user's data."""
    folder = environment.DATA.get()
    return Path(folder).expanduser() if folder else Path(platformdirs.user_data_dir("marsam"))


class Journal:
    """The runs of a folder, or of a database that several processes share.

    Args:
        folder: holds a folder of files for each run and, unless there is a ``url``,
            ``journal.db``; created when missing. None means :func:`data_folder`.
        url: of a PostgreSQL database (``postgresql://user@host/name``) for the rows. None means
            ``MARSAM_JOURNAL``, but only when no folder is given either.
        store: URL of a remote store for the files of all who share the database
            (``s3://bucket/marsam``). None means ``MARSAM_PICTURES``, under the same condition.

    Raises:
        JournalError: when the folder cannot be written, or the database is damaged or of another
            version of Marsam.
    """

    def __init__(
        self, folder: Path | None = None, *, url: str | None = None, store: str | None = None
    ) -> None:
        if folder is None:
            url = url or environment.JOURNAL.get()
            store = store or environment.PICTURES.get()
        self.folder = folder or data_folder()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.folder, error) from error
        self._engine = open_engine(self.folder, url)
        self._read_engine = self._engine.execution_options(marsam_reads=True)
        self._write_lock: AbstractContextManager[Any] = nullcontext()
        self._owner_lock: FileOwnerLock | PostgresOwnerLock = PostgresOwnerLock(self._engine)
        if self._engine.dialect.name == "sqlite":  # all its processes are on this machine
            self._write_lock = threading.Lock()
            self._owner_lock = FileOwnerLock(self.folder / "owners")
        self._store = RunFileStore(self.folder, store)
        with self._begin() as database:
            migrate(database)
        self.interrupt_orphans()

    def close(self) -> None:
        """Close the database; active runs of this process count as interrupted from now on."""
        self._owner_lock.close()
        self._engine.dispose()

    def interrupt_orphans(self) -> int:
        """Mark active runs of dead processes as interrupted, and clean up; return how many."""
        with self._read() as database:
            owners = database.execute(sa.select(runs.c.owner).where(IS_ACTIVE).distinct())
            dead = [owner for owner in owners.scalars() if not self._owner_lock.is_alive(owner)]
        orphans: list[str] = []
        if dead:
            is_orphan = IS_ACTIVE & (runs.c.owner.in_(dead) | runs.c.owner.is_(None))
            with self._begin() as database:
                orphans = list(database.execute(sa.select(runs.c.id).where(is_orphan)).scalars())
                database.execute(runs.update().where(is_orphan).values(state="interrupted"))
        for run_id in orphans:
            self._store.remove_partials(run_id)
        self._store.collect_garbage(self._exists)
        return len(orphans)

    def _exists(self, run_id: str) -> bool:
        with self._read() as database:
            found = sa.select(runs.c.id).where(runs.c.id == run_id)
            return database.execute(found).one_or_none() is not None

    def insert(self, new: NewRun) -> Run:
        """Store a new run; :func:`marsam.runs.execution.create_run` checks it first.

        Raises:
            RunExists: when the client has a run of the same idempotency key.
            JournalError: when it cannot be written.
        """
        run_id, image, prompt = secrets.token_hex(8), new.image, new.prompt
        if image is not None and not isinstance(image, Image.Image):
            raise TypeError("create_run decodes the image")
        try:
            self._store.create(run_id)
            if image is not None:
                file = self._store.file(run_id, IMAGE_FILE).local_path
                self._store.upload(save_input_image(image, file))
            row = {
                "id": run_id,
                "client": new.client,
                "created": time.time(),
                "state": new.state,
                "has_image": image is not None,
                "prompt_text": prompt if isinstance(prompt, str) else None,
                "captions": [caption.to_dict() for caption in new.captions],
                "prompt": prompt.to_dict() if isinstance(prompt, Prompt) else None,
                "options": new.options.to_dict() if new.options else {},
                "models": dict(new.models),
                "owner": self._owner_lock.owner_id,
                "idempotency_key": new.idempotency_key,
                "request_digest": new.request_digest,
                "random_seed": new.random_seed,
                "parent": new.parent,
            }
            with self._begin() as database:
                database.execute(runs.insert().values(row))
                run = self._run(database, self._row(database, None, run_id))
            self._store.commit(run_id)
        except (OSError, MarsamError) as error:
            self._store.remove(run_id)
            key = new.idempotency_key
            if key and (same := self.find_by_idempotency_key(new.client, key)):
                raise RunExists("This request was made before.", run=same.id) from error
            raise storage_error(self.folder, error) from error
        return replace(run, image=image)

    def start_painting(self, run_id: str, new: NewRun) -> Run | None:
        """Add pictures to a run that has only text: its prompt, options and models become new.

        Returns:
            The run; None unless it is the client's, finished, and without pictures.
        """
        if not isinstance(new.prompt, Prompt) or new.options is None:
            raise ValueError("a prompt and options are needed")
        is_finished = (runs.c.client == new.client) & (runs.c.state == "finished")
        values = self._taken_over(new.state) | {
            "prompt": new.prompt.to_dict(),
            "options": new.options.to_dict(),
            "models": dict(new.models),
            "random_seed": new.random_seed,
            "draft": None,
        }
        with self._begin() as database:
            update = runs.update().where((runs.c.id == run_id) & is_finished & HAS_NO_PICTURES)
            if not database.execute(update.values(values)).rowcount:
                return None
            return self._run(database, self._row(database, new.client, run_id))

    def claim(self, client: str | None, run_id: str, *, state: str = "queued") -> Run:
        """Become the owner of a run that did not finish, to resume it.

        Raises:
            RunMissing: when it is not the client's, is active, or has nothing left to do.
        """
        with self._begin() as database:
            row = self._row(database, client, run_id)
            resumable = runs.c.state.in_([s for s in FINAL_STATES if s != "finished"])
            update = runs.update().where((runs.c.id == run_id) & resumable)
            update = update.values(self._taken_over(state))
            if not row.options or not database.execute(update).rowcount:
                raise RunMissing("This run is finished or still in progress: nothing to resume.")
            return self._run(database, self._row(database, client, run_id))

    def _taken_over(self, state: str) -> dict[str, Any]:
        """The values of a run of which this process becomes the owner."""
        owner_id = self._owner_lock.owner_id
        return {"state": state, "owner": owner_id, "error": None, "cancel_requested": None}

    def mark_running(self, run_id: str) -> None:
        """A queued run is worked on from now, unless it ended meanwhile."""
        self._update(self._is_ours(run_id), state="running")

    def save_text(self, run_id: str, captions: tuple[Caption, ...], prompt: Prompt | None) -> None:
        """Store a run's captions and prompt; it is worked on from now."""
        values = {
            "captions": [caption.to_dict() for caption in captions],
            "prompt": prompt.to_dict() if prompt else None,
        }
        self._update(self._is_ours(run_id), state="running", **values)

    def correct_text(self, client: str, run_id: str, prompt: Prompt) -> bool:
        """Replace the prompt of a client's finished run; False when it has pictures, or is none."""
        is_finished = (runs.c.client == client) & (runs.c.state == "finished")
        which = (runs.c.id == run_id) & is_finished & HAS_NO_PICTURES
        return self._update(which, prompt=prompt.to_dict(), draft=None)

    def save_draft(self, client: str, run_id: str, draft: Draft | None) -> None:
        """Store the texts that are newer than a client's run; None when there are none."""
        which = (runs.c.id == run_id) & (runs.c.client == client)
        self._update(which, draft=draft.to_dict() if draft else None)

    def save_picture(self, run_id: str, painted: Painted, prompt: Prompt | None) -> None:
        """Store a painted picture: the file first, then the row.

        Raises:
            RunMissing: when the run ended, was deleted, or got another owner meanwhile.
            JournalError: when it cannot be written.
        """
        picture = painted.picture
        if picture.image is not None:
            file = self._store.file(run_id, picture_file(picture.seed)).local_path
            try:
                save_with_record(picture.image, record_of(picture, prompt), file)
            except OSError as error:
                raise storage_error(self.folder, error) from error
            self._store.upload(file)
        row = {
            "run_id": run_id,
            "index": picture.index,
            "seed": picture.seed,
            "blocked": picture.image is None,
            "seconds": painted.seconds,
        }
        with self._begin() as database:
            ours = database.execute(sa.select(runs.c.id).where(self._is_ours(run_id)))
            if ours.one_or_none() is not None:
                database.execute(pictures.insert().values(row))
                return
        if not self._exists(run_id):  # deleted meanwhile; saving created its folder again
            self._store.remove(run_id)
        raise _not_found(run_id)

    def save_check(self, run_id: str, checked: Checked) -> None:
        """Store what the check of a picture found."""
        picture = (pictures.c.run_id == run_id) & (pictures.c.index == checked.index)
        with self._begin() as database:
            fidelity = checked.fidelity.to_dict()
            database.execute(pictures.update().where(picture).values(fidelity=fidelity))

    def star_picture(self, client: str, run_id: str, index: int, *, starred: bool) -> None:
        """Mark a picture of a client's run as one to keep, or not; RunMissing without it."""
        self._update_picture(client, run_id, index, starred=starred)

    def delete_picture(self, client: str, run_id: str, index: int) -> None:
        """Delete a picture of a client's run for good; RunMissing without it."""
        seed = self._update_picture(client, run_id, index, deleted=True)
        self._store.remove_file(run_id, picture_file(seed))

    def _update_picture(self, client: str, run_id: str, index: int, **values: Any) -> int:
        """Update a picture and return its seed."""
        picture = (pictures.c.run_id == run_id) & (pictures.c.index == index)
        with self._begin() as database:
            self._row(database, client, run_id)
            seed = database.execute(sa.select(pictures.c.seed).where(picture)).scalar()
            if seed is None:
                raise _not_found(run_id)
            database.execute(pictures.update().where(picture).values(**values))
        return int(seed)

    def finish(
        self,
        run_id: str,
        state: str,
        *,
        error: MarsamError | None = None,
        seconds: Mapping[str, float] | None = None,
    ) -> bool:
        """Store how a run ended; False when it had ended before.

        ``state`` is one of ``FINAL_STATES``; ``seconds`` is what each stage took.
        """
        if state not in FINAL_STATES:
            raise ValueError(state)
        values: dict[str, Any] = {"state": state}
        if error is not None:
            values["error"] = RunFailure.of(error)._asdict()
        if seconds is not None:
            values["seconds"] = {stage: round(time, 4) for stage, time in seconds.items()}
        return self._update(self._is_ours(run_id), **values)

    def request_cancel(self, run_id: str) -> bool:
        """Ask the owner of a run, maybe another process, to cancel it; False when it is over."""
        return self._update((runs.c.id == run_id) & IS_ACTIVE, cancel_requested=True)

    def cancel_requests(self) -> list[str]:
        """IDs of the active runs of this process that another process wants cancelled."""
        ours = (runs.c.owner == self._owner_lock.owner_id) & IS_ACTIVE & runs.c.cancel_requested
        with self._read() as database:
            return list(database.execute(sa.select(runs.c.id).where(ours)).scalars())

    def runs(self, client: str | None, *, limit: int = 50) -> tuple[Run, ...]:
        """The runs of a client (of all clients for None), the latest first."""
        latest = runs.select().order_by(runs.c.created.desc()).limit(limit)
        if client is not None:
            latest = latest.where(runs.c.client == client)
        with self._read() as database:
            return tuple(self._run(database, row) for row in database.execute(latest).all())

    def run(self, client: str | None, run_id: str) -> Run:
        """One run of a client (any client for None); RunMissing when it has no such run."""
        with self._read() as database:
            return self._run(database, self._row(database, client, run_id))

    def images_of_seed(self, seed: int) -> Iterator[Path]:
        """The input images of runs that have a picture of this seed, of the latest runs first."""
        painted = sa.select(pictures.c.run_id).where(pictures.c.seed == seed)
        found = sa.select(runs.c.id).where(runs.c.has_image & runs.c.id.in_(painted))
        with self._read() as database:
            ids = database.execute(found.order_by(runs.c.created.desc())).scalars().all()
        files = (self._store.file(run_id, IMAGE_FILE).find() for run_id in ids)
        return (file for file in files if file is not None)

    def rounds(self, client: str, run_id: str) -> tuple[Run, ...]:
        """The runs of a client with the same prompt as one of them, the first round first."""
        first = self.run(client, run_id)
        root = first.parent or first.id
        same = (runs.c.client == client) & ((runs.c.id == root) | (runs.c.parent == root))
        with self._read() as database:
            rows = database.execute(runs.select().where(same).order_by(runs.c.created)).all()
            return tuple(self._run(database, row) for row in rows)

    def find_by_idempotency_key(self, client: str, key: str) -> Run | None:
        """The client's run of this idempotency key."""
        same = (runs.c.client == client) & (runs.c.idempotency_key == key)
        with self._read() as database:
            row = database.execute(runs.select().where(same)).one_or_none()
            return self._run(database, row) if row else None

    def delete(self, client: str | None, run_id: str, *, only_ended: bool = False) -> None:
        """Delete a run of a client (of any client for None) with its files.

        Raises:
            RunMissing: when there is no such run, or it is active and ``only_ended`` is set.
        """
        with self._begin() as database:
            row = self._row(database, client, run_id)
            if only_ended and row.state in ACTIVE_STATES:
                raise RunMissing("This run is in progress.")
            database.execute(pictures.delete().where(pictures.c.run_id == run_id))
            database.execute(runs.delete().where(runs.c.id == run_id))
        self._store.remove(run_id)

    def ended_runs(self) -> Iterator[tuple[str, float, Path]]:
        """ID, creation time and folder of every run that is not active, the oldest first."""
        ended = sa.select(runs.c.id, runs.c.created).where(runs.c.state.in_(FINAL_STATES))
        with self._read() as database:
            rows = database.execute(ended.order_by(runs.c.created)).all()
        return ((row.id, row.created, self._store.run_folder(row.id)) for row in rows)

    def _update(self, which: sa.ColumnElement[bool], **values: Any) -> bool:
        """Update the run that the condition selects; False when there is none."""
        with self._begin() as database:
            return bool(database.execute(runs.update().where(which).values(**values)).rowcount)

    def _is_ours(self, run_id: str) -> sa.ColumnElement[bool]:
        """Whether the run is active, and this process works on it."""
        is_owner = runs.c.owner == self._owner_lock.owner_id
        return (runs.c.id == run_id) & is_owner & IS_ACTIVE

    @contextmanager
    def _begin(self, *, reads: bool = False) -> Iterator[sa.Connection]:
        # SQLite has no queue for writers, it polls: threads of one process take turns here.
        lock: AbstractContextManager[Any] = nullcontext() if reads else self._write_lock
        try:
            with lock, (self._read_engine if reads else self._engine).begin() as database:
                yield database
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise storage_error(self.folder, error) from error

    def _read(self) -> AbstractContextManager[sa.Connection]:
        return self._begin(reads=True)

    def _row(self, database: sa.Connection, client: str | None, run_id: str) -> Any:
        found = runs.c.id == run_id
        if client is not None:
            found &= runs.c.client == client
        row = database.execute(runs.select().where(found)).one_or_none()
        if row is None:
            raise _not_found(run_id)
        return row

    def _run(self, database: sa.Connection, row: Any) -> Run:
        painted = pictures.select().where(pictures.c.run_id == row.id).order_by(pictures.c.index)
        rows: Any = database.execute(painted).mappings()
        return Run.from_dict(row._mapping, rows, lambda name: self._store.file(row.id, name))


def _not_found(run_id: str) -> RunMissing:
    return RunMissing("There is no run with the ID {run_id!r}.", run_id=run_id)
