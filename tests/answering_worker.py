"""A worker for the local engine's tests, in a file of its own: its processes need not import torch."""

import os
from multiprocessing.connection import Connection


def tell_gpus(connection: Connection) -> None:
    """Answers each run with the GPUs that it may see, and dies of the run `die`."""
    while (asked := connection.recv()) != "die":
        connection.send(f"{asked}: {os.environ.get('CUDA_VISIBLE_DEVICES')}")
    os._exit(3)
