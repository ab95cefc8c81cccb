"""Where drawings, cached data and checkpoints live: outside the repository, kept between runs."""

import os
from pathlib import Path

WORKSPACE = Path(os.environ.get("MARSAM_TRAINING", Path.home() / ".cache" / "marsam" / "training"))
WORKSPACE.mkdir(parents=True, exist_ok=True)
