"""The parts of the page and where they stand; what they do is in :mod:`marsam.web.page`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.options import MAX_PICTURES, MAX_TEXT, PaintOptions
from marsam.recipes import Recipe
from marsam.runs.eta import TimeEstimator
from marsam.studio import Studio
from marsam.web import render
from marsam.web.strings import ARABIC, ENGLISH, both, say

EXAMPLES = tuple(
    str(Path(__file__).with_name("examples") / f"{name}.png") for name in ("sea", "cat", "car")
)
SIZES = ("128×128", "256×256", "512×512", "512×768", "768×512", "768×768")
MARSAM = "marsam"  # the class of everything that is written in both languages


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything on the page that changes."""

    language: gr.Radio
    visitor: gr.Textbox
    strip: gr.HTML
    tabs: gr.Tabs
    studio_tab: gr.Tab
    history_tab: gr.Tab
    picture: gr.Image
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
    earlier: gr.Gallery
    chosen: gr.HTML
    open: gr.Button
    delete: gr.Button
    sure: gr.Group
    really: gr.Button
    keep: gr.Button
    about: gr.Accordion
    about_text: gr.HTML
    fetch: gr.Button
    fetch_stop: gr.Button
    fetch_status: gr.HTML

    def labels(self, language: str) -> dict[Any, Any]:
        """Updates that make every part speak a language; what people put in stays."""

        def word(key: str) -> str:
            return say(key, language)

        named = {
            self.studio_tab: "studio",
            self.history_tab: "history",
            self.picture: "picture",
            self.candidates: "candidates",
            self.number: "number",
            self.gallery: "pictures",
            self.earlier: "runs",
            self.advanced: "advanced",
            self.about: "about",
        }
        updates: dict[Any, Any] = {part: gr.update(label=word(key)) for part, key in named.items()}
        for part, key in (
            (self.steps, "steps"),
            (self.guidance, "guidance"),
            (self.seed, "seed"),
            (self.negative, "negative"),
        ):
            updates[part] = gr.update(label=word(key), info=word(f"{key}_info"))
        for part, key in ((self.english, "english"), (self.arabic, "arabic")):
            updates[part] = gr.update(label=word(key), placeholder=word(f"{key}_hint"))
        for part, key in (
            (self.from_english, "sync_from_english"),
            (self.from_arabic, "sync_from_arabic"),
            (self.paint, "paint"),
            (self.stop, "stop"),
            (self.more, "more"),
            (self.same, "same"),
            (self.open, "open"),
            (self.delete, "delete"),
            (self.really, "really"),
            (self.keep, "keep"),
            (self.fetch, "fetch"),
            (self.fetch_stop, "stop"),
        ):
            updates[part] = gr.update(value=word(key))
        updates[self.examples] = gr.update(label=word("examples"), value=_examples(language))
        updates[self.download] = gr.update(label=word("download"))
        updates[self.recipe] = gr.update(label=word("recipe"), choices=_recipes(language))
        updates[self.size] = gr.update(
            label=word("size"), info=word("size_info"), choices=_sizes(language)
        )
        return updates


def _recipes(language: str) -> list[tuple[str, str]]:
    return [(say(recipe, language), str(recipe)) for recipe in Recipe]


def _examples(language: str) -> list[tuple[str, str]]:
    return [(path, say(f"example_{Path(path).stem}", language)) for path in EXAMPLES]


def _sizes(language: str) -> list[tuple[str, str]]:
    return [(say("own_size", language), ""), *((size, size) for size in SIZES)]


def lay_out(studio: Studio, estimator: TimeEstimator, *, offer: bool = True) -> Parts:
    """Build the page, in English; whoever reads Arabic gets it in Arabic on arrival.

    ``offer`` shows how to fetch the full models, where they are not used yet.
    """

    def word(key: str) -> str:
        return say(key, ENGLISH)

    def html(value: str = "", **options: Any) -> gr.HTML:
        return gr.HTML(value, elem_classes=MARSAM, padding=False, **options)

    def button(key: str, **options: Any) -> gr.Button:
        return gr.Button(word(key), **options)

    parts: dict[str, Any] = {}
    with gr.Row(elem_id="top"):
        html(render.masthead())
        parts["language"] = gr.Radio(
            [("العربية", ARABIC), ("English", ENGLISH)],
            value=ENGLISH,
            label="Language · اللغة",
            show_label=False,
            container=False,
            elem_id="language",
        )
    parts["visitor"] = gr.Textbox(visible=False)
    parts["strip"] = html(render.strip(studio, estimator), elem_id="strip")
    with gr.Tabs() as parts["tabs"]:
        with gr.Tab(word("studio"), id="studio") as parts["studio_tab"], gr.Row():
            with gr.Column(scale=3, min_width=280):
                _source(parts)
            with gr.Column(scale=8, min_width=300):
                _words(parts, html, button)
                _settings(parts, html, button)
                _work(parts, html, button)
        with gr.Tab(word("history"), id="history") as parts["history_tab"]:
            _history(parts, html, button)
    with gr.Accordion(word("about"), open=False, elem_id="about") as parts["about"]:
        parts["about_text"] = html(render.about(studio, estimator))
        offer = offer and studio.models == "mini"
        html(render.offer() if offer else "")
        with gr.Row():
            parts["fetch"] = button("fetch", visible=offer, elem_id="fetch")
            parts["fetch_stop"] = button("stop", visible=False, elem_id="fetch-stop")
        parts["fetch_status"] = html(elem_id="fetch-status", html_template=_LIVE)
    return Parts(**parts)


