"""The three stages at the full size of the standard set.

Weights are random, so nothing is downloaded and the outputs mean nothing: these tests only show
that every stage runs at full size. The models are built once, into the benchmarks' cache.
"""

import os

import pytest
from benchmarks import random_models
from PIL import Image

from marsam import CaptionOptions, Painted, PaintOptions, Recipe, TranslateOptions
from marsam.device import choose_device
from marsam.hub.model_files import ADAPTER_FILE
from marsam.recipes import Adapter
from marsam.stages.captioner import BlipCaptioner
from marsam.stages.painter import DiffusionPainter
from marsam.stages.seq2seq_model import Seq2SeqModel
from marsam.stages.translator import SentenceTranslator
from marsam.text.languages import ARABIC

pytestmark = pytest.mark.skipif(
    os.environ.get("MARSAM_FULL") != "1",
    reason="builds gigabytes of models; run it with: make test-full",
)
DEVICE = choose_device("cpu")


def test_blip_large_generates_a_caption() -> None:
    captioner = BlipCaptioner(random_models.folder("captioner"), device=DEVICE)
    options = CaptionOptions(min_tokens=4, max_tokens=4)
    (caption,) = captioner.caption(Image.effect_noise((640, 480), 80).convert("RGB"), options)
    assert 1 <= len(caption.text.split()) <= 4
    assert caption.score < 0


def test_nllb_600m_writes_in_the_target_script() -> None:
    translator = SentenceTranslator(Seq2SeqModel(random_models.folder("translator"), device=DEVICE))
    text = translator.translate("a cat", TranslateOptions()).text
    letters = [letter for letter in text if letter.isalpha()]
    assert letters
    assert all(ARABIC.matches_script(letter) for letter in letters)


def test_stable_diffusion_paints_and_a_draft_is_reproducible() -> None:
    painter = DiffusionPainter(
        random_models.folder("painter"),
        device=DEVICE,
        adapters={Recipe.DRAFT: Adapter(random_models.folder("adapter") / ADAPTER_FILE, "lcm")},
        decoder=random_models.folder("tiny"),
    )

    def painted(recipe: Recipe, steps: int) -> Image.Image:
        options = PaintOptions(pictures=1, seed=7, recipe=recipe, steps=steps)
        (image,) = (
            event.picture.image
            for event in painter.paint("a cat", options)
            if isinstance(event, Painted)
        )
        assert image is not None
        return image

    draft, faithful, again = (
        painted(recipe, steps)
        for recipe, steps in ((Recipe.DRAFT, 4), (Recipe.FAITHFUL, 2), (Recipe.DRAFT, 4))
    )
    for image in (draft, faithful):
        assert image.size == (512, 512)
        # An overflow (NaN) would give an entirely black image.
        assert image.getcolors(maxcolors=1) is None
    assert draft.tobytes() == again.tobytes()
