"""The folder of drawings, cached data and checkpoints, outside the repository."""

import os
from pathlib import Path

WORKSPACE = Path(os.environ.get("MARSAM_TRAINING", Path.home() / ".cache" / "marsam" / "training"))
WORKSPACE.mkdir(parents=True, exist_ok=True)
