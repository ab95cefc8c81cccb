"""What machines do for a batch, and what becomes of it, in this process and without Ray."""

import hashlib
import platform
import queue
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from marsam.batch.cache import BatchContext, ResultCache, models_of
from marsam.batch.discovery import find_images
from marsam.batch.engine import Engine, LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.rows import Row
from marsam.cluster import ClusterError, Plan, Share
from marsam.cluster.batch_engine import ClusterEngine
from marsam.errors import Cancelled
from marsam.options import BatchOptions
from marsam.testing import fake_studio
from tests.folders import make_folder

PLAN = Plan(studio="marsam.testing:fake_studio", captioner=Share(together=3))


class Data:
    """As much of a dataset as is used."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self.blocks = blocks

    def map_batches(
        self, work: Any, *, fn_constructor_args: Sequence[Any] = (), **_: Any
    ) -> "Data":
        if isinstance(work, type):
            work = work(*fn_constructor_args)
        return Data(map(work, self.blocks))


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Takes the place of Ray Data."""
    from marsam.cluster.batch_workers import packed, unpacked

    def dataset(items: Sequence[Any], few: int, stages: Callable[[Any], Any]) -> Any:
        blocks = [packed(items[first : first + few]) for first in range(0, len(items), few)]
        return stages(Data(blocks))

    fake = SimpleNamespace(
        dataset=dataset,
        pool=lambda share, calls: {},
        received=lambda data: map(unpacked, data.blocks),
    )
    monkeypatch.setitem(sys.modules, "marsam.cluster.ray_data", fake)
    return fake


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = make_folder(Path("photos"), 12, bad=0.25)
    Path("photos/copy.png").write_bytes(made[1].read_bytes())
    return Path("photos")


def context(name: str, **changes: Any) -> BatchContext:
    return replace(
        BatchContext(
            cache=ResultCache(Path(f"{name}.db")),
            options=BatchOptions(languages=("arb_Arab", "fra_Latn")),
            models=models_of(fake_studio()),
        ),
        **changes,
    )


def rows(engine: Engine, context: BatchContext) -> Iterator[Row]:
    return BatchPipeline(
        engine=engine,
        context=context,
        painter=fake_studio().painter,
        folder=Path("photos"),
        album=Path("album"),
    ).rows(find_images(Path("photos")))


def test_the_rows_are_those_of_one_machine(photos: Path, datasets: SimpleNamespace) -> None:
    here, far = context("here"), context("far")
    alone = list(rows(LocalEngine(studio=fake_studio(), context=here), here))
    assert len(alone) == 13
    assert list(rows(ClusterEngine(plan=PLAN, context=far), far)) == alone
    # What is known asks nobody anything.
    datasets.dataset = None
    for path in photos.rglob("*.png"):
        if not path.read_bytes().endswith(b"IEND\xaeB`\x82"):
            path.unlink()
    again = [row for row in alone if not row.error]
    assert list(rows(ClusterEngine(plan=PLAN, context=far), far)) == again


