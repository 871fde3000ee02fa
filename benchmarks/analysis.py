"""What analyzing and reporting a large study costs: `python -m benchmarks.analysis --arms 200 --seeds 50`.

Writes a study's folder from made-up records and bits (a plan as `study` would freeze it, one recipe, 30 epochs a
run), then analyzes it and writes its report in a process of its own; prints wall seconds of both and peak memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from trickbag.recipe import load_recipe
from trickbag.records.chain import write_plan
from trickbag.records.plan import Arm, Comparison, Judgement, Phase, Plan, PlannedRun, Workload
from trickbag.records.progress import EpochRow
from trickbag.records.run import CORRECT, RUN, RunRecord, Timings

EPOCHS = 30
CHILD = """
import resource, sys, time
from pathlib import Path
begun = time.perf_counter()
from trickbag.analyze import analyze_study
from trickbag.report.write import write_report
folder, started = Path(sys.argv[1]), time.perf_counter()
analyze_study(folder)
analyzed = time.perf_counter()
write_report(folder)
done, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"import {started - begun:.1f} s, analyze {analyzed - started:.1f} s, report {done - analyzed:.1f} s, "
      f"together {done - begun:.1f} s, of the processor {time.process_time():.1f} s; peak memory {peak:.2f} GiB")
"""


def make_plan(arms: int, seeds: int, images: int) -> Plan:
    """A one-at-a-time study with so many arms besides the baseline."""
    recipe = load_recipe("cifar10_baseline").plain()
    names = ["baseline", *(f"trick_{i:03d}" for i in range(arms))]
    return Plan(
        study={"name": "a large study", "question": "What does the analysis cost?"},
        workloads=(
            Workload(
                name="cifar10",
                data_digest="0" * 64,
                classes=tuple(map(str, range(10))),
                train_images=40_000,
                test_images=0,
                validation_ids=tuple(range(images)),
            ),
        ),
        arms=tuple(
            Arm(
                name=name,
                workload="cifar10",
                tricks=() if name == "baseline" else (name,),
                fingerprint=f"{i:012x}",
                recipe=recipe,
                diff={} if name == "baseline" else {"optimizer.lr": (0.1, 0.1 + i)},
            )
            for i, name in enumerate(names)
        ),
        comparisons=tuple(Comparison(workload="cifar10", arm=n, comparison="baseline") for n in names[1:]),
        phases=(
            Phase(
                name="confirm",
                runs=tuple(
                    PlannedRun(
                        id=f"{name}-{i:012x}-s{seed}",
                        workload="cifar10",
                        arm=name,
                        fingerprint=f"{i:012x}",
                        seed=seed,
                    )
                    for seed in range(1, seeds + 1)
                    for i, name in enumerate(names)
                ),
            ),
        ),
        judgement=Judgement(margin=0.15),
        machine={"device": "cpu", "threads": 1, "torch": "0"},
    )


def write_runs(folder: Path, plan: Plan, rng: np.random.Generator) -> None:
    """Leave what finished runs leave, without waiting for the disk as real runs do.

    Accuracies of about 92 % with a seed SD of .2 points, a tenth of the arms better by .4 and a tenth worse.
    """
    ids = np.array(plan.workloads[0].validation_ids)
    hard = rng.beta(0.3, 3.0, ids.size)  # each image's chance of being wrong
    timings = Timings(train_seconds=100, train_steps=9360, startup_seconds=2, evaluate_seconds=3)
    for run in plan.runs:
        place = folder / "runs" / run.id
        place.mkdir(parents=True)
        kind = int(run.fingerprint, 16) % 10
        bits = rng.random(ids.size) >= hard * (1 + {1: -0.04, 2: 0.04}.get(kind, 0.0) + 0.02 * rng.normal())
        packed, score = np.packbits(bits), 100 * float(bits.mean())
        np.savez(place / CORRECT, ids=ids, top1=packed, top5=packed)
        rows = tuple(
            EpochRow(
                epoch=e, step=e * 312, loss=2.0 / e, lr=0.1, images_per_second=9000.0, top1=score - 30 / e
            )
            for e in range(1, EPOCHS + 1)
        )
        record = RunRecord(
            **run.model_dump(exclude={"needs"}),
            status="done",
            recipe=plan.arms[0].recipe,
            machine={},
            provenance={},
            epochs=rows,
            top1=score,
            top5=score,
            validation_images=ids.size,
            parameters=270_000,
            timings=timings,
        )
        (place / RUN).write_text(json.dumps(record.model_dump(mode="json"), indent=1))


def main() -> None:
    """Write a study, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keep the study here; analyze it again where it exists")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary) / "study"
        if not folder.exists():
            started = perf_counter()
            folder.mkdir(parents=True)
            plan = make_plan(asked.arms, asked.seeds, asked.images)
            write_plan(folder, plan)
            write_runs(folder, plan, np.random.default_rng(0))
            print(f"{len(plan.runs):,} runs written in {perf_counter() - started:.0f} s", flush=True)
        subprocess.run([sys.executable, "-c", CHILD, str(folder)], check=True)


if __name__ == "__main__":
    main()
