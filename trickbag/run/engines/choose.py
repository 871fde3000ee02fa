"""The engine that a machine block names."""

from trickbag.run.engines.engine import Engine, Job
from trickbag.run.engines.local import LocalEngine, workers
from trickbag.run.engines.on_ray.engine import RayEngine
from trickbag.run.engines.on_slurm.engine import SlurmEngine


def make_engine(job: Job) -> Engine:
    """The engine of `job.machine`; InputError where it cannot work here."""
    if job.machine.engine == "ray":
        return RayEngine(job)
    if job.machine.engine == "slurm":
        return SlurmEngine(job)
    return LocalEngine.of(job, workers(job.machine))
