"""How much of a stack each factor carries: the plan's contrasts of cell means, judged as families."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.analyze.extended import lost_by_extension
from trickbag.analyze.family import LEAST_SEEDS, accuracy_of
from trickbag.analyze.gather import ArmRuns, Evidence
from trickbag.analyze.words import contrast_sentence
from trickbag.records.plan import Contrast
from trickbag.records.result import Attribution, ContrastResult, Interval

Floats = NDArray[np.float64]
NONE = 1e-9  # a weight that is only rounding


def attributions(evidence: Evidence, workload: str) -> tuple[Attribution, ...]:
    """The contrasts of a workload, a family per kind; kinds whose cells lack two common seeds are left out."""
    wanted = [c for c in evidence.plan.contrasts if c.workload == workload]
    kinds = dict.fromkeys(contrast.kind for contrast in wanted)
    found = [_attribution(evidence, [c for c in wanted if c.kind == kind]) for kind in kinds]
    return tuple(attribution for attribution in found if attribution)


def _attribution(evidence: Evidence, contrasts: Sequence[Contrast]) -> Attribution | None:
    """One family of contrasts over the seeds that all its cells finished."""
    plan, workload, kind = evidence.plan, contrasts[0].workload, contrasts[0].kind
    cells = _cells(evidence, contrasts)
    seeds = sorted(set.intersection(*[set(cell.accuracy) for cell in cells.values()]))
    if len(seeds) < LEAST_SEEDS:
        return None
    table = np.array([[cell.accuracy[seed] for seed in seeds] for cell in cells.values()])
    weights = np.array([_weights(evidence, contrast, list(cells)) for contrast in contrasts])
    images = next(len(w.validation_ids) for w in plan.workloads if w.name == workload)
    level, margin, resolution = plan.judgement.level, plan.judgement.margin, 100 / images
    at = partial(stats.cell_effects, table, weights, resolution=resolution)
    found = at(level)
    if not np.isfinite(found.se).all():
        return None
    verdicts = stats.verdicts(found, margin)
    flags = stats.cell_fragile(table, weights, verdicts, margin, level, resolution)
    flags |= lost_by_extension(at, verdicts, margin, plan.judgement.extensions)
    total = _total(table, weights, level, resolution) if kind == "shapley" else None
    interim = any(set(cell.planned) - cell.records.keys() for cell in cells.values())
    parts = [
        ContrastResult(
            workload=workload,
            kind=kind,
            name=contrast.name,
            accuracy=accuracy_of(found, i),
            verdict=verdicts[i],
            fragile=bool(flags[i]),
            interim=interim,
            p_adjusted=float(found.p_adjusted[i]),
        )
        for i, contrast in enumerate(contrasts)
    ]
    said = [p.model_copy(update={"sentence": contrast_sentence(p, total, margin)}) for p in parts]
    orders = plan.study.get("orders") if kind == "shapley" else None
    return Attribution(workload=workload, kind=kind, parts=tuple(said), total=total, orders=orders)


def _cells(evidence: Evidence, contrasts: Sequence[Contrast]) -> Mapping[str, ArmRuns]:
    """The confirmed runs of every arm that the contrasts weigh, by fingerprint: twins are one cell."""
    names = dict.fromkeys(name for contrast in contrasts for name in contrast.weights)
    runs = [evidence.of(contrasts[0].workload, name, "confirm") for name in sorted(names)]
    return {cell.arm.fingerprint: cell for cell in reversed(runs)}


def _weights(evidence: Evidence, contrast: Contrast, cells: Sequence[str]) -> Floats:
    """The weights [cells] of a contrast; those of twins add up."""
    row = np.zeros(len(cells))
    for name, weight in contrast.weights.items():
        row[cells.index(evidence.plan.arm(contrast.workload, name).fingerprint)] += weight
    return row


def _total(table: Floats, weights: Floats, level: float, resolution: float) -> Interval | None:
    """What is shared out, with its own interval: Shapley's weights sum to the stack minus the baseline."""
    row = weights.sum(0)
    row = np.where(np.abs(row) < NONE, 0.0, row)
    if not row.any():
        return None
    found = stats.cell_effects(table, row[None], level, resolution)
    if not isfinite(found.se[0]):
        return None
    return Interval(effect=float(found.effect[0]), low=float(found.low[0]), high=float(found.high[0]))
