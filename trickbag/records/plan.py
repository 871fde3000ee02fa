"""plan.json: the frozen, hash-chained expansion of a study; the pre-registration."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, provenance, read_record, write_record

PLAN = "plan.json"


class Workload(Frozen):
    """A network on a data set: what all its arms are judged on."""

    name: str
    data_digest: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    validation_ids: tuple[int, ...]


class Arm(Frozen):
    """A baseline with some tricks on; arms with one fingerprint are one arm with several names."""

    name: str
    workload: str
    tricks: tuple[str, ...]
    fingerprint: str
    recipe: dict[str, Any]  # resolved
    diff: dict[str, tuple[Any, Any]]  # path -> (baseline's value, this arm's value)


class Comparison(Frozen):
    """Arm minus comparison, one member of the family of claims."""

    workload: str
    arm: str
    comparison: str


class PlannedRun(Frozen):
    """One recipe trained with one seed; its identity is (fingerprint, seed), its id names its folder."""

    id: str
    workload: str
    arm: str
    fingerprint: str
    seed: int
    needs: tuple[str, ...] = ()  # ids of runs that must be done before


class Phase(Frozen):
    """Runs that belong together; for a later phase, the rule that will choose them."""

    name: Literal["teacher", "tune", "screen", "confirm", "time"]
    runs: tuple[PlannedRun, ...] = ()
    rule: str = "all listed runs"


class Judgement(Frozen):
    """The test that will judge the runs, fixed before they start."""

    method: str = "moderated paired differences, single-step max-|t| intervals"
    level: float = 0.95
    margin: float  # percentage points


class Plan(Frozen):
    """What a study will run and how it will be judged."""

    study: dict[str, Any]
    workloads: tuple[Workload, ...]
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    phases: tuple[Phase, ...]
    judgement: Judgement
    machine: dict[str, Any]  # device, threads and torch version, on which the last digits depend
    dropped: dict[str, str] = {}  # cells of the design that cannot be, and why

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """The runs of all phases, in order."""
        return tuple(run for phase in self.phases for run in phase.runs)

    def runs_of(self, arm: Arm) -> list[PlannedRun]:
        """The runs that count for an arm; a teacher is not one of the students it equals."""
        teaching = [phase.name == "teacher" for phase in self.phases for _ in phase.runs]
        own = (arm.workload, arm.fingerprint, arm.name == "teacher")
        pairs = zip(self.runs, teaching, strict=True)
        return [run for run, teaches in pairs if (run.workload, run.fingerprint, teaches) == own]

    def arm(self, workload: str, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if (arm.workload, arm.name) == (workload, name))


class Entry(Frozen):
    """A link of the chain: the plan itself, the runs of a later phase, or an amendment with its reason."""

    kind: Literal["plan", "phase", "amendment"]
    body: dict[str, Any]
    previous: str | None
    hash: str
    reason: str = ""
    finished_runs: int = 0
    written: dict[str, Any]


class PlanFile(Frozen):
    """The chain as it stands in plan.json; entries are only ever appended."""

    format: int = FORMAT
    entries: tuple[Entry, ...]

    def plan(self) -> Plan:
        """The plan as all entries together make it."""
        plain = dict(self.entries[0].body)
        for entry in self.entries[1:]:
            plain = {**plain, **{k: v for k, v in entry.body.items() if k != "phase"}}
            if entry.kind == "phase":
                plain["phases"] = [*plain["phases"], entry.body["phase"]]
        return Plan.model_validate(plain)


def link_hash(kind: str, body: dict[str, Any], previous: str | None, reason: str) -> str:
    """SHA-256 over what an entry says and the hash of the entry before it."""
    text = json.dumps([kind, body, previous, reason], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def first_entry(plan: Plan) -> Entry:
    """The chain's first link."""
    body = plan.model_dump(mode="json")
    return Entry(
        kind="plan", body=body, previous=None, hash=link_hash("plan", body, None, ""), written=provenance()
    )


def write_plan(folder: Path, plan: Plan) -> PlanFile:
    """Freeze a plan into an empty study folder; the same plan again is left as it is.

    Raises InputError where the folder holds another plan.
    """
    entry, path = first_entry(plan), folder / PLAN
    if path.exists():
        existing = read_plan(folder)
        if existing.entries[0].hash != entry.hash:
            raise InputError(
                f"{path}: {_difference(existing.entries[0].body, entry.body)}; choose an empty folder"
            )
        return existing
    file = PlanFile(entries=(entry,))
    write_record(path, file)
    return file


def read_plan(folder: Path) -> PlanFile:
    """The chain in a study folder, every link checked."""
    file, previous = read_record(PlanFile, folder / PLAN), None
    for entry in file.entries:
        if entry.previous != previous or entry.hash != link_hash(
            entry.kind, entry.body, previous, entry.reason
        ):
            raise InputError(
                f"{folder / PLAN}: changed by hand: its hash does not fit; restore it from a copy"
            )
        previous = entry.hash
    return file


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """In words, what sets two plans apart."""
    if old["study"]["name"] != new["study"]["name"]:
        return f"the folder belongs to another study, {old['study']['name']!r}"
    fields = [key for key in new if old.get(key) != new[key]]
    return f"the folder holds another plan of this study (it differs in {', '.join(fields)})"
