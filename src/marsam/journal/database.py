"""The journal's database: its schema, its connections, and its failures as one sentence each.

A database carries the number of its schema in the table ``schema_version``. To change the schema,
change the tables below, raise ``SCHEMA_VERSION``, and let :func:`migrate` bring a database of the
version before up to date (``ALTER TABLE``, then the new number) in its transaction. Databases of
newer versions are refused and left as they are.
"""

import sqlite3
from pathlib import Path

import sqlalchemy as sa

from marsam import environment
from marsam.errors import DiskFull, JournalError, is_disk_full, is_read_only
from marsam.journal.sqlite import open_sqlite, require_version
from marsam.messages import Message

SCHEMA_VERSION = 2
DATABASE_UNUSABLE = Message(
    "The journal's database cannot be used; check that it is running, and that {variable} has the "
    "right address, name and password.",
    variable=environment.JOURNAL.name,
)

metadata = sa.MetaData()
schema_version = sa.Table(
    "schema_version", metadata, sa.Column("version", sa.Integer, nullable=False)
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("client", sa.String(64), nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("has_image", sa.Boolean, nullable=False),
    sa.Column("prompt_text", sa.Text, nullable=True),
    sa.Column("captions", sa.JSON, nullable=False),
    sa.Column("prompt", sa.JSON, nullable=True),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("seconds", sa.JSON, nullable=True),
    sa.Column("error", sa.JSON, nullable=True),
    sa.Column("owner", sa.String(32), nullable=True),
    sa.Column("cancel_requested", sa.Boolean, nullable=True),
    sa.Column("idempotency_key", sa.String(255), nullable=True),
    sa.Column("request_digest", sa.String(64), nullable=True),
    sa.Column("draft", sa.JSON, nullable=True),
    sa.Column("random_seed", sa.Boolean, nullable=True),
    sa.Column("parent", sa.String(32), nullable=True),
    # At most one run for each idempotency key of a client, even of two requests at the same time.
    sa.Index("runs_idempotency_key", "client", "idempotency_key", unique=True),
)
pictures = sa.Table(
    "pictures",
    metadata,
    sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("index", sa.Integer, primary_key=True),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("fidelity", sa.JSON, nullable=True),
    sa.Column("seconds", sa.Float, nullable=True),
    sa.Column("starred", sa.Boolean, nullable=True),
    sa.Column("deleted", sa.Boolean, nullable=True),
)
NEW_IN_2 = (runs.c.draft, runs.c.random_seed, runs.c.parent, pictures.c.starred, pictures.c.deleted)


def open_engine(folder: Path, url: str | None) -> sa.Engine:
    """The database at ``url``, or ``journal.db`` in the folder; JournalError without a driver."""
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
    file = folder / "journal.db"
    # Not a URL as text: a folder's name may contain "?" or "%".
    sqlite_url = sa.URL.create("sqlite", database=str(file))
    engine = sa.create_engine(sqlite_url, creator=lambda: _connect(file))
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def _connect(file: Path) -> sqlite3.Connection:
    connection = open_sqlite(file)
    connection.isolation_level = None  # _begin_immediate begins the transactions
    return connection


def _begin_immediate(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("marsam_reads", False)
    # A transaction that reads first and then writes could fail: another may have written between.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def migrate(database: sa.Connection) -> None:
    """Create the tables in an empty database; check the schema version of any other.

    Raises:
        JournalError: when a newer or an unreleased version of Marsam wrote it.
    """
    if database.dialect.name == "postgresql":  # two processes may start at the same moment
        database.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('marsam'))"))
    existing = sa.inspect(database)
    if existing.has_table(schema_version.name):
        found = database.execute(sa.select(schema_version.c.version)).scalar() or 0
        if found == 1:
            for column in NEW_IN_2:
                table, kind = column.table.name, column.type.compile(database.dialect)
                database.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}"))
            database.execute(schema_version.update().values(version=SCHEMA_VERSION))
            found = SCHEMA_VERSION
        require_version(found, SCHEMA_VERSION, "The journal")
    elif existing.has_table(runs.name):
        raise JournalError(
            "The journal {database} was written by an unreleased version of Marsam; move "
            "that file away, or, with PostgreSQL, use an empty database.",
            database=database.engine.url.database,
        )
    else:
        metadata.create_all(database)
        database.execute(schema_version.insert().values(version=SCHEMA_VERSION))


def storage_error(folder: Path, error: Exception) -> JournalError:
    """The error to raise when the disk or the database of the journal in ``folder`` fails."""
    if isinstance(error, JournalError):
        return error
    if is_disk_full(error):
        return DiskFull(
            "The disk with {folder} is full; free some space and try again.", folder=folder
        )
    if is_read_only(error):
        return JournalError(
            "Runs cannot be written in {folder}: check who owns it and that its disk is "
            "not mounted read-only, or set {variable} to another folder.",
            folder=folder,
            variable=environment.DATA.name,
        )
    if isinstance(error, OSError):
        return JournalError("Runs cannot be saved in {folder}.", folder=folder)
    if isinstance(error, sa.exc.DBAPIError) and not isinstance(error.orig, sqlite3.Error):
        return JournalError(DATABASE_UNUSABLE)
    return JournalError(
        "The journal in {folder} cannot be used; if it is damaged, move journal.db away.",
        folder=folder,
    )
