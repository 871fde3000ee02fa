"""Whether a process is told to end."""

import os
import signal
from collections.abc import Iterator

import pytest

from trickbag.run.signals import TIME_IS_UP, StopRequest


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of the tests are there again afterwards."""
    before = {number: signal.getsignal(number) for number in TIME_IS_UP}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_any_of_the_signals_is_a_request_to_stop() -> None:
    stop = StopRequest(*TIME_IS_UP)
    assert not stop()
    os.kill(os.getpid(), signal.SIGUSR2)
    assert stop()
    assert stop.received == {signal.SIGUSR2}


def test_so_is_the_loss_of_the_parent() -> None:
    assert not StopRequest(parent=os.getppid())()
    assert StopRequest(parent=-1)()
