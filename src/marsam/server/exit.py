"""The end of a server's process, whatever its threads are doing."""

import atexit
import os
import signal
import sys
from contextlib import suppress

STATUS = {signal.SIGTERM: 0, signal.SIGINT: 130}
"""Exit status by signal: to be stopped by a service manager is no failure."""


def end_on_signals() -> None:
    """End the process at a signal to stop, from now on; a server handles it first, if one runs.

    Threads that load or run models are in native code, where nothing can stop them. Python would
    end around them: libraries are torn down that they use, and C++ aborts the process, or an import
    in such a thread fails with a traceback. So the process ends without that.
    """
    for number in STATUS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for background jobs of a shell
            signal.signal(number, lambda number, _frame: _end(number))


def _end(number: int) -> None:
    with suppress(Exception):  # the exit status is what matters
        if number == signal.SIGINT:
            os.write(2, b"Stopped.\n")  # the main thread may be writing to a stream at the moment
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(STATUS[signal.Signals(number)])
