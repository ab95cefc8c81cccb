"""Gradio components that both pages have."""

from typing import Any

import gradio as gr
from markupsafe import Markup

from marsam.ui.html import EMPTY
from marsam.ui.i18n import ARABIC, ENGLISH

CLICKS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) trigger(button.dataset.event ?? "click", { ...button.dataset });
});
"""

SEEN = """
const seen = () => { if (!document.hidden) trigger("focus"); };
document.addEventListener("visibilitychange", seen);
window.addEventListener("focus", seen);
"""


def html(
    value: Markup = EMPTY,
    *,
    live: bool = False,
    clicks: bool = False,
    seen: bool = False,
    script: str = "",
    **options: Any,
) -> gr.HTML:
    """Text in both languages; a screen reader announces changes of ``live`` text.

    With ``clicks``, its buttons with a ``data-action`` send events that carry their data: "click",
    or the one that their ``data-event`` names. With ``seen``, it sends "focus" when a person comes
    back to the page. ``script`` runs once, when the page is loaded.
    """
    options["js_on_load"] = "".join([CLICKS] * clicks + [SEEN] * seen + [script]) or None
    if live:
        options["html_template"] = '<div role="status" aria-live="polite">${value}</div>'
    # Of elements of this class, the style sheet shows the reader's language only.
    return gr.HTML(value, **{"elem_classes": "marsam", "padding": False, **options})


def header(subtitle: Markup) -> gr.Radio:
    """The top of a page: the product's name, a line below it, and the language switch."""
    with gr.Row(elem_id="top"):
        html(
            Markup(
                '<header class="masthead"><h1><span lang="en">Marsam</span> '
                '<span lang="ar" dir="rtl">مرسم</span></h1><p>{}</p></header>'
            ).format(subtitle)
        )
        return gr.Radio(
            [("العربية", ARABIC), ("English", ENGLISH)],
            value=ENGLISH,
            label="Language · اللغة",
            show_label=False,
            container=False,
            elem_id="language",
        )
