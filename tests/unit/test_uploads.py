"""What each client may upload in a day."""

import asyncio
from pathlib import Path

import pytest

from marsam.imaging.image_io import MAX_BYTES
from marsam.ui import uploads
from marsam.ui.uploads import (
    DAY_S,
    MAX_CLIENTS,
    UPLOAD_BYTES_PER_DAY,
    UPLOADS_PER_DAY,
    Allowances,
    Refused,
    Uploads,
)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(uploads, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("size", "most"),
    [(1000, UPLOADS_PER_DAY), (MAX_BYTES, UPLOAD_BYTES_PER_DAY // MAX_BYTES)],
    ids=["number", "bytes"],
)
def test_what_was_used_comes_back_evenly(clock: Clock, size: int, most: int) -> None:
    allowances = Allowances()
    for _ in range(most):
        allowances.require("key")
        allowances.use("key", size)
    with pytest.raises(Refused) as refused:
        allowances.require("key")
    assert refused.value.status == 429
    assert refused.value.seconds == pytest.approx(DAY_S / most, rel=0.01)
    allowances.require("another key")
    clock.now += refused.value.seconds + 1
    allowances.require("key")
    allowances.use("key", size)
    with pytest.raises(Refused):
        allowances.require("key")
    clock.now += DAY_S
    for _ in range(most):
        allowances.require("key")
        allowances.use("key", size)


def test_clients_that_are_counted_are_bounded(clock: Clock) -> None:
    allowances = Allowances()
    for i in range(MAX_CLIENTS + 100):
        allowances.use(f"address:{i}", 1)
    assert len(allowances._used) == MAX_CLIENTS


def test_no_upload_fills_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def gradio(*_: object) -> None:
        raise AssertionError("it is refused before")

    monkeypatch.setattr(uploads, "MIN_FREE_BYTES", 10**18)
    with pytest.raises(Refused) as refused:
        asyncio.run(Uploads(gradio, tmp_path).receive_file("key", {}, gradio, gradio))  # type: ignore[arg-type]
    assert refused.value.status == 507
    assert refused.value.message.ar
