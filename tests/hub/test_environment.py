"""Configuration by environment variables alone, in a new process."""

import os
import subprocess
import sys
from pathlib import Path

from .fake_hub import FakeHub
from .tiny_models import BLIP

PULL = """
import sys
from marsam.errors import MarsamError
from marsam.hub.download import pull
try:
    print(pull(sys.argv[1]))
except MarsamError as error:
    print(f"{type(error).__name__}: {error}")
assert "torch" not in sys.modules
"""


def _pull(hub: FakeHub, home: Path, **more: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PULL, BLIP],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_environment_variables_set_the_endpoint_and_the_cache(hub: FakeHub, tmp_path: Path) -> None:
    offline = _pull(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert offline.startswith("HubUnreachable: ")
    assert not hub.requests

    folder = Path(_pull(hub, tmp_path))
    assert folder.is_relative_to(tmp_path)
    assert "model.safetensors" in hub.downloaded(BLIP)

    hub.close()
    assert Path(_pull(hub, tmp_path)) == folder
    assert Path(_pull(hub, tmp_path, HF_HUB_OFFLINE="1")) == folder
