import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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


FILE_PROGRAM = """
import sys
from pathlib import Path
from safetensors.torch import load_file
from marsam.cpu.allocator import release_pages

def of_files():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssFile:")[2].split()[0])

weight = load_file(sys.argv[1])["weight"]
total = weight.float().sum().item()
before = of_files()
release_pages(weight)
print(before - of_files())
assert weight.float().sum().item() == total
weight[0] = 7  # a changed page is not lost
release_pages(weight)
assert weight[0] == 7
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes pages back")
def test_pages_of_replaced_weights_are_returned(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(16 * 2**20, dtype=torch.bfloat16)}, file)
    command = [sys.executable, "-c", FILE_PROGRAM, str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0.9 * 32 * 1024
