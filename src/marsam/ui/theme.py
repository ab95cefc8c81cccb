"""How both pages are served: colours, fonts, style sheet, scripts and limits."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from marsam.imaging.image_io import MAX_BYTES
from marsam.ui.blocks import Blocks
from marsam.ui.i18n import GRADIO_LABELS
from marsam.ui.limits import PageLimits

HERE = Path(__file__).parent
FAMILY = "Marsam Sans"
"""IBM Plex Sans Arabic (SIL OFL 1.1), which covers both scripts, as shipped in ``fonts``."""
_RANGES = {
    "arabic": "U+0600-06FF, U+0750-077F, U+0870-088E, U+0890-0891, U+0897-08E1, U+08E3-08FF, "
    "U+200C-200E, U+2010-2011, U+204F, U+2E41, U+FB50-FDFF, U+FE70-FE74, U+FE76-FEFC",
    "latin": "U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+2000-206F, "
    "U+20AC, U+2122, U+2191, U+2193, U+2212, U+2215, U+FEFF, U+FFFD",
}


def launch_options(
    page: Blocks,
    allowed_paths: Sequence[Path] = (),
    *,
    uploads: bool = True,
    documents: tuple[str, ...] = (),
    css: str = "",
    script: str = "",
) -> dict[str, Any]:
    """Arguments of ``gr.Blocks.launch``: no request leaves the machine, all have limits.

    Args:
        page: the page to launch.
        allowed_paths: folders whose files the page may show, besides Gradio's cache.
        uploads: whether pictures may be uploaded.
        documents: suffixes of documents that may be uploaded, too.
        css: rules of the page's own.
        script: JavaScript of the page's own.
    """
    style, common_script = (
        (HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    labels = f"window.marsam = {{ gradio: {json.dumps(GRADIO_LABELS)} }};"
    return {
        "theme": _theme(),
        "css": "\n".join((*_font_faces(), style, css)),
        "head": "\n".join(("<script>", labels, common_script, script, "</script>")),
        "max_file_size": MAX_BYTES,
        "app_kwargs": {
            "middleware": [Middleware(PageLimits, page=page, uploads=uploads, documents=documents)]
        },
        "allowed_paths": [str(path) for path in allowed_paths],
        "enable_monitoring": False,
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": False,
    }


def _theme() -> gr.themes.Base:
    """Gradio's base theme in our colours; contrast of text is WCAG AA or better."""
    paper, sheet, line = "#f7f2e9", "#fffdf8", "#d9cfbf"
    ink, faded, accent, pressed = "#2a2522", "#645a51", "#9c3f27", "#7f3220"
    night, board, edge = "#1d1a18", "#282421", "#4a433c"
    chalk, dust, warm, glow = "#efe8dc", "#b9aea0", "#e39270", "#f0a889"
    base = gr.themes.Base(
        font=[FAMILY, "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        radius_size=gr.themes.sizes.radius_sm,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
    )
    pairs = {
        "body_background_fill": (paper, night),
        "body_text_color": (ink, chalk),
        "body_text_color_subdued": (faded, dust),
        "background_fill_primary": (sheet, board),
        "background_fill_secondary": (paper, night),
        "block_background_fill": (sheet, board),
        "block_border_color": (line, edge),
        "block_label_background_fill": (sheet, board),
        "block_label_text_color": (faded, dust),
        "block_title_text_color": (ink, chalk),
        "block_info_text_color": (faded, dust),
        "border_color_primary": (line, edge),
        "border_color_accent": (accent, warm),
        "color_accent_soft": ("#f1e2d6", "#3a2f29"),
        "input_background_fill": (sheet, board),
        "input_border_color": ("#948776", "#857a6d"),
        "input_border_color_focus": (accent, warm),
        "input_placeholder_color": (faded, dust),
        "slider_color": (accent, warm),
        "link_text_color": (accent, warm),
        "button_primary_background_fill": (accent, warm),
        "button_primary_background_fill_hover": (pressed, glow),
        "button_primary_border_color": (accent, warm),
        "button_primary_text_color": ("#ffffff", night),
        "button_primary_text_color_hover": ("#ffffff", night),
        "button_secondary_background_fill": (sheet, board),
        "button_secondary_background_fill_hover": ("#f1e2d6", "#3a2f29"),
        "button_secondary_border_color": ("#948776", "#857a6d"),
        "button_secondary_text_color": (ink, chalk),
        "button_secondary_text_color_hover": (ink, chalk),
        "checkbox_label_background_fill": (sheet, board),
        "checkbox_label_background_fill_selected": ("#f1e2d6", "#3a2f29"),
        "checkbox_label_text_color_selected": (ink, chalk),
        "checkbox_background_color_selected": (accent, warm),
        "checkbox_border_color_selected": (accent, warm),
    }
    # color_accent has no dark variant; page.css sets it.
    return base.set(
        color_accent=accent,
        block_shadow="none",
        button_border_width="1px",
        button_primary_shadow="none",
        **{name: light for name, (light, _) in pairs.items()},
        **{f"{name}_dark": dark for name, (_, dark) in pairs.items()},
    )


def _font_faces() -> Iterator[str]:
    """The fonts as ``data:`` URLs."""
    for script, points in _RANGES.items():
        for weight in (400, 600):
            data = (HERE / "fonts" / f"{script}-{weight}.woff2").read_bytes()
            yield (
                f"@font-face {{ font-family: '{FAMILY}'; font-weight: {weight}; "
                f"font-display: swap; unicode-range: {points}; src: url(data:font/woff2;base64,"
                f"{base64.b64encode(data).decode()}) format('woff2'); }}"
            )
