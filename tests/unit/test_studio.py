import io
from pathlib import Path

import pytest
from PIL import Image

from marsam import (
    Captioned,
    Finished,
    ModelDamaged,
    OptionError,
    Painted,
    PictureError,
    Previewed,
    Recipe,
    Studio,
    Translated,
)
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator, fake_studio

PHOTO = Image.new("RGB", (40, 30), "green")


def test_events_come_in_the_order_of_the_work() -> None:
    events = list(fake_studio().stream(PHOTO, pictures=2, seed=7))
    kinds = [type(event) for event in events if not isinstance(event, Previewed)]
    assert kinds == [Captioned, Translated, Painted, Painted, Finished]
    steps = [(e.index, e.step) for e in events if isinstance(e, Previewed)]
    assert steps == [(picture, step) for picture in (0, 1) for step in (1, 2, 3, 4)]


def test_the_result_holds_everything() -> None:
    result = fake_studio().run(PHOTO, pictures=3, seed=7)
    assert result.caption.text == "a cat on a blue background"
    assert result.translation.text == "قطة على خلفية زرقاء"
    assert [picture.seed for picture in result.pictures] == [7, 8, 9]
    data = result.to_dict()
    assert data["caption"] == {"en": "a cat on a blue background", "ar": "قطة على خلفية زرقاء"}
    assert data["models"]["painter"] == "fake-painter"
    assert set(data["seconds"]) == {"caption", "translate", "paint"}


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    studio = fake_studio()
    events = studio.stream(PHOTO, pictures=4)
    assert isinstance(next(events), Captioned)
    assert isinstance(studio.translator, FakeTranslator)
    assert studio.translator.asked == []


def test_closing_the_stream_stops_the_painting() -> None:
    studio = fake_studio()
    events = studio.stream(PHOTO, pictures=4)
    for event in events:
        if isinstance(event, Painted):
            break
    events.close()  # type: ignore[attr-defined]
    assert isinstance(studio.painter, FakePainter)
    assert len(studio.painter.asked) == 1


def test_a_bad_picture_is_refused_before_any_model_is_asked() -> None:
    studio = fake_studio()
    with pytest.raises(PictureError):
        studio.stream(io.BytesIO(b"not a picture"))
    assert isinstance(studio.captioner, FakeCaptioner)
    assert studio.captioner.asked == []


def test_a_failing_stage_keeps_what_came_before() -> None:
    studio = Studio(
        captioner=FakeCaptioner(),
        translator=FakeTranslator(),
        painter=FakePainter(error=ModelDamaged("The weights are damaged.")),
    )
    events = studio.stream(PHOTO)
    assert [type(next(events)), type(next(events))] == [Captioned, Translated]
    with pytest.raises(ModelDamaged):
        next(events)


def test_a_blocked_picture_is_reported_as_blocked() -> None:
    result = fake_studio(blocked_seeds=frozenset({8})).run(PHOTO, pictures=2, seed=7)
    assert [picture.blocked for picture in result.pictures] == [False, True]
    assert result.pictures[1].image is None


def test_same_seed_same_pixels_alone_or_among_others() -> None:
    many = fake_studio().run(PHOTO, pictures=3, seed=7).pictures
    alone = fake_studio().run(PHOTO, pictures=1, seed=9).pictures[0]
    assert many[2].image is not None
    assert alone.image is not None
    assert many[2].image.tobytes() == alone.image.tobytes()


def test_shortcuts_are_checked_like_options() -> None:
    with pytest.raises(OptionError, match="pictures"):
        fake_studio().stream(PHOTO, pictures=11)
    with pytest.raises(OptionError, match="hasty"):
        fake_studio().stream(PHOTO, recipe="hasty")
    assert list(fake_studio().stream(PHOTO, pictures=1, recipe=Recipe.DRAFT))


def test_an_unknown_model_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="huge"):
        Studio.load("huge")
    monkeypatch.setenv("MARSAM_MODELS", "enormous")
    with pytest.raises(OptionError, match="enormous"):
        Studio.load()


def test_argument_then_environment_then_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from marsam.studio import choose_set

    monkeypatch.setattr("marsam.hub.is_present", lambda model: True)
    assert choose_set(None)[0].name == "standard"
    monkeypatch.setenv("MARSAM_MODELS", "mini")
    assert choose_set(None)[0].name == "mini"
    assert choose_set("standard")[0].name == "standard"
    monkeypatch.delenv("MARSAM_MODELS")
    monkeypatch.setattr("marsam.hub.is_present", lambda model: False)
    chosen, reason = choose_set(None)
    assert chosen.name == "mini"
    assert "marsam models pull standard" in reason
