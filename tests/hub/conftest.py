"""A fake hub with the standard repositories, and huggingface_hub configured to use it."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from .fake_hub import FakeHub, Repository
from .tiny_models import Files, standard_repositories


@pytest.fixture(scope="session")
def repositories() -> dict[str, Files]:
    return standard_repositories()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def hub(
    repositories: dict[str, Files], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeHub]:
    """The running fake hub, with huggingface_hub configured to use it.

    huggingface_hub reads HF_ENDPOINT and HF_HOME once, at import, so its constants are patched;
    ``test_environment.py`` sets the variables themselves, for a new process.
    """
    made = {name: Repository(copy.copy(files)) for name, files in repositories.items()}
    with FakeHub(made) as opened:
        point_to(opened.url, monkeypatch)
        yield opened
    close_session()


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch huggingface_hub to send its requests to this address."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
