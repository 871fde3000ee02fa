"""timing.json: what an exclusive timing session measured, round by round."""

from pathlib import Path
from typing import Any

from pydantic import Field

from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, read_record, write_record

TIMING = "timing.json"
QUIET = 0.05  # share of the cores that others may use before times are doubted


class Lap(Frozen):
    """One arm's turn in one round."""

    round: int
    workload: str
    arm: str
    steps: int = Field(ge=1)
    seconds: float = Field(gt=0)  # for those steps, the device drained


class Startup(Frozen):
    """What an arm needs before its steps have their usual pace: building, first step, compilation."""

    workload: str
    arm: str
    fingerprint: str  # of the recipe that was timed; an arm that has another by now was not
    seconds: float = Field(gt=0)
    total_steps: int = Field(ge=1)  # of a whole run, by which a lap is projected


class TimingFile(Frozen):
    """A timing session; every arm has a turn in every round, in an order drawn for the round."""

    format: int = FORMAT
    plan_hash: str  # of the plan as it was first frozen; later entries of the chain leave a session valid
    rounds: int  # that every arm and its comparison had together
    laps: tuple[Lap, ...]
    startups: tuple[Startup, ...]
    left_out: dict[str, str] = {}  # `workload: arm` -> what went wrong with it
    other_load: float  # share of all cores that other processes used meanwhile
    other_load_before: float = 0.0  # the same in the second before the start
    machine: dict[str, Any]
    provenance: dict[str, Any]

    @property
    def warning(self) -> str:
        """One line where other processes kept the machine busy; else empty."""
        return load_warning(max(self.other_load, self.other_load_before))


def load_warning(share: float) -> str:
    """What to think of times taken while others used that share of the cores; empty where they may be believed."""
    if share <= QUIET:
        return ""
    return f"other processes used {100 * share:.0f} % of the cores: times are less sure; time again on a quiet machine"


def write_timing(folder: Path, timing: TimingFile) -> None:
    """Write timing.json into a study's folder."""
    write_record(folder / TIMING, timing)


def read_timing(folder: Path) -> TimingFile | None:
    """The timing session of a study's folder, or None; InputError where the file is damaged."""
    return read_record(TimingFile, folder / TIMING) if (folder / TIMING).exists() else None
