"""The page's named endpoints for programs (``gradio_client``): stable names, every value final."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError, public_message_of
from marsam.journal.records import NewRun
from marsam.options import MAX_PICTURES, PaintOptions, RunOptions, TranslateOptions
from marsam.recipes import Recipe, recipe_named
from marsam.runs.scheduler import Scheduler
from marsam.text.languages import ARABIC, ENGLISH
from marsam.web.session import served

TOGETHER = 8
"""Programs that wait at once for one kind of answer; the line decides who is served."""


def add(scheduler: Scheduler) -> None:
    """Add ``/caption``, ``/translate``, ``/paint`` and ``/run`` to the page being built."""
    studio = scheduler.studio
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
            english, twin = studio.describe(picture)[0]
            return english.text, twin.text

    def translate(text: str, source: str, target: str) -> str:
        with _told():
            options = TranslateOptions(source=source, target=target)
            return studio.translator.translate(text, options).text

    def painted(
        options: tuple[float, float | None, str], client: gr.Request, **given: Any
    ) -> tuple[str, str, list[str]]:
        number, seed, recipe = options
        with _told():
            paint = PaintOptions(
                pictures=int(number), seed=_whole(seed), recipe=recipe_named(recipe)
            )
            # In the same line as everybody, and kept like everything.
            visitor = f"program:{client.session_hash}"
            new = NewRun(client=visitor, options=RunOptions(paint=paint), **given)
            run = scheduler.wait(scheduler.enqueue_run(new))
            words = run.prompt
            saved = [served(p.path, files) for p in run.pictures if p.path is not None]
            return (words.english, words.arabic, saved) if words else ("", "", saved)

    def paint(
        text: str, pictures: float, seed: float | None, recipe: str, client: gr.Request
    ) -> tuple[str, str, list[str]]:
        return painted((pictures, seed, recipe), client, prompt=text)

    def run(
        picture: str, pictures: float, seed: float | None, recipe: str, client: gr.Request
    ) -> tuple[str, str, list[str]]:
        return painted((pictures, seed, recipe), client, image=Path(picture))

    together: dict[str, Any] = {"concurrency_limit": TOGETHER}
    button.click(caption, [picture], [english, arabic], api_name="caption", **together)
    button.click(translate, [text, source, target], [translation], api_name="translate", **together)
    settings = [number, seed, recipe]
    button.click(paint, [text, *settings], [english, arabic, files], api_name="paint", **together)
    button.click(run, [picture, *settings], [english, arabic, files], api_name="run", **together)


@contextmanager
def _told() -> Iterator[None]:
    """Our sentences reach the client; anything else is a defect and looks like one."""
    try:
        yield
    except MarsamError as error:
        raise gr.Error(public_message_of(error), print_exception=False) from error


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
