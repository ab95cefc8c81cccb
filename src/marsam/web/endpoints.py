"""The page's named endpoints for programs (``gradio_client``): stable names, every value final."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError
from marsam.images import open_picture
from marsam.languages import ARABIC, ENGLISH
from marsam.metadata import embed, record_of
from marsam.options import MAX_PICTURES, CaptionOptions, PaintOptions, Recipe, TranslateOptions
from marsam.results import RunResult
from marsam.studio import Studio
from marsam.web.desk import served


def add(studio: Studio) -> None:
    """Add ``/caption``, ``/translate``, ``/paint`` and ``/run`` to the page being built."""
    with gr.Column(visible=False):
        picture = gr.File(label="picture", type="filepath")
        text = gr.Textbox(label="text")
        source = gr.Textbox(ENGLISH.code, label="source")
        target = gr.Textbox(ARABIC.code, label="target")
        number = gr.Slider(1, MAX_PICTURES, PaintOptions().pictures, step=1, label="pictures")
        seed = gr.Number(None, label="seed", precision=0)
        recipe = gr.Dropdown(list(Recipe), value=str(PaintOptions().recipe), label="recipe")
        english = gr.Textbox(label="English")
        arabic = gr.Textbox(label="Arabic")
        translation = gr.Textbox(label="translation")
        files = gr.Files(label="pictures")
        button = gr.Button()

    def caption(picture: str) -> tuple[str, str]:
        with _told():
            said = studio.captioner.caption(open_picture(Path(picture)), CaptionOptions())[0].text
            return said, studio.translator.translate(said, TranslateOptions()).text

    def translate(text: str, source: str, target: str) -> str:
        with _told():
            options = TranslateOptions(source=source, target=target)
            return studio.translator.translate(text, options).text

    def paint(
        text: str, pictures: float, seed: float | None, recipe: str
    ) -> tuple[str, str, list[str]]:
        with _told():
            result = studio.run(
                prompt=text, pictures=int(pictures), seed=_whole(seed), recipe=recipe
            )
            return result.prompt.english, result.prompt.arabic, _saved(result, files)

    def run(
        picture: str, pictures: float, seed: float | None, recipe: str
    ) -> tuple[str, str, list[str]]:
        with _told():
            result = studio.run(
                Path(picture), pictures=int(pictures), seed=_whole(seed), recipe=recipe
            )
            return result.prompt.english, result.prompt.arabic, _saved(result, files)

    button.click(caption, [picture], [english, arabic], api_name="caption")
    button.click(translate, [text, source, target], [translation], api_name="translate")
    settings = [number, seed, recipe]
    button.click(paint, [text, *settings], [english, arabic, files], api_name="paint")
    button.click(run, [picture, *settings], [english, arabic, files], api_name="run")


@contextmanager
def _told() -> Iterator[None]:
    """Our sentences reach the client; anything else is a defect and looks like one."""
    try:
        yield
    except MarsamError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _saved(result: RunResult, component: Any) -> list[str]:
    """The pictures as PNG files with their records, where Gradio serves and clears them."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            served(
                embed(p.image, record_of(p, result.prompt), Path(folder) / f"marsam-{p.seed}.png"),
                component,
            )
            for p in result.pictures
            if p.image is not None
        ]
