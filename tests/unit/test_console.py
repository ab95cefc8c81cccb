"""What the command line does with keys."""

import os
import signal
from collections.abc import Iterator

import pytest

from marsam.console import stoppable


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_holds_though_a_library_swallowed_it() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with stoppable() as stopped:
        stopped()
        with pytest.raises(KeyboardInterrupt):  # as soon as it is pressed
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):  # and whoever caught that, again
            stopped()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_a_shell_runs_in_the_background_is_not_stopped() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        stopped()
