"""The price of a plan: runs, hours, and what it will be able to see."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.plan import Plan
from trickbag.records.result import RESULTS, Results, read_results
from trickbag.run.calibrate import calibrate
from trickbag.run.engines.local import workers
from trickbag.study.cap import worst_case
from trickbag.study.prospect import Outlook, SeedSd, outlooks


@dataclass(frozen=True)
class Price:
    """What a plan costs and what it can see."""

    runs: int
    seconds: float  # of all runs one after the other
    source: str  # of the seconds, in words
    workers: int  # runs side by side
    outlooks: tuple[Outlook, ...]


def price(
    plan: Plan,
    machine: Machine,
    base: Path = Path(),
    earlier: Path | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Price:
    """Price a plan: nothing is written, a few steps of every recipe are trained to see how long they take.

    `earlier`: a folder with results of the same recipes, from which the seed SD of each workload is taken, and
    the times where it holds this very plan; `base`: where relative paths in the recipes start. InputError
    where `earlier` holds no results.
    """
    machine = machine.model_copy(update={"device": plan.machine["device"]})
    results = _results(earlier)
    seconds = _times(results, plan) if results else {}
    source = "training time of the finished runs" if seconds else "timed over a few steps"
    runs, total = worst_case(plan, seconds or calibrate(plan, machine, base, tell))
    measured = _noise(results, plan) if results else {}
    return Price(runs, total, source, workers(machine), tuple(outlooks(plan, measured)))


def _results(folder: Path | None) -> Results | None:
    """The results in an earlier study's folder."""
    if folder is None:
        return None
    if not (folder / RESULTS).exists():
        raise InputError(f"{folder}: no results to learn from; run trickbag analyze {folder} first")
    return read_results(folder)


def _noise(results: Results, plan: Plan) -> dict[str, SeedSd]:
    """The seed SD of each workload that the results know; of one alone, whatever its name is."""
    known = {
        noise.workload: SeedSd(
            noise.seed_sd, "measured by earlier runs", True, max(noise.seed_correlation or 0, 0)
        )
        for noise in results.noise
        if noise.seed_sd
    }
    if len(known) == len(plan.workloads) == 1:
        return {plan.workloads[0].name: next(iter(known.values()))}
    return known


def _times(results: Results, plan: Plan) -> dict[tuple[str, str], float]:
    """Seconds of training per run, where every arm that the plan may run has been run; else nothing."""
    known = {(s.workload, s.fingerprint): s.train_seconds for s in (*results.baselines, *results.arms)}
    found = {(arm.workload, arm.name): known.get((arm.workload, arm.fingerprint)) for arm in plan.arms}
    times = {key: seconds for key, seconds in found.items() if seconds is not None}
    return times if len(times) == len(found) else {}
