"""The parts of the review page and where they stand; what they do is in ``review_page``."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from marsam.options import MAX_TEXT_CHARACTERS
from marsam.review.strings import STRINGS, name_of
from marsam.text.languages import language
from marsam.ui.components import header, html
from marsam.ui.i18n import ENGLISH
from marsam.ui.launch import launch_options

HERE = Path(__file__).parent
FILTERS = ("draft", "remarks", "reviewed", "error", "all")
"""Which rows are shown; the words that say so have the same names."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything on the page that changes.

    Attributes:
        shown: which row the page shows, and how it was: it travels with every request.
        boxes: the texts, by NLLB code.
    """

    visit: gr.State
    shown: gr.Textbox
    language: gr.Radio
    count: gr.HTML
    filter: gr.Radio
    picture: gr.HTML
    remarks: gr.HTML
    boxes: dict[str, gr.Textbox]
    save: gr.Button
    reopen: gr.Button
    previous: gr.Button
    next: gr.Button
    status: gr.HTML

    @property
    def everything(self) -> list[Any]:
        """All of them."""
        parts = [getattr(self, field.name) for field in fields(self) if field.name != "boxes"]
        return [*parts, *self.boxes.values()]

    def labels(self, speech: str) -> dict[Any, Any]:
        """Updates that make every part speak a language; what people wrote stays."""
        updates: dict[Any, Any] = {
            part: gr.update(value=STRINGS.text(key, speech))
            for part, key in (
                (self.save, "save"),
                (self.reopen, "reopen"),
                (self.previous, "previous"),
                (self.next, "next"),
            )
        }
        updates[self.filter] = gr.update(
            label=STRINGS.text("show", speech), choices=_filters(speech)
        )
        for code, box in self.boxes.items():
            updates[box] = gr.update(label=name_of(code, speech))
        return updates


def _filters(speech: str) -> list[tuple[str, str]]:
    return [(STRINGS.text(name, speech), name) for name in FILTERS]


def lay_out(table: str, codes: list[str], visit: object) -> Parts:
    """Build the page, in English; whoever reads Arabic gets it in Arabic on arrival.

    Args:
        table: its name.
        codes: NLLB codes of its languages.
        visit: what a newly opened page remembers.
    """

    def button(key: str, **options: Any) -> gr.Button:
        return gr.Button(STRINGS.text(key, ENGLISH), elem_id=key, **options)

    parts: dict[str, Any] = {"visit": gr.State(visit), "shown": gr.Textbox(visible=False)}
    parts["language"] = header(STRINGS.html("title", table))
    with gr.Row(elem_id="bar"):
        parts["count"] = html(elem_id="count")
        parts["filter"] = gr.Radio(
            _filters(ENGLISH),
            value=FILTERS[0],
            label=STRINGS.text("show", ENGLISH),
            elem_id="filter",
        )
    with gr.Row(elem_id="work"):
        with gr.Column(scale=6, min_width=280):
            parts["picture"] = html(elem_id="picture")
        with gr.Column(scale=5, min_width=280):
            parts["remarks"] = html(elem_id="remarks")
            with gr.Column(elem_id="texts"):
                parts["boxes"] = {code: _box(code) for code in codes}
            with gr.Row():
                parts["save"] = button("save", variant="primary")
                parts["reopen"] = button("reopen")
            with gr.Row():
                parts["previous"] = button("previous")
                parts["next"] = button("next")
            parts["status"] = html(elem_id="status", live=True)
            html(Markup('<p class="keys">{}</p>').format(STRINGS.html("keys")))
    return Parts(**parts)


def _box(code: str) -> gr.Textbox:
    one = language(code)
    return gr.Textbox(
        label=name_of(code, ENGLISH),
        elem_id=f"text-{one.tag}",
        elem_classes=["words", one.direction],
        lines=2,
        max_lines=10,
        max_length=MAX_TEXT_CHARACTERS,
        rtl=one.direction == "rtl",
        html_attributes=gr.InputHTMLAttributes(lang=one.tag),
    )


def served_with() -> dict[str, Any]:
    """Arguments with which the page is mounted: those of the studio, its own style and script."""
    css = (HERE / "review.css").read_text(encoding="utf-8")
    script = (HERE / "review.js").read_text(encoding="utf-8")
    return launch_options(css=css, script=script) | {"max_file_size": 1}  # nothing is uploaded
