"""The components of the page and their order; what they do is in the modules of the handlers."""

from typing import Any

import gradio as gr

from marsam.device import Device
from marsam.hub.catalog import MINI, SETS, STANDARD, ModelSet
from marsam.hub.selection import stage_name
from marsam.options import (
    DEFAULT_STRENGTH,
    MAX_PICTURES,
    MAX_TEXT_CHARACTERS,
    CaptionLength,
    CaptionOptions,
    PaintOptions,
)
from marsam.recipes import Recipe
from marsam.studio import Studio
from marsam.styles import NO_STYLE, STYLES
from marsam.ui.components import header, html
from marsam.ui.i18n import ARABIC, ENGLISH
from marsam.ui.updates import Update
from marsam.web import render
from marsam.web.gallery import MAX_SEARCH_CHARACTERS, Gallery, help_dialogs, viewer
from marsam.web.many.component import component as many_list
from marsam.web.session import EXAMPLES_DIR
from marsam.web.settings import MINI_SIZES, SIZES, START_PICTURE, START_WORDS
from marsam.web.strings import STRINGS

EXAMPLES = tuple(str(EXAMPLES_DIR / f"{name}.png") for name in ("sea", "cat", "car"))


class Components:
    """The components that change, in English until :meth:`labels` translates them.

    The lists are groups that events read or write.

    Args:
        offer_download: whether visitors may download the full size models and use them.
        phone_url: where phones reach the page, if they can.
    """

    def __init__(self, *, offer_download: bool = True, phone_url: str | None = None) -> None:
        self.offer_download = offer_download
        self.language = header(STRINGS.html("tagline"))
        self.client, self.link = gr.Textbox(visible=False), gr.Textbox(visible=False)
        self.summary = html(elem_id="summary", seen=True)
        with gr.Tabs() as self.tabs:
            with (
                gr.Tab(_text("studio_tab"), id="studio") as self.studio_tab,
                gr.Row(elem_id="workspace"),  # page.css arranges its parts by the width
            ):
                self._create_image()
                self._create_live()
                with gr.Column(elem_id="words"):
                    self._create_texts()
                    self._create_settings()
                with gr.Column(elem_id="painted"):
                    self._create_results()
                self.examples = html(clicks=True, elem_id="examples")
                self.examples.value = Gallery(self.examples).examples(EXAMPLES)
            with gr.Tab(_text("many_tab"), id="many", elem_id="many-tab") as self.many_tab:
                self.many = many_list()
            with gr.Tab(_text("history_tab"), id="history") as self.history_tab:
                self._create_history()
        with gr.Accordion(open=False, **_named("about")) as self.about:
            self.about_text = html()
            self.offered = gr.Radio([], visible=False, **_named("offered"))
            with gr.Row():
                self.download_models = _button("download_models", visible=False)
                self.use_models = _button("use_models", variant="primary", visible=False)
                self.cancel_download = _button("cancel_download", visible=False)
            self.download_status = html(live=True, elem_id="download-status")
        html(help_dialogs(phone_url), elem_id="help")
        parts = {name: part for name, part in vars(self).items() if name != "offer_download"}
        self._by_name: dict[str, Any] = parts
        self.all = list(self._by_name.values())
        self.texts = [self.english, self.arabic]
        self.notes = [self.english_notes, self.arabic_notes, self.from_english, self.from_arabic]
        self.notes += [self.native, self.use_native, self.keep_both, self.undo, self.copy]
        self.prompt = [*self.texts, *self.notes, self.fetch_models, self.candidates, self.sent]
        self.prompt += [self.status]
        # The settings on which the time depends most, and all in the order of `paint_options`.
        self.time_settings = [self.number, self.recipe, self.steps, self.size]
        self.settings = [*self.time_settings, self.guidance, self.seed, self.negative]
        self.settings += [self.start, self.strength, self.style, self.as_written]
        self.pictures = [self.gallery, self.resume, self.more, self.print, self.sheet]
        self.pictures += [self.copy_link]
        self.pictures += [self.download, self.download_kept]
        self.past_runs = [self.history]
        # What depends on the models in use.
        self.models = [self.fetch_models, self.offered, self.download_models, self.use_models]
        self.models += [self.style_models, self.no_styles_row, self.caption_length]
        self.models += [self.summary, self.about_text, self.live, *self.settings]
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

    def _create_live(self) -> None:
        """What is painted while a person types: near the text boxes, to be seen meanwhile."""
        self.live_picture = html(clicks=True, elem_id="live-picture", visible=False)
        self.typing = html(
            live=True,
            script="window.marsam.followTyping(trigger)",
            elem_id="typing",
            elem_classes=["marsam", "visually-hidden"],
        )

    def _create_texts(self) -> None:
        with gr.Row(elem_id="panes"):
            self.english, self.english_notes, self.from_arabic = _pane("english", "arabic")
            self.arabic, self.arabic_notes, self.from_english = _pane("arabic", "english")
        self.native = html(elem_id="native", visible=False)
        with gr.Row(elem_id="text-actions"):
            self.use_native = _button("use_native", size="sm", visible=False)
            self.keep_both = _button("keep_both", size="sm", visible=False)
            self.undo = _button("undo", size="sm", visible=False)
        self.fetch_models = _button("fetch_models", visible=False)
        self.candidates = gr.Radio([], visible=False, **_named("candidates"))
        self.caption_length = gr.Radio(
            _lengths(ENGLISH),
            value=str(CaptionOptions.length),
            visible=False,
            elem_classes="chips",
            **_named("caption_length"),
        )
        self.sent = html(render.sent(None), elem_id="sent")
        self.copy = html(elem_id="copy")

    def _create_settings(self) -> None:
        defaults, recipes = PaintOptions(), _recipes(ENGLISH)
        with gr.Row(elem_id="settings", equal_height=True):
            with gr.Column(scale=4, min_width=180):
                self.number = gr.Slider(
                    1, MAX_PICTURES, defaults.pictures, step=1, **_named("number")
                )
            with gr.Column(scale=7, min_width=280):
                self.recipe = gr.Radio(recipes, value=str(defaults.recipe), **_named("recipe"))
            with gr.Column(scale=4, min_width=180, elem_id="paint-bar"):
                self.paint = _button("paint", variant="primary", size="lg")
                self.stop = _button("stop", visible=False)
                self.expected = html(elem_id="expected")
        with gr.Row(elem_id="live-row"):  # else Gradio joins it with the box below
            self.live = gr.Checkbox(visible=False, **_named("live"))
        self.style = gr.Radio(
            _styles(ENGLISH), value=NO_STYLE, visible=False, elem_classes="chips", **_named("style")
        )
        with gr.Row(elem_id="no-styles", visible=False) as self.no_styles_row:
            html(STRINGS.html("no_styles"))
            self.style_models = _button("style_models", size="sm", visible=False)
        with gr.Row(elem_id="start-row"):
            self.start = gr.Radio(_starts(ENGLISH), value=START_WORDS, **_named("start"))
            self.strength = gr.Slider(
                0.1, 1, DEFAULT_STRENGTH, step=0.05, visible=False, **_named("strength")
            )
        with gr.Accordion(open=False, **_named("advanced")) as self.advanced:
            # Gradio's number box turns an empty value into 0; here empty means the default.
            self.steps = gr.Textbox(max_length=12, **_named("steps"))
            self.guidance = gr.Textbox(max_length=12, **_named("guidance"))
            self.size = gr.Dropdown(_sizes(ENGLISH), value="", **_named("size"))
            self.seed = gr.Textbox(max_length=12, **_named("seed"))
            self.negative = gr.Textbox(max_length=MAX_TEXT_CHARACTERS, **_named("negative"))
            self.as_written = gr.Checkbox(visible=False, **_named("as_written"))

    def _create_results(self) -> None:
        self.status = html(elem_id="status")
        # What changes with every step is not read to a listener; page.js puts the rest here.
        html(live=True, elem_id="announcement", elem_classes=["marsam", "visually-hidden"])
        self.gallery = html(clicks=True, elem_id="gallery", visible=False)
        html(viewer(), elem_id="viewer")
        # The page to print, which viewer.js shows in a window of its own.
        self.sheet = html(elem_id="sheet", elem_classes=["marsam", "visually-hidden"])
        with gr.Row(elem_id="picture-actions"):
            self.resume = _button("resume", visible=False)
            self.more = _button("more", visible=False)
            self.print = _button("print", visible=False)
            self.download_kept = gr.DownloadButton(visible=False, **_named("download_kept"))
            self.download = gr.DownloadButton(visible=False, **_named("download"))
        self.copy_link = html(elem_id="copy-link")

    def _create_history(self) -> None:
        with gr.Row(elem_id="history-bar", equal_height=True):
            self.search = gr.Textbox(max_length=MAX_SEARCH_CHARACTERS, **_named("search"))
            self.kept_only = gr.Checkbox(container=True, **_named("kept_only"))
        self.history = html(clicks=True, elem_id="history")

    def labels(self, language: str, studio: Studio) -> Update:
        """Labels in a language, and the choices of these models; what people entered stays."""
        updates: Update = {}
        for key, component in self._by_name.items():
            if isinstance(component, gr.Button):
                updates[component] = gr.update(value=STRINGS.text(key, language))
            elif key in STRINGS and not isinstance(component, gr.HTML):
                updates[component] = gr.update(**_labels(key, language))
        updates[self.recipe]["choices"] = _recipes(language, studio)
        updates[self.size]["choices"] = _sizes(language, studio)
        updates[self.start]["choices"] = _starts(language)
        updates[self.style]["choices"] = _styles(language)
        sampling = studio.painter.sampling(PaintOptions.recipe)
        updates[self.style]["visible"] = sampling.styles
        updates[self.no_styles_row] = gr.update(visible=not sampling.styles)
        updates[self.offered]["choices"] = [
            (render.offered_set(one, language), one.name) for one in offered_sets(studio.device)
        ]
        updates[self.caption_length] |= {
            "choices": _lengths(language),
            "visible": studio.captioner.abilities.lengths,
        }
        updates[self.as_written]["visible"] = sampling.reads_arabic
        return updates


