"""What the journal's rows say: a run as it was kept, and where its files are."""

from collections.abc import Iterable
from typing import Any

from marsam.journal.file_store import RunFileStore, StoredFile
from marsam.journal.records import Run, RunFailure, StoredPicture
from marsam.options import RunOptions
from marsam.results import Caption, Prompt
from marsam.text.fidelity import Fidelity

SOURCE = "source.png"
"""The picture that a run began with."""


def file_of(run: str, seed: int, store: RunFileStore) -> StoredFile:
    """The file of a picture that was painted."""
    return store.file(run, f"marsam-{seed}.png")


def run_of(row: Any, painted: Iterable[Any], store: RunFileStore) -> Run:
    """A row of ``runs``, with its rows of ``pictures`` in their order."""
    return Run(
        id=row.id,
        visitor=row.visitor,
        created=row.created,
        state=row.state,
        file=store.file(row.id, SOURCE) if row.source else None,
        captions=tuple(Caption.from_dict(data) for data in row.captions),
        prompt=Prompt.from_dict(row.prompt) if row.prompt else None,
        options=RunOptions.from_dict(row.options) if row.options else None,
        asked=row.asked,
        error=RunFailure(**row.error) if row.error else None,
        seconds=row.seconds or {},
        models=row.models or {},
        digest=row.digest,
        pictures=tuple(
            StoredPicture(
                index=p.place,
                seed=p.seed,
                file=None if p.blocked else file_of(row.id, p.seed, store),
                fidelity=Fidelity.from_dict(p.fidelity) if p.fidelity else None,
                seconds=p.seconds,
            )
            for p in painted
        ),
    )
