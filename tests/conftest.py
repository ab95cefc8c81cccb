"""Tests are marked by the folder they are in."""

from pathlib import Path

import pytest

TIERS = ("unit", "mini", "hub", "full")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        tier = item.path.relative_to(here).parts[0]
        if tier in TIERS:
            item.add_marker(getattr(pytest.mark, tier))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of this machine decides a test."""
    for name in ("MARSAM_MODELS", "MARSAM_DEVICE", "PORT"):
        monkeypatch.delenv(name, raising=False)
