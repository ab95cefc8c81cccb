import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from marsam import (
    Caption,
    Captioned,
    CaptionOptions,
    Checked,
    Finished,
    ModelDamaged,
    OptionError,
    Painted,
    PaintOptions,
    PictureError,
    Previewed,
    Prompt,
    Prompted,
    PromptError,
    Recipe,
    RunOptions,
    Studio,
    Translated,
)
from marsam.errors import UnknownWords
from marsam.notices import Notice
from marsam.options import DEFAULT_STRENGTH
from marsam.recipes import Adapter, SamplingConfig, recipes
from marsam.testing import FakeCaptioner, FakePainter, FakeTranslator, fake_studio
from marsam.text.prompt_syntax import plain_prompt

PHOTO = Image.new("RGB", (40, 30), "green")


def test_events_are_in_the_order_of_the_stages() -> None:
    events = list(fake_studio().stream(PHOTO, pictures=2, seed=7))
    kinds = [type(event) for event in events if not isinstance(event, Previewed)]
    painted = [Painted, Checked]
    assert kinds == [Captioned, Translated, Prompted, *painted, *painted, Finished]
    steps = [(e.index, e.step) for e in events if isinstance(e, Previewed)]
    assert steps == [(picture, step) for picture in (0, 1) for step in (1, 2, 3, 4)]


def test_the_result_contains_all_outputs() -> None:
    result = fake_studio().run(PHOTO, pictures=3, seed=7)
    assert result.caption is not None
    assert result.caption.text == "a cat on a blue background"
    assert result.prompt.arabic == "قطة على خلفية زرقاء"
    assert [picture.seed for picture in result.pictures] == [7, 8, 9]
    data = result.to_dict()
    assert data["caption"] == {"en": "a cat on a blue background", "ar": "قطة على خلفية زرقاء"}
    assert data["models"]["painter"] == "fake-painter"
    assert set(data["seconds"]) == {"caption", "translate", "paint", "check"}


def test_stages_are_computed_lazily() -> None:
    studio = fake_studio()
    events = studio.stream(PHOTO, pictures=4)
    assert isinstance(next(events), Captioned)
    assert isinstance(studio.translator, FakeTranslator)
    assert studio.translator.calls == []


def test_closing_the_stream_stops_the_painting() -> None:
    studio = fake_studio()
    events = studio.stream(PHOTO, pictures=4)
    for event in events:
        if isinstance(event, Painted):
            break
    events.close()  # type: ignore[attr-defined]
    assert isinstance(studio.painter, FakePainter)
    assert len(studio.painter.calls) == 1


def test_an_invalid_picture_is_refused_before_any_model_runs() -> None:
    studio = fake_studio()
    with pytest.raises(PictureError):
        studio.stream(io.BytesIO(b"not a picture"))
    assert isinstance(studio.captioner, FakeCaptioner)
    assert studio.captioner.calls == []


def test_a_failing_stage_keeps_earlier_results() -> None:
    studio = Studio(
        captioner=FakeCaptioner(),
        translator=FakeTranslator(),
        painter=FakePainter(error=ModelDamaged("The weights are damaged.")),
    )
    events = studio.stream(PHOTO)
    assert [type(next(events)) for _ in range(3)] == [Captioned, Translated, Prompted]
    with pytest.raises(ModelDamaged):
        next(events)


def test_a_blocked_picture_is_reported_as_blocked() -> None:
    result = fake_studio(blocked_seeds=frozenset({8})).run(PHOTO, pictures=2, seed=7)
    assert [picture.blocked for picture in result.pictures] == [False, True]
    assert result.pictures[1].image is None


def test_same_seed_same_pixels_alone_or_in_a_batch() -> None:
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
    from marsam.hub.selection import choose_set

    monkeypatch.setattr("marsam.hub.selection.is_present", lambda model: True)
    assert choose_set(None)[0].name == "standard"
    monkeypatch.setenv("MARSAM_MODELS", "mini")
    assert choose_set(None)[0].name == "mini"
    assert choose_set("standard")[0].name == "standard"
    monkeypatch.delenv("MARSAM_MODELS")
    monkeypatch.setattr("marsam.hub.selection.is_present", lambda model: False)
    chosen, reason = choose_set(None)
    assert chosen.name == "mini"
    assert "marsam models pull standard" in reason


