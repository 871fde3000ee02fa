"""Plans and records written by hand, as `study` and `run` would leave them, for the tests of the analysis."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np

from trickbag.analyze import analyze_study
from trickbag.records.bits import write_bits
from trickbag.records.chain import write_plan
from trickbag.records.plan import Arm, Comparison, Judgement, Phase, PhaseName, Plan, PlannedRun, Workload
from trickbag.records.progress import EpochRow
from trickbag.records.result import ArmResult, Results
from trickbag.records.run import RunRecord, Timings, write_run

IMAGES = 1000
IDS = np.arange(IMAGES)
RECIPE = {"data": {"name": "d"}, "model": {"name": "m"}, "budget": {"epochs": 1}}


def plan_of(
    arms: Sequence[str],
    seeds: int | Sequence[int],
    margin: float = 0.5,
    workload: str = "w",
    phase: PhaseName = "confirm",
    test_images: int = 0,
) -> Plan:
    """A plan of one workload with made-up fingerprints, every arm against the baseline."""
    named = ["baseline", *arms]
    plan = Plan(
        study={"name": "s", "question": "?"},
        workloads=(Workload(name=workload, data_digest="x", classes=("a", "b"), train_images=9,
                            test_images=test_images, validation_ids=tuple(IDS.tolist())),),
        arms=tuple(Arm(name=n, workload=workload, tricks=(), fingerprint=fingerprint(workload, i), recipe=RECIPE,
                       diff={}) for i, n in enumerate(named)),
        comparisons=tuple(Comparison(workload=workload, arm=n, comparison="baseline") for n in arms),
        phases=(),
        judgement=Judgement(margin=margin),
        machine={"device": "cpu", "threads": 1, "torch": "0"},
    )  # fmt: skip
    return plan.model_copy(update={"phases": (phase_of(plan, phase, seeds),)})


def fingerprint(workload: str, i: int) -> str:
    return f"f{i}" if workload == "w" else f"{workload}{i}"


def phase_of(
    plan: Plan, name: PhaseName, seeds: int | Sequence[int], arms: Sequence[str] = (), look: int | None = None
) -> Phase:
    """Runs of these arms (all if none are named) of a plan, with these seeds or the first so many."""
    chosen = range(1, seeds + 1) if isinstance(seeds, int) else seeds
    shown = [arm for arm in plan.arms if not arms or arm.name in arms]
    runs = tuple(
        PlannedRun(id=f"{a.name}-{a.fingerprint}-s{seed}", workload=a.workload, arm=a.name,
                   fingerprint=a.fingerprint, seed=seed) for seed in chosen for a in shown)  # fmt: skip
    return Phase(name=name, runs=runs, look=look)


def freeze(folder: Path, plan: Plan) -> Plan:
    """Write a plan into a new folder."""
    folder.mkdir()
    write_plan(folder, plan)
    return plan


def finish(
    folder: Path,
    run: PlannedRun,
    hits: int,
    rng: np.random.Generator,
    status: str = "done",
    test_hits: int | None = None,
) -> None:
    """Leave what a finished run leaves, with so many images right."""
    place = folder / "runs" / run.id
    place.mkdir(parents=True)
    for name, right in (("correct.npz", hits), ("test.sealed.npz", test_hits)):
        if status == "done" and right is not None:
            bits = np.zeros(IMAGES, bool)
            bits[rng.permutation(IMAGES)[:right]] = True
            write_bits(place / name, IDS, bits, bits)
    timings = Timings(train_seconds=10, train_steps=10, startup_seconds=1, evaluate_seconds=1)
    score = hits / 10 if status == "done" else None
    record = {
        **run.model_dump(exclude={"needs"}),
        "status": status,
        "recipe": RECIPE,
        "machine": {},
        "provenance": {},
        "epochs": (EpochRow(epoch=1, step=10, loss=1.0, lr=0.1, images_per_second=9.0, top1=score),),
    }
    write_run(place, RunRecord.model_validate({**record, "top1": score, "top5": score, "timings": timings}))


def complete(
    folder: Path, plan: Plan, hits: Mapping[tuple[str, str], Mapping[int, int]], test: bool = False
) -> None:
    """Finish every run of a plan; `hits`: (workload, arm) -> seed -> images right."""
    for run in plan.runs:
        rng = np.random.default_rng(crc32(run.id.encode()))
        right = hits[run.workload, run.arm][run.seed]
        finish(folder, run, right, rng, test_hits=right if test else None)


def conduct(folder: Path, hits: Mapping[str, Sequence[int]], margin: float = 0.5) -> Results:
    """A study in which arm `n` has so many of 1,000 images right at seed 1, 2, …"""
    arms = [name for name in hits if name != "baseline"]
    plan = freeze(folder, plan_of(arms, len(hits["baseline"]), margin))
    complete(folder, plan, {("w", name): by_seed(right) for name, right in hits.items()})
    return analyze_study(folder)


def by_seed(hits: Sequence[int]) -> dict[int, int]:
    return dict(enumerate(hits, 1))


def by_name(results: Results) -> dict[str, ArmResult]:
    return {arm.name: arm for arm in results.arms}
