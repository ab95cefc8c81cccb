"""The component of the tab for many pictures, filled by ``many.js``."""

import gradio as gr

from marsam.web.many import render


def component() -> gr.HTML:
    """The whole tab: ``many.js`` shows in it what comes as the value, which is JSON."""
    return gr.HTML(
        html_template=str(render.tab()),
        js_on_load="window.marsam.many(element, trigger, props, watch, 'act')",
        apply_default_css=False,
        elem_id="many",
        elem_classes="marsam",
    )
