"""What keeping freed memory is worth on the CPU: `python -m benchmarks.freed_memory`.

Trains a narrow ResNet-20 on synthetic CIFAR-sized batches in processes of their own, by turns with and without
`trickbag.train.memory.keep_freed_memory`, and prints images per second of each.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import torch

from benchmarks.step import RESULTS, ours, session, synthetic
from trickbag.recipe import Machine, apply, load_recipe


def rate(batch_size: int, keep: bool, steps: int = 8) -> float:
    """Images per second on one core, in this process."""
    torch.set_num_threads(1)
    recipe = apply(load_recipe("cifar10_baseline"), {"model.width": 0.25, "budget.batch_size": batch_size})
    with nullcontext() if keep else patch("trickbag.train.session.keep_freed_memory", lambda: None):
        turn = ours(session(recipe, synthetic(3, 32), Machine(device="cpu")))
    turn(2)
    started = perf_counter()
    turn(steps)
    return steps * batch_size / (perf_counter() - started)


def main() -> None:
    """Measure both, in turns, at two batch sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("BATCH", "KEEP"), help="one process's part")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "freed_memory.json")
    options = parser.parse_args()
    if options.one:
        print(rate(int(options.one[0]), options.one[1] == "keep"))
        return
    rows = []
    for batch_size in (128, 512):
        rates: dict[str, list[float]] = {"keep": [], "glibc": []}
        for _ in range(options.turns):
            for which, found in rates.items():
                command = [sys.executable, "-m", "benchmarks.freed_memory", "--one", str(batch_size), which]
                found.append(
                    float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                )
        ratio = statistics.median(a / b for a, b in zip(rates["keep"], rates["glibc"], strict=True))
        print(f"batch {batch_size}: {ratio:.2f} times the speed of glibc's defaults")
        rows.append({"batch_size": batch_size, "ratio": ratio, "images_per_second": rates})
    about = {"torch": torch.__version__, "machine": platform.machine(), "threads": 1}
    options.out.write_text(json.dumps({**about, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
