"""Pinned models: the commit of each and the checksums of its files.

``manifest.json`` holds them, and ``tools/pin.py`` writes it. A model may be pinned with all of its
checksums, with some, or not at all: only confirmed values are listed, and a pull reports what is
not pinned. ``MARSAM_MANIFEST`` names another manifest, for those who pin models of their own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from marsam import environment
from marsam.errors import ModelError

PACKAGED = Path(__file__).with_name("manifest.json")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """The pinned commit and confirmed checksums of one model."""

    revision: str | None = None  # the commit on the hub; None for a model inside the package
    sha256: Mapping[str, str] = field(default_factory=dict)  # by path inside the model's folder


UNPINNED = Pin()


def pin_of(repo: str) -> Pin:
    """Return the pin of a hub id, or ``UNPINNED``."""
    path = Path(environment.MANIFEST.get() or PACKAGED).expanduser()
    return _read(path).get(repo, UNPINNED)


def bundled_pin(folder: Path) -> Pin | None:
    """The pin of a folder inside the package, or None for any other folder."""
    is_bundled = folder.parent == PACKAGED.parents[1] / "mini"
    return _read(PACKAGED).get(f"mini/{folder.name}") if is_bundled else None


@cache
def _read(path: Path) -> Mapping[str, Pin]:
    try:
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
        return {
            name: Pin(
                revision=entry.get("revision"),
                sha256={file: str(known["sha256"]) for file, known in entry["files"].items()},
            )
            for name, entry in models.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "{path} is not a manifest of models; unset {variable} or install Marsam again.",
            path=path,
            variable=environment.MANIFEST.name,
        ) from error
