"""What the page shows about the models it uses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from marsam.device import Device
from marsam.hub.catalog import FREE
from marsam.journal.journal import Journal
from marsam.runs.eta import TimeEstimator
from marsam.runs.scheduler import Scheduler
from marsam.studio import Studio
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator, fake_studio
from marsam.web import render
from marsam.web.layout import Components, _sizes, offered_sets
from marsam.web.settings import MINI_SIZES, SIZES
from marsam.web.strings import STRINGS
from marsam.web.view import View

COMPONENTS = cast(
    Components,
    SimpleNamespace(
        **{
            name: name
            for name in ("summary", "offered", "download_models", "use_models", "style_models")
        },
        about_text="about",
        gallery=None,
        offer_download=True,
    ),
)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(replace(fake_studio(), models="mini"), Journal(tmp_path))
    yield scheduler
    scheduler.close()


def about(studio: Studio, tmp_path: Path) -> str:
    return str(render.about(studio, TimeEstimator(lambda: studio, tmp_path / "estimator.json")))


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


def test_each_model_of_a_translator_has_its_licence(tmp_path: Path) -> None:
    names = "Helsinki-NLP/opus-mt-tc-big-en-ar + me/ar-en"
    html = about(replace(fake_studio(), translator=FakeTranslator(name=names)), tmp_path)
    known, _, unknown = html.partition("Helsinki-NLP/opus-mt-tc-big-en-ar<")[2].partition(
        "me/ar-en<"
    )
    assert ">CC-BY-4.0<" in known
    assert "CC-BY" not in unknown.partition("</tr>")[0]


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
    monkeypatch.setattr(render, "is_downloaded", lambda _: downloaded)
    view = View(COMPONENTS, scheduler)
    summary = COMPONENTS.summary
    assert STRINGS["models_missing"].en in view.show_models()[summary]
    assert view.show_models()["download_models"]["visible"]
    downloaded = True
    shown = view.show_models()
    assert STRINGS["models_ready"].en in shown[summary]
    assert not shown["download_models"]["visible"]
    assert shown["use_models"]["visible"]


def test_the_sets_that_fit_are_offered_with_size_and_terms(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View(COMPONENTS, scheduler)
    device = Device(kind="cpu", dtype="bfloat16", reason="a test")
    lines = [render.offered_set(one, "en") for one in offered_sets(device)]
    assert lines[0] == "standard: photographs, 202 languages · 7.5 GB · not for commercial use"
    assert lines[1].startswith(
        "free: photographs, English and Arabic · 6.0 GB · free to use, except"
    )
    arabic = render.offered_set(FREE, "ar")
    assert arabic.startswith("free: للصور الفوتوغرافية")
    assert "6.0 غيغابايت" in arabic
    # Only one of them is on this machine.
    monkeypatch.setattr(render, "is_downloaded", lambda one: one is FREE)
    shown = view.show_models()
    assert shown["offered"]["value"] == "free"
    assert shown["use_models"]["visible"]
    shown = view.show_models("standard")
    assert shown["offered"]["value"] == "standard"
    assert shown["download_models"]["visible"]
    assert not shown["use_models"]["visible"]
    assert view.chosen_set("no such set") is FREE


def test_what_does_not_fit_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(kind="cpu", dtype="bfloat16", reason="a test")
    for gigabytes, names in ((16, ["standard", "free"]), (6.45, ["free"]), (2, ["standard"])):
        monkeypatch.setattr(Device, "memory_gigabytes", gigabytes)
        assert [one.name for one in offered_sets(device)][:2] == names
    monkeypatch.setattr(Device, "memory_gigabytes", 5.5)
    gpu = replace(device, kind="cuda")
    assert [one.name for one in offered_sets(gpu)] == ["standard", "free"]


def test_a_painter_of_ones_own_beside_the_mini_models_paints_every_size() -> None:
    studio = replace(fake_studio(), models="mini")
    assert len(_sizes("en", studio)) == 1 + len(SIZES)
    mini = replace(studio, painter=FakePainter(name="marsam/mini-painter"))
    assert [size for _, size in _sizes("en", mini)] == ["", *MINI_SIZES]


def test_a_short_time_has_a_decimal(tmp_path: Path) -> None:
    assert render.expected_time(None, 2) != render.expected_time(2, 2)
    assert "ثانيتان" in render.expected_time(2, 2)
    assert "صورتين" in render.expected_time(2, 2)
