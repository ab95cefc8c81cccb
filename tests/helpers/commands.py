"""The command line, as a shell calls it."""

import sys

from marsam.cli import main


def marsam(*arguments: str) -> int:
    """Run the command as a shell would; the exit code."""
    sys.argv = ["marsam", *arguments]
    try:
        main.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
