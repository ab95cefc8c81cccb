"""``marsam batch --cluster`` on two nodes: the same files as on one, and no work done twice."""

import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import marsam.cluster
from marsam import Studio
from tests.cluster.conftest import NODE, RECORDING, Lines, begin, pid_of, until
from tests.cluster.fakes import DAMAGED, recording, speaking
from tests.helpers.commands import marsam as command
from tests.helpers.folders import make_folder

PICTURES, BAD = 30, 3
OUT = ("a.csv", "a.jsonl", "a.parquet", "a.html")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with bad files, copies, a name that is not Unicode, and an image that fails."""
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
    """The files that ``marsam batch`` writes without a cluster."""
    with monkeypatch.context() as here:
        here.setattr(Studio, "load", lambda *a, **k: recording())
        here.setenv("MARSAM_DATA", str(photos.parent / "alone-data"))
        here.setenv("MARSAM_TEST_RECORD", os.devnull)
        Path("alone").mkdir()
        assert batch(*(f"alone/{name}" for name in OUT)) == 1
    return photos.parent / "alone"


@pytest.fixture
def far(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the cluster; batches use the plan of the fakes."""
    machines = partial(marsam.cluster.batch_cluster, plan=RECORDING)
    monkeypatch.setattr(marsam.cluster, "batch_cluster", machines)
    return str(cluster.address)


def batch(*out: str, options: tuple[str, ...] = ()) -> int:
    return command("batch", "photos", *(part for name in out for part in ("--out", name)), *options)


def described(lines: Lines) -> Counter[str]:
    """Count how often each picture was captioned since the test began."""
    return Counter(row[1] for row in lines("described"))


def test_lost_workers_and_machines_do_not_change_the_files(
    cluster: Any,
    photos: Path,
    alone: Path,
    far: str,
    lines: Lines,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed, resumed while a worker and a machine are lost, then run again."""
    options = ("--cluster", far, "--sidecar", "txt", "--json")
    Path("far").mkdir()
    files = [f"far/{name}" for name in OUT]
    capsys.readouterr()
    losses: list[tuple[int, set[str]]] = []

    def lose(something: Callable[[], None]) -> None:
        before = cached(photos)
        losses.append((described(lines).total(), before))
        something()

    with begin(far, files[0]) as process:
        until(lambda: len(cached(photos)) >= 4)
        lose(process.kill)
        assert process.wait() == -signal.SIGKILL

    def lose_others() -> None:
        (begun, before), *_ = losses
        worker = pid_of(until(lambda: lines("described")[begun + 2 :])[0])
        lose(partial(os.kill, worker, signal.SIGKILL))
        until(lambda: len(cached(photos)) >= len(before) + 6)
        machine = next(iter(cluster.worker_nodes))
        lose(partial(cluster.remove_node, machine, allow_graceful=False))

    try:
        with ThreadPoolExecutor(1) as pool:
            others = pool.submit(lose_others)
            assert batch(*files, options=options) == 1
            others.result()
    finally:
        cluster.add_node(**NODE)
    for name in OUT:
        assert Path(f"far/{name}").read_bytes() == (alone / name).read_bytes(), name
    assert sum(1 for _ in photos.rglob("*.txt")) == PICTURES - BAD + 1
    (document,) = capsys.readouterr().out.splitlines()
    assert json.loads(document)["described"] == PICTURES - BAD + 1
    # What was in the cache before a loss is not captioned again; the second run captions nothing.
    # But results on their way at a loss may both arrive and be computed again.
    assert len(described(lines)) == PICTURES - BAD
    captioned = [background for _, background, _ in lines("described")]
    in_flight: set[str] = set()
    for begun, before in losses:
        assert before - in_flight
        assert not (before - in_flight) & set(captioned[begun:])
        in_flight |= set(captioned[:begun]) - before
    asked = described(lines)
    assert batch("again.csv", options=options) == 1
    assert Path("again.csv").read_bytes() == (alone / "a.csv").read_bytes()
    assert described(lines) == asked


def cached(photos: Path) -> set[str]:
    """The images whose captions are in the cache."""
    file = photos.parent / "data" / "captions.db"
    if not file.exists():
        return set()
    with closing(sqlite3.connect(file, timeout=30)) as database:
        try:
            rows = database.execute("SELECT text FROM results WHERE text LIKE 'a picture on %'")
            return {text.removeprefix("a picture on ") for (text,) in rows}
        except sqlite3.OperationalError:  # the tables do not exist yet
            return set()


def test_the_captioners_own_arabic_is_the_same_as_on_one_machine(
    cluster: Any, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = RECORDING.model_copy(update={"studio": "tests.cluster.fakes:speaking"})
    machines = partial(marsam.cluster.batch_cluster, plan=plan)
    monkeypatch.setattr(marsam.cluster, "batch_cluster", machines)
    monkeypatch.setattr(Studio, "load", lambda *a, **k: speaking())
    with monkeypatch.context() as here:
        here.setenv("MARSAM_DATA", str(photos.parent / "alone-data"))
        here.setenv("MARSAM_TEST_RECORD", os.devnull)
        assert batch("alone.jsonl", options=("--arabic", "both")) == 1
    far = ("--arabic", "both", "--cluster", str(cluster.address))
    assert batch("far.jsonl", options=far) == 1
    alone, found = Path("alone.jsonl").read_bytes(), Path("far.jsonl").read_bytes()
    assert found == alone
    assert found.count("قطة تجلس أمام خلفية زرقاء".encode()) > PICTURES // 2