_LIVE = '<div role="status" aria-live="polite">${value}</div>'


def _source(parts: dict[str, Any]) -> None:
    parts["picture"] = gr.Image(
        type="filepath",
        sources=["upload", "webcam", "clipboard"],
        label=say("picture", ENGLISH),
        height=300,
        elem_id="picture",
        buttons=["fullscreen"],
    )
    parts["examples"] = gr.Gallery(
        _examples(ENGLISH),
        label=say("examples", ENGLISH),
        columns=3,
        height="auto",
        object_fit="contain",
        allow_preview=False,
        interactive=False,
        elem_id="examples",
        buttons=[],
    )


def _words(parts: dict[str, Any], html: Any, button: Any) -> None:
    with gr.Row(elem_id="panes"):
        for name, other, rtl in (("english", "arabic", False), ("arabic", "english", True)):
            with gr.Column(min_width=260):
                parts[name] = gr.Textbox(
                    label=say(name, ENGLISH),
                    placeholder=say(f"{name}_hint", ENGLISH),
                    elem_id=name,
                    lines=1,
                    max_lines=6,
                    max_length=MAX_TEXT,
                    rtl=rtl,
                )
                parts[f"{name}_notes"] = html(elem_id=f"{name}-notes", visible=False)
                parts[f"from_{other}"] = button(
                    f"sync_from_{other}", size="sm", visible=False, elem_id=f"from-{other}"
                )
    parts["candidates"] = gr.Radio(
        [], label=say("candidates", ENGLISH), visible=False, elem_id="candidates"
    )
    parts["sent"] = html(render.sent(None), elem_id="sent")
    parts["copy"] = html(elem_id="copy")


def _settings(parts: dict[str, Any], html: Any, button: Any) -> None:
    defaults = PaintOptions()
    with gr.Row(elem_id="settings", equal_height=True):
        with gr.Column(scale=4, min_width=180):
            parts["number"] = gr.Slider(
                1,
                MAX_PICTURES,
                value=defaults.pictures,
                step=1,
                label=say("number", ENGLISH),
                elem_id="number",
            )
        with gr.Column(scale=7, min_width=280):
            parts["recipe"] = gr.Radio(
                _recipes(ENGLISH),
                value=str(defaults.recipe),
                label=say("recipe", ENGLISH),
                elem_id="recipe",
            )
        with gr.Column(scale=4, min_width=180):
            parts["paint"] = button("paint", variant="primary", size="lg", elem_id="paint")
            parts["stop"] = button("stop", visible=False, elem_id="stop")
            parts["expected"] = html(elem_id="expected")
    with gr.Accordion(say("advanced", ENGLISH), open=False) as parts["advanced"]:
        _advanced(parts)


def _work(parts: dict[str, Any], html: Any, button: Any) -> None:
    parts["status"] = html(elem_id="status", html_template=_LIVE)
    parts["gallery"] = gr.Gallery(
        label=say("pictures", ENGLISH),
        format="png",
        columns=4,
        height="auto",
        object_fit="contain",
        elem_id="gallery",
        interactive=False,
        buttons=["download", "fullscreen"],
    )
    parts["results"] = html(elem_id="results")
    with gr.Row(visible=False) as parts["actions"]:
        parts["more"] = button("more", elem_id="more")
        parts["same"] = button("same", elem_id="same")
        parts["download"] = gr.DownloadButton(say("download", ENGLISH), elem_id="download")


def _advanced(parts: dict[str, Any]) -> None:
    def number(key: str) -> gr.Textbox:
        # Gradio's number box turns "nothing" into 0; here empty means something.
        return gr.Textbox(
            label=say(key, ENGLISH), info=say(f"{key}_info", ENGLISH), max_length=12, elem_id=key
        )

    parts["steps"] = number("steps")
    parts["guidance"] = number("guidance")
    parts["size"] = gr.Dropdown(
        _sizes(ENGLISH),
        value="",
        label=say("size", ENGLISH),
        info=say("size_info", ENGLISH),
        elem_id="size",
    )
    parts["seed"] = number("seed")
    parts["negative"] = gr.Textbox(
        label=say("negative", ENGLISH),
        info=say("negative_info", ENGLISH),
        max_length=MAX_TEXT,
        elem_id="negative",
    )


def _history(parts: dict[str, Any], html: Any, button: Any) -> None:
    parts["chosen"] = html(elem_id="chosen")
    with gr.Row():
        parts["open"] = button("open", variant="primary", interactive=False, elem_id="open")
        parts["delete"] = button("delete", interactive=False, elem_id="delete")
    with gr.Group(visible=False) as parts["sure"]:
        html(f"<p>{both('sure')}</p>")
        with gr.Row():
            parts["really"] = button("really", variant="stop", elem_id="really")
            parts["keep"] = button("keep", elem_id="keep")
    parts["earlier"] = gr.Gallery(
        label=say("runs", ENGLISH),
        format="png",
        columns=4,
        height="auto",
        object_fit="contain",
        allow_preview=False,
        interactive=False,
        elem_id="earlier",
        buttons=[],
    )