def test_what_a_person_wrote_stays_and_another_language_asks_no_captioner(
    photos: Path, datasets: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marsam.cluster.batch_workers import CaptionerHand

    first = context("far", options=BatchOptions(languages=()))
    drafts = list(rows(ClusterEngine(plan=PLAN, context=first), first))
    draft = next(row for row in drafts if not row.error)
    texts = {"eng_Latn": "a tom cat", "arb_Arab": "قط"}
    read = replace(draft, texts=texts, reviewed=True)
    monkeypatch.setattr(CaptionerHand, "_done", None)
    then = context("far", reviewed={read.sha256: read})
    again = {row.path: row for row in rows(ClusterEngine(plan=PLAN, context=then), then)}
    assert again.pop(read.path) == replace(
        read, texts={**texts, "fra_Latn": "[fra_Latn] a tom cat"}
    )
    told = [row.texts["fra_Latn"] for row in again.values() if row.state == "draft"]
    assert set(told) == {"[fra_Latn] a cat on a blue background"}


def test_a_folder_that_a_machine_does_not_see_is_told(
    photos: Path, datasets: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marsam.cluster import batch_workers

    here = context("here")
    scan = batch_workers._scan

    def elsewhere(path: Path) -> batch_workers.RemoteScan:
        """As on a machine that has no such folder."""
        remote = scan(Path("/elsewhere") / path.name)
        return replace(remote, file=replace(remote.file, path=path))

    monkeypatch.setattr(batch_workers, "_scan", elsewhere)
    with pytest.raises(ClusterError, match=f"The machine {platform.node()} cannot read"):
        list(rows(ClusterEngine(plan=PLAN, context=here), here))


def test_a_picture_that_changes_meanwhile_gets_nobody_elses_words(
    photos: Path, datasets: SimpleNamespace
) -> None:
    here, dataset = context("here"), datasets.dataset
    before = hashlib.sha256((photos / "0" / "picture 7.png").read_bytes()).hexdigest()

    def later(*args: Any) -> Any:
        datasets.dataset = changing
        return dataset(*args)

    def changing(*args: Any) -> Any:
        Image.new("RGB", (20, 20)).save(photos / "0" / "picture 7.png")
        return dataset(*args)

    datasets.dataset = later
    told = {row.path: row for row in rows(ClusterEngine(plan=PLAN, context=here), here)}
    assert "changed meanwhile; run the same command again" in told["0/picture 7.png"].error
    assert told["copy.png"].english
    assert not here.has_caption(before)
    datasets.dataset = dataset
    told = {row.path: row for row in rows(ClusterEngine(plan=PLAN, context=here), here)}
    assert (told["0/picture 7.png"].width, told["0/picture 7.png"].error) == (20, "")


def test_machines_with_other_models_are_refused(photos: Path, datasets: SimpleNamespace) -> None:
    here = context("here", models={"captioner": "another@1", "translator": "fake-translator"})
    with pytest.raises(ClusterError, match="give all machines the same models"):
        list(rows(ClusterEngine(plan=PLAN, context=here), here))


def test_what_never_comes_back_is_told(photos: Path, datasets: SimpleNamespace) -> None:
    here, received = context("here"), datasets.received

    def looks_only(data: Data) -> Any:
        datasets.received = lambda data: iter(())
        return received(data)

    datasets.received = looks_only
    with pytest.raises(ClusterError, match="run the same command again"):
        list(rows(ClusterEngine(plan=PLAN, context=here), here))


def test_stopped_it_waits_for_nothing(photos: Path, datasets: SimpleNamespace) -> None:
    here = context("here")
    engine = ClusterEngine(plan=PLAN, context=here)
    never: queue.Queue[list[Any]] = queue.Queue()

    def silent(data: Data) -> Iterator[list[Any]]:
        engine.stop()  # as by Ctrl-C, when somebody waits already
        yield never.get()

    datasets.received = silent
    with pytest.raises(Cancelled):
        list(rows(engine, here))


@pytest.mark.parametrize(
    ("machines", "captioners", "translators"),
    [
        ([{"CPU": 2}], (1, 0, 1), (1, 0, 1)),
        ([{"CPU": 64}, {"CPU": 64}], (4, 0, 31), (4, 0, 31)),
        ([{"CPU": 96, "GPU": 8}] * 2, (1, 0.5, 32), (1, 0.25, 64)),
    ],
)
def test_a_folder_takes_the_whole_cluster(
    machines: list[dict[str, float]],
    captioners: tuple[float, float, int],
    translators: tuple[float, float, int],
) -> None:
    plan = Plan.for_folders("mini", None, machines)
    for share, size in ((plan.captioner, captioners), (plan.translator, translators)):
        assert (share.cpus, share.gpus, share.most) == size
