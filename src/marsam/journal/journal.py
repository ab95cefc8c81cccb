"""What was done, kept: every run with its words and pictures.

A picture is written whole before its row, and its row before anyone hears of it; what the journal
lists is there. Whoever works on a run has its name on it, and leaves it as *interrupted* when the
process ends before the work does.
"""

import os
import secrets
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

from marsam.errors import JournalError, MarsamError, RunExists, RunMissing
from marsam.imaging.image_io import save_picture
from marsam.imaging.metadata import embed, record_of
from marsam.journal.database import open_engine, pictures, prepare, runs
from marsam.journal.errors import URL_VARIABLE, kept_nowhere
from marsam.journal.file_store import RunFileStore
from marsam.journal.owner_lock import FileOwnerLock, PostgresOwnerLock
from marsam.journal.records import ACTIVE_STATES, FINAL_STATES, Run, StoredPicture
from marsam.journal.rows import SOURCE, file_of, run_of
from marsam.options import RunOptions
from marsam.results import Caption, Checked, Painted, Prompt

DATA_VARIABLE = "MARSAM_DATA"
STORE_VARIABLE = "MARSAM_PICTURES"
IS_OPEN = sa.or_(*(runs.c.state == state for state in ACTIVE_STATES))


def data_folder() -> Path:
    """Where runs are kept: ``MARSAM_DATA``, else the system's place for a user's data."""
    given = os.environ.get(DATA_VARIABLE)
    return Path(given) if given else Path(platformdirs.user_data_dir("marsam"))


