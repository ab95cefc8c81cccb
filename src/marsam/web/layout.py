"""The components of the page and their order; what they do is in the modules of the handlers."""

from pathlib import Path
from typing import Any

import gradio as gr

from marsam.options import MAX_PICTURES, MAX_TEXT_CHARACTERS, PaintOptions
from marsam.recipes import Recipe
from marsam.studio import Studio
from marsam.ui.components import header, html
from marsam.ui.html import paragraph
from marsam.ui.i18n import ENGLISH
from marsam.ui.updates import Update
from marsam.web import render
from marsam.web.session import EXAMPLES_DIR
from marsam.web.settings import SIZES
from marsam.web.strings import STRINGS

EXAMPLES = tuple(str(EXAMPLES_DIR / f"{name}.png") for name in ("sea", "cat", "car"))


class Components:
    """The components that change, in English until :meth:`labels` translates them.

    The lists are groups that events read or write.

    Args:
        studio: decides whether the full size models are offered for download.
        offer_download: whether they may be.
    """

    def __init__(self, studio: Studio, *, offer_download: bool = True) -> None:
        self.offered = offer_download and studio.models == "mini"
        self.language = header(STRINGS.html("tagline"))
        self.client = gr.Textbox(visible=False)
        self.summary = html(elem_id="summary")
        with gr.Tabs() as self.tabs:
            with gr.Tab(_text("studio_tab"), id="studio") as self.studio_tab, gr.Row():
                with gr.Column(scale=3, min_width=280):
                    self._create_image()
                with gr.Column(scale=8, min_width=300):
                    self._create_texts()
                    self._create_settings()
                    self._create_results()
            with gr.Tab(_text("history_tab"), id="history") as self.history_tab:
                self._create_history()
        with gr.Accordion(open=False, **_named("about")) as self.about:
            self.about_text = html()
            if self.offered:
                html(render.offer())
            with gr.Row():
                self.download_models = _button("download_models", visible=self.offered)
                self.cancel_download = _button("cancel_download", visible=False)
            self.download_status = html(live=True, elem_id="download-status")
        parts = {name: part for name, part in vars(self).items() if name != "offered"}
        self._by_name: dict[str, Any] = parts
        self.all = list(self._by_name.values())
        self.texts = [self.english, self.arabic]
        self.notes = [self.english_notes, self.arabic_notes, self.from_english, self.from_arabic]
        self.prompt = [*self.texts, *self.notes, self.fetch_models, self.candidates, self.sent]
        self.prompt += [self.copy, self.status]
        # The settings on which the time depends most, and all in the order of `paint_options`.
        self.time_settings = [self.number, self.recipe, self.steps]
        self.settings = [*self.time_settings, self.guidance, self.size, self.seed, self.negative]
        self.pictures = [self.gallery, self.results, self.actions, self.download]
        self.past_runs = [self.history, self.selection, self.open, self.delete, self.confirmation]
        self.run = [self.image, *self.prompt, *self.pictures, *self.settings, *self.past_runs]

    def _create_image(self) -> None:
        self.image = gr.Image(
            type="filepath",
            sources=["upload", "webcam", "clipboard"],
            label=_text("image"),
            height=300,
            elem_id="picture",
            buttons=["fullscreen"],
        )
        self.examples = _gallery(
            "examples", value=_examples(ENGLISH), columns=3, allow_preview=False, buttons=[]
        )

    def _create_texts(self) -> None:
        with gr.Row(elem_id="panes"):
            self.english, self.english_notes, self.from_arabic = _pane("english", "arabic")
            self.arabic, self.arabic_notes, self.from_english = _pane("arabic", "english")
        self.fetch_models = _button("fetch_models", visible=False)
        self.candidates = gr.Radio([], visible=False, **_named("candidates"))
        self.sent = html(render.sent(None), elem_id="sent")
        self.copy = html(elem_id="copy")

    def _create_settings(self) -> None:
        defaults, recipe = PaintOptions(), _named("recipe")
        with gr.Row(elem_id="settings", equal_height=True):
            with gr.Column(scale=4, min_width=180):
                self.number = gr.Slider(
                    1, MAX_PICTURES, defaults.pictures, step=1, **_named("number")
                )
            with gr.Column(scale=7, min_width=280):
                self.recipe = gr.Radio(_recipes(ENGLISH), value=str(defaults.recipe), **recipe)
            with gr.Column(scale=4, min_width=180):
                self.paint = _button("paint", variant="primary", size="lg")
                self.stop = _button("stop", visible=False)
                self.expected = html(elem_id="expected")
        with gr.Accordion(open=False, **_named("advanced")) as self.advanced:
            # Gradio's number box turns an empty value into 0; here empty means the default.
            self.steps = gr.Textbox(max_length=12, **_named("steps"))
            self.guidance = gr.Textbox(max_length=12, **_named("guidance"))
            self.size = gr.Dropdown(_sizes(ENGLISH), value="", **_named("size"))
            self.seed = gr.Textbox(max_length=12, **_named("seed"))
            self.negative = gr.Textbox(max_length=MAX_TEXT_CHARACTERS, **_named("negative"))

    def _create_results(self) -> None:
        self.status = html(live=True, elem_id="status")
        self.gallery = _gallery(
            "gallery", format="png", columns=4, buttons=["download", "fullscreen"]
        )
        self.results = html(elem_id="results")
        with gr.Row(visible=False) as self.actions:
            self.more = _button("more")
            self.same = _button("same")
            self.download = gr.DownloadButton(**_named("download"))

    def _create_history(self) -> None:
        self.selection = html(elem_id="selection")
        with gr.Row():
            self.open = _button("open", variant="primary", interactive=False)
            self.delete = _button("delete", interactive=False)
        with gr.Group(visible=False) as self.confirmation:
            html(paragraph(STRINGS.html("delete_question")))
            with gr.Row():
                self.confirm = _button("confirm", variant="stop")
                self.cancel = _button("cancel")
        self.history = _gallery("history", format="png", columns=4, allow_preview=False, buttons=[])

    def labels(self, language: str) -> Update:
        """Labels in a language; values that people entered stay."""
        updates: Update = {}
        for key, component in self._by_name.items():
            if isinstance(component, gr.Button):
                updates[component] = gr.update(value=STRINGS.text(key, language))
            elif key in STRINGS and not isinstance(component, gr.HTML):
                updates[component] = gr.update(**_labels(key, language))
        updates[self.examples]["value"] = _examples(language)
        updates[self.recipe]["choices"] = _recipes(language)
        updates[self.size]["choices"] = _sizes(language)
        return updates