def test_an_arabic_prompt_is_translated_and_shown_both_ways() -> None:
    answers = {"قطة على خلفية زرقاء": "a cat on a blue background", "a cat": "قطة"}
    answers["a cat on a blue background"] = "قطة على خلفية زرقاء"
    studio = fake_studio(translations=answers)
    events = list(studio.stream(prompt="قطة على خلفية زرقاء", pictures=1, seed=1))
    assert isinstance(events[0], Prompted)
    prompt = events[0].prompt
    assert prompt.english == "a cat on a blue background"
    assert prompt.arabic == prompt.given == prompt.back == "قطة على خلفية زرقاء"
    assert prompt.language == "arb_Arab"
    assert isinstance(studio.painter, FakePainter)
    assert studio.painter.calls == [("a cat on a blue background", 1)]


WORDS = {"قطة": "a cat.", "كلب": "a dog", "a cat, masterpiece, 8k": "قطة، تحفة"}


@pytest.mark.parametrize(
    ("typed", "english"),
    [
        ("قطة, masterpiece, 8k", "a cat, masterpiece, 8k"),
        ("masterpiece، قطة", "masterpiece, a cat"),
        ("a photo of قطة and كلب on a sofa", "a photo of a cat and a dog on a sofa"),
        ("قطة <lora:x:0.8>, 8k", "a cat, 8k"),
    ],
)
def test_arabic_in_an_english_prompt_is_translated_piece_by_piece(typed: str, english: str) -> None:
    studio = fake_studio(translations=WORDS)
    prompt = studio.run(prompt=typed, pictures=1).prompt
    assert (prompt.english, prompt.given) == (english, typed)
    assert isinstance(studio.painter, FakePainter)
    assert [words for words, _ in studio.painter.calls] == [english]
    # In the Arabic box of the page the words stay the person's own.
    own = studio.run(prompt=typed, options=RunOptions(language="arb_Arab"), pictures=1).prompt
    assert (own.english, own.arabic) == (english, plain_prompt(typed).words)


def test_weights_reach_the_painter_and_the_rest_is_taken_out_and_said() -> None:
    typed = "(قطة:1.3), 8k <lora:x:1> --no كلب"
    options = RunOptions(paint=PaintOptions(pictures=1, negative_prompt="(blurry:1.2)"))
    studio = fake_studio(translations=WORDS)
    result = studio.run(prompt=typed, options=options)
    assert (result.prompt.english, result.prompt.given) == ("a cat, 8k", typed)
    assert result.prompt.warnings == (Notice.PROMPT_SYNTAX,)
    (picture,) = result.pictures
    assert (picture.prompt, picture.negative_prompt) == ("(a cat:1.3), 8k", "(blurry:1.2), a dog")
    # A later run of the same prompt, as after an interruption, does the same.
    stored = Prompt.from_dict(result.prompt.to_dict())
    assert stored == result.prompt
    (again,) = studio.run(prompt=stored, options=options).pictures
    assert (again.prompt, again.negative_prompt) == (picture.prompt, picture.negative_prompt)


def test_two_texts_of_a_person_are_a_prompt_as_they_are() -> None:
    prompt = fake_studio().prompts.pair("a (red:1.3) cat", "قطتي الحمراء", RunOptions())
    assert (prompt.english, prompt.arabic) == ("a red cat", "قطتي الحمراء")
    assert prompt.for_painter == "a (red:1.3) cat"
    with pytest.raises(PromptError):
        fake_studio().prompts.pair("a cat", " ", RunOptions())


def test_a_weight_that_cannot_be_applied_is_said() -> None:
    class PlainPainter(FakePainter):
        def sampling(self, recipe: Recipe) -> SamplingConfig:
            return recipes()[recipe]

    plain = replace(fake_studio(), painter=PlainPainter())
    for studio, typed, painted in (
        (plain, "(cat:1.3) on a sofa", "cat on a sofa"),
        (fake_studio(), "(cat:5) on a sofa", "(cat:2) on a sofa"),
    ):
        result = studio.run(prompt=typed, pictures=1)
        assert result.prompt.warnings == (Notice.WEIGHTS_LOST,)
        assert (result.prompt.english, result.pictures[0].prompt) == ("cat on a sofa", painted)


