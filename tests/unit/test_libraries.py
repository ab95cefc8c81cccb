import json
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from marsam.libraries import ADVISED, computing, read_early

PROGRAM = """
import json, resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from marsam.libraries import give_back, keep_pages

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


HELPERS = """
import threading
from pathlib import Path
import torch
from marsam.libraries import computing

torch.set_num_threads(3)
def threads():
    return len(list(Path("/proc/self/task").iterdir()))
def compute():
    return torch.ones(2**20).add(1)
before = threads()
with computing():
    compute()
    during = threads()
print(before, during, threads())
with computing():
    print(float(compute().sum()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which threads there are")
def test_the_helpers_of_a_thread_that_computed_are_let_go() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELPERS], capture_output=True, check=True, text=True
    )
    before, during, after, total = done.stdout.split()
    if int(during) != int(before) + 2:
        pytest.skip("torch computes with another OpenMP here")
    assert after == before
    assert float(total) == 2**21  # and it computes as before, with new ones


def test_what_goes_wrong_while_computing_is_told() -> None:
    with pytest.raises(ValueError, match="wrong"), computing():
        raise ValueError("wrong")
