"""The start of ``marsam studio``: the page answers first, then the models are loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from marsam.errors import ModelMissing
from marsam.server.app import serve
from marsam.server.options import ServerOptions
from tests.helpers.serving import free_port

PROGRAM = """
import sys
import httpx
from marsam.errors import ModelDamaged
from marsam.server.app import serve
from marsam.server.options import ServerOptions
from marsam.studio import Studio

port = int(sys.argv[1])

def load(*_, **__):
    answer = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=60)
    print(answer.status_code, "Marsam" in answer.text)
    raise ModelDamaged("The model is damaged.")

Studio.load = load
try:
    serve(ServerOptions(api=False, port=port, models="mini"))
except ModelDamaged as error:
    print(error)
"""


def test_the_page_answers_before_the_models_are_loaded_whose_error_ends_it() -> None:
    port = free_port()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(port)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        f"Marsam: http://127.0.0.1:{port}",
        "200 True",
        "The model is damaged.",
    ]
    assert done.stderr == ""


def test_models_that_are_not_here_are_refused_before_the_server_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing, match="marsam models pull standard"):
        serve(ServerOptions(api=False, port=free_port(), models="standard"))
    assert capsys.readouterr().out == ""
