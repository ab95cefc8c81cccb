"""Two Sphinx directives: reference pages generated from the command line and the HTTP API."""

import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class _Generated(SphinxDirective, ABC):
    """A directive whose content is generated Markdown."""

    has_content = False

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """The Markdown."""

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown at the position of the directive."""
        parent = nodes.Element()
        content = StringList(list(self.lines()), self.get_source_info()[0])
        self.state.nested_parse(content, self.content_offset, parent, match_titles=True)
        return parent.children


class Commands(_Generated):
    """Every command with its arguments and options, as in ``--help``."""

    def lines(self) -> Iterator[str]:
        """One section per command; the commands of a group follow it."""
        from marsam.cli.main import app

        root = typer.main.get_command(app)
        yield from _command(root, typer.Context(root, info_name="marsam"))


def _command(command: Any, context: Any) -> Iterator[str]:
    yield from (f"## {context.command_path}", "", _plain(command.help or ""), "")
    yield from ("```text", command.get_usage(context).removeprefix("Usage: "), "```", "")
    rows = [
        (f"`{_cell(names)}`", _plain(description))
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
        for names, description in [record]
    ]
    yield from _table(("Argument or option", "Description"), rows)
    for name, child in getattr(command, "commands", {}).items():
        yield from _command(child, typer.Context(child, parent=context, info_name=name))


class Routes(_Generated):
    """Every route of the HTTP API, from its OpenAPI description (``/openapi.json``)."""

    def lines(self) -> Iterator[str]:
        """One section per tag, with one subsection per route."""
        schema = _openapi()
        routes = [
            (method.upper(), path, route)
            for path, methods in schema["paths"].items()
            for method, route in methods.items()
            if route.get("tags")
        ]
        for tag in dict.fromkeys(route["tags"][0] for _, _, route in routes):
            yield from (f"## {tag}", "")
            for method, path, route in routes:
                if route["tags"][0] == tag:
                    yield from _route(method, path, route, schema)


def _openapi() -> dict[str, Any]:
    """The OpenAPI document of the whole service; fake stages are enough for it."""
    from marsam.api.metrics import Metrics
    from marsam.journal.journal import Journal
    from marsam.runs.scheduler import Scheduler
    from marsam.server.app import create_app
    from marsam.testing import fake_studio

    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        scheduler = Scheduler(fake_studio(), journal)
        app = create_app(scheduler, page=False, metrics=Metrics())
        schema: dict[str, Any] = app.app.openapi()
        scheduler.close()
        journal.close()
    return schema


def _route(method: str, path: str, route: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"### `{method} {path}`", "")
    yield from (_plain(f"{route['summary']}."), "")
    if "description" in route:
        yield from (_plain(route["description"]), "")
    rows = {
        entry["name"]: [entry["in"], *_field(entry, entry["schema"], entry.get("required", False))]
        for entry in route.get("parameters", ())
    }
    for kind, content in route.get("requestBody", {}).get("content", {}).items():
        body = _resolved(content["schema"], schema)
        where = {"application/json": "JSON"}.get(kind, "form")
        for name, field in body.get("properties", {}).items():
            if name in rows:  # the same parameter, accepted in several ways
                rows[name][0] += f" or {where}"
            else:
                required = name in body.get("required", ())
                rows[name] = [where, *_field(field, _resolved(field, schema), required)]
    head = ("Name", "In", "Type", "Default", "Description")
    yield from _table(head, [(f"`{name}`", *row) for name, row in rows.items()])
    yield from _response(route, schema)


def _response(route: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    """The fields of a successful JSON response, if the route declares them."""
    content: dict[str, Any] = {}
    for status, response in route.get("responses", {}).items():
        if status.startswith("2"):
            content = response.get("content", {}).get("application/json", {})
    fields = _resolved(content.get("schema", {}), schema).get("properties", {})
    rows = []
    for name, field in fields.items():
        kind, _, description = _field(field, _resolved(field, schema), required=False)
        rows.append((f"`{name}`", kind, description))
    yield from _table(("Response field", "Type", "Description"), rows)
    statuses = sorted(status for status in route.get("responses", {}) if status >= "4")
    yield from (f"Error statuses: {', '.join(statuses)}.", "")


def _resolved(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in field:
        field = schema["components"]["schemas"][field["$ref"].rpartition("/")[2]]
    return field


def _field(entry: dict[str, Any], field: dict[str, Any], required: bool) -> tuple[str, str, str]:
    """The type, the default and the description of a field."""
    types = dict.fromkeys(_type(option) for option in field.get("anyOf", [field]))
    default = field.get("default")
    shown = "" if default in (None, "") else f"`{str(default).lower()}`"
    description = entry.get("description") or field.get("description", "")
    kind = " or ".join(name for name in types if name != "null")
    return kind, "required" if required else shown, _plain(description)


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("contentMediaType") or field.get("format") == "binary":
        return "file"
    if "$ref" in field:
        return "object"
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("type", "any"))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _cell(code: str) -> str:
    """Escape ``|``, which would end a table cell."""
    return code.replace("|", "\\|")


def _plain(text: str) -> str:
    """Join a text into one line and escape its Markdown, except code in one or two backticks."""
    parts = re.split("``?", " ".join(text.split()))
    for index, part in enumerate(parts):
        parts[index] = f"`{part}`" if index % 2 else re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", part)
    return "".join(parts)


class Settings(_Generated):
    """Insert the environment variables that Marsam reads."""

    def lines(self) -> Iterator[str]:
        """Yield a table."""
        from marsam.environment import VARIABLES

        rows = [(f"`{name}`", description, default) for name, description, default in VARIABLES]
        yield from _table(("Variable", "Description", "Default"), rows)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives (called by Sphinx)."""
    app.add_directive("marsam-commands", Commands)
    app.add_directive("marsam-routes", Routes)
    app.add_directive("marsam-settings", Settings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
