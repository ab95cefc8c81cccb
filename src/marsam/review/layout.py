"""The components of the review page and their layout; their handlers are in ``page``."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from marsam.batch.rows import Row
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.review.strings import STRINGS, name_of
from marsam.text.languages import language
from marsam.ui.components import header, html
from marsam.ui.html import paragraph
from marsam.ui.i18n import ENGLISH
from marsam.ui.updates import Update

FILTERS: Mapping[str, Callable[[Row], bool]] = {
    "draft": lambda row: not row.error and not row.reviewed,
    "notices": lambda row: bool(row.warnings) and not row.error and not row.reviewed,
    "reviewed": lambda row: row.reviewed and not row.error,
    "error": lambda row: bool(row.error),
    "all": lambda _: True,
}
"""Whether a filter shows a row. The names of filters are also the keys of their labels."""


class Components:
    """The components of the page, in English until :meth:`labels` translates them.

    Args:
        table: the table's name.
        codes: NLLB codes of its languages.
        session: the initial state of a page.

    Attributes:
        current_row: the row that the page shows, sent with every request: index, path and digest
            as JSON; empty for none. It is not visible.
        texts: the text boxes, by NLLB code.
        actions: buttons that change the row.
        all: all components that change, the text boxes last.
    """

    def __init__(self, table: str, codes: list[str], session: object) -> None:
        self.session = gr.State(session)
        self.current_row = gr.Textbox(visible=False)
        self.language = header(STRINGS.html("title", table))
        with gr.Row(elem_id="bar"):
            self.count = html(elem_id="count")
            self.filter = gr.Radio(
                _filters(ENGLISH), value="draft", label=_text("show"), elem_id="filter"
            )
        with gr.Row(elem_id="work"):
            with gr.Column(scale=6, min_width=280):
                self.image = html(elem_id="picture")
            with gr.Column(scale=5, min_width=280):
                self.notices = html(elem_id="notices")
                self.guide = html(elem_id="guide", visible=False)
                with gr.Column(elem_id="texts"):
                    texts = {code: _text_box(code) for code in codes}
                self.native = html(elem_id="native", visible=False)
                self.use_native = _button("use_native", visible=False)
                with gr.Row():
                    self.save = _button("save", variant="primary")
                    self.decorative = _button("mark_decorative")
                    self.reopen = _button("reopen")
                with gr.Row():
                    self.previous = _button("previous")
                    self.next = _button("next")
                self.status = html(elem_id="status", live=True)
                html(paragraph(STRINGS.html("keys"), "keys"))
        self.all: list[Any] = [*vars(self).values(), *texts.values()]
        self.texts = texts
        self.actions = (self.save, self.decorative, self.reopen)

    def labels(self, language: str) -> Update:
        """Updates that show every label in a language."""
        updates: Update = {
            getattr(self, key): gr.update(value=STRINGS.text(key, language))
            for key in ("save", "reopen", "previous", "next", "use_native")
        }
        updates[self.decorative] = gr.update(value=STRINGS.text("mark_decorative", language))
        show, choices = STRINGS.text("show", language), _filters(language)
        updates[self.filter] = gr.update(label=show, choices=choices)
        for code, box in self.texts.items():
            updates[box] = gr.update(label=name_of(code, language))
        return updates


def _text(key: str) -> str:
    return STRINGS.text(key, ENGLISH)


def _button(key: str, **options: Any) -> gr.Button:
    return gr.Button(_text(key), elem_id=key, **options)


def _filters(language: str) -> list[tuple[str, str]]:
    return [(STRINGS.text(name, language), name) for name in FILTERS]


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
