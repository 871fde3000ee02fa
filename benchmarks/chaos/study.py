"""The study that is disturbed, and what must not depend on how often."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from trickbag.analyze import analyze_study
from trickbag.errors import InputError
from trickbag.lab import freeze
from trickbag.records.chain import read_plan
from trickbag.records.run import CORRECT, RUN, SEALED, WEIGHTS, read_run
from trickbag.study import Study

STUDY = {
    "name": "chaos",
    "question": "Does it matter what dies on the way?",
    "baseline": "digits_baseline",
    "set": {"model.channels": [8, 8, 8], "budget.epochs": 6, "data.limit": 320},
    "teacher": {"set": {"model.width": 2.0}},
    "factors": [{"name": "averaged", "tricks": ["mixup", "ema"]}, "distillation"],
    "screen": {"seeds": 2, "keep": 1},
    "seeds": 3,
    "margin": 1.0,
    "machine": {"device": "cpu", "keep": "all", "checkpoint_seconds": 0},
}
NOT_OF_NUMBERS = ("images_per_second", "waiting")  # fields of an epoch that are times


@dataclass(frozen=True)
class Evidence:
    """What a study came to: the same for every way there."""

    chain: list[Any]  # what the entries of plan.json say: phases and what chose them
    runs: dict[str, Any]  # run id -> status, accuracies, the rows of its epochs
    files: dict[str, str]  # bits and weights -> SHA-256
    arms: dict[str, Any]  # arm -> effect, interval and verdict in results.json


def plan_study(folder: Path) -> None:
    """Freeze the study's plan in an empty folder."""
    freeze(Study.model_validate(STUDY), folder)


def evidence(folder: Path) -> Evidence:
    """What the finished study in `folder` came to; it is analyzed for that."""
    file = read_plan(folder)
    places = {run.id: folder / "runs" / run.id for run in file.plan().runs}
    results = analyze_study(folder)
    return Evidence(
        chain=[entry.body for entry in file.entries],
        runs={name: _numbers(place) for name, place in places.items()},
        files={
            f"{name}/{kept}": _digest(place / kept)
            for name, place in places.items()
            for kept in (CORRECT, SEALED, WEIGHTS)
        },
        arms={
            f"{arm.phase} {arm.name}": (arm.accuracy, arm.verdict, arm.mean, arm.seeds)
            for arm in results.arms
        },
    )


def _digest(path: Path) -> str:
    """SHA-256 of a file; of weights, of what is in it: safetensors orders what it says about them anew each time."""
    if path.suffix != ".safetensors":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    with safe_open(path, framework="np") as file:
        said = json.dumps(file.metadata(), sort_keys=True).encode()
        tensors = [(name, file.get_tensor(name)) for name in sorted(file.keys())]
    bits = b"".join(f"{name} {x.dtype} {x.shape}".encode() + x.tobytes() for name, x in tensors)
    return hashlib.sha256(said + bits).hexdigest()


def _numbers(place: Path) -> tuple[object, ...]:
    """The numbers in a run's record."""
    record = read_run(place)
    if record is None:
        raise InputError(f"{place}: the run has no record")
    rows = [row.model_dump(exclude=set(NOT_OF_NUMBERS)) for row in record.epochs]
    return record.status, record.message, record.top1, record.top5, json.dumps(rows)


def differences(found: Evidence, expected: Evidence) -> list[str]:
    """What is not as it should be, in words."""
    said = [] if found.chain == expected.chain else ["plan.json: other entries"]
    for part in ("runs", "files", "arms"):
        ours, theirs = getattr(found, part), getattr(expected, part)
        said += [f"{part}: {key}" for key in ours | theirs if ours.get(key) != theirs.get(key)]
    return said


def finished(folder: Path) -> dict[str, bytes]:
    """The records of the runs that have ended as they should, as they stand in their files."""
    found = {path.parent.name: path.read_bytes() for path in folder.glob(f"runs/*/{RUN}")}
    return {name: text for name, text in found.items() if json.loads(text)["status"] == "done"}


def left_over(folder: Path) -> list[str]:
    """Files that nobody needs once a study is through: temporary ones, and those of runs under way."""
    kept = {RUN, CORRECT, SEALED, WEIGHTS, ".lock"}
    in_runs = [path for path in folder.glob("runs/*/*") if path.name not in kept]
    hidden = [path for path in folder.glob(".*") if path.name != ".lock"]
    return [str(path.relative_to(folder)) for path in in_runs + hidden]
