import json
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from marsam.stages.loading import ADVISED, read_early

PROGRAM = """
import json, resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from marsam.stages.loading import give_back, keep_pages

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def held():
    return int(Path("/proc/self/statm").read_text().split()[1])

def layer():
    before = faults()
    bytearray(64 * 2**20)
    return faults() - before

if {kept}:
    keep_pages()
with ThreadPoolExecutor(1) as pool:
    layers = list(pool.map(lambda _: layer(), range(4)))
before = held()
give_back()
print(json.dumps(dict(last=layers[-1], returned=before - held())))
"""
PAGES = 64 * 2**20 // 4096


def measured(*, kept: bool) -> dict[str, int]:
    program = PROGRAM.replace("{kept}", str(kept))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    told: dict[str, int] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_program_uses_freed_memory_again_and_gives_it_back_when_done() -> None:
    kept, usual = measured(kept=True), measured(kept=False)

    assert usual["last"] > PAGES / 2  # every layer's memory is new, and filled with zeros
    assert kept["last"] < PAGES / 100
    assert kept["returned"] > PAGES / 2


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="a system that takes no advice")
def test_weights_are_read_early_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems read some of what they are advised of at once, and forget the rest."""
    size = 3 * ADVISED + 5
    (tmp_path / "model.safetensors").write_bytes(bytes(size))
    (tmp_path / "notes.txt").write_bytes(bytes(size))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _fd, at, many, _how: asked.append((at, many)))
    read_early(tmp_path)
    for thread in threading.enumerate():
        if thread.name == "read-early":
            thread.join()
    assert [at for at, _ in asked] == [0, ADVISED, 2 * ADVISED, 3 * ADVISED]
    assert {many for _, many in asked} == {ADVISED}
