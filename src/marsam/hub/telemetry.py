"""Usage reports of the hub's library."""

import os


def disable_telemetry() -> None:
    """Switch the usage reports off; the library reads the setting when it is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
