"""The real classes on the bundled mini set, loaded once."""

import pytest

from marsam import Studio
from marsam.hub.catalog import MINI
from marsam.hub.locate import is_present


@pytest.fixture(scope="session")
def studio() -> Studio:
    assert all(is_present(model) for model in MINI.models), "the mini set is part of the repository"
    return Studio.load("mini")
