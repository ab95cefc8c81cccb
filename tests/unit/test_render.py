"""What the page shows about the models it uses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from marsam.device import Device
from marsam.journal.journal import Journal
from marsam.runs.eta import TimeEstimator
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.testing import FakeCaptioner, FakeTranslator, fake_studio
from marsam.web import render
from marsam.web.layout import Components
from marsam.web.strings import STRINGS
from marsam.web.view import View

COMPONENTS = cast(Components, SimpleNamespace(summary="summary", about_text="about"))


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(replace(fake_studio(), models="mini"), Journal(tmp_path))
    yield scheduler
    scheduler.close()


def about(studio: Studio, tmp_path: Path) -> str:
    return str(render.about(studio, TimeEstimator(studio, tmp_path / "estimator.json")))


def test_a_model_that_replaces_one_of_the_set_has_its_own_licence(tmp_path: Path) -> None:
    studio = replace(
        fake_studio(),
        models="standard",
        captioner=FakeCaptioner(name="somebody/else"),
        translator=FakeTranslator(name="facebook/m2m100_418M"),
    )
    html = about(studio, tmp_path)
    translator = html.partition("facebook/m2m100_418M")[2].partition("</tr>")[0]
    assert ">MIT<" in translator
    assert "CC-BY-NC" not in html  # NLLB's
    captioner = html.partition("somebody/else")[2].partition("</tr>")[0]
    assert "bdi><" not in captioner.removeprefix("</bdi>")  # its licence is not known
    assert captioner.endswith("<td></td>")


def test_the_reason_for_the_device_is_in_both_languages(tmp_path: Path) -> None:
    device = Device(kind="cpu", dtype="float32", reason="no GPU here")
    html = about(replace(fake_studio(), device=device), tmp_path)
    english, arabic = html.partition('class="reason"')[2].split("</span>")[:2]
    assert "no GPU here" in english
    assert STRINGS["reason_cpu_float32"].ar in arabic


def test_downloaded_models_are_shown_without_a_restart(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded = False
    monkeypatch.setattr(render, "full_models_downloaded", lambda: downloaded)
    view = View(COMPONENTS, scheduler)
    summary = COMPONENTS.summary
    assert STRINGS["models_missing"].en in view.show_models()[summary]
    downloaded = True
    assert STRINGS["models_after_restart"].en in view.show_models()[summary]


def test_mini_models_in_spite_of_full_ones_are_a_choice(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "full_models_downloaded", lambda: True)
    summary = View(COMPONENTS, scheduler).show_models()[COMPONENTS.summary]
    assert STRINGS["models_chosen"].en in summary


def test_a_short_time_has_a_decimal(tmp_path: Path) -> None:
    assert render.expected_time(None, 2) != render.expected_time(2, 2)
    assert "ثانيتان" in render.expected_time(2, 2)
    assert "صورتين" in render.expected_time(2, 2)
