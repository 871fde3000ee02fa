"""The engine that a machine block names."""

from trickbag.errors import InputError
from trickbag.run.engines.engine import Engine, Job
from trickbag.run.engines.local import LocalEngine, workers


def make_engine(job: Job) -> Engine:
    """The engine of `job.machine`; InputError where it cannot work here."""
    if job.machine.engine != "local":
        raise InputError(f"machine.engine: {job.machine.engine} is not built in yet; use local")
    return LocalEngine.of(job, workers(job.machine))
