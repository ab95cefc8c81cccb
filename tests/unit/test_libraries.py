import json
import platform
import subprocess
import sys

import pytest

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
