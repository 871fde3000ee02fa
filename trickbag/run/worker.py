"""What a worker process of the local engine does: train one planned run after the other."""

import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from trickbag.errors import DiskError
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan, PlannedRun
from trickbag.run.distributed.ranks import ProcessDiedError
from trickbag.run.engines.engine import Ended
from trickbag.run.execute import execute
from trickbag.run.signals import StopRequest

GOODBYE = Ended("", leaving=True)  # of a worker that leaves without a run


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
                ended = _train(folder, plan, runs[connection.recv()], machine, stop)
                connection.send(ended)
                if ended.leaving:
                    return
        connection.send(GOODBYE)
    except (EOFError, ConnectionError):  # the driver is gone
        return


def _train(
    folder: Path, plan: Plan, planned: PlannedRun, machine: Machine, stop: Callable[[], bool]
) -> Ended:
    """Train a run; how it ended, and whether this process can train another."""
    healthy = True
    try:
        healthy, ended = execute(folder, plan, planned, machine, stop), Ended(planned.id)
    except DiskError as error:
        ended = Ended(planned.id, str(error), halts=True)
    except ProcessDiedError as error:
        ended = Ended(planned.id, str(error), status=error.status)
    broken = not healthy and machine.device != "cpu"  # a CUDA error may have left the context so
    return replace(ended, leaving=broken or stop())
