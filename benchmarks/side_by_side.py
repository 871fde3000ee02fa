"""Runs side by side on one GPU: `python -m benchmarks.side_by_side`; what `machine.workers` is good for there.

So many processes train the same network on synthetic images, as the runs of a study do, and begin together: their
images per second, all together, against those of one alone. Writes benchmarks/results/side_by_side.json.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import torch

from benchmarks.step import CASES, RESULTS, about, ours, session, synthetic
from trickbag.recipe import Machine, apply, load_recipe

CASE = "resnet18, small images, batch 128"
BURST = 20  # steps between two looks at the clock
_together: Barrier


def _meet(barrier: Barrier) -> None:
    """What the processes of a pool wait at for each other."""
    global _together
    _together = barrier


def trained(precision: str, seconds: float, device: str) -> tuple[float, float, int]:
    """Begin, end (on the clock of the machine) and images of a run of so many seconds."""
    torch.set_num_threads(1)
    case = CASES["cuda"][CASE]
    recipe = apply(load_recipe(case.recipe), {**case.patch, **case.precisions[precision]})
    run = session(recipe, synthetic(case.channels, case.side), Machine(device=device))
    turn, steps = ours(run), 0
    turn(BURST)
    run.clock.now()
    _together.wait()
    began, start = monotonic(), perf_counter()
    while perf_counter() - start < seconds:
        turn(BURST)
        run.clock.now()
        steps += BURST
    return began, monotonic(), steps * recipe.budget.batch_size


def measure(count: int, precision: str, seconds: float, device: str) -> dict[str, Any]:
    """Images per second of so many processes: from the first that begins to the last that ends."""
    context = get_context("spawn")
    barrier = context.Barrier(count)
    with ProcessPoolExecutor(count, context, _meet, (barrier,)) as pool:
        runs = list(pool.map(trained, *zip(*[(precision, seconds, device)] * count, strict=True)))
    took = max(end for _, end, _ in runs) - min(began for began, _, _ in runs)
    return {"processes": count, "precision": precision, "images_per_second": sum(n for *_, n in runs) / took}


def main() -> None:
    """Measure each number of processes in each precision, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--precisions", nargs="+", default=["tf32, channels last", "bf16, channels last"])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=RESULTS / "side_by_side.json")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for precision in asked.precisions:
        for count in asked.processes:
            row = measure(count, precision, asked.seconds, asked.device)
            alone = next((r for r in rows if r["precision"] == precision and r["processes"] == 1), row)
            row["over_one"] = row["images_per_second"] / alone["images_per_second"]
            rows.append(row)
            print(
                "{precision}, {processes} side by side: {images_per_second:,.0f} images/s".format(**row),
                end="",
            )
            print(f", {row['over_one']:.2f} times one", flush=True)
            found = {"case": CASE, **about(asked.device), "rows": rows}  # as far as it is
            asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
