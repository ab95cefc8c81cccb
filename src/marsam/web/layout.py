"""The components of the page and their order; what they do is in the modules of the handlers."""

from dataclasses import dataclass, fields
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
_LABELLED = (
    *("studio_tab", "history_tab", "image", "candidates", "english", "arabic", "number"),
    *("advanced", "steps", "guidance", "seed", "negative", "gallery", "download", "history"),
    "about",
)
_BUTTONS = (
    *("from_english", "from_arabic", "paint", "stop", "more", "same", "open", "delete"),
    *("confirm", "cancel", "download_models", "cancel_download"),
)
"""Components whose label, or value, is the string of the same name."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """All components that change; the properties are groups that events read or write."""

    language: gr.Radio
    client: gr.Textbox
    summary: gr.HTML
    tabs: gr.Tabs
    studio_tab: gr.Tab
    history_tab: gr.Tab
    image: gr.Image
    examples: gr.Gallery
    candidates: gr.Radio
    english: gr.Textbox
    english_notes: gr.HTML
    from_arabic: gr.Button
    arabic: gr.Textbox
    arabic_notes: gr.HTML
    from_english: gr.Button
    sent: gr.HTML
    copy: gr.HTML
    number: gr.Slider
    recipe: gr.Radio
    expected: gr.HTML
    paint: gr.Button
    stop: gr.Button
    advanced: gr.Accordion
    steps: gr.Textbox
    guidance: gr.Textbox
    size: gr.Dropdown
    seed: gr.Textbox
    negative: gr.Textbox
    status: gr.HTML
    gallery: gr.Gallery
    results: gr.HTML
    actions: gr.Row
    more: gr.Button
    same: gr.Button
    download: gr.DownloadButton
    history: gr.Gallery
    selection: gr.HTML
    open: gr.Button
    delete: gr.Button
    confirmation: gr.Group
    confirm: gr.Button
    cancel: gr.Button
    about: gr.Accordion
    about_text: gr.HTML
    download_models: gr.Button
    cancel_download: gr.Button
    download_status: gr.HTML

    @property
    def all(self) -> list[Any]:
        """Every component."""
        return [getattr(self, field.name) for field in fields(self)]

    @property
    def texts(self) -> list[Any]:
        """The two text boxes."""
        return [self.english, self.arabic]

    @property
    def notes(self) -> list[Any]:
        """What is shown below the text boxes."""
        return [self.english_notes, self.arabic_notes, self.from_english, self.from_arabic]

    @property
    def prompt(self) -> list[Any]:
        """Everything about the captions and the prompt, with the status line."""
        return [*self.texts, *self.notes, self.candidates, self.sent, self.copy, self.status]

    @property
    def time_settings(self) -> list[Any]:
        """The settings on which the time depends most."""
        return [self.number, self.recipe, self.steps]

    @property
    def settings(self) -> list[Any]:
        """All settings, in the order of :func:`marsam.web.settings.paint_options`."""
        return [*self.time_settings, self.guidance, self.size, self.seed, self.negative]

    @property
    def pictures(self) -> list[Any]:
        """The new pictures and their buttons."""
        return [self.gallery, self.results, self.actions, self.download]

    @property
    def history_tab_parts(self) -> list[Any]:
        """Everything in the history tab."""
        return [self.history, self.selection, self.open, self.delete, self.confirmation]

    @property
    def run(self) -> list[Any]:
        """Everything about the run on the page."""
        shown = [self.image, *self.prompt, *self.pictures, *self.settings]
        return [*shown, *self.history_tab_parts]

    def labels(self, language: str) -> Update:
        """Labels in a language; values that people entered stay."""

        def text(key: str) -> str:
            return STRINGS.text(key, language)

        updates = {getattr(self, key): gr.update(label=text(key)) for key in _LABELLED}
        updates |= {getattr(self, key): gr.update(value=text(key)) for key in _BUTTONS}
        updates[self.examples] = gr.update(label=text("examples"), value=_examples(language))
        updates[self.recipe] = gr.update(label=text("recipe"), choices=_recipes(language))
        updates[self.size] = gr.update(label=text("size"), choices=_sizes(language))
        for key in ("steps", "guidance", "size", "seed", "negative"):
            updates[getattr(self, key)]["info"] = text(f"{key}_info")
        for key in ("english", "arabic"):
            updates[getattr(self, key)]["placeholder"] = text(f"{key}_hint")
        return updates


def _recipes(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text(recipe, language), str(recipe)) for recipe in Recipe]


def _examples(language: str) -> list[tuple[str, str]]:
    return [(path, STRINGS.text(f"example_{Path(path).stem}", language)) for path in EXAMPLES]


def _sizes(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text("default_size", language), ""), *((size, size) for size in SIZES)]


def create_components(studio: Studio, *, offer_download: bool = True) -> Components:
    """Create the components in English; :meth:`Components.labels` translates them.

    Args:
        studio: decides whether the full size models are offered for download.
        offer_download: whether they may be.
    """
    parts: dict[str, Any] = {"language": header(STRINGS.html("tagline"))}
    parts["client"] = gr.Textbox(visible=False)
    parts["summary"] = html(elem_id="summary")
    with gr.Tabs() as parts["tabs"]:
        with gr.Tab(_text("studio_tab"), id="studio") as parts["studio_tab"], gr.Row():
            with gr.Column(scale=3, min_width=280):
                _create_image(parts)
            with gr.Column(scale=8, min_width=300):
                _create_texts(parts)
                _create_settings(parts)
                _create_results(parts)
        with gr.Tab(_text("history_tab"), id="history") as parts["history_tab"]:
            _create_history(parts)
    with gr.Accordion(_text("about"), open=False, elem_id="about") as parts["about"]:
        parts["about_text"] = html()
        offered = offer_download and studio.models == "mini"
        if offered:
            html(render.offer())
        with gr.Row():
            parts["download_models"] = _button("download_models", visible=offered)
            parts["cancel_download"] = _button("cancel_download", visible=False)
        parts["download_status"] = html(live=True, elem_id="download-status")
    return Components(**parts)


def _text(key: str) -> str:
    return STRINGS.text(key, ENGLISH)


def _button(key: str, **options: Any) -> gr.Button:
    return gr.Button(_text(key), elem_id=key.replace("_", "-"), **options)


def _gallery(key: str, **options: Any) -> gr.Gallery:
    return gr.Gallery(
        label=_text(key),
        elem_id=key,
        height="auto",
        object_fit="contain",
        interactive=False,
        **options,
    )


def _create_image(parts: dict[str, Any]) -> None:
    parts["image"] = gr.Image(
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        label=_text("image"),
        height=300,
        elem_id="picture",
        buttons=["fullscreen"],
    )
    parts["examples"] = _gallery(
        "examples", value=_examples(ENGLISH), columns=3, allow_preview=False, buttons=[]
    )


def _create_texts(parts: dict[str, Any]) -> None:
    with gr.Row(elem_id="panes"):
        for name, other, rtl in (("english", "arabic", False), ("arabic", "english", True)):
            with gr.Column(min_width=260):
                parts[name] = gr.Textbox(
                    label=_text(name),
                    placeholder=_text(f"{name}_hint"),
                    elem_id=name,
                    lines=1,
                    max_lines=6,
                    max_length=MAX_TEXT_CHARACTERS,
                    rtl=rtl,
                )
                parts[f"{name}_notes"] = html(elem_id=f"{name}-notes", visible=False)
                parts[f"from_{other}"] = _button(f"from_{other}", size="sm", visible=False)
    parts["candidates"] = gr.Radio(
        [], label=_text("candidates"), visible=False, elem_id="candidates"
    )
    parts["sent"] = html(render.sent(None), elem_id="sent")
    parts["copy"] = html(elem_id="copy")


def _create_settings(parts: dict[str, Any]) -> None:
    defaults = PaintOptions()
    with gr.Row(elem_id="settings", equal_height=True):
        with gr.Column(scale=4, min_width=180):
            parts["number"] = gr.Slider(
                1,
                MAX_PICTURES,
                value=defaults.pictures,
                step=1,
                label=_text("number"),
                elem_id="number",
            )
        with gr.Column(scale=7, min_width=280):
            parts["recipe"] = gr.Radio(
                _recipes(ENGLISH),
                value=str(defaults.recipe),
                label=_text("recipe"),
                elem_id="recipe",
            )
        with gr.Column(scale=4, min_width=180):
            parts["paint"] = _button("paint", variant="primary", size="lg")
            parts["stop"] = _button("stop", visible=False)
            parts["expected"] = html(elem_id="expected")
    with gr.Accordion(_text("advanced"), open=False, elem_id="advanced") as parts["advanced"]:
        # Gradio's number box turns an empty value into 0; here empty means the default.
        for key in ("steps", "guidance"):
            parts[key] = _setting(key, max_length=12)
        parts["size"] = gr.Dropdown(
            _sizes(ENGLISH), value="", label=_text("size"), info=_text("size_info"), elem_id="size"
        )
        parts["seed"] = _setting("seed", max_length=12)
        parts["negative"] = _setting("negative", max_length=MAX_TEXT_CHARACTERS)


def _setting(key: str, *, max_length: int) -> gr.Textbox:
    return gr.Textbox(
        label=_text(key), info=_text(f"{key}_info"), max_length=max_length, elem_id=key
    )


def _create_results(parts: dict[str, Any]) -> None:
    parts["status"] = html(live=True, elem_id="status")
    parts["gallery"] = _gallery(
        "gallery", format="png", columns=4, buttons=["download", "fullscreen"]
    )
    parts["results"] = html(elem_id="results")
    with gr.Row(visible=False) as parts["actions"]:
        parts["more"] = _button("more")
        parts["same"] = _button("same")
        parts["download"] = gr.DownloadButton(_text("download"), elem_id="download")


def _create_history(parts: dict[str, Any]) -> None:
    parts["selection"] = html(elem_id="selection")
    with gr.Row():
        parts["open"] = _button("open", variant="primary", interactive=False)
        parts["delete"] = _button("delete", interactive=False)
    with gr.Group(visible=False) as parts["confirmation"]:
        html(paragraph(STRINGS.html("delete_question")))
        with gr.Row():
            parts["confirm"] = _button("confirm", variant="stop")
            parts["cancel"] = _button("cancel")
    parts["history"] = _gallery("history", format="png", columns=4, allow_preview=False, buttons=[])
