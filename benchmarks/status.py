"""What a look at a large study costs: `python -m benchmarks.status --arms 99 --seeds 100`.

Writes a study's folder from made-up records (all runs ended, 10 epochs each), then starts `trickbag plan DIR` and
`trickbag status DIR` as a person does; prints wall and processor seconds and the peak memory of each. Writes
benchmarks/results/status.json; exit code 1 where a command takes more than we promise of 10,000 runs.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.analysis import make_plan
from trickbag.records.chain import write_plan
from trickbag.records.files import provenance
from trickbag.records.plan import Plan
from trickbag.records.progress import EpochRow
from trickbag.records.run import RUN, RunRecord, Timings

RESULTS = Path(__file__).parent / "results"
EPOCHS = 10
SECONDS, MEGABYTES = 2.0, 500.0  # of the processor, and at most in memory: what we promise of 10,000 runs


def write_study(folder: Path, plan: Plan) -> None:
    """The plan and the record of every run, as `trickbag run` leaves them."""
    write_plan(folder, plan)
    recipe, made = plan.arms[0].recipe, provenance()
    for number, run in enumerate(plan.runs):
        score = 60 + number % 7
        rows = tuple(
            EpochRow(
                epoch=i, step=300 * i, loss=2.0 / i, lr=0.1, images_per_second=900.0, top1=score, top5=90.0
            )
            for i in range(1, EPOCHS + 1)
        )
        record = RunRecord(
            **run.model_dump(exclude={"needs"}),
            status="done",
            recipe=recipe,
            machine={"device": "cpu", "name": "cpu", "threads": 1},
            provenance=made,
            epochs=rows,
            top1=score,
            top5=90.0,
            validation_images=5000,
            parameters=270_000,
            timings=Timings(train_seconds=10, train_steps=3000, startup_seconds=1, evaluate_seconds=1),
        )
        place = folder / "runs" / run.id
        place.mkdir(parents=True)
        (place / RUN).write_text(record.model_dump_json(indent=1))


def look(*words: str) -> dict[str, Any]:
    """Run a command of trickbag: seconds, of the clock and of the processor, and megabytes."""
    started = perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "trickbag", *words], stdout=subprocess.DEVNULL)
    _, code, used = os.wait4(process.pid, 0)
    process.returncode = code
    if code:
        raise SystemExit(f"trickbag {words[0]} failed")
    return {
        "command": words[0],
        "wall": perf_counter() - started,
        "processor": used.ru_utime + used.ru_stime,
        "peak_megabytes": used.ru_maxrss * 1024 / 1e6,
    }


def main() -> int:
    """Write the study, look at it, print and keep what it cost; 1 where that is over a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", type=int, default=99, help="besides the baseline")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--out", type=Path, default=RESULTS / "status.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, rows = Path(temporary), list[dict[str, Any]]()
        plan = make_plan(given.arms, given.seeds, images=5000)
        write_study(folder, plan)
        for verb in ("plan", "status"):
            look(verb, str(folder))  # once before, so that the files are in memory for both
            rows.append(look(verb, str(folder)))
            print("{command}: {wall:.2f} s, of the processor {processor:.2f} s;".format(**rows[-1]), end=" ")
            print("peak memory {peak_megabytes:.0f} MB".format(**rows[-1]), end=" ")
            print(f"(at most {SECONDS:g} s of the processor, {MEGABYTES:g} MB)")
    about = {"runs": len(plan.runs), "python": platform.python_version(), "machine": platform.machine()}
    limits = {"processor": SECONDS, "peak_megabytes": MEGABYTES}
    given.out.write_text(json.dumps({**about, "limits": limits, "results": rows}, indent=1) + "\n")
    return int(any(row[name] > limit for row in rows for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
