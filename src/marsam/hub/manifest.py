"""Pinned models: the commit of each and the checksums of its files.

``manifest.json`` holds them, and ``tools/pin.py`` writes it. A model may be pinned with all of its
checksums, with some, or not at all: only confirmed values are listed, and a pull reports what is
not pinned. ``MARSAM_MANIFEST`` names another manifest, for those who pin models of their own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from marsam import environment
from marsam.errors import ModelError

PACKAGED = Path(__file__).with_name("manifest.json")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """The pinned commit and checksums of one model.

    Attributes:
        revision: the commit on the hub; None for a model inside the package.
        sha256: confirmed checksums, by path inside the model's folder.
    """

    revision: str | None
    sha256: Mapping[str, str]


def pin_of(repo: str) -> Pin | None:
    """Return the pin of a hub id, or None for a model that is not pinned."""
    return _read(_path()).get(repo)


def bundled_pin(folder: Path) -> Pin | None:
    """The pin of a folder inside the package, or None for any other folder."""
    mini = PACKAGED.parents[1] / "mini"
    if folder.parent != mini:
        return None
    return _read(PACKAGED).get(f"mini/{folder.name}")


def _path() -> Path:
    return Path(environment.MANIFEST.get() or PACKAGED).expanduser()


@cache
def _read(path: Path) -> Mapping[str, Pin]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {name: _pin(entry) for name, entry in document["models"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is not a manifest of models; "
            f"unset {environment.MANIFEST.name} or install Marsam again."
        ) from error


def _pin(entry: Mapping[str, Any]) -> Pin:
    return Pin(
        revision=entry.get("revision"),
        sha256={name: str(file["sha256"]) for name, file in entry["files"].items()},
    )
