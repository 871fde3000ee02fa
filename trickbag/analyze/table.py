"""results.csv: one row per run, from which effects, intervals and noise can be computed again."""

import csv
import io
import re
from collections.abc import Mapping

from trickbag.analyze.gather import Evidence, percent

FIELDS = (
    "run", "workload", "arm", "role", "phase", "look", "fingerprint", "seed", "status", "top1", "top5",
    "balanced", "test_top1", "validation_images", "parameters", "train_seconds", "train_steps",
    "startup_seconds", "evaluate_seconds", "resumed", "message",
)  # fmt: skip


def run_table(evidence: Evidence, test_accuracy: Mapping[str, float]) -> str:
    """The CSV text, in the order of the plan; accuracies in percent with all their digits.

    `test_top1` is empty while the test images are sealed, `balanced` (accuracy within the classes, averaged)
    where the classes are about equal. An arm with several names stands under its first.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    roles = {(arm.workload, arm.name): arm.role for arm in evidence.plan.arms}
    for phase in evidence.plan.phases:
        for run in phase.runs:
            record = evidence.records.get(run.id)
            if record is None:
                continue
            bits = evidence.bits.get(run.id)
            timings = dict(record.timings) if record.timings else {}
            row = {**dict(record), **timings, "run": run.id, "arm": run.arm}
            row |= {"role": roles.get((run.workload, run.arm)), "phase": phase.name, "look": phase.look}
            row |= {"top1": record.top1 if bits is None else percent(bits)}
            row |= {"test_top1": test_accuracy.get(run.id)}
            writer.writerow({field: _no_formula(value) for field, value in row.items()})
    return text.getvalue()


def _no_formula(value: object) -> object:
    """A cell; text that a spreadsheet would compute gets an apostrophe before it, unless it is a name like +mixup."""
    if (
        isinstance(value, str)
        and re.match(r"[=+\-@\t\r]", value)
        and not re.fullmatch(r"[+-][\w .+-]*", value)
    ):
        return f"'{value}"
    return value
