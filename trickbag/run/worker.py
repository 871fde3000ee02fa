"""What a worker process of the local engine does: train one planned run after the other."""

import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

import torch

from trickbag.errors import DiskError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.run.engines.engine import Ended
from trickbag.run.execute import execute
from trickbag.run.together import ProcessDiedError


@dataclass
class _Stop:
    """Turns true when this process is told to end, or its driver is gone."""

    driver: int
    told: bool = False

    def __call__(self) -> bool:
        return self.told or os.getppid() != self.driver

    def tell(self, signum: int, frame: FrameType | None) -> None:
        self.told = True


def work(connection: Connection, folder: Path, machine: Machine, driver: int) -> None:
    """Train the runs whose ids arrive, until process `driver` hangs up or this process is told to end."""
    stop = _Stop(driver)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which tells us
    signal.signal(signal.SIGTERM, stop.tell)
    torch.set_num_threads(machine.threads)
    plan = read_plan(folder).plan()
    runs = {run.id: run for run in plan.runs}
    try:
        while not stop():
            if connection.poll(0.2):
                planned = runs[connection.recv()]
                try:
                    healthy, ended = execute(folder, plan, planned, machine, stop), Ended(planned.id)
                except DiskError as error:
                    healthy, ended = True, Ended(planned.id, str(error), halts=True)
                except ProcessDiedError as error:
                    healthy, ended = True, Ended(planned.id, str(error), status=error.status)
                connection.send(ended)
                if not healthy and machine.device != "cpu":
                    return  # a CUDA error may have left this process's context broken; the engine starts another
    except (EOFError, BrokenPipeError):  # the driver is gone
        return
