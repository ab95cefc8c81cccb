"""What was measured on this machine, remembered in a file between starts."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from marsam.atomic import atomic_path, partial_path


def read_measurements(file: Path) -> dict[str, float]:
    """Figures by name; none where the file is absent or broken: all can be measured again."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): float(figure) for name, figure in known.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_measurements(file: Path, figures: Mapping[str, float]) -> None:
    """Nobody is told when it fails: the work is done, and only a figure is lost."""
    with (
        suppress(OSError),
        atomic_path(file, partial_path(file, name=f"{file.name}.{os.getpid()}")) as partial,
    ):
        partial.write_text(json.dumps(figures, indent=1), encoding="utf-8")
