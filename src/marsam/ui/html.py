"""Pieces of HTML that both pages use; ``Markup`` escapes every value put into it."""

import base64
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup
from PIL import Image

EMPTY = Markup()


def join(parts: Iterable[str], separator: str = "") -> Markup:
    """Several pieces as one; what is no ``Markup`` is escaped."""
    return Markup.escape(separator).join(parts)


def bdi(text: str) -> Markup:
    """A text of the user or of a model, isolated: its direction is found from its letters."""
    return Markup("<bdi>{}</bdi>").format(text)


def paragraph(content: object, css_class: str = "") -> Markup:
    """A paragraph."""
    if css_class:
        return Markup('<p class="{}">{}</p>').format(css_class, content)
    return Markup("<p>{}</p>").format(content)


def progress(share: float) -> Markup:
    """A progress bar; ``share`` is 0 to 1."""
    return Markup('<progress max="1" value="{:.3f}"></progress>').format(share)


def jpeg_data_url(picture: Image.Image, *, quality: int) -> str:
    """An RGB picture as a ``data:`` URL; ``quality`` of the JPEG is 1 to 95."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def template(path: Path) -> Template:
    """A Jinja2 template that escapes every value."""
    environment = Environment(
        loader=FileSystemLoader(path.parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(path.name)


def macros(path: Path, **values: object) -> Callable[..., Markup]:
    """A function that takes the name of a macro of a template and its arguments.

    The macros may use ``values``.
    """
    module = template(path).make_module(values)
    return lambda name, *arguments: getattr(module, name)(*arguments)
