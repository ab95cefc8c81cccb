"""The first page, asked as a program asks it, with the real models behind."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

EXAMPLES = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """The studio as a user starts it, in a process of its own, and a client of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "marsam.cli", "studio", "--port", str(port), "--models", "mini"],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, "the studio ended by itself"
                time.sleep(0.25)
        client = Client(address, verbose=False)
        yield client
        client.close()
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_results_appear_stage_by_stage(client: Client) -> None:
    job = client.submit(handle_file(EXAMPLES / "cat.png"), 2, api_name="/run")
    english, arabic, status, gallery = job.result(timeout=120)
    assert english == "a cat on a blue background"
    assert arabic == "قطة على خلفية زرقاء"
    assert status.startswith("Done. · تم.")
    assert len(gallery) == 2
    assert all(Path(shown["image"]).suffix == ".png" for shown in gallery)
    seen = [(bool(e), bool(a), len(g)) for e, a, _, g in job.outputs()]
    for stage in [(True, False, 0), (True, True, 0), (True, True, 1), (True, True, 2)]:
        assert stage in seen


def test_no_picture_is_one_sentence(client: Client) -> None:
    with pytest.raises(Exception, match="Choose a picture first"):
        client.predict(None, 2, api_name="/run")


def test_a_bad_picture_is_one_sentence(client: Client, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes((EXAMPLES / "sea.png").read_bytes()[:3000])
    with pytest.raises(Exception, match="damaged") as caught:
        client.predict(handle_file(bad), 1, api_name="/run")
    assert "Traceback" not in str(caught.value)
