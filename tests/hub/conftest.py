"""A fake hub with the standard repositories, and the library pointed at it."""

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
    """An empty cache of the hub."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def hub(
    repositories: dict[str, Files], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeHub]:
    """The hub, open, and the library made to believe in it.

    The library reads HF_ENDPOINT and HF_HOME once, when imported, so its constants are set here;
    ``test_environment.py`` goes the user's way, in a new process.
    """
    made = {name: Repository(copy.copy(files)) for name, files in repositories.items()}
    with FakeHub(made) as opened:
        point_to(opened.url, monkeypatch)
        yield opened
    close_session()


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the library ask this address."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