def offered_sets(device: Device | None) -> list[ModelSet]:
    """The sets to download that fit a device; the standard one if none does."""

    def fits(one: ModelSet) -> bool:
        if device is None:
            return True
        dtype = device.dtype
        return device.holds(one.memory(dtype), painter=one.painter.memory(dtype))

    return [one for one in SETS.values() if not one.bundled and fits(one)] or [STANDARD]


def _text(key: str) -> str:
    return STRINGS.text(key, ENGLISH)


def _labels(key: str, language: str) -> dict[str, str]:
    """A component's label, its description and its placeholder, as far as they exist."""
    names = {"label": key, "info": f"{key}_info", "placeholder": f"{key}_hint"}
    return {kind: STRINGS.text(name, language) for kind, name in names.items() if name in STRINGS}


def _named(key: str) -> dict[str, str]:
    """The options of a component whose ID in the page is the key of its label."""
    return _labels(key, ENGLISH) | {"elem_id": key.replace("_", "-")}


def _recipes(language: str, studio: Studio | None = None) -> list[tuple[str, str]]:
    recipes = studio.painter.recipes if studio else tuple(Recipe)
    return [(STRINGS.text(recipe, language), str(recipe)) for recipe in recipes]


def _styles(language: str) -> list[tuple[str, str]]:
    named = [(one.ar if language == ARABIC else one.en, key) for key, one in STYLES.items()]
    return [(STRINGS.text("no_style", language), NO_STYLE), *named]


