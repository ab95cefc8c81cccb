"""What the command line does with keys."""

import os
import signal

import pytest

from marsam.console import stoppable


def test_ctrl_c_holds_though_a_library_swallowed_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stoppable() as stopped:
        stopped()
        with pytest.raises(KeyboardInterrupt):  # as soon as it is pressed
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):  # and whoever caught that, again
            stopped()
    assert signal.getsignal(signal.SIGINT) is before
