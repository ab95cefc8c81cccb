"""How many threads compute: one per share, one for a small model, and afterwards as before."""

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from marsam.cpu.threads import SMALL_MODEL_BYTES, intra_op_threads, parallel_for


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """Three threads, however many cores there are."""
    torch.get_num_threads()
    with threadpool_limits(3, user_api="openmp"):
        if torch.get_num_threads() != 3:
            pytest.skip("this build of torch has no OpenMP")
        yield


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_parallel_for_runs_each_item_once_with_one_thread(count: int) -> None:
    done = torch.zeros(count)
    computing: list[int] = []
    together = threading.Barrier(min(count, 3))

    def work(items: Sequence[int]) -> None:
        for item in items:
            done[item] += 1
        computing.append(torch.get_num_threads())
        together.wait(60)

    parallel_for(work, range(count))
    assert done.tolist() == [1] * count
    if count > 1:
        assert computing == [1] * min(count, 3)
    assert torch.get_num_threads() == 3


def test_parallel_for_raises_the_error_of_a_thread() -> None:
    def work(items: Sequence[int]) -> None:
        if 2 in items:
            raise MemoryError("too large")

    with pytest.raises(MemoryError, match="too large"):
        parallel_for(work, range(3))


@pytest.mark.parametrize(("size", "threads"), [(SMALL_MODEL_BYTES, 1), (SMALL_MODEL_BYTES + 1, 3)])
def test_only_small_models_are_computed_by_one_thread(
    size: int, threads: int, tmp_path: Path
) -> None:
    part = tmp_path / "unet"
    part.mkdir()
    os.truncate(part / _touch(part, "model.safetensors"), size)
    os.truncate(part / _touch(part, "notes.txt"), 2 * SMALL_MODEL_BYTES)
    with intra_op_threads(tmp_path):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 3


def test_a_new_thread_computes_a_small_model_with_one_thread(tmp_path: Path) -> None:
    """Torch sets the number of a new thread when it is first asked, to that of set_num_threads."""
    code = f"""
        import threading, torch
        from pathlib import Path
        from marsam.cpu.threads import intra_op_threads

        def work():
            with intra_op_threads(Path({str(tmp_path)!r})):
                print(torch.get_num_threads())

        torch.set_num_threads(3)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def _touch(folder: Path, name: str) -> str:
    (folder / name).touch()
    return name
