"""From arms and seeds to planned runs, in an order that favours no arm."""

import math
import re
from collections.abc import Iterable, Sequence

from trickbag.records.plan import Arm, PlannedRun
from trickbag.rng import Streams

ORDER = "run order"  # the random stream that orders the arms within a seed


def planned_run(arm: Arm, seed: int, needs: tuple[str, ...] = ()) -> PlannedRun:
    """A run of an arm; its id is the name of its folder."""
    label = re.sub(r"[^A-Za-z0-9._+@-]+", "_", arm.name)[:60]
    return PlannedRun(
        id=f"{label}-{arm.fingerprint}-s{seed}",
        workload=arm.workload,
        arm=arm.name,
        fingerprint=arm.fingerprint,
        seed=seed,
        needs=needs,
    )


def distinct(arms: Iterable[Arm]) -> list[Arm]:
    """Arms with one fingerprint in one workload are one arm, under its first name."""
    first = dict[tuple[str, str], Arm]()
    for arm in arms:
        first.setdefault((arm.workload, arm.fingerprint), arm)
    return list(first.values())


def shared_seed_runs(
    arms: Iterable[Arm], seeds: Sequence[int], teachers: Sequence[PlannedRun]
) -> list[PlannedRun]:
    """Every arm with every seed, workload by workload; arms in random order within each seed."""
    runs = []
    for group in _by_workload(distinct(arms)):
        needs = [needs_of(arm, teachers) for arm in group]
        for seed in seeds:
            for i in Streams(seed).numpy(ORDER).permutation(len(group)):
                runs.append(planned_run(group[i], seed, needs[i]))
    return runs


def own_seed_runs(
    arms: Iterable[Arm], baseline: str, seeds: tuple[int, int], teachers: Sequence[PlannedRun], start: int = 1
) -> list[PlannedRun]:
    """Every arm with seeds of its own, in random order; the baseline with √k times as many, for k other arms.

    `seeds`: per arm, how many it has already and how many it is to have. `start` is the first seed used. The
    square root is what makes the variance of k differences to one comparison smallest (Dunnett 1955, JASA 50:1096).
    """
    runs = []
    for group in _by_workload(distinct(arms)):
        found, seed = list[PlannedRun](), start
        for arm in group:
            had, wanted = (_share(n, arm.name == baseline, len(group) - 1) for n in seeds)
            needs = needs_of(arm, teachers)
            found += [planned_run(arm, seed + i, needs) for i in range(wanted - had)]
            seed += wanted - had
        order = Streams(start).numpy(ORDER).permutation(len(found))
        runs += [found[i] for i in order]
    return runs


def needs_of(arm: Arm, teachers: Sequence[PlannedRun]) -> tuple[str, ...]:
    """The teachers' runs whose weights an arm learns from."""
    weights = str(arm.recipe.get("loss", {}).get("distillation", {}).get("teacher", ""))
    return tuple(run.id for run in teachers if weights.startswith(f"runs/{run.id}/"))


def _share(seeds: int, is_baseline: bool, others: int) -> int:
    """Seeds of an arm, or of the baseline that so many others are compared with."""
    return math.ceil(seeds * math.sqrt(others)) if is_baseline else seeds


def _by_workload(arms: Sequence[Arm]) -> list[list[Arm]]:
    """The arms of each workload, in order."""
    groups = dict[str, list[Arm]]()
    for arm in arms:
        groups.setdefault(arm.workload, []).append(arm)
    return list(groups.values())
