import os
import threading
from pathlib import Path

import pytest

from marsam.stages.loading import READ_AHEAD_BYTES, prefetch_weights


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="no posix_fadvise on this system")
def test_weights_are_prefetched_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks, because a system reads only a part of a large range that one call names."""
    size = 3 * READ_AHEAD_BYTES + 5
    (tmp_path / "model.safetensors").write_bytes(bytes(size))
    (tmp_path / "notes.txt").write_bytes(bytes(size))
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _fd, offset, length, _advice: calls.append((offset, length))
    )
    prefetch_weights(tmp_path)
    for thread in threading.enumerate():
        if thread.name == "prefetch-weights":
            thread.join()
    assert [offset for offset, _ in calls] == [
        0,
        READ_AHEAD_BYTES,
        2 * READ_AHEAD_BYTES,
        3 * READ_AHEAD_BYTES,
    ]
    assert {length for _, length in calls} == {READ_AHEAD_BYTES}
