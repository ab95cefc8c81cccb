"""Named endpoints of the page for ``gradio_client``; names and parameters are stable."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.errors import MarsamError, public_message_of
from marsam.journal.records import NewRun
from marsam.messages import in_language, preferred_language
from marsam.options import MAX_PICTURES, PaintOptions, RunOptions, TranslateOptions
from marsam.recipes import Recipe, recipe_named
from marsam.runs.scheduler import Scheduler
from marsam.styles import NO_STYLE
from marsam.text.languages import ARABIC, ENGLISH
from marsam.web.session import account_of, cached_path


def add_endpoints(scheduler: Scheduler) -> None:
    """Add ``/caption``, ``/translate``, ``/paint`` and ``/run`` to the page being built."""
    with gr.Column(visible=False):
        picture = gr.File(label="picture", type="filepath")
        # Gradio's own leaves an empty file in its cache at each call.
        picture.preprocess = lambda payload: payload and payload.path
        text = gr.Textbox(label="text")
        source = gr.Textbox(ENGLISH.code, label="source")
        target = gr.Textbox(ARABIC.code, label="target")
        number = gr.Slider(1, MAX_PICTURES, PaintOptions().pictures, step=1, label="pictures")
        seed = gr.Number(None, label="seed", precision=0)
        recipe = gr.Dropdown(list(Recipe), value=str(PaintOptions().recipe), label="recipe")
        # Its own choices would be checked by Gradio, which says less about a wrong one.
        style = gr.Textbox(NO_STYLE, label="style")
        english = gr.Textbox(label="English")
        arabic = gr.Textbox(label="Arabic")
        translation = gr.Textbox(label="translation")
        files = gr.Files(label="pictures")
        button = gr.Button()

    def text_turn(request: gr.Request) -> AbstractContextManager[None]:
        return scheduler.text_turns.turn(account_of(request) or _client(request))

    def caption(picture: str, request: gr.Request) -> tuple[str, str]:
        with _gradio_errors(request), text_turn(request):
            english, arabic = scheduler.studio.describe(picture)[0]
            return english.text, arabic.text

    def translate(text: str, source: str, target: str, request: gr.Request) -> str:
        with _gradio_errors(request), text_turn(request):
            options = TranslateOptions(source=source, target=target)
            return scheduler.studio.translator.translate(text, options).checked().text

    def execute(
        request: gr.Request,
        number: float,
        seed: float | None,
        recipe: str,
        style: str,
        **inputs: Any,
    ) -> tuple[str, str, list[str]]:
        with _gradio_errors(request):
            paint = PaintOptions(
                pictures=int(number),
                seed=None if seed is None else int(seed),
                recipe=recipe_named(recipe),
                style=style,
            )
            client = _client(request)
            options = RunOptions(paint=paint)
            new = NewRun(client=client, account=account_of(request), options=options, **inputs)
            run = scheduler.wait(scheduler.enqueue_run(new))
            paths = [cached_path(p.path, files) for p in run.pictures if p.path is not None]
            prompt = run.prompt
            return (prompt.english, prompt.arabic, paths) if prompt else ("", "", paths)

    def paint(
        text: str, pictures: float, seed: float | None, recipe: str, style: str, request: gr.Request
    ) -> tuple[str, str, list[str]]:
        return execute(request, pictures, seed, recipe, style, prompt=text)

    def run(
        picture: str,
        pictures: float,
        seed: float | None,
        recipe: str,
        style: str,
        request: gr.Request,
    ) -> tuple[str, str, list[str]]:
        return execute(request, pictures, seed, recipe, style, image=Path(picture))

    button.click(caption, [picture], [english, arabic], api_name="caption")
    button.click(translate, [text, source, target], [translation], api_name="translate")
    settings, outputs = [number, seed, recipe, style], [english, arabic, files]
    button.click(paint, [text, *settings], outputs, api_name="paint")
    button.click(run, [picture, *settings], outputs, api_name="run")


def _client(request: gr.Request) -> str:
    return f"program:{request.session_hash}"


@contextmanager
def _gradio_errors(request: gr.Request) -> Iterator[None]:
    """Send the message of a MarsamError in the client's language; other errors are bugs."""
    try:
        yield
    except MarsamError as error:
        language = preferred_language(request.headers.get("accept-language", ""))
        sentence = in_language(public_message_of(error), language)
        raise gr.Error(sentence, print_exception=False) from error
