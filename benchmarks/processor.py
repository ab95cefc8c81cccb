"""The processor that a benchmark ran on."""

import platform
import re
from contextlib import suppress
from pathlib import Path


def processor_name() -> str:
    """The CPU's model name, as the system gives it."""
    with suppress(OSError):
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^model name[ \t]*:[ \t]*(\S.*)", cpuinfo, re.MULTILINE):
            return found[1].strip()
    return platform.processor() or platform.machine()
