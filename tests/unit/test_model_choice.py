"""Which models a studio has: arguments, then the environment, then the set."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from marsam import Studio
from marsam.cluster import Plan, StageResources
from marsam.cluster.connect import require_models
from marsam.errors import OptionError
from marsam.hub.catalog import MINI, bundled_folder
from marsam.hub.selection import OtherModels

STAGES = ("captioner", "translator", "painter")


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """A folder for each stage, with the files of the mini set."""
    for model in MINI.models:
        (tmp_path / f"own-{model.stage}").symlink_to(bundled_folder(model))
    return {stage: str(tmp_path / f"own-{stage}") for stage in STAGES}


def names(studio: Studio) -> list[str]:
    return [studio.names[stage] for stage in STAGES]


def test_the_environment_names_the_models_of_stages(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARSAM_MODELS", "mini")
    monkeypatch.setenv("MARSAM_PAINTER", own["painter"])
    one = Studio.load()
    assert names(one) == ["marsam/mini-captioner", "marsam/mini-translator", "painter"]
    assert Studio.load(painter=str(bundled_folder(MINI.captioner).parent / "painter"))
    # A set that is named names its models, too.
    assert names(Studio.load("mini"))[-1] == "marsam/mini-painter"


def test_models_for_all_stages_are_no_set(own: dict[str, str]) -> None:
    studio = Studio.load("mini", **own)
    assert (studio.models, studio.reason) == ("custom", "the models of all stages were named")
    assert Studio.load("mini", painter=own["painter"]).models == "mini"


def test_a_plan_names_the_models_of_its_stages(
    own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan.model_validate({"models": "mini", "painter": {"model": own["painter"], "gpus": 1}})
    assert names(plan.create_studio())[-1] == "painter"
    plan = plan.with_models(OtherModels(captioner=own["captioner"]))
    assert (plan.captioner.model, plan.painter.gpus) == (own["captioner"], 1)
    assert names(plan.create_studio()) == ["captioner", "marsam/mini-translator", "painter"]
    with pytest.raises(ValidationError):
        Plan.model_validate({"painter": {"models": "mini"}})


def test_a_plan_names_several_translators(own: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "second").symlink_to(bundled_folder(MINI.translators[0]))
    both = f"{own['translator']} + {tmp_path / 'second'}"
    plan = Plan.model_validate({"models": "mini", "translator": {"model": both}})
    studio = plan.create_studio()
    assert studio.names["translator"] == "translator + translator"
    require_models(plan, studio.names, "mini")


def test_an_application_with_other_models_is_refused() -> None:
    running = {stage: f"marsam/mini-{stage}" for stage in STAGES}
    require_models(Plan(), running, "mini")
    require_models(Plan(models="mini"), running, "mini")
    require_models(Plan(painter=StageResources(model="marsam/mini-painter")), running, "mini")
    for plan in (Plan(models="standard"), Plan(painter=StageResources(model="my/own"))):
        with pytest.raises(OptionError, match="already runs other models"):
            require_models(plan, running, "mini")