class Journal:
    """The runs of a folder, or of a database that several processes share.

    Args:
        folder: holds a folder of pictures for each run and, unless there is a ``url``,
            ``journal.db``; made when missing. None is :func:`data_folder`.
        url: of a PostgreSQL database (``postgresql://user@host/name``) that keeps the rows.
            None looks at ``MARSAM_JOURNAL``, but only when no folder is given either.
        store: of a store that keeps the pictures for all who share the database
            (``s3://bucket/marsam``). None looks at ``MARSAM_PICTURES`` likewise.

    Raises:
        JournalError: when the folder cannot be written, its journal is damaged, or of a newer
            Marsam.
    """

    def __init__(
        self, folder: Path | None = None, *, url: str | None = None, store: str | None = None
    ) -> None:
        if folder is None:
            url = url or os.environ.get(URL_VARIABLE) or None
            store = store or os.environ.get(STORE_VARIABLE) or None
        self.folder = folder or data_folder()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"Runs cannot be kept in {self.folder}.") from error
        self._engine = open_engine(self.folder, url)
        ours = self._engine.dialect.name == "sqlite"
        self._turn: AbstractContextManager[Any] = threading.Lock() if ours else nullcontext()
        # Locks of files are seen on one machine, those of the database by all who share it.
        self._owner_lock = (
            FileOwnerLock(self.folder / "owners") if ours else PostgresOwnerLock(self._engine)
        )
        self._store = RunFileStore(self.folder, store)
        with self._begin() as database:
            prepare(database)
        self.sweep()

    def close(self) -> None:
        """Let go of the database; what is still open in our name is interrupted from now on."""
        self._owner_lock.close()
        self._engine.dispose()

    def sweep(self) -> int:
        """Mark what dead processes left open as interrupted, and clear half files away.

        Returns:
            How many runs there were.
        """
        with self._read() as database:
            owners = sa.select(runs.c.keeper).where(IS_OPEN).distinct()
            names = list(database.execute(owners).scalars())
        dead = [name for name in names if not self._owner_lock.is_alive(name)]
        left: list[str] = []
        if dead:
            theirs = runs.c.keeper.in_([name for name in dead if name is not None])
            nobodys = runs.c.keeper.is_(None) if None in dead else sa.false()
            abandoned = IS_OPEN & (theirs | nobodys)
            with self._begin() as database:
                left = list(database.execute(sa.select(runs.c.id).where(abandoned)).scalars())
                database.execute(runs.update().where(abandoned).values(state="interrupted"))
        for run in left:
            self._store.remove_partials(run)
        self._store.collect_garbage(self._is_known)
        return len(left)

    def _is_known(self, run: str) -> bool:
        with self._read() as database:
            here = sa.select(runs.c.id).where(runs.c.id == run)
            return database.execute(here).one_or_none() is not None

    def begin(
        self,
        visitor: str,
        *,
        source: Image.Image | None = None,
        captions: tuple[Caption, ...] = (),
        prompt: Prompt | None = None,
        options: RunOptions | None = None,
        asked: str | None = None,
        state: str = "running",
        models: Mapping[str, str] | None = None,
        once: tuple[str, str] | None = None,
    ) -> str:
        """A new run of this visitor; its id.

        Args:
            visitor: who it belongs to.
            source: the picture it begins with, or
            asked: the words.
            captions: when it has been described already.
            prompt: likewise.
            options: what was chosen, with a seed.
            state: ``queued`` or ``running``.
            models: which will do the work.
            once: an idempotency key and the digest of the request; a second run of the same key
                is not begun.

        Raises:
            RunExists: when a run of that idempotency key was begun before.
            JournalError: when it cannot be written.
        """
        run = secrets.token_hex(8)
        try:
            self._store.create(run)
            if source is not None:
                path = save_picture(source, self._store.local_path(run) / SOURCE, "PNG")
                self._store.upload(path)
            row = {
                "id": run,
                "visitor": visitor,
                "created": time.time(),
                "state": state,
                "source": source is not None,
                "captions": [c.to_dict() for c in captions],
                "prompt": prompt.to_dict() if prompt else None,
                "options": options.to_dict() if options else {},
                "asked": asked,
                "models": dict(models or {}),
                "keeper": self._owner_lock.owner_id,
                "once": once[0] if once else None,
                "digest": once[1] if once else None,
            }
            with self._begin() as database:
                database.execute(runs.insert().values(row))
            self._store.commit(run)
        except (OSError, MarsamError) as error:
            self._store.remove(run)
            if once and (same := self.find_by_idempotency_key(visitor, once[0])):
                raise RunExists("This request was made before.", run=same.id) from error
            raise kept_nowhere(self.folder, error) from error
        return run

    def save_text(self, run: str, captions: tuple[Caption, ...], prompt: Prompt | None) -> None:
        """Keep the words of a run, which is worked on from now if it was not before."""
        words = [c.to_dict() for c in captions]
        told = prompt.to_dict() if prompt else None
        self._change(run, captions=words, prompt=told, state="running")

    def start_painting(
        self, visitor: str, run: str, prompt: Prompt, options: RunOptions, *, state: str = "running"
    ) -> bool:
        """A run that only had words goes on to paint; False when there is no such run."""
        bare = ~sa.exists().where(pictures.c.run == runs.c.id)
        mine = (runs.c.id == run) & (runs.c.visitor == visitor) & (runs.c.state == "finished")
        chosen = {"prompt": prompt.to_dict(), "options": options.to_dict()}
        with self._begin() as database:
            changed = database.execute(
                runs.update()
                .where(mine & bare)
                .values(state=state, keeper=self._owner_lock.owner_id, error=None, **chosen)
            )
            return bool(changed.rowcount)

    def start(self, run: str) -> None:
        """A queued run is worked on from now, unless it ended meanwhile."""
        self._change(run, state="running")

    def save_picture(self, run: str, painted: Painted, prompt: Prompt | None) -> StoredPicture:
        """Keep a painted picture: the file first, then the row.

        Raises:
            RunMissing: when the run was ended or deleted meanwhile, or is another process's now.
            JournalError: when it cannot be written.
        """
        picture = painted.picture
        kept = StoredPicture(
            index=picture.index, seed=picture.seed, file=None, seconds=painted.seconds
        )
        if picture.image is not None:
            file = file_of(run, picture.seed, self._store)
            kept = replace(kept, file=file)
            try:
                embed(picture.image, record_of(picture, prompt), file.local_path)
            except OSError as error:
                raise kept_nowhere(self.folder, error) from error
            self._store.upload(file.local_path)
        row = {"run": run, "place": kept.index, "seed": kept.seed, "blocked": kept.file is None}
        with self._begin() as database:
            mine = database.execute(sa.select(runs.c.id).where(self._mine(run))).one_or_none()
            if mine is not None:
                database.execute(pictures.insert().values(seconds=kept.seconds, **row))
                return kept
        if not self._is_known(run):  # deleted meanwhile, and its folder made again
            self._store.remove(run)
        raise RunMissing("There is no such run any more.")

    def save_check(self, run: str, checked: Checked) -> None:
        """Keep what a picture's check found."""
        fidelity = checked.fidelity.to_dict()
        here = (pictures.c.run == run) & (pictures.c.place == checked.index)
        with self._begin() as database:
            database.execute(pictures.update().where(here).values(fidelity=fidelity))

    def finish(
        self,
        run: str,
        state: str,
        *,
        error: MarsamError | None = None,
        seconds: Mapping[str, float] | None = None,
    ) -> bool:
        """The run is over; False when it was before.

        Args:
            run: which.
            state: one of ``FINAL_STATES``.
            error: why, when it failed.
            seconds: what the stages took.
        """
        if state not in FINAL_STATES:
            raise ValueError(state)
        told: dict[str, Any] = {"state": state}
        if error is not None:
            told["error"] = {"code": error.code, "message": str(error)}
        if seconds is not None:
            told["seconds"] = {stage: round(time, 4) for stage, time in seconds.items()}
        return self._change(run, **told)

    def request_cancel(self, run: str) -> bool:
        """Ask whoever works on a run to stop; False when nobody does."""
        with self._begin() as database:
            asked = runs.update().where((runs.c.id == run) & IS_OPEN).values(stopping=True)
            return bool(database.execute(asked).rowcount)

    def cancel_requests(self) -> list[str]:
        """The runs of ours that others asked to stop."""
        mine = (runs.c.keeper == self._owner_lock.owner_id) & IS_OPEN & runs.c.stopping
        with self._read() as database:
            return list(database.execute(sa.select(runs.c.id).where(mine)).scalars())

    def claim(self, visitor: str | None, run: str, *, state: str = "queued") -> Run:
        """Take over a run that did not finish, to go on with it.

        Raises:
            RunMissing: when there is none, or it is somebody else's, finished, or being worked on.
        """
        with self._begin() as database:
            row = self._owned(database, visitor, run)
            unfinished = runs.c.state.in_([s for s in FINAL_STATES if s != "finished"])
            name = self._owner_lock.owner_id
            mine = {"state": state, "keeper": name, "error": None, "stopping": None}
            if (
                not row.options
                or not database.execute(
                    runs.update().where((runs.c.id == run) & unfinished).values(**mine)
                ).rowcount
            ):
                raise RunMissing(f"The run {run} has nothing left to do.")
            return self._run(database, self._owned(database, visitor, run))

    def runs(self, visitor: str | None, *, limit: int = 50) -> tuple[Run, ...]:
        """The visitor's runs (or everybody's, for None), the latest first."""
        listed = runs.select().order_by(runs.c.created.desc()).limit(limit)
        if visitor is not None:
            listed = listed.where(runs.c.visitor == visitor)
        with self._read() as database:
            return tuple(self._run(database, row) for row in database.execute(listed).all())

    def run(self, visitor: str | None, run: str) -> Run:
        """One run of this visitor; None may see everybody's.

        Raises:
            RunMissing: when there is none, or it is somebody else's.
        """
        with self._read() as database:
            return self._run(database, self._owned(database, visitor, run))

    def find_by_idempotency_key(self, visitor: str, once: str) -> Run | None:
        """The visitor's run of this idempotency key."""
        same = (runs.c.visitor == visitor) & (runs.c.once == once)
        with self._read() as database:
            row = database.execute(runs.select().where(same)).one_or_none()
            return self._run(database, row) if row else None

    def delete(self, visitor: str | None, run: str, *, ended: bool = False) -> None:
        """Forget a run of this visitor, its pictures included.

        Args:
            visitor: whose; None may delete everybody's.
            run: which.
            ended: only if nobody works on it.

        Raises:
            RunMissing: when there is none, or it is somebody else's.
        """
        with self._begin() as database:
            row = self._owned(database, visitor, run)
            if ended and row.state in ACTIVE_STATES:
                raise RunMissing("This run is being worked on.")
            database.execute(pictures.delete().where(pictures.c.run == run))
            database.execute(runs.delete().where(runs.c.id == run))
        self._store.remove(run)

    def finished_runs(self) -> Iterator[tuple[str, float, Path]]:
        """Every run nobody works on, the oldest first: id, when it began, and its folder."""
        listed = sa.select(runs.c.id, runs.c.created).where(runs.c.state.in_(FINAL_STATES))
        with self._read() as database:
            rows = database.execute(listed.order_by(runs.c.created)).all()
        return ((row.id, row.created, self._store.local_path(row.id)) for row in rows)

    def _change(self, run: str, **values: Any) -> bool:
        """Write to a run we work on; False when it is not open, or not ours."""
        with self._begin() as database:
            changed = database.execute(runs.update().where(self._mine(run)).values(**values))
            return bool(changed.rowcount)

    def _mine(self, run: str) -> Any:
        ours = runs.c.keeper == self._owner_lock.owner_id
        return (runs.c.id == run) & ours & IS_OPEN

    @contextmanager
    def _begin(self, *, reads: bool = False) -> Iterator[sa.Connection]:
        # Our own threads take turns here: waiting for a lock of SQLite's means asking for it again
        # and again, and whoever is lucky comes first.
        turn: AbstractContextManager[Any] = nullcontext() if reads else self._turn
        try:
            with turn, self._engine.connect() as database:
                if reads:
                    database = database.execution_options(marsam_reads=True)
                with database.begin():
                    yield database
        except sa.exc.SQLAlchemyError as error:
            raise kept_nowhere(self.folder, error) from error

    def _read(self) -> Any:
        return self._begin(reads=True)

    def _owned(self, database: sa.Connection, visitor: str | None, run: str) -> Any:
        here = runs.c.id == run
        if visitor is not None:
            here &= runs.c.visitor == visitor
        row = database.execute(runs.select().where(here)).one_or_none()
        if row is None:
            raise RunMissing("There is no such run any more.")
        return row

    def _run(self, database: sa.Connection, row: Any) -> Run:
        painted = pictures.select().where(pictures.c.run == row.id).order_by(pictures.c.place)
        return run_of(row, database.execute(painted), self._store)
