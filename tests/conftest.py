"""Marks tests by their folder, finds the system programs that they need, and prints figures."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

TIERS = ("unit", "documents", "mini", "hub", "service", "cluster", "browser", "full")
Figure = Callable[[str], None]

# A machine may have other work: no example fails for the time that it takes.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    for item in items:
        tier = item.path.relative_to(root).parts[0]
        if tier in TIERS:
            item.add_marker(getattr(pytest.mark, tier))


@pytest.fixture
def exiftool() -> str:
    """The path of exiftool; skips without it, and fails where ``MARSAM_REQUIRE`` names it."""
    return program("exiftool")


def program(name: str) -> str:
    """The path of a system program; skips without it, and fails where CI requires it."""
    path = shutil.which(name)
    if path is None:
        missing(name, f"{name} is not installed")
    return path


def missing(name: str, why: str) -> NoReturn:
    """Skip a test whose requirement is missing; fail where ``MARSAM_REQUIRE`` names it."""
    if name in os.environ.get("MARSAM_REQUIRE", "").split(","):
        pytest.fail(f"required by MARSAM_REQUIRE: {why}")
    pytest.skip(why)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Isolate every test from this machine's settings."""
    for name in ("MARSAM_MODELS", "MARSAM_DEVICE", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("MARSAM_JOURNAL", raising=False)
    monkeypatch.delenv("MARSAM_KEY", raising=False)
    monkeypatch.setenv("MARSAM_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("marsam.runs.eta.timings_file", lambda: tmp_path / "estimator.json")


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Print a measurement after all tests, whether or not they passed."""
    return lambda line: request.node.user_properties.append(("figure", line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = [
        line
        for report in reports
        if report.when == "call"
        for name, line in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
    for line in figures:
        terminalreporter.line(line)
