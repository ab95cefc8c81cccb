import os
import threading
from pathlib import Path

import pytest

from marsam.stages.loading import READ_AHEAD_BYTES, prefetch_weights


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="a system that takes no advice")
def test_weights_are_prefetched_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems read some of what they are advised of at once, and forget the rest."""
    size = 3 * READ_AHEAD_BYTES + 5
    (tmp_path / "model.safetensors").write_bytes(bytes(size))
    (tmp_path / "notes.txt").write_bytes(bytes(size))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _fd, at, many, _how: asked.append((at, many)))
    prefetch_weights(tmp_path)
    for thread in threading.enumerate():
        if thread.name == "prefetch-weights":
            thread.join()
    assert [at for at, _ in asked] == [
        0,
        READ_AHEAD_BYTES,
        2 * READ_AHEAD_BYTES,
        3 * READ_AHEAD_BYTES,
    ]
    assert {many for _, many in asked} == {READ_AHEAD_BYTES}
