"""Who computes: several threads by themselves, one for a small model, and as before afterwards."""

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

from marsam.cpu.threads import SMALL, share_out, threads_for


@pytest.fixture(autouse=True)
def several() -> Iterator[None]:
    """Three threads, however many processors there are."""
    torch.get_num_threads()
    with threadpool_limits(3, user_api="openmp"):
        if torch.get_num_threads() != 3:
            pytest.skip("this build of torch computes without OpenMP")
        yield


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
def test_each_item_is_worked_on_once_by_a_thread_that_computes_alone(count: int) -> None:
    done = torch.zeros(count)
    computing: list[int] = []
    together = threading.Barrier(min(count, 3))

    def work(items: Sequence[int]) -> None:
        for item in items:
            done[item] += 1
        computing.append(torch.get_num_threads())
        together.wait(60)

    share_out(work, range(count))
    assert done.tolist() == [1] * count
    if count > 1:
        assert computing == [1] * min(count, 3)
    assert torch.get_num_threads() == 3


def test_an_error_in_a_thread_is_everybody_s() -> None:
    def work(items: Sequence[int]) -> None:
        if 2 in items:
            raise MemoryError("too large")

    with pytest.raises(MemoryError, match="too large"):
        share_out(work, range(3))


@pytest.mark.parametrize(("size", "threads"), [(SMALL, 1), (SMALL + 1, 3)])
def test_only_small_models_are_computed_by_one_thread(
    size: int, threads: int, tmp_path: Path
) -> None:
    part = tmp_path / "unet"
    part.mkdir()
    os.truncate(part / _made(part, "model.safetensors"), size)
    os.truncate(part / _made(part, "notes.txt"), 2 * SMALL)
    with threads_for(tmp_path):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 3


def test_a_thread_that_torch_has_not_seen_stays_alone(tmp_path: Path) -> None:
    """Torch sets how many a new one has when it is first asked, to what it once was told."""
    code = f"""
        import threading, torch
        from pathlib import Path
        from marsam.cpu.threads import threads_for

        def work():
            with threads_for(Path({str(tmp_path)!r})):
                print(torch.get_num_threads())

        torch.set_num_threads(3)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert told.stdout == "1\n"


def _made(folder: Path, name: str) -> str:
    (folder / name).touch()
    return name
