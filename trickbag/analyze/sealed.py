"""The test images: read only where the chain of the plan says that they were opened."""

from pathlib import Path

import numpy as np

from trickbag.analyze.gather import Evidence, images_bits, percent
from trickbag.errors import InputError
from trickbag.records.chain import PLAN, Entry, PlanFile
from trickbag.records.plan import Plan
from trickbag.records.result import RESULTS, read_results
from trickbag.records.run import SEALED, read_run


def openings(file: PlanFile) -> tuple[Entry, ...]:
    """The entries that opened the test bits, in order."""
    return tuple(entry for entry in file.entries if entry.kind == "opening")


def check_openings(folder: Path, file: PlanFile) -> None:
    """InputError where earlier results in the folder count more openings than the chain, whose end was lost.

    Results that cannot be read say nothing; they will be written anew.
    """
    try:
        earlier = read_results(folder).test_openings
    except InputError:
        return
    if earlier > (counted := len(openings(file))):
        raise InputError(
            f"{folder / PLAN}: {counted} openings of the test images, but {RESULTS} counts {earlier}: its last "
            f"entries were lost; restore {PLAN} from a copy"
        )


def check_sealed(folder: Path, plan: Plan) -> None:
    """InputError where the sealed bits of a confirming run that is done are missing, damaged or of other images.

    Nothing of them is told: an opening is logged only once all of them can be read.
    """
    ids = {workload.name: np.arange(workload.test_images) for workload in plan.workloads}
    for run in [run for phase in plan.phases if phase.name == "confirm" for run in phase.runs]:
        record = read_run(folder / "runs" / run.id)
        if record and record.status == "done" and len(ids[run.workload]):
            images_bits(folder / "runs" / run.id / SEALED, ids[run.workload], "test")


def test_accuracy(folder: Path, file: PlanFile, evidence: Evidence) -> dict[str, float]:
    """Test top-1 accuracy in percent by run id; empty, and no sealed file touched, before the first opening.

    Only of confirming runs that were planned when the test bits were last opened: what is added later waits
    for the next opening. InputError where bits are missing, damaged or of other images.
    """
    last = max((i for i, entry in enumerate(file.entries) if entry.kind == "opening"), default=None)
    if last is None:
        return {}
    then = PlanFile(entries=file.entries[: last + 1]).plan()
    planned = {run.id for phase in then.phases if phase.name == "confirm" for run in phase.runs}
    ids = {w.name: np.arange(w.test_images) for w in evidence.plan.workloads}
    return {
        run: percent(images_bits(folder / "runs" / run / SEALED, ids[evidence.records[run].workload], "test"))
        for run in evidence.bits
        if run in planned and len(ids[evidence.records[run].workload])
    }
