"""The parts of the review page and where they stand; what they do is in ``review_page``."""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.options import MAX_TEXT
from marsam.review import render
from marsam.review.strings import both, name_of, say
from marsam.text.languages import language
from marsam.ui import theme
from marsam.web.layout import MARSAM
from marsam.web.page import launch_options
from marsam.web.strings import ARABIC, ENGLISH

HERE = Path(__file__).parent
FILTERS = ("draft", "remarks", "reviewed", "error", "all")
"""Which rows are shown; the words that say so have the same names."""
_LIVE = '<div role="status" aria-live="polite">${value}</div>'


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
            part: gr.update(value=say(key, speech))
            for part, key in (
                (self.save, "save"),
                (self.reopen, "reopen"),
                (self.previous, "previous"),
                (self.next, "next"),
            )
        }
        updates[self.filter] = gr.update(label=say("show", speech), choices=_filters(speech))
        for code, box in self.boxes.items():
            updates[box] = gr.update(label=name_of(code, speech))
        return updates


def _filters(speech: str) -> list[tuple[str, str]]:
    return [(say(name, speech), name) for name in FILTERS]


def lay_out(table: str, codes: list[str], visit: object) -> Parts:
    """Build the page, in English; whoever reads Arabic gets it in Arabic on arrival.

    Args:
        table: its name.
        codes: NLLB codes of its languages.
        visit: what a newly opened page remembers.
    """
    html = partial(gr.HTML, elem_classes=MARSAM, padding=False)

    def button(key: str, **options: Any) -> gr.Button:
        return gr.Button(say(key, ENGLISH), elem_id=key, **options)

    parts: dict[str, Any] = {"visit": gr.State(visit), "shown": gr.Textbox(visible=False)}
    with gr.Row(elem_id="top"):
        html(render.masthead(table))
        parts["language"] = gr.Radio(
            [("العربية", ARABIC), ("English", ENGLISH)],
            value=ENGLISH,
            label="Language · اللغة",
            show_label=False,
            container=False,
            elem_id="language",
        )
    with gr.Row(elem_id="bar"):
        parts["count"] = html(elem_id="count")
        parts["filter"] = gr.Radio(
            _filters(ENGLISH), value=FILTERS[0], label=say("show", ENGLISH), elem_id="filter"
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
            parts["status"] = html(elem_id="status", html_template=_LIVE)
            html(f'<p class="keys">{both("keys")}</p>')
    return Parts(**parts)


def _box(code: str) -> gr.Textbox:
    one = language(code)
    return gr.Textbox(
        label=name_of(code, ENGLISH),
        elem_id=f"text-{one.short}",
        elem_classes=["words", one.direction],
        lines=2,
        max_lines=10,
        max_length=MAX_TEXT,
        rtl=one.direction == "rtl",
        html_attributes=gr.InputHTMLAttributes(lang=one.short),
    )


def served_with() -> dict[str, Any]:
    """How the page is served: like the studio, with a little more style and a few keys."""
    style = (HERE / "review.css").read_text(encoding="utf-8")
    script = (HERE / "review.js").read_text(encoding="utf-8")
    return launch_options() | {
        "css": f"{theme.css()}\n{style}",
        "head": f"{theme.head()}\n<script>{script}</script>",
        "max_file_size": 1,  # nothing is given to this page but words
    }
