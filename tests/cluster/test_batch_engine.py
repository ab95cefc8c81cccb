"""ClusterEngine and its actors, in this process and without Ray."""

import hashlib
import os
import platform
import queue
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from marsam.batch.cache import BatchContext, ResultCache, ScannedFile, models_of
from marsam.batch.discovery import find_images
from marsam.batch.engine import Engine, LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.batch.rows import Row
from marsam.cluster import ClusterError, Plan, StageResources
from marsam.cluster.batch_engine import ClusterEngine
from marsam.errors import Cancelled
from marsam.imaging.metadata import save_input_image
from marsam.options import ArabicCaption, BatchOptions, CaptionOptions
from marsam.testing import fake_studio
from tests.cluster.fakes import RECORD, speaking
from tests.helpers.folders import make_folder

PLAN = Plan(studio="marsam.testing:fake_studio", captioner=StageResources(max_batch_size=3))


class Data:
    """The part of a Ray dataset that is used."""

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
    """Replace Ray Data."""
    from marsam.cluster.batch_workers import pack, unpack

    def dataset(items: Sequence[Any], few: int, stages: Callable[[Any], Any]) -> Any:
        blocks = [pack(items[first : first + few]) for first in range(0, len(items), few)]
        return stages(Data(blocks))

    fake = SimpleNamespace(
        dataset=dataset,
        actor_pool=lambda resources, calls: {},
        blocks_of=lambda data: map(unpack, data.blocks),
    )
    monkeypatch.setitem(sys.modules, "marsam.cluster.ray_data", fake)
    return fake


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = make_folder(Path("photos"), 12, bad=0.25)
    Path("photos/copy.png").write_bytes(made[1].read_bytes())
    image = Image.effect_noise((90, 60), 80).convert("RGB")
    for name, texts in (("en", {"eng_Latn": "Mishmish"}), ("ar", {"arb_Arab": "مشمش"})):
        image.info["alt_texts"] = texts
        save_input_image(image, Path(f"photos/{name}.png"))
        image = image.rotate(180)
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
        pictures_folder=Path("album"),
    ).rows(find_images(Path("photos")))


def test_cluster_rows_equal_local_rows(photos: Path, datasets: SimpleNamespace) -> None:
    here, far = context("here"), context("far")
    alone = list(rows(LocalEngine(studio=fake_studio(), context=here), here))
    assert len(alone) == 15
    kept = {row.path: row for row in alone if "alt_text_kept" in row.warnings}
    assert kept["en.png"].texts["fra_Latn"] == "[fra_Latn] Mishmish"
    assert kept["ar.png"].texts["arb_Arab"] == "مشمش"
    assert list(rows(ClusterEngine(plan=PLAN, context=far), far)) == alone
    # Cached results need no cluster.
    datasets.dataset = None
    for path in photos.rglob("*.png"):
        if not path.read_bytes().endswith(b"IEND\xaeB`\x82"):
            path.unlink()
    again = [row for row in alone if not row.error]
    assert list(rows(ClusterEngine(plan=PLAN, context=far), far)) == again


