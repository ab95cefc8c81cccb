import json
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from marsam.cpu.allocator import retain_freed_memory, trim_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident_pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

def layer():
    before = faults()
    bytearray(64 * 2**20)
    return faults() - before

if {retain}:
    retain_freed_memory()
with ThreadPoolExecutor(1) as pool:
    layers = list(pool.map(lambda _: layer(), range(4)))
before = resident_pages()
trim_memory()
print(json.dumps(dict(last=layers[-1], returned=before - resident_pages())))
"""
PAGES = 64 * 2**20 // 4096


def measured(*, retain: bool) -> dict[str, int]:
    program = PROGRAM.replace("{retain}", str(retain))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    result: dict[str, int] = json.loads(done.stdout)
    return result


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_reused_until_it_is_trimmed() -> None:
    retained, default = measured(retain=True), measured(retain=False)

    assert default["last"] > PAGES / 2  # new pages for each layer, filled with zeros
    assert retained["last"] < PAGES / 100
    assert retained["returned"] > PAGES / 2
