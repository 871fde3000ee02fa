"""Worker processes started before it is known what they will do: to import all that they need takes seconds.

Imports nothing that takes time itself, so that the command line can start some, then do its own imports beside them.
"""

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running
from typing import Any

Started = tuple[BaseProcess, Connection]

# Of the process, as its children are: between the command that starts them and the engine that takes them lie the
# phases, the driver and the choice of an engine, all of which would have to hand them on.
_ready: list[tuple[dict[str, str], Started]] = []


def pool_sizes(threads: int) -> dict[str, str]:
    """The environment that keeps a worker's thread pools to so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))


def start_warm(count: int, environment: Mapping[str, str]) -> None:
    """Start so many processes; each waits for what to do, and ends with this one."""
    _ready.extend((dict(environment), _start(environment)) for _ in range(count))


def start(target: Callable[..., None], args: tuple[Any, ...], environment: Mapping[str, str]) -> Started:
    """A process that does `target(connection, *args)`, one started ahead where there is one with this environment."""
    while True:
        fitting = next((each for each in _ready if each[0] == environment), None)
        process, connection = fitting[1] if fitting else _start(environment)
        if fitting:
            _ready.remove(fitting)
        try:
            connection.send((target, args))
        except OSError:  # it died while it waited
            if fitting:
                continue
        return process, connection


def _start(environment: Mapping[str, str]) -> Started:
    """A new process, whose environment is set before it imports anything."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    ensure_running()  # or it would unblock the signal again
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # Ctrl-C is ours alone
    try:
        process = context.Process(target=_begin, args=(theirs,), daemon=True)
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    theirs.close()
    return process, ours


def _begin(connection: Connection) -> None:
    """Import what workers need, hear what to do, do it, and be gone: to take torch down in order takes a second."""
    importlib.import_module("trickbag.run.worker")
    try:
        target, args = connection.recv()
    except EOFError:  # the driver is gone, or had nothing to do
        return
    target(connection, *args)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all that is kept is on the disk by now
