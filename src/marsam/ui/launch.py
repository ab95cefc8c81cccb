"""How a page is served."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marsam.imaging.image_io import MAX_BYTES
from marsam.ui import theme


def launch_options(
    allowed_paths: Sequence[Path] = (), *, css: str = "", script: str = ""
) -> dict[str, Any]:
    """Arguments of ``gr.Blocks.launch``: no request leaves the machine, uploads are limited.

    Args:
        allowed_paths: folders whose files the page may show, besides Gradio's cache.
        css: rules of the page's own.
        script: JavaScript of the page's own.
    """
    return {
        "theme": theme.theme(),
        "css": theme.css(css),
        "head": theme.head(script),
        "max_file_size": MAX_BYTES,
        "allowed_paths": [str(path) for path in allowed_paths],
        "enable_monitoring": False,
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": False,
    }
