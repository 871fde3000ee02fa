"""What a worker process of the local engine does: train one planned run after the other."""

import signal
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from trickbag.errors import DiskError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.run.engines.engine import Ended
from trickbag.run.execute import execute
from trickbag.run.signals import StopRequest
from trickbag.run.together import ProcessDiedError


def work(connection: Connection, folder: Path, machine: Machine, driver: int) -> None:
    """Train the runs whose ids arrive, until process `driver` hangs up or this process is told to end."""
    stop = StopRequest(signal.SIGTERM, parent=driver)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which tells us
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
