"""plan.json: a plan and all that was added to it, as a chain of entries that only grows, linked by hashes."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from trickbag.errors import InputError
from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, first_problem, provenance, read_record, write_record
from trickbag.records.plan import Plan, merged
from trickbag.records.plan_check import check_sound

PLAN = "plan.json"


def _dated(written: dict[str, Any]) -> dict[str, Any]:
    """An entry's provenance; ValueError where it does not say when the entry was written."""
    if not isinstance(written.get("written"), str):
        raise ValueError("it does not say when")
    return written


class Entry(Frozen):
    """A link of the chain: the plan itself, a later phase, an amendment, or an opening of the test bits."""

    kind: Literal["plan", "phase", "amendment", "opening"]
    body: dict[str, Any]
    previous: str | None
    hash: str
    reason: str = ""
    finished_runs: int = 0
    written: Annotated[dict[str, Any], AfterValidator(_dated)]


class PlanFile(Frozen):
    """The chain as it stands in plan.json; entries are only ever appended."""

    format: int = FORMAT
    entries: tuple[Entry, ...] = Field(min_length=1)

    def plan(self) -> Plan:
        """The plan as all entries together make it, put together once.

        `phase` of an entry's body is appended to the phases, its `arms` replace those of the same name or are
        new, every other field replaces the plan's. Raises InputError where that is no plan that could be worked with.
        """
        return self._whole

    @cached_property
    def _whole(self) -> Plan:
        """What `plan` answers."""
        plan = _plan(self.entries[0].body)
        for entry in self.entries[1:]:
            plan = _plan(_longer(plan, entry))
        return plan


def _plan(plain: dict[str, Any]) -> Plan:
    """The plan in plain data, which must hang together."""
    try:
        plan = Plan.model_validate(plain)
    except ValidationError as error:
        raise InputError(f"{PLAN}: damaged: {first_problem(error)}") from None
    check_sound(plan)
    return plan


def _longer(plan: Plan, entry: Entry) -> dict[str, Any]:
    """A plan with an entry added, as plain data."""
    try:
        return merged(plan.model_dump(mode="json"), entry.body)
    except (KeyError, TypeError):
        raise InputError(f"{PLAN}: damaged: the arms of an entry of kind {entry.kind} are none") from None


def link_hash(fields: dict[str, Any]) -> str:
    """SHA-256 over all fields of an entry but its hash, the hash of the entry before it among them."""
    said = {name: value for name, value in fields.items() if name != "hash"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(
    kind: str, body: dict[str, Any], previous: str | None, reason: str = "", finished: int = 0
) -> Entry:
    """A link of the chain, written now."""
    fields = {
        "kind": kind,
        "body": body,
        "previous": previous,
        "reason": reason,
        "finished_runs": finished,
        "written": provenance(),
    }
    return Entry.model_validate({**fields, "hash": link_hash(fields)})


def first_entry(plan: Plan) -> Entry:
    """The chain's first link."""
    return _entry("plan", plan.model_dump(mode="json"), None)


def write_plan(folder: Path, plan: Plan) -> PlanFile:
    """Freeze a plan into an empty study folder; the same plan again is left as it is, whatever was added to it.

    Another machine is not another plan: what runs on it asks for an amendment. Raises InputError where the
    folder holds another plan.
    """
    entry, path = first_entry(plan), folder / PLAN
    if path.exists():
        existing = read_plan(folder)
        if {**existing.entries[0].body, "machine": None} != {**entry.body, "machine": None}:
            raise InputError(
                f"{path}: {_difference(existing.entries[0].body, entry.body)}; choose an empty folder"
            )
        return existing
    file = PlanFile(entries=(entry,))
    write_record(path, file)
    return file


def append_entry(
    folder: Path,
    kind: Literal["phase", "amendment", "opening"],
    body: dict[str, Any],
    reason: str,
    finished: int,
) -> PlanFile:
    """Append a link to the chain of a study's folder; the caller holds the folder's lock."""
    file = read_plan(folder)
    entry = _entry(kind, body, file.entries[-1].hash, reason, finished)
    longer = PlanFile(entries=(*file.entries, entry))
    longer.plan()  # what cannot be read back is never written
    write_record(folder / PLAN, longer)
    return longer


def read_plan(folder: Path) -> PlanFile:
    """The chain in a study folder, every link checked; InputError where it is damaged or its plan is none."""
    if not (folder / PLAN).exists():
        raise InputError(f"{folder}: no study was planned here; use trickbag plan STUDY --out {folder}")
    file, previous = read_record(PlanFile, folder / PLAN), None
    for entry in file.entries:
        if entry.previous != previous or entry.hash != link_hash(entry.model_dump(mode="json")):
            raise InputError(
                f"{folder / PLAN}: changed by hand: its hash does not fit; restore it from a copy"
            )
        previous = entry.hash
    try:
        file.plan()
    except InputError as error:
        raise InputError(f"{folder}/{error}") from None
    return file


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    """In words, what sets two plans apart."""
    if old["study"]["name"] != new["study"]["name"]:
        return f"the folder belongs to another study, {old['study']['name']!r}"
    fields = [key for key in new if old.get(key) != new[key] and key != "machine"]
    return f"the folder holds another plan of this study (it differs in {', '.join(fields)})"
