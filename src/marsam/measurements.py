"""Measurements of this machine, cached in a JSON file."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from marsam.atomic import atomic_path, partial_path


def read_measurements(file: Path) -> dict[str, float]:
    """Read measurements by name; empty if the file is missing or invalid."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in values.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_measurements(file: Path, values: Mapping[str, float]) -> None:
    """Write measurements; errors are ignored, as the values can be measured again."""
    with (
        suppress(OSError),
        atomic_path(file, partial_path(file, name=f"{file.name}.{os.getpid()}")) as partial,
    ):
        partial.write_text(json.dumps(values, indent=1), encoding="utf-8")
