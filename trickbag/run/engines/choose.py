"""The engine that a machine block names."""

from pathlib import Path

from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.run.engines.engine import Engine, Job
from trickbag.run.engines.local import LocalEngine, workers
from trickbag.run.engines.on_ray.cluster import check_reached, load_ray
from trickbag.run.engines.on_ray.engine import RayEngine
from trickbag.run.engines.on_slurm.cluster import NO_ANSWER, Slurm
from trickbag.run.engines.on_slurm.engine import SlurmEngine


def check_engine(machine: Machine) -> None:
    """InputError where the engine that a machine block names cannot be reached from here; nothing is written."""
    if machine.engine == "ray":
        check_reached(load_ray(), machine.ray_address)
    if machine.engine == "slurm" and Slurm(Path(), machine).look() is None:
        raise InputError(NO_ANSWER)


def make_engine(job: Job) -> Engine:
    """The engine of `job.machine`; InputError where it cannot work here."""
    check_engine(job.machine)
    if job.machine.engine == "ray":
        return RayEngine(job)
    if job.machine.engine == "slurm":
        return SlurmEngine(job)
    return LocalEngine.of(job, workers(job.machine))
