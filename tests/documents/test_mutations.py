"""Damaged documents end with a result or a sentence, soon, and nothing is half written."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from marsam.batch.cache import BatchContext, ResultCache, models_of
from marsam.batch.engine import LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.documents.check import LONG_ALT_TEXT
from marsam.documents.fill import DocumentLanguage, FillOptions, Overwrite
from marsam.documents.filler import DocumentFiller
from marsam.documents.formats import read_document
from marsam.documents.output import outputs_for
from marsam.documents.report import check_document
from marsam.options import BatchOptions
from marsam.testing import fake_studio
from tests.conftest import Figure
from tests.documents.conftest import Corpus, files
from tests.documents.mutations import mutated

STRESS = bool(os.environ.get("MARSAM_STRESS"))
SEED = int(os.environ.get("MARSAM_SEED", "1"))
COUNT = int(os.environ.get("MARSAM_MUTATED", "10000" if STRESS else "300"))
MAX_SECONDS = 5
"""Of the processor, whatever else it does."""
SUFFIXES = (".docx", ".docm", ".pptx", ".odt", ".odp", ".epub", ".html", ".xhtml", ".md")
OPTIONS = FillOptions(language=DocumentLanguage.BOTH, overwrite=Overwrite.BAD)


@pytest.fixture
def filler(tmp_path: Path) -> Iterator[DocumentFiller]:
    """Fills documents with the test doubles."""
    studio, options = fake_studio(), BatchOptions()
    with closing(ResultCache(tmp_path / "captions.db")) as cache:
        context = BatchContext(cache=cache, options=options, models=models_of(studio))
        pipeline = BatchPipeline(
            engine=LocalEngine(studio=studio, context=context),
            context=context,
            painter=studio.painter,
            folder=tmp_path,
            pictures_folder=tmp_path,
        )
        yield DocumentFiller(pipeline=pipeline, options=OPTIONS)


def seeds(corpus: Corpus) -> dict[str, list[Path]]:
    """The documents to damage, by suffix: pages and texts with their pictures, and packages."""
    found: dict[str, list[Path]] = {suffix: [] for suffix in SUFFIXES}
    for path in [*corpus, *sorted(corpus.folder.rglob("*.md"))]:
        if path.suffix in found and path.stat().st_size < 200_000:
            found[path.suffix].append(path)
    return {suffix: paths for suffix, paths in found.items() if paths}


def test_damaged_documents(
    corpus: Corpus, filler: DocumentFiller, tmp_path: Path, figure: Figure
) -> None:
    by_suffix, outcomes = seeds(corpus), Counter[str]()
    slowest, slowest_number = 0.0, 0
    out = tmp_path / "out"
    for number in range(COUNT):
        rng = random.Random(f"{SEED} {number}")
        original = rng.choice(by_suffix[rng.choice([*by_suffix])])
        data = mutated(original.read_bytes(), rng)
        path = original.with_name(f"mutated{original.suffix}")  # beside its pictures
        path.write_bytes(data)
        started = time.process_time()
        try:
            outcome = _check_and_fill(path, data, filler, out)
        except Exception as error:
            raise AssertionError(f"seed {SEED}, document {number}, {original}") from error
        finally:
            path.unlink()
        seconds = time.process_time() - started
        if seconds > slowest:
            slowest, slowest_number = seconds, number
        assert seconds < MAX_SECONDS, f"seed {SEED}, document {number}, {original}"
        outcomes[outcome] += 1
    figure(
        f"{COUNT} damaged documents ({', '.join(by_suffix)}), seed {SEED}: {dict(outcomes)}, "
        f"crashes 0, slowest {slowest:.2f} s (number {slowest_number})"
    )
    assert outcomes["filled"] > COUNT // 20
    assert outcomes["refused"] > COUNT // 20


def _check_and_fill(path: Path, data: bytes, filler: DocumentFiller, out: Path) -> str:
    """Check, fill and write a document as ``marsam alt`` does; what came of it."""
    check = check_document(path, root=None, max_characters=LONG_ALT_TEXT)
    (filled,) = filler.fill([path])
    assert path.read_bytes() == data
    if filled.error is not None:
        assert filled.error.en
        assert not files(out) if out.exists() else True
        return "refused" if check.error else "cannot be written"
    assert check.error is None
    target = outputs_for([path], out).write(path, filled.data)
    assert target is not None
    assert [*files(out).values()] == [target]
    after = target.read_bytes()
    target.unlink()
    if filled.data is None:
        assert after == data
        return "nothing to fill"
    _check_filled(path, data, after, filler)
    return "filled"


def _check_filled(path: Path, before: bytes, after: bytes, filler: DocumentFiller) -> None:
    """The filled document has the same images, and filling it again changes nothing."""
    old, new = (
        [replace(one, alt=None, decorative=False) for one in read_document(data, path=path).images]
        for data in (before, after)
    )
    assert new == old
    path.write_bytes(after)
    try:
        (again,) = filler.fill([path])
        assert again.error is None
        assert again.data is None
    finally:
        path.write_bytes(before)
