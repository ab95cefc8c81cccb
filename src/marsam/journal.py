"""What was done, kept: every run of a visitor with its words and pictures, on this machine.

A picture is written whole before its row, and its row before anyone hears of it; what the journal
lists is there.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs
import sqlalchemy as sa
from PIL import Image

from marsam.errors import JournalError, RunMissing
from marsam.fidelity import Fidelity
from marsam.images import save_picture
from marsam.metadata import embed, record_of
from marsam.notices import Notice
from marsam.results import Caption, Checked, Painted, Prompt, PromptLength

VERSION = 1
"""The number of the tables' layout; a journal with a greater one is refused, never overwritten."""
DATA_VARIABLE = "MARSAM_DATA"
STATES = ("running", "finished", "stopped", "failed")

_tables = sa.MetaData()
_layout = sa.Table("layout", _tables, sa.Column("version", sa.Integer, nullable=False))
_runs = sa.Table(
    "runs",
    _tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("visitor", sa.String(64), nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("source", sa.Boolean, nullable=False),
    sa.Column("captions", sa.JSON, nullable=False),
    sa.Column("prompt", sa.JSON, nullable=True),
    sa.Column("options", sa.JSON, nullable=False),
)
_pictures = sa.Table(
    "pictures",
    _tables,
    sa.Column("run", sa.String(32), sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("fidelity", sa.JSON, nullable=True),
)


@dataclass(frozen=True, kw_only=True)
class KeptPicture:
    """A painted picture on disk; ``path`` is None when it was withheld."""

    index: int
    seed: int
    path: Path | None
    fidelity: Fidelity | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as it was kept.

    Attributes:
        created: seconds since 1970.
        state: one of ``STATES``.
        source: the picture it began with, as PNG; None when it began with words.
        captions: all that were offered; the best first.
        options: what was chosen, as plain data.
    """

    id: str
    created: float
    state: str
    source: Path | None
    captions: tuple[Caption, ...]
    prompt: Prompt | None
    options: dict[str, Any]
    pictures: tuple[KeptPicture, ...]


def data_folder() -> Path:
    """Where runs are kept: ``MARSAM_DATA``, else the system's place for a user's data."""
    given = os.environ.get(DATA_VARIABLE)
    return Path(given) if given else Path(platformdirs.user_data_dir("marsam"))


class Journal:
    """The runs in a folder.

    Args:
        folder: holds ``journal.db`` and a folder of pictures for each run; made when missing.

    Raises:
        JournalError: when the folder cannot be written, or its journal is of a newer Marsam.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_folder()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"Runs cannot be kept in {self.folder}.") from error
        self._engine = sa.create_engine(f"sqlite:///{self.folder / 'journal.db'}")
        with self._begin() as database:
            _tables.create_all(database)
            version = database.execute(sa.select(_layout.c.version)).scalar()
            if version is None:
                database.execute(_layout.insert().values(version=VERSION))
            elif version > VERSION:
                raise JournalError("The journal is of a newer Marsam; update Marsam to read it.")
            # Whatever ran when the last process ended has stopped.
            running = _runs.c.state == "running"
            database.execute(_runs.update().where(running).values(state="stopped"))

    def begin(
        self,
        visitor: str,
        *,
        source: Image.Image | None = None,
        captions: tuple[Caption, ...] = (),
        prompt: Prompt | None = None,
        options: dict[str, Any] | None = None,
    ) -> str:
        """A new run of this visitor; its id."""
        run = secrets.token_hex(8)
        self._place(run).mkdir(parents=True)
        if source is not None:
            save_picture(source, self._place(run) / "source.png", "PNG")
        with self._begin() as database:
            database.execute(
                _runs.insert().values(
                    id=run,
                    visitor=visitor,
                    created=time.time(),
                    state="running",
                    source=source is not None,
                    captions=[c.to_dict() for c in captions],
                    prompt=prompt.to_dict() if prompt else None,
                    options=options or {},
                )
            )
        return run

    def describe(self, run: str, captions: tuple[Caption, ...], prompt: Prompt | None) -> None:
        """Keep the words of a run."""
        with self._begin() as database:
            database.execute(
                _runs.update()
                .where(_runs.c.id == run)
                .values(
                    captions=[c.to_dict() for c in captions],
                    prompt=prompt.to_dict() if prompt else None,
                )
            )

    def paint_from(self, run: str, prompt: Prompt, options: dict[str, Any]) -> None:
        """A run that only had words goes on to paint."""
        with self._begin() as database:
            database.execute(
                _runs.update()
                .where(_runs.c.id == run)
                .values(prompt=prompt.to_dict(), options=options, state="running")
            )

    def paint(self, run: str, painted: Painted, prompt: Prompt | None) -> KeptPicture:
        """Keep a painted picture: the file first, then the row."""
        picture = painted.picture
        kept = KeptPicture(index=picture.index, seed=picture.seed, path=None)
        if picture.image is not None:
            path = self._file(run, picture.seed)
            embed(picture.image, record_of(picture, prompt), path)
            kept = replace(kept, path=path)
        with self._begin() as database:
            database.execute(
                _pictures.insert().values(
                    run=run, place=kept.index, seed=kept.seed, blocked=kept.path is None
                )
            )
        return kept

    def check(self, run: str, checked: Checked) -> None:
        """Keep what a picture's check found."""
        fidelity = checked.fidelity.to_dict()
        here = (_pictures.c.run == run) & (_pictures.c.place == checked.index)
        with self._begin() as database:
            database.execute(_pictures.update().where(here).values(fidelity=fidelity))

    def end(self, run: str, state: str) -> None:
        """The run is over: ``finished``, ``stopped`` or ``failed``."""
        if state not in STATES:
            raise ValueError(state)
        with self._begin() as database:
            database.execute(_runs.update().where(_runs.c.id == run).values(state=state))

    def runs(self, visitor: str, *, limit: int = 50) -> tuple[Run, ...]:
        """The visitor's runs, the latest first."""
        mine = _runs.select().where(_runs.c.visitor == visitor)
        with self._begin() as database:
            rows = database.execute(mine.order_by(_runs.c.created.desc()).limit(limit)).all()
            return tuple(self._run(database, row) for row in rows)

    def run(self, visitor: str, run: str) -> Run:
        """One run of this visitor.

        Raises:
            RunMissing: when there is none, or it is somebody else's.
        """
        with self._begin() as database:
            return self._run(database, self._owned(database, visitor, run))

    def delete(self, visitor: str, run: str) -> None:
        """Forget a run of this visitor, its pictures included.

        Raises:
            RunMissing: when there is none, or it is somebody else's.
        """
        with self._begin() as database:
            self._owned(database, visitor, run)
            database.execute(_pictures.delete().where(_pictures.c.run == run))
            database.execute(_runs.delete().where(_runs.c.id == run))
        shutil.rmtree(self._place(run), ignore_errors=True)

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as database:
                yield database
        except sa.exc.DatabaseError as error:
            raise JournalError(f"The journal in {self.folder} cannot be used.") from error

    def _owned(self, database: sa.Connection, visitor: str, run: str) -> Any:
        here = (_runs.c.id == run) & (_runs.c.visitor == visitor)
        row = database.execute(_runs.select().where(here)).one_or_none()
        if row is None:
            raise RunMissing("There is no such run any more.")
        return row

    def _place(self, run: str) -> Path:
        return self.folder / "runs" / run

    def _file(self, run: str, seed: int) -> Path:
        return self._place(run) / f"marsam-{seed}.png"

    def _run(self, database: sa.Connection, row: Any) -> Run:
        mine = _pictures.select().where(_pictures.c.run == row.id).order_by(_pictures.c.place)
        return Run(
            id=row.id,
            created=row.created,
            state=row.state,
            source=self._place(row.id) / "source.png" if row.source else None,
            captions=tuple(_caption(data) for data in row.captions),
            prompt=_prompt(row.prompt),
            options=row.options,
            pictures=tuple(
                KeptPicture(
                    index=p.place,
                    seed=p.seed,
                    path=None if p.blocked else self._file(row.id, p.seed),
                    fidelity=fidelity_of(p.fidelity),
                )
                for p in database.execute(mine)
            ),
        )


def _notices(names: list[str]) -> tuple[Notice, ...]:
    return tuple(Notice[name.upper()] for name in names)


def _caption(data: dict[str, Any]) -> Caption:
    return Caption(text=data["text"], score=data["score"], warnings=_notices(data["warnings"]))


def _prompt(data: dict[str, Any] | None) -> Prompt | None:
    if data is None:
        return None
    same = ("english", "arabic", "given", "language", "back")
    return Prompt(
        **{name: data[name] for name in same},
        length=PromptLength(tokens=data["tokens"], limit=data["limit"], cut=data["cut"]),
        warnings=_notices(data["warnings"]),
    )


def fidelity_of(data: dict[str, Any] | None) -> Fidelity | None:
    """What was written with :meth:`marsam.fidelity.Fidelity.to_dict`."""
    if data is None:
        return None
    return Fidelity(**data | {name: tuple(data[name]) for name in ("missing", "added")})
