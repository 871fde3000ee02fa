"""A worker for the local engine's tests, in a file of its own: its processes need not import torch."""

import os
from multiprocessing.connection import Connection

from trickbag.run.engines.engine import Ended


def tell_gpus(connection: Connection) -> None:
    """Answers each run with the GPUs that it may see, and dies of the run `die`."""
    while (asked := connection.recv()) != "die":
        connection.send(Ended(asked, f"{asked}: {os.environ.get('CUDA_VISIBLE_DEVICES')}"))
    os._exit(3)


def leave_after_one(connection: Connection) -> None:
    """Answers one run with its process id and says that it leaves; would die of another one."""
    connection.send(Ended(connection.recv(), str(os.getpid()), leaving=True))
    connection.poll(None)
    os._exit(3)


def say_goodbye(connection: Connection) -> None:
    """Leaves of itself once it was given a run, as though it had been told to end just before."""
    connection.poll(None)
    connection.send(Ended("", leaving=True))
