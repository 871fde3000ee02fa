"""timing.json: what an exclusive timing session measured, round by round."""

from pathlib import Path
from typing import Any

from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, read_record, write_record

TIMING = "timing.json"


class Lap(Frozen):
    """One arm's turn in one round."""

    round: int
    workload: str
    arm: str
    steps: int
    seconds: float  # for those steps, the device drained


class Startup(Frozen):
    """What an arm needs before its steps have their usual pace: building, first steps, compilation."""

    workload: str
    arm: str
    seconds: float
    total_steps: int  # of a whole run, by which a lap is projected


class TimingFile(Frozen):
    """A timing session; every arm has a turn in every round, in an order drawn for the round."""

    format: int = FORMAT
    plan_hash: str
    laps: tuple[Lap, ...]
    startups: tuple[Startup, ...]
    other_load: float  # share of all cores that other processes used meanwhile
    machine: dict[str, Any]
    provenance: dict[str, Any]


def write_timing(folder: Path, timing: TimingFile) -> None:
    """Write timing.json into a study's folder."""
    write_record(folder / TIMING, timing)


def read_timing(folder: Path) -> TimingFile | None:
    """The timing session of a study's folder, or None; InputError where the file is damaged."""
    return read_record(TimingFile, folder / TIMING) if (folder / TIMING).exists() else None