@pytest.mark.parametrize(
    ("paint", "is_said"),
    [
        (PaintOptions(pictures=1), False),
        (PaintOptions(pictures=1, negative_prompt="dog"), True),
        (PaintOptions(pictures=1, guidance_scale=9), True),
        (PaintOptions(pictures=1, guidance_scale=1), False),  # as the record of such a picture
    ],
)
def test_what_has_no_effect_is_said(paint: PaintOptions, is_said: bool) -> None:
    class UnguidedPainter(FakePainter):
        def sampling(self, recipe: Recipe) -> SamplingConfig:
            return recipes({Recipe.DRAFT: Adapter(Path(), "lcm")})[recipe]

    paint = replace(paint, recipe=Recipe.DRAFT)
    unguided = replace(fake_studio(), painter=UnguidedPainter())
    prompt = unguided.run(prompt="a cat", options=RunOptions(paint=paint)).prompt
    assert (Notice.NO_GUIDANCE in prompt.warnings) == is_said
    # With another painter the same prompt has no such notice.
    again = fake_studio().run(prompt=prompt, options=RunOptions(paint=replace(paint, seed=1)))
    assert (Notice.NO_GUIDANCE in again.prompt.warnings) == (
        paint.guidance_scale == 1 and bool(paint.negative_prompt)
    )


@pytest.mark.parametrize(
    ("family", "guidance", "negative", "said"),
    [
        ({"classifier_free_guidance": False}, 4, "", Notice.PAINTER_WITHOUT_GUIDANCE),
        ({"classifier_free_guidance": False}, None, "dog", Notice.PAINTER_WITHOUT_GUIDANCE),
        ({"classifier_free_guidance": False}, 0, "", None),
        ({"negative_prompts": False}, 4, "dog", Notice.NO_NEGATIVE_PROMPT),
        ({"negative_prompts": False}, 4, "", None),
        ({"guidance_scale": 1.0}, None, "dog", Notice.NO_GUIDANCE),
        ({"guidance_scale": 1.0}, 4, "dog", None),
        ({"guidance_off": 0.0}, 0.5, "dog", None),
        ({"guidance_off": 0.0}, 0, "dog", Notice.NO_GUIDANCE),
    ],
)
def test_what_a_family_ignores_is_said(
    family: dict[str, Any], guidance: float | None, negative: str, said: Notice | None
) -> None:
    class OtherPainter(FakePainter):
        def sampling(self, recipe: Recipe) -> SamplingConfig:
            return replace(super().sampling(recipe), **family)

    paint = PaintOptions(pictures=1, guidance_scale=guidance, negative_prompt=negative)
    other = replace(fake_studio(), painter=OtherPainter())
    prompt = other.run(prompt="a cat", options=RunOptions(paint=paint)).prompt
    assert prompt.warnings == (() if said is None else (said,))
    # With another painter the same prompt has no such notice.
    again = fake_studio().run(prompt=prompt, options=RunOptions(paint=PaintOptions(pictures=1)))
    assert again.prompt.warnings == ()


def test_an_alt_text_that_the_image_carries_is_the_caption() -> None:
    image = PHOTO.copy()
    image.info["alt_texts"] = {"eng_Latn": "Mishmish", "arb_Arab": "مشمش"}
    studio = fake_studio()
    options = RunOptions(
        caption=CaptionOptions(candidates=3), paint=PaintOptions(pictures=1), check=False
    )
    events = list(studio.stream(image, options))
    (captioned,) = [event for event in events if isinstance(event, Captioned)]
    own = Caption(text="Mishmish", warnings=(Notice.ALT_TEXT_KEPT,))
    assert captioned.candidates == (
        own,
        *studio.captioner.caption(PHOTO, CaptionOptions(candidates=2)),
    )
    (prompted,) = [event for event in events if isinstance(event, Prompted)]
    assert (prompted.prompt.english, prompted.prompt.arabic) == ("Mishmish", "مشمش")
    assert prompted.prompt.warnings == (Notice.ALT_TEXT_KEPT,)
    ((caption, arabic),) = studio.describe(image)
    assert (caption, arabic.text) == (own, "مشمش")
    image.info["alt_texts"] = {"arb_Arab": "مشمش"}
    ((caption, arabic), (_, other)) = studio.describe(image, CaptionOptions(candidates=2))
    assert (caption.text, arabic.text) == ("a cat on a blue background", "مشمش")
    assert other.text != "مشمش"


