"""The components of the review page and their layout; their handlers are in ``page``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

from marsam.batch.rows import Row
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.review.strings import STRINGS, name_of
from marsam.text.languages import language
from marsam.ui.components import header, html
from marsam.ui.html import paragraph
from marsam.ui.i18n import ENGLISH
from marsam.ui.theme import launch_options
from marsam.ui.updates import Update

HERE = Path(__file__).parent
FILTERS: Mapping[str, Callable[[Row], bool]] = {
    "draft": lambda row: not row.error and not row.reviewed,
    "notices": lambda row: bool(row.warnings) and not row.error and not row.reviewed,
    "reviewed": lambda row: row.reviewed and not row.error,
    "error": lambda row: bool(row.error),
    "all": lambda _: True,
}
"""Whether a filter shows a row. The names of filters are also the keys of their labels."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """All components of the page that change.

    Attributes:
        current_row: the row that the page shows, sent with every request: index, path and digest
            as JSON; empty for none. It is not visible.
        texts: the text boxes, by NLLB code.
    """

    session: gr.State
    current_row: gr.Textbox
    language: gr.Radio
    count: gr.HTML
    filter: gr.Radio
    image: gr.HTML
    notices: gr.HTML
    texts: dict[str, gr.Textbox]
    save: gr.Button
    reopen: gr.Button
    previous: gr.Button
    next: gr.Button
    status: gr.HTML

    @property
    def all(self) -> list[Any]:
        """All components as a list, the text boxes last."""
        others = [getattr(self, field.name) for field in fields(self) if field.name != "texts"]
        return [*others, *self.texts.values()]

    def labels(self, language: str) -> Update:
        """Return updates that show every label in a language."""
        updates: Update = {
            button: gr.update(value=STRINGS.text(key, language))
            for button, key in (
                (self.save, "save"),
                (self.reopen, "reopen"),
                (self.previous, "previous"),
                (self.next, "next"),
            )
        }
        updates[self.filter] = gr.update(
            label=STRINGS.text("show", language), choices=_filters(language)
        )
        for code, box in self.texts.items():
            updates[box] = gr.update(label=name_of(code, language))
        return updates


def _filters(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text(name, language), name) for name in FILTERS]


def create_components(table: str, codes: list[str], session: object) -> Components:
    """Create the page in English; loading it shows it in the browser's language.

    Args:
        table: the table's name.
        codes: NLLB codes of its languages.
        session: the initial state of a page.
    """

    def button(key: str, **options: Any) -> gr.Button:
        return gr.Button(STRINGS.text(key, ENGLISH), elem_id=key, **options)

    parts: dict[str, Any] = {"session": gr.State(session), "current_row": gr.Textbox(visible=False)}
    parts["language"] = header(STRINGS.html("title", table))
    with gr.Row(elem_id="bar"):
        parts["count"] = html(elem_id="count")
        parts["filter"] = gr.Radio(
            _filters(ENGLISH), value="draft", label=STRINGS.text("show", ENGLISH), elem_id="filter"
        )
    with gr.Row(elem_id="work"):
        with gr.Column(scale=6, min_width=280):
            parts["image"] = html(elem_id="picture")
        with gr.Column(scale=5, min_width=280):
            parts["notices"] = html(elem_id="notices")
            with gr.Column(elem_id="texts"):
                parts["texts"] = {code: _text_box(code) for code in codes}
            with gr.Row():
                parts["save"] = button("save", variant="primary")
                parts["reopen"] = button("reopen")
            with gr.Row():
                parts["previous"] = button("previous")
                parts["next"] = button("next")
            parts["status"] = html(elem_id="status", live=True)
            html(paragraph(STRINGS.html("keys"), "keys"))
    return Components(**parts)


def _text_box(code: str) -> gr.Textbox:
    text_language = language(code)
    return gr.Textbox(
        label=name_of(code, ENGLISH),
        elem_id=f"text-{text_language.tag}",
        elem_classes=["words", text_language.direction],
        lines=2,
        max_lines=10,
        max_length=MAX_TEXT_CHARACTERS,
        rtl=text_language.direction == "rtl",
        html_attributes=gr.InputHTMLAttributes(lang=text_language.tag),
    )


def mount_options() -> dict[str, Any]:
    """Return options for ``gr.mount_gradio_app``: the studio's, with the page's CSS and script."""
    css = (HERE / "review.css").read_text(encoding="utf-8")
    script = (HERE / "review.js").read_text(encoding="utf-8")
    return launch_options(css=css, script=script) | {"max_file_size": 1}  # nothing is uploaded