def _lengths(language: str) -> list[tuple[str, str]]:
    keys = {
        CaptionLength.SHORT: "length_short",
        CaptionLength.SENTENCE: "length_sentence",
        CaptionLength.PARAGRAPH: "length_paragraph",
    }
    return [(STRINGS.text(key, language), str(length)) for length, key in keys.items()]


def _starts(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text(start, language), start) for start in (START_WORDS, START_PICTURE)]


def _sizes(language: str, studio: Studio | None = None) -> list[tuple[str, str]]:
    is_mini = studio is not None and studio.painter.name == stage_name(MINI.painter)
    sizes = MINI_SIZES if is_mini else SIZES
    return [(STRINGS.text("default_size", language), ""), *((size, size) for size in sizes)]


def _button(key: str, **options: Any) -> gr.Button:
    return gr.Button(_text(key), elem_id=key.replace("_", "-"), **options)


def _pane(language: str, other: str) -> tuple[gr.Textbox, gr.HTML, gr.Button]:
    """The text box of a language, its notices, and the button that updates it."""
    with gr.Column(min_width=260):
        text = gr.Textbox(
            lines=2,
            max_lines=8,
            max_length=MAX_TEXT_CHARACTERS,
            rtl=language == "arabic",
            **_named(language),
        )
        notes = html(elem_id=f"{language}-notes", visible=False)
        return text, notes, _button(f"from_{other}", size="sm", visible=False)
