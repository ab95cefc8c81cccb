"""Two processes and one journal, on SQLite and on a PostgreSQL that the test starts."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from marsam import PaintOptions, RunOptions
from marsam.errors import JournalError, RunExists
from marsam.journal.journal import Journal
from marsam.journal.owner_lock import PostgresOwnerLock
from marsam.journal.records import NewRun, Run
from marsam.runs.execution import create_run, execute_and_record
from marsam.testing import fake_studio
from tests.conftest import Figure
from tests.service.api_client import post_run, wait_for_end
from tests.service.conftest import PYTHONPATH, ROOT, Service, empty

STRESS = bool(os.environ.get("MARSAM_STRESS"))
WRITES = 1000 if STRESS else 300
SEED = int(os.environ.get("MARSAM_SEED", "1"))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite, else the address of an empty PostgreSQL."""
    if request.param == "sqlite":
        return None
    address: str = request.getfixturevalue("postgres")
    empty(address)
    return address


def _whole_run(folder: Path, url: str | None) -> Run:
    journal = Journal(folder, url=url)
    options = RunOptions(paint=PaintOptions(pictures=2, seed=7))
    studio = fake_studio()
    new = NewRun(client="amal", options=options, prompt="a cat")
    for _ in execute_and_record(studio, journal, create_run(studio, journal, new)):
        pass
    (run,) = journal.runs("amal")
    journal.close()
    return run


def test_a_run_reads_back_equal(tmp_path: Path, url: str | None) -> None:
    run = _whole_run(tmp_path, url)
    assert run.state == "finished"
    assert [p.seed for p in run.pictures] == [7, 8]
    assert all(p.fidelity is not None for p in run.pictures)
    again = Journal(tmp_path, url=url)
    assert again.run("amal", run.id) == run
    again.delete("amal", run.id)
    assert again.runs("amal") == ()
    again.close()


def test_an_idempotency_key_is_unique_per_client(tmp_path: Path, url: str | None) -> None:
    journal = Journal(tmp_path, url=url)
    new = NewRun(client="amal", prompt="x", idempotency_key="key", request_digest="digest")
    first = journal.insert(new).id
    with pytest.raises(RunExists) as caught:
        journal.insert(new)
    assert caught.value.run == first
    assert journal.insert(replace(new, client="basim")).id != first
    assert len(list((tmp_path / "runs").iterdir())) == 2  # nothing is left of the refused one
    journal.close()


def test_two_processes_write_one_journal_under_sigkill(
    tmp_path: Path, url: str | None, figure: Figure
) -> None:
    """Every run that was acknowledged is there, and the database is sound."""
    rng = random.Random(SEED)
    acknowledged: set[str] = set()
    kills = 0
    lock = threading.Lock()

    def write() -> None:
        nonlocal kills
        mine = 0
        while mine < WRITES:
            command = [sys.executable, "-m", "tests.service.journal_writer", str(tmp_path)]
            process = subprocess.Popen(
                [*command, str(WRITES - mine), *([url] if url else [])],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": PYTHONPATH},
            )
            assert process.stdout is not None
            wanted = rng.randrange(20, WRITES // 2)
            for count, line in enumerate(process.stdout, 1):
                if line.endswith("\n"):
                    mine += 1
                    with lock:
                        acknowledged.add(line.strip())
                if count == wanted:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            assert process.wait() in (0, -signal.SIGKILL)
            process.stdout.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    journal = Journal(tmp_path, url=url)
    found = {run.id: run.state for run in journal.runs(None, limit=100_000)}
    figure(
        f"two processes, {'PostgreSQL' if url else 'SQLite'}, seed {SEED}: acknowledged "
        f"{len(acknowledged)}, missing {len(acknowledged - set(found))}, kills {kills}"
    )
    assert len(acknowledged) == 2 * WRITES
    assert acknowledged <= set(found)
    assert len(found) <= len(acknowledged) + kills  # at most one more, not yet said
    assert set(found.values()) <= {"finished", "interrupted"}
    if url is None:
        with sa.create_engine(f"sqlite:///{tmp_path / 'journal.db'}").connect() as database:
            assert database.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
    journal.close()


def test_two_gateways_share_a_journal(serve: Callable[..., Service], url: str | None) -> None:
    """Each returns the runs of the other; when one dies, the other detects and resumes its runs."""
    shared = {"SLOW": "0.1"} | ({"MARSAM_JOURNAL": url} if url else {})
    first = serve(**shared)
    second = Service(first.folder, **shared)
    try:
        with (
            httpx.Client(base_url=first.url, timeout=20) as one,
            httpx.Client(base_url=second.url, timeout=20) as other,
        ):
            run = post_run(one, prompt="a cat", pictures=4, seed=1, check=False).json()["id"]
            while len(other.get(f"/v1/runs/{run}").json()["pictures"]) < 1:
                time.sleep(0.05)
            assert other.post(f"/v1/runs/{run}/resume").status_code == 404  # it is being done
            first.kill()
            until = time.monotonic() + 45
            while other.get(f"/v1/runs/{run}").json()["state"] != "interrupted":
                assert time.monotonic() < until
                time.sleep(0.5)
            assert other.post(f"/v1/runs/{run}/resume").status_code == 202
            result = wait_for_end(other, run)
            assert result["state"] == "finished"
            assert len(result["pictures"]) == 4
    finally:
        second.stop()


def test_a_lost_database_is_a_journal_error(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(postgres)
    journal = Journal(tmp_path, url=postgres)
    run = journal.insert(NewRun(client="amal", prompt="x")).id
    journal.cancel_requests()
    connect = sa.Engine.connect
    with monkeypatch.context() as gone:

        def refused(_engine: sa.Engine) -> sa.Connection:
            raise sa.exc.OperationalError("connect", {}, OSError("refused"))

        def lost(_lock: PostgresOwnerLock, held: sa.Connection) -> bool:
            held.invalidate()
            return False

        gone.setattr(sa.Engine, "connect", refused)
        gone.setattr(PostgresOwnerLock, "_is_connected", lost)
        for ask in (
            journal.cancel_requests,
            journal.interrupt_orphans,
            lambda: journal.insert(NewRun(client="amal", prompt="y")),
            lambda: journal.save_text(run, (), None),
        ):
            with pytest.raises(JournalError, match="database cannot be used"):
                ask()
    assert sa.Engine.connect is connect
    assert journal.cancel_requests() == []
    journal.insert(NewRun(client="amal", prompt="y"))
    journal.close()


def test_an_invalid_database_url_is_a_journal_error(tmp_path: Path) -> None:
    for address in ("postgresql://nobody@127.0.0.1:1/x", "mystery://x", "not an address"):
        with pytest.raises(JournalError):
            Journal(tmp_path, url=address)


def test_a_missing_database_is_a_journal_error(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    secret = "postgresql://amal:secret@127.0.0.1:1/marsam"
    with pytest.raises(JournalError, match="MARSAM_JOURNAL has the right address") as result:
        Journal(tmp_path, url=secret)
    assert "secret" not in str(result.value)
    assert "journal.db" not in str(result.value)
