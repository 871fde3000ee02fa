"""What an engine costs beside the runs themselves: `python -m benchmarks.engines --engines local ray`.

Runs a study of 200 runs of about a second each with the real command, from its start to its end, and compares the
wall time with the ideal: the seconds that the runs themselves took, shared out evenly among the workers. Writes
benchmarks/results/engines.json; exit code 1 where an engine takes more than we promise.
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

import torch

from trickbag.lab import freeze
from trickbag.records.chain import read_plan
from trickbag.records.run import read_ending
from trickbag.study import Study

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
LIMITS = {"local": 0.10, "ray": 0.25}  # over the ideal: what we promise of 200 runs of a second each


def plan_study(folder: Path, arms: int, seeds: int, epochs: int) -> None:
    """Freeze a study of so many arms, the baseline among them."""
    rates = [{"name": f"rate_{i:02d}", "set": {"optimizer.lr": 0.05 * 0.95**i}} for i in range(1, arms)]
    plain = {
        "name": "engines",
        "baseline": "digits_baseline",
        "set": {"model.channels": [8, 16, 32], "budget.epochs": epochs},
        "factors": rates,
        "seeds": seeds,
        "margin": 1.0,
        "machine": {"device": "cpu", "keep": "none"},
    }
    freeze(Study.model_validate(plain), folder)


def measure(folder: Path, engine: str, workers: int) -> dict[str, Any]:
    """Wall seconds of `trickbag run` on an engine, and what its runs took."""
    words = [f"machine.engine={engine}", f"machine.workers={workers}"]
    started = perf_counter()
    command = [sys.executable, "-m", "trickbag", "run", str(folder), *words]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = perf_counter() - started
    records = [read_ending(folder / "runs" / run.id) for run in read_plan(folder).plan().runs]
    seconds = [record.seconds for record in records if record and record.status == "done"]
    ideal = sum(seconds) / workers
    found = {"engine": engine, "runs": len(seconds), "wall": wall, "ideal": ideal}
    return {**found, "over": wall / ideal - 1, "limit": LIMITS[engine]}


def main() -> int:
    """Measure each engine in turn; 1 where one is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=list(LIMITS), choices=list(LIMITS))
    parser.add_argument("--arms", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3, help="sized so that a run takes about a second")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=RESULTS / "engines.json")
    asked = parser.parse_args()
    rows = []
    for engine in asked.engines:
        with tempfile.TemporaryDirectory() as folder:
            plan_study(Path(folder), asked.arms, asked.seeds, asked.epochs)
            row = measure(Path(folder), engine, asked.workers)
        rows.append(row)
        each = row["ideal"] * asked.workers / row["runs"]
        print(
            f"{engine}: {row['runs']} runs of {each:.2f} s, {asked.workers} side by side: {row['wall']:.1f} s, "
            f"ideal {row['ideal']:.1f} s, {row['over']:.1%} over it (at most {row['limit']:.0%})",
            flush=True,
        )
    about = {"torch": torch.__version__, "machine": platform.machine(), "workers": asked.workers}
    asked.out.write_text(json.dumps({**about, "results": rows}, indent=1) + "\n")
    return int(any(row["over"] > row["limit"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
