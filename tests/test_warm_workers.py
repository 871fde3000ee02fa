"""Workers that are started before it is known what they will do."""

import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection

import pytest

from trickbag.run.engines import warm_workers


def say_where(connection: Connection, word: str) -> None:
    connection.send((word, os.getpid(), os.environ["OMP_NUM_THREADS"]))


def test_one_that_died_while_it_waited_is_replaced_and_the_next_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warm_workers, "_ready", [])  # other tests may have started some
    environment = warm_workers.pool_sizes(3)
    warm_workers.start_warm(2, environment)
    (_, (first, _)), (_, (second, _)) = warm_workers._ready
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    process, connection = warm_workers.start(say_where, ("hello",), environment)
    assert connection.recv() == ("hello", second.pid, "3")
    process.join()
    assert process.exitcode == 0
    assert warm_workers._ready == []
    assert os.environ.get("OMP_NUM_THREADS") != "3"  # ours is as it was


@pytest.mark.parametrize("module", ["trickbag.run.worker", "trickbag.lab"])
def test_nothing_is_imported_that_takes_seconds_and_few_commands_need(module: str) -> None:
    """torch's compiler took two of five seconds, scipy.stats (which belongs to the analysis) one, triton a quarter."""
    heavy = ("torch._dynamo", "scipy.stats", "triton")
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
