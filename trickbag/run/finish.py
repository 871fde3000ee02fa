"""What a run leaves behind in its folder, however it ended."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from trickbag.recipe import Machine
from trickbag.records.bits import write_bits
from trickbag.records.files import provenance, writing
from trickbag.records.plan import PlannedRun
from trickbag.records.progress import STARTED
from trickbag.records.run import CORRECT, SEALED, WEIGHTS, ClassAccuracy, RunRecord, Status, tidy, write_run
from trickbag.train import (
    Bits,
    Outcome,
    Resolved,
    Session,
    class_accuracy,
    device_of,
    is_imbalanced,
    save_weights,
)
from trickbag.train.world import World


def close_run(
    place: Path, planned: PlannedRun, session: Session, outcome: Outcome, machine: Machine, keep_weights: bool
) -> RunRecord:
    """Write bits, weights and, last, run.json, whose presence says that the run has ended.

    Of processes that train together all call this, for they may have to work together for the weights; the first
    one writes.
    """
    leads = World.current().is_rank_zero
    for name, bits in ((CORRECT, outcome.validation), (SEALED, outcome.test)):
        if bits is not None and leads:
            write_bits(place / name, bits.ids, bits.top1, bits.top5)
    if keep_weights and outcome.status == "done":
        save_weights(place / WEIGHTS, session)
    record = record_of(planned, session, outcome, machine)
    if not leads:
        return record
    write_run(place, record)
    tidy(place)
    return record


def run_folder(folder: Path, planned: PlannedRun) -> Path:
    """A run's own folder in a study's, which must be there; DiskError where it cannot be made."""
    place = folder / "runs" / planned.id
    for each in (place.parent, place):  # never the study's: one that was removed does not come back empty
        with writing(each):
            each.mkdir(exist_ok=True)
    return place


def close_failed(
    place: Path, planned: PlannedRun, recipe: dict[str, Any], status: Status, message: str
) -> None:
    """Write run.json for a run that has nothing to show; a checkpoint stays, for the next try."""
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
    (place / STARTED).unlink(missing_ok=True)


def record_of(planned: PlannedRun, session: Session, outcome: Outcome, machine: Machine) -> RunRecord:
    """The record of a run that was trained."""
    bits: Bits | None = outcome.validation
    return RunRecord(
        **planned.model_dump(exclude={"needs"}),
        status="diverged" if outcome.status == "diverged" else "done",
        message="the training loss is not finite" if outcome.status == "diverged" else "",
        recipe=session.recipe.plain(),
        machine=describe_machine(machine),
        provenance=provenance() | session.resolved.images.provenance(),
        epochs=tuple(session.rows),
        top1=bits.accuracy(1) if bits else None,
        top5=bits.accuracy(5) if bits else None,
        **(within_classes(session.resolved, bits) if bits else {}),
        validation_images=len(bits.ids) if bits else 0,
        parameters=sum(parameter.numel() for parameter in session.model.parameters()),
        timings=session.clock.timings(),
        resumed=session.resumed,
    )


def within_classes(resolved: Resolved, bits: Bits) -> dict[str, Any]:
    """The record's fields on accuracy within the classes; none where the training images are balanced."""
    labels, classes = resolved.images.train_labels.numpy(), resolved.images.classes
    if not is_imbalanced(np.bincount(labels, minlength=len(classes))):
        return {}
    judged = labels[bits.ids]
    top1 = class_accuracy(bits.top1, judged, len(classes))
    images = np.bincount(judged, minlength=len(classes)).tolist()
    rows = zip(classes, images, top1.tolist(), strict=True)
    return {
        "balanced": float(np.nanmean(top1)),
        "class_accuracy": tuple(
            ClassAccuracy(name=name, images=n, top1=value if n else None) for name, n, value in rows
        ),
    }


def describe_machine(machine: Machine) -> dict[str, str | int]:
    """The machine that a run was trained on."""
    device = device_of(machine)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    kind = device.type if machine.devices > 1 else str(device)
    return {"device": kind, "name": name, "threads": machine.threads, "devices": machine.devices}