def test_a_latin_name_stays_in_its_arabic_sentence() -> None:
    text = "قطة اسمها Lulu في الحديقة"
    studio = fake_studio(translations={text: "A cat called Lulu in the garden"})
    prompt = studio.run(prompt=text, pictures=1).prompt
    assert (prompt.english, prompt.arabic) == ("A cat called Lulu in the garden", text)


def test_a_negative_prompt_may_be_arabic() -> None:
    options = RunOptions(paint=PaintOptions(pictures=1, negative_prompt="كلب, blurry"))
    result = fake_studio(translations=WORDS).run(prompt="a cat", options=options)
    assert result.pictures[0].negative_prompt == "a dog, blurry"
    long = RunOptions(paint=PaintOptions(pictures=1, negative_prompt="(" * 2001))
    with pytest.raises(PromptError, match="negative prompt has 2001 characters"):
        fake_studio().run(prompt="a cat", options=long)


def test_an_empty_picture_has_an_empty_text_and_paints_nothing() -> None:
    studio = replace(
        fake_studio(), captioner=FakeCaptioner(text="", warnings=(Notice.NOTHING_TO_SEE,))
    )
    result = studio.run(PHOTO, pictures=2)
    assert (result.prompt.english, result.prompt.arabic, result.pictures) == ("", "", ())
    assert result.prompt.warnings == (Notice.NOTHING_TO_SEE,)
    ((caption, translation),) = studio.describe(PHOTO)
    assert (caption.text, translation.text) == ("", "")


def test_an_english_prompt_is_painted_unchanged() -> None:
    result = fake_studio().run(prompt="  a cat on a blue background ", pictures=1)
    assert result.caption is None
    assert result.prompt.english == "a cat on a blue background"
    assert result.prompt.arabic == "قطة على خلفية زرقاء"
    assert result.prompt.back is None


def test_the_language_of_a_prompt_can_be_set() -> None:
    options = RunOptions(language="fra_Latn", paint=PaintOptions(pictures=1))
    prompt = (
        fake_studio(translations={"un chat": "a cat", "a cat": "قطة"})
        .run(prompt="un chat", options=options)
        .prompt
    )
    assert (prompt.english, prompt.arabic, prompt.language) == ("a cat", "قطة", "fra_Latn")


@pytest.mark.parametrize("prompt", ["", "  ", "\u202b\u200f", "x" * 3000])
def test_prompts_that_cannot_be_used(prompt: str) -> None:
    with pytest.raises(PromptError):
        fake_studio().stream(prompt=prompt)


def test_either_a_picture_or_a_prompt() -> None:
    with pytest.raises(OptionError, match="either an image or a prompt"):
        fake_studio().stream()
    with pytest.raises(OptionError, match="either an image or a prompt"):
        fake_studio().stream(PHOTO, prompt="a cat")


def test_a_prompt_too_long_for_the_painter_is_reported() -> None:
    prompt = fake_studio().run(prompt="cat " * 80, pictures=1).prompt
    assert prompt.length.tokens == 82
    assert prompt.length.cut == " ".join(["cat"] * 5)
    assert Notice.PROMPT_CUT in prompt.warnings


class ScriptedCaptioner(FakeCaptioner):
    """Returns the captions of a list, one for each picture."""

    def __init__(self, captions: list[str]) -> None:
        super().__init__()
        self.captions = iter(captions)

    def caption(self, image: Image.Image, options: CaptionOptions) -> tuple[Caption, ...]:
        return (Caption(text=next(self.captions)),)


def test_the_best_are_kept() -> None:
    seen = ["a dog on a red background", "a cat on a blue background", "a cat on a red background"]
    studio = replace(fake_studio(), captioner=ScriptedCaptioner(seen))
    options = RunOptions(paint=PaintOptions(pictures=3, seed=5), keep_best=2)
    result = studio.run(prompt="a cat on a blue background", options=options)
    assert len(result.pictures) == 3
    assert result.kept == (1, 2)
    assert [picture["seed"] for picture in result.to_dict()["pictures"]] == [6, 7]
    assert result.fidelity[1] is not None
    assert result.fidelity[1].score == 1.0


