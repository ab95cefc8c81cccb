"""``marsam batch --cluster`` on two nodes: the same files as alone, and nothing done twice."""

import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import marsam.cluster
from marsam import Studio
from marsam.batch.rows import Row
from marsam.batch.tables import CsvWriter, read_rows
from tests.cluster.conftest import NODE, TELLING, Lines, begin, pid_of, until
from tests.cluster.fakes import DAMAGED, telling
from tests.commands import marsam as command
from tests.folders import make_folder

PICTURES, BAD = 30, 3
OUT = ("a.csv", "a.jsonl", "a.parquet", "a.html")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with bad files, copies, a name that is no Unicode, and one nobody can describe."""
    monkeypatch.chdir(tmp_path)
    made = make_folder(tmp_path / "photos", PICTURES, bad=BAD / PICTURES)
    good = [path for path in made if _is_picture(path)]
    (tmp_path / "photos" / "copy.png").write_bytes(good[0].read_bytes())
    os.link(good[1], os.fsencode(tmp_path / "photos") + b"/\xff.png")
    Image.new("RGB", DAMAGED).save(tmp_path / "photos" / "refused.png")
    return tmp_path / "photos"


def _is_picture(path: Path) -> bool:
    return path.read_bytes().endswith(b"IEND\xaeB`\x82")


@pytest.fixture
def alone(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``marsam batch`` makes of the folder without a cluster."""
    with monkeypatch.context() as here:
        here.setattr(Studio, "load", lambda *a, **k: telling())
        here.setenv("MARSAM_DATA", str(photos.parent / "alone-data"))
        here.setenv("MARSAM_TEST_RECORD", os.devnull)
        assert batch(*(f"alone/{name}" for name in OUT)) == 1
    return photos.parent / "alone"


@pytest.fixture
def far(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the cluster, where batches have the fakes' plan."""
    machines = partial(marsam.cluster.cluster_machines, plan=TELLING)
    monkeypatch.setattr(marsam.cluster, "cluster_machines", machines)
    return str(cluster.address)


def batch(*out: str, options: tuple[str, ...] = ()) -> int:
    return command("batch", "photos", *(part for name in out for part in ("--out", name)), *options)


def described(lines: Lines) -> Counter[str]:
    """How often each picture was described since the test began."""
    return Counter(row[1] for row in lines("described"))


def test_the_files_are_those_of_one_machine_and_nothing_is_done_twice(
    photos: Path, alone: Path, far: str, lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ("--cluster", far)
    files = [f"far/{name}" for name in OUT]
    assert batch(*files, options=(*there, "--sidecar", "txt", "--json")) == 1
    assert capsys.readouterr().out.count("\n") == 1
    for name in OUT:
        assert Path(f"far/{name}").read_bytes() == (alone / name).read_bytes(), name
    assert sum(1 for _ in photos.rglob("*.txt")) == PICTURES - BAD + 2
    asked = described(lines)
    assert len(asked) == PICTURES - BAD
    assert set(asked.values()) == {1}
    assert len({pid_of(row) for row in lines("described")}) == 2
    # What a person wrote stays; another language needs no captioner.
    rows = list(read_rows(Path("far/a.csv")))
    good = next(number for number, row in enumerate(rows) if not row.error)
    texts = {"eng_Latn": "a tom cat", "arb_Arab": "قط"}
    rows[good] = replace(rows[good], texts=texts, reviewed=True)
    _write(Path("far/a.csv"), rows)
    assert batch(*files, options=(*there, "--to", "fr")) == 1
    again = list(read_rows(Path("far/a.csv")))
    assert dict(again[good].texts) == {**texts, "fra_Latn": "[fra_Latn] a tom cat"}
    assert again[-2].texts["fra_Latn"] == f"[fra_Latn] {again[-2].english}"
    assert [row.error for row in again] == [row.error for row in rows]
    assert described(lines) == asked


def _write(path: Path, rows: list[Row]) -> None:
    writer = CsvWriter(path, ["eng_Latn", "arb_Arab"])
    for row in rows:
        writer.write(row)
    writer.close()


def test_killed_it_goes_on_where_it_was(photos: Path, alone: Path, far: str, lines: Lines) -> None:
    with begin(far, "killed.csv") as process:
        until(lambda: kept(photos) >= 6)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    before = kept(photos)
    assert 6 <= before < PICTURES - BAD
    asked = described(lines)
    assert batch("killed.csv", options=("--cluster", far)) == 1
    assert Path("killed.csv").read_bytes() == (alone / "a.csv").read_bytes()
    # Only what had been begun and had not come back is done again.
    assert sum(described(lines).values()) - PICTURES + BAD <= sum(asked.values()) - before


def test_a_lost_worker_and_a_lost_machine_cost_what_they_were_at(
    cluster: Any, photos: Path, alone: Path, far: str, lines: Lines
) -> None:
    with begin(far, "lost.csv") as process:
        first = until(lambda: lines("described"))[0]
        os.kill(pid_of(first), signal.SIGKILL)
        until(lambda: len(described(lines)) >= 10)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        try:
            assert process.wait(60) == 1
        finally:
            process.kill()
            cluster.add_node(**NODE)
    assert Path("lost.csv").read_bytes() == (alone / "a.csv").read_bytes()
    asked = described(lines)
    assert len(asked) == PICTURES - BAD
    # Two captioners had two pictures in hand and two that waited, when each was lost.
    assert sum(asked.values()) <= PICTURES - BAD + 2 * 2 * 2 * 2


def kept(photos: Path) -> int:
    """How many pictures' words are on the disk."""
    file = photos.parent / "data" / "captions.db"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file, timeout=30)) as database:
        try:
            told = database.execute("SELECT count(*) FROM words WHERE text LIKE 'a picture%'")
            return int(told.fetchone()[0])
        except sqlite3.OperationalError:  # its tables are just being made
            return 0
