"""All models are asked for at once, as a page and a program do that come in the first second."""

from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from marsam import CaptionOptions, PaintOptions, Studio, TranslateOptions


def test_three_stages_may_be_loaded_at_the_same_moment() -> None:
    for _ in range(3):
        studio = Studio.load("mini")
        with ThreadPoolExecutor(3) as pool:
            caption = pool.submit(
                studio.captioner.caption, Image.new("RGB", (64, 64)), CaptionOptions()
            )
            arabic = pool.submit(studio.translator.translate, "two fish", TranslateOptions())
            options = PaintOptions(pictures=1, seed=1, steps=1)
            painted = pool.submit(lambda: list(studio.painter.paint("a cat", options)))  # noqa: B023
            assert caption.result()[0].text
            assert arabic.result().text == "سمكتان"
            assert painted.result()
