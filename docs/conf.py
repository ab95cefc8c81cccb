"""How the documentation is built: ``make docs``, where every warning is an error."""

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from marsam.version import __version__

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "Marsam · مرسم"
author = "The Marsam maintainers"
copyright = author  # noqa: A001 - Sphinx' own name
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

# Every reference must lead somewhere. These lead to other projects, and this build asks nobody,
nitpick_ignore_regex = [
    ("py:mod", r"marsam\..*"),  # or to modules that only developers read
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

RIGHT_TO_LEFT = {"ar"}
"""Pages that are written in Arabic."""


def _turn(
    _app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """An Arabic page reads from right to left; the menus around it stay as they are."""
    if page in RIGHT_TO_LEFT:
        context["body"] = f'<div dir="rtl" lang="ar">{context["body"]}</div>'


def _readable(*given: Any) -> tuple[str | None, str | None]:
    """A default that a dataclass makes afresh each time; Python cannot parse how it shows it."""
    signature, returns = given[-2:]
    return signature and signature.replace("<factory>", "..."), returns


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", _turn)
    app.connect("autodoc-process-signature", _readable)