def test_the_check_can_be_turned_off() -> None:
    studio = fake_studio()
    options = RunOptions(paint=PaintOptions(pictures=2), check=False)
    result = studio.run(prompt="a cat", options=options)
    assert result.fidelity == (None, None)
    assert isinstance(studio.captioner, FakeCaptioner)
    assert studio.captioner.calls == []
    with pytest.raises(OptionError, match="keep_best"):
        RunOptions(check=False, keep_best=1)
    with pytest.raises(OptionError, match="keep_best"):
        RunOptions(paint=PaintOptions(pictures=2), keep_best=3)


def test_a_caption_outside_of_the_models_world_is_marked_and_denies_nothing() -> None:
    studio = replace(fake_studio(), captioner=FakeCaptioner(warnings=(Notice.OUT_OF_WORLD,)))
    result = studio.run(PHOTO, pictures=1)
    assert result.caption is not None
    assert result.caption.warnings == result.prompt.warnings == (Notice.OUT_OF_WORLD,)
    (check,) = result.fidelity
    assert check is not None
    assert check.score == 1  # the same words confirm the prompt
    assert studio.run(prompt="a dog", pictures=1).fidelity == (None,)
    assert result.to_dict()["prompt"]["warnings"] == ["out_of_world"]


def test_words_that_the_models_do_not_know_are_named_and_not_translated() -> None:
    translator = FakeTranslator(unknown_words=frozenset({"dragon"}))
    result = replace(fake_studio(), translator=translator).run(prompt="a dragon", pictures=1)
    assert result.prompt.english == result.pictures[0].prompt == "a dragon"
    assert (result.prompt.arabic, result.prompt.unknown_words) == ("", ("dragon",))
    assert result.prompt.warnings == (Notice.UNKNOWN_WORDS,)
    assert result.fidelity == (None,)
    data = result.prompt.to_dict()
    assert data["unknown_words"] == ["dragon"]
    assert Prompt.from_dict(data) == result.prompt


def test_an_arabic_prompt_with_unknown_words_is_refused_by_name() -> None:
    translator = FakeTranslator(unknown_words=frozenset({"تنين"}))
    painter = FakePainter()
    studio = replace(fake_studio(), translator=translator, painter=painter)
    with pytest.raises(UnknownWords, match="تنين") as caught:
        studio.run(prompt="تنين أخضر", pictures=1)
    assert caught.value.words == ("تنين",)
    assert painter.calls == []


@pytest.mark.parametrize(
    ("inputs", "strength"),
    [
        ({"image": PHOTO}, None),
        ({"image": PHOTO, "strength": 0.3}, 0.3),
        ({"prompt": "a dog", "start": PHOTO}, DEFAULT_STRENGTH),
        ({"prompt": "a dog", "start": PHOTO, "strength": 1}, 1),
    ],
)
def test_a_picture_is_started_from_where_that_is_asked_for(
    inputs: dict[str, Any], strength: float | None
) -> None:
    result = fake_studio().run(**inputs, pictures=2, seed=7)
    assert [picture.strength for picture in result.pictures] == [strength] * 2
    assert result.prompt.english == inputs.get("prompt", "a cat on a blue background")
    plain = fake_studio().run(prompt=result.prompt, pictures=2, seed=7)
    for one, other in zip(result.pictures, plain.pictures, strict=True):
        assert (one.image == other.image) is (strength in (None, 1))
        assert bool(one.start_sha256) is (strength is not None)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"prompt": "a dog", "strength": 0.5}, "needs a picture"),
        ({"image": PHOTO, "start": PHOTO}, "leave start out"),
        ({"image": PHOTO, "strength": 0.01}, "at least 0.084"),
        ({"prompt": "a dog", "start": PHOTO, "strength": 2}, "at most 1"),
    ],
)
def test_a_strength_without_effect_is_refused_before_any_work(
    inputs: dict[str, Any], said: str
) -> None:
    studio = fake_studio()
    with pytest.raises(OptionError, match=said):
        studio.stream(**inputs)
    assert isinstance(studio.captioner, FakeCaptioner)
    assert studio.captioner.calls == []


def test_a_painter_of_words_alone_refuses_a_start_picture_in_both_languages() -> None:
    studio = replace(fake_studio(), painter=FakePainter(variations=False))
    with pytest.raises(OptionError, match="cannot start from a picture") as refused:
        studio.stream(PHOTO, strength=0.5)
    assert "لا يبدأ من صورة" in refused.value.ar
    assert studio.run(PHOTO, pictures=1).pictures
