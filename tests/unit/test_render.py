"""What the page says of the models it works with."""

from dataclasses import replace
from pathlib import Path

from marsam.runs.eta import TimeEstimator
from marsam.testing import FakeCaptioner, FakeTranslator, fake_studio
from marsam.web.render import about


def test_a_model_that_stands_in_for_one_of_the_set_has_its_own_licence(tmp_path: Path) -> None:
    studio = replace(
        fake_studio(),
        models="standard",
        captioner=FakeCaptioner(name="somebody/else"),
        translator=FakeTranslator(name="facebook/m2m100_418M"),
    )
    html = about(studio, TimeEstimator(studio, tmp_path / "estimator.json"))
    translator = html.partition("facebook/m2m100_418M")[2].partition("</tr>")[0]
    assert ">MIT<" in translator
    assert "CC-BY-NC" not in html  # NLLB's
    captioner = html.partition("somebody/else")[2].partition("</tr>")[0]
    assert "bdi dir" not in captioner  # nothing is known of it
