"""The interface between the driver and whatever runs happen on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from trickbag.recipe import Machine
from trickbag.records.plan import Plan


@dataclass(frozen=True)
class Ended:
    """A run that an engine is through with.

    Its folder holds its record, unless `trouble` says in words what kept it from ending by itself. `blameless`
    is trouble that the run cannot have caused (its node was lost, or taken away for others): it is taken up
    again from its checkpoint however often that happens. `halts` is trouble that every other run would meet as well,
    as a full disk: the study stops with these words. `status` is how the run is recorded where it is not taken up
    again. `leaving`: the process that says so ends with it, and takes no other run.
    """

    run_id: str
    trouble: str = ""
    blameless: bool = False
    halts: bool = False
    status: Literal["died", "out_of_memory"] = "died"
    leaving: bool = False


@dataclass(frozen=True)
class Job:
    """What every engine is given: the runs of a frozen plan, to be left in the study's folder."""

    folder: Path
    plan: Plan
    machine: Machine  # as planned; each run's share of cores in `loaders`


class Engine(Protocol):
    """Where runs happen. No engine knows statistics, no analysis knows engines."""

    def capacity(self) -> int:
        """How many runs can be side by side now."""

    def free(self) -> int:
        """How many more runs can be submitted now."""

    def submit(self, run_id: str) -> None:
        """Start a run, or go on with it from the checkpoint in its folder."""

    def wait(self, seconds: float) -> list[Ended]:
        """The runs that ended meanwhile; waits for one at most so long."""

    def cancel(self) -> None:
        """Let running runs save their state, then end all work; nothing is left behind. May be called twice."""
