"""Sphinx configuration of the documentation; build it with ``make docs``."""

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from marsam.version import __version__

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "Marsam · مرسم"
author = "The Marsam maintainers"
copyright = author  # noqa: A001 - the name that Sphinx reads
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated",
]
exclude_patterns = ["extensions"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # the fields of a dataclass are in its signature already
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

# Unresolved references are errors, except those to other projects: resolving these needs a network.
nitpick_ignore_regex = [
    ("py:mod", r"marsam\..*"),  # internal modules, which have no page
    ("py:.*", r"(PIL|collections|concurrent|pathlib|os|torch|enum|typing)\..*"),
    ("py:.*", r"(BinaryIO|Path|Image\.Image|Iterator|Sequence|Mapping|optional)"),
]

html_theme = "furo"
html_title = f"{project} {release}"
html_theme_options = {  # the colours of the studio
    "light_css_variables": {"color-brand-primary": "#9c3f27", "color-brand-content": "#9c3f27"},
    "dark_css_variables": {"color-brand-primary": "#e39270", "color-brand-content": "#e39270"},
}
html_static_path = ["static"]
html_css_files = ["marsam.css"]
html_logo = html_favicon = "static/logo.svg"
html_show_sphinx = False
html_copy_source = False

copybutton_selector = "div:not(.highlight-text) > div.highlight pre"  # not on printed output


def _set_direction(
    _app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Mark Arabic text as right-to-left: whole pages, and table cells that begin in Arabic.

    The English menus stay left-to-right.
    """
    body = context.get("body", "")
    if page == "ar" or page.endswith("-ar"):
        context["body"] = f'<div dir="rtl" lang="ar">{body}</div>'
    else:
        cell = r"<(t[hd])\b([^>]*)>(?=(?:<p>)?[\u0621-\u064a])"
        context["body"] = re.sub(cell, r'<\1\2 dir="rtl" lang="ar">', body)


def _fix_signature(*arguments: Any) -> tuple[str | None, str | None]:
    """Replace ``<factory>``, a dataclass's default factory, which Sphinx cannot parse."""
    signature, returns = arguments[-2:]
    return signature and signature.replace("<factory>", "..."), returns


def setup(app: Sphinx) -> None:
    """Register the event handlers."""
    app.connect("html-page-context", _set_direction)
    app.connect("autodoc-process-signature", _fix_signature)