def _text(key: str) -> str:
    return STRINGS.text(key, ENGLISH)


def _labels(key: str, language: str) -> dict[str, str]:
    """A component's label, its description and its placeholder, as far as they exist."""
    names = {"label": key, "info": f"{key}_info", "placeholder": f"{key}_hint"}
    return {kind: STRINGS.text(name, language) for kind, name in names.items() if name in STRINGS}


def _named(key: str) -> dict[str, str]:
    """The options of a component whose ID in the page is the key of its label."""
    return _labels(key, ENGLISH) | {"elem_id": key}


def _recipes(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text(recipe, language), str(recipe)) for recipe in Recipe]


def _examples(language: str) -> list[tuple[str, str]]:
    return [(path, STRINGS.text(f"example_{Path(path).stem}", language)) for path in EXAMPLES]


def _sizes(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text("default_size", language), ""), *((size, size) for size in SIZES)]


def _button(key: str, **options: Any) -> gr.Button:
    return gr.Button(_text(key), elem_id=key.replace("_", "-"), **options)


def _gallery(key: str, **options: Any) -> gr.Gallery:
    return gr.Gallery(
        height="auto", object_fit="contain", interactive=False, **_named(key), **options
    )


def _pane(language: str, other: str) -> tuple[gr.Textbox, gr.HTML, gr.Button]:
    """The text box of a language, its notices, and the button that updates it."""
    with gr.Column(min_width=260):
        text = gr.Textbox(
            lines=1,
            max_lines=6,
            max_length=MAX_TEXT_CHARACTERS,
            rtl=language == "arabic",
            **_named(language),
        )
        notes = html(elem_id=f"{language}-notes", visible=False)
        return text, notes, _button(f"from_{other}", size="sm", visible=False)