@pytest.mark.parametrize("arabic", [ArabicCaption.BOTH, ArabicCaption.NATIVE])
def test_arabic_captions_of_the_captioner_equal_local_ones(
    photos: Path,
    datasets: SimpleNamespace,
    arabic: ArabicCaption,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    asked = tmp_path / "asked"
    monkeypatch.setenv(RECORD, os.devnull)
    plan = Plan(studio="tests.cluster.fakes:speaking", captioner=PLAN.captioner)
    options = BatchOptions(languages=("arb_Arab",), caption=CaptionOptions(arabic=arabic))
    here, far = context("here", options=options), context("far", options=options)
    alone = list(rows(LocalEngine(studio=speaking(), context=here), here))
    native = [row for row in alone if row.native]
    assert {row.path: row.agreement for row in native if row.agreement != 0.9375} == {"en.png": 0.0}
    assert not {"ar.png"} & {row.path for row in native}  # a person's words stand there
    assert len(native) == len([row for row in alone if not row.error]) - 1

    # English captions alone first: then the captioner is asked in Arabic only.
    monkeypatch.setenv(RECORD, str(asked))
    english = replace(options, caption=CaptionOptions())
    first = replace(far, options=english)
    list(rows(ClusterEngine(plan=plan, context=first), first))
    assert list(rows(ClusterEngine(plan=plan, context=far), far)) == alone
    lines = [line.split("\t")[1:3] for line in asked.read_text().splitlines()]
    questions = Counter(map(tuple, lines))
    assert set(questions.values()) == {1}
    # The alt texts that two images carry need no caption in that language.
    assert Counter(code for _, code in questions) == {"eng_Latn": 10, "arb_Arab": 10}

    # A batch that was killed before the native captions were translated back does only that.
    with closing(sqlite3.connect("far.db")) as database:
        key = far.translation_key(native[0].native or "", "eng_Latn", "arb_Arab")
        assert database.execute("DELETE FROM results WHERE key=?", (key,)).rowcount == 1
        database.commit()
    assert list(rows(ClusterEngine(plan=plan, context=far), far)) == alone
    assert len(asked.read_text().splitlines()) == len(lines)


def test_reviewed_text_is_kept_and_a_new_language_needs_no_captions(
    photos: Path, datasets: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marsam.cluster.batch_workers import CaptionerActor

    first = context("far", options=BatchOptions(languages=()))
    drafts = list(rows(ClusterEngine(plan=PLAN, context=first), first))
    draft = next(row for row in drafts if not row.error)
    texts = {"eng_Latn": "a tom cat", "arb_Arab": "قط"}
    read = replace(draft, texts=texts, reviewed=True)
    monkeypatch.setattr(CaptionerActor, "_process", None)
    then = context("far", kept={read.sha256: read})
    again = {row.path: row for row in rows(ClusterEngine(plan=PLAN, context=then), then)}
    assert again.pop(read.path) == replace(
        read, texts={**texts, "fra_Latn": "[fra_Latn] a tom cat"}
    )
    results = [row.texts["fra_Latn"] for row in again.values() if row.state == "draft"]
    assert set(results) == {"[fra_Latn] a cat on a blue background", "[fra_Latn] Mishmish"}


def test_a_folder_that_a_machine_cannot_read_is_an_error(
    photos: Path, datasets: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from marsam.cluster import batch_workers

    here = context("here")
    scan = batch_workers._scan

    def elsewhere(path: Path) -> ScannedFile:
        """Scan as a machine without this folder does."""
        return replace(scan(Path("/elsewhere") / path.name), path=path)

    monkeypatch.setattr(batch_workers, "_scan", elsewhere)
    with pytest.raises(ClusterError, match=f"The machine {platform.node()} cannot read"):
        list(rows(ClusterEngine(plan=PLAN, context=here), here))


def test_an_image_that_changes_during_the_batch_gets_no_old_caption(
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
    found = {row.path: row for row in rows(ClusterEngine(plan=PLAN, context=here), here)}
    assert "changed during the batch; run the same command again" in found["0/picture 7.png"].error
    assert found["copy.png"].english
    assert here.english(before) is None
    datasets.dataset = dataset
    found = {row.path: row for row in rows(ClusterEngine(plan=PLAN, context=here), here)}
    assert (found["0/picture 7.png"].width, found["0/picture 7.png"].error) == (20, "")


def test_machines_with_other_models_are_refused(photos: Path, datasets: SimpleNamespace) -> None:
    here = context("here", models={"captioner": "another@1", "translator": "fake-translator"})
    with pytest.raises(ClusterError, match="give all machines the same models"):
        list(rows(ClusterEngine(plan=PLAN, context=here), here))


def test_missing_results_are_an_error(photos: Path, datasets: SimpleNamespace) -> None:
    here, received = context("here"), datasets.blocks_of

    def scans_only(data: Data) -> Any:
        datasets.blocks_of = lambda data: iter(())
        return received(data)

    datasets.blocks_of = scans_only
    with pytest.raises(ClusterError, match="run the same command again"):
        list(rows(ClusterEngine(plan=PLAN, context=here), here))


def test_stop_ends_every_wait(photos: Path, datasets: SimpleNamespace) -> None:
    here = context("here")
    engine = ClusterEngine(plan=PLAN, context=here)
    never: queue.Queue[list[Any]] = queue.Queue()

    def silent(data: Data) -> Iterator[list[Any]]:
        engine.stop()  # as Ctrl-C does while another thread waits
        yield never.get()

    datasets.blocks_of = silent
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
def test_a_batch_plan_uses_the_whole_cluster(
    machines: list[dict[str, float]],
    captioners: tuple[float, float, int],
    translators: tuple[float, float, int],
) -> None:
    plan = Plan.for_batch("mini", None, machines)
    for share, size in ((plan.captioner, captioners), (plan.translator, translators)):
        assert (share.cpus, share.gpus, share.max_replicas) == size
