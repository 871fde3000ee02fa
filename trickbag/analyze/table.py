"""results.csv: one row per run, from which every number of the report can be computed again."""

import csv
import io
from collections.abc import Iterable

from trickbag.analyze.gather import ArmRuns, distinct

FIELDS = (
    "run", "workload", "arm", "fingerprint", "seed", "status", "top1", "top5", "validation_images", "parameters",
    "train_seconds", "train_steps", "startup_seconds", "evaluate_seconds", "resumed", "message",
)  # fmt: skip


def run_table(arms: Iterable[ArmRuns]) -> str:
    """The CSV text; accuracies in percent with all their digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for runs in distinct(arms):
        for seed, record in sorted(runs.records.items()):
            timings = record.timings.model_dump() if record.timings else {}
            row = {**record.model_dump(include=set(FIELDS)), **timings, "run": record.id}
            writer.writerow({**row, "arm": runs.arm.name, "top1": runs.accuracy.get(seed)})
    return text.getvalue()
