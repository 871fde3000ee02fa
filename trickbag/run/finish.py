"""What a run leaves behind in its folder, however it ended."""

from pathlib import Path
from typing import Any

import torch

from trickbag.recipe import Machine
from trickbag.records.files import provenance
from trickbag.records.plan import PlannedRun
from trickbag.records.run import (
    CHECKPOINT,
    CORRECT,
    PROGRESS,
    SEALED,
    WEIGHTS,
    RunRecord,
    Status,
    write_bits,
    write_run,
)  # fmt: skip
from trickbag.train import Bits, Outcome, Session, device_of, save_weights


def close_run(
    place: Path, planned: PlannedRun, session: Session, outcome: Outcome, machine: Machine, keep_weights: bool
) -> RunRecord:
    """Write bits, weights and, last, run.json, whose presence says that the run has ended."""
    for name, bits in ((CORRECT, outcome.validation), (SEALED, outcome.test)):
        if bits is not None:
            write_bits(place / name, bits.ids, bits.top1, bits.top5)
    if keep_weights and outcome.status == "done":
        save_weights(place / WEIGHTS, session)
    record = record_of(planned, session, outcome, machine)
    write_run(place, record)
    for leftover in (CHECKPOINT, PROGRESS):
        (place / leftover).unlink(missing_ok=True)
    return record


def close_failed(
    place: Path, planned: PlannedRun, recipe: dict[str, Any], status: Status, message: str
) -> None:
    """Write run.json for a run that has nothing to show."""
    write_run(
        place,
        RunRecord(
            **planned.model_dump(exclude={"needs"}),
            status=status,
            message=message,
            recipe=recipe,
            machine={},
            provenance=provenance(),
        ),
    )


def record_of(planned: PlannedRun, session: Session, outcome: Outcome, machine: Machine) -> RunRecord:
    """The record of a run that was trained."""
    bits: Bits | None = outcome.validation
    return RunRecord(
        **planned.model_dump(exclude={"needs"}),
        status="diverged" if outcome.status == "diverged" else "done",
        message="the training loss is not finite" if outcome.status == "diverged" else "",
        recipe=session.recipe.plain(),
        machine=describe_machine(machine),
        provenance=provenance() | ({"bad_files": dict(bad)} if (bad := session.resolved.images.bad) else {}),
        epochs=tuple(session.rows),
        top1=bits.accuracy(1) if bits else None,
        top5=bits.accuracy(5) if bits else None,
        validation_images=len(bits.ids) if bits else 0,
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        timings=session.clock.timings(),
        resumed=session.resumed,
    )


def describe_machine(machine: Machine) -> dict[str, str | int]:
    """The machine that a run was trained on."""
    device = device_of(machine)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": str(device), "name": name, "threads": machine.threads}
