"""Where the journal's rows live: the tables, how they grew, and the engines that hold them."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from marsam.errors import JournalError

VERSION = 3
"""The number of the tables' layout; a journal with a greater one is refused, never overwritten."""
PATIENCE = 30.0
"""Seconds to wait for another process that is writing."""

tables = sa.MetaData()
layout = sa.Table("layout", tables, sa.Column("version", sa.Integer, nullable=False))
runs = sa.Table(
    "runs",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("visitor", sa.String(64), nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("source", sa.Boolean, nullable=False),
    sa.Column("captions", sa.JSON, nullable=False),
    sa.Column("prompt", sa.JSON, nullable=True),
    sa.Column("options", sa.JSON, nullable=False),
    # Since layout 2:
    sa.Column("asked", sa.Text, nullable=True),
    sa.Column("error", sa.JSON, nullable=True),
    sa.Column("seconds", sa.JSON, nullable=True),
    sa.Column("models", sa.JSON, nullable=True),
    sa.Column("keeper", sa.String(32), nullable=True),
    sa.Column("once", sa.String(255), nullable=True),
    sa.Column("digest", sa.String(64), nullable=True),
    # Since layout 3:
    sa.Column("stopping", sa.Boolean, nullable=True),
)
once = sa.Index("runs_once", runs.c.visitor, runs.c.once, unique=True)
"""One run for an idempotency key of a client, whatever happens between two requests."""
pictures = sa.Table(
    "pictures",
    tables,
    sa.Column("run", sa.String(32), sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("fidelity", sa.JSON, nullable=True),
    # Since layout 2:
    sa.Column("seconds", sa.Float, nullable=True),
)
_SINCE_2 = (
    *(runs.c[name] for name in ("asked", "error", "seconds", "models", "keeper", "once", "digest")),
    pictures.c.seconds,
)
_SINCE_3 = (runs.c.stopping,)


def open_engine(folder: Path, url: str | None) -> sa.Engine:
    """The database at ``url``, or a SQLite file in the folder.

    Raises:
        JournalError: for an address no driver is here for.
    """
    if url is not None:
        # The plain name means the driver that Marsam's extra installs.
        address = url.replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            return sa.create_engine(address, pool_pre_ping=True)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise JournalError(
                "The journal's address cannot be used. For PostgreSQL write "
                "postgresql://user@host/name and install the extra 'postgres'. "
                "In a clone of Marsam run: pip install -e '.[postgres]'"
            ) from error
    engine = sa.create_engine(
        f"sqlite:///{folder / 'journal.db'}", connect_args={"timeout": PATIENCE}
    )
    sa.event.listen(engine, "connect", _connected)
    sa.event.listen(engine, "begin", _began)
    return engine


def _connected(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin in _began, not behind our back
    # Not WAL: with two connections, SQLite before 3.51.3 can lose pages to it.
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")


def _began(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("marsam_reads", False)
    # A transaction that begins by reading and then wants to write may find another in its way.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def prepare(database: sa.Connection) -> None:
    """Make the tables, or bring older ones up to date.

    Raises:
        JournalError: when they are of a newer Marsam.
    """
    if database.dialect.name == "postgresql":  # two gateways may start at the same moment
        database.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('marsam'))"))
    fresh = not sa.inspect(database).has_table(layout.name)
    if fresh:
        tables.create_all(database)
        database.execute(layout.insert().values(version=VERSION))
        return
    version = database.execute(sa.select(layout.c.version)).scalar() or 0
    if version > VERSION:
        raise JournalError("The journal is of a newer Marsam; update Marsam to read it.")
    if version < 2:
        _to_2(database)
    if version < 3:  # a run can be stopped from another process
        _add(database, _SINCE_3)
    if version < VERSION:
        database.execute(layout.update().values(version=VERSION))


def _to_2(database: sa.Connection) -> None:
    """Runs can be resumed: what was asked is kept whole, and who is at work on it."""
    _add(database, _SINCE_2)
    once.create(database)
    for row in database.execute(sa.select(runs.c.id, runs.c.options)).all():
        if row.options:
            whole = {"paint": row.options}
            database.execute(runs.update().where(runs.c.id == row.id).values(options=whole))


def _add(database: sa.Connection, columns: Iterable[sa.Column[Any]]) -> None:
    for column in columns:
        kind = column.type.compile(database.dialect)
        database.execute(
            sa.text(f'ALTER TABLE {column.table.name} ADD COLUMN "{column.name}" {kind}')
        )
