"""Training time beside accuracy: time verdicts, what a gain is worth in time, and the joint claim."""

from collections.abc import Sequence
from typing import Any

from trickbag import stats
from trickbag.analyze.cost import longer, to_target
from trickbag.analyze.gather import Evidence
from trickbag.analyze.time import Timed, time_results
from trickbag.records.plan import Comparison
from trickbag.records.result import ArmResult
from trickbag.records.timing import TimingFile

DIFFERENT = ("better", "better but small", "worse")


def with_time(evidence: Evidence, arms: Sequence[ArmResult], timing: TimingFile | None) -> list[ArmResult]:
    """The arms with their time verdicts from the session, if there was one, and what their gains are worth.

    Time to a target and longer training are told of confirmed arms alone, whose runs are of one phase with
    those of their comparison; longer training of claimed differences alone.
    """
    plan, runs = evidence.plan, evidence.latest
    timed = time_results(plan, timing) if timing else {}
    targets, lengths = to_target(plan, runs, timing), longer(plan, runs)
    found = []
    for arm in arms:
        pair = Comparison(workload=arm.workload, arm=arm.name, comparison=arm.comparison)
        update = _claims(arm, timed[pair], plan.judgement.margin) if pair in timed else {}
        if arm.phase == "confirm":
            update |= {
                "to_target": targets.get(pair),
                "equals_longer": lengths.get(pair) if _differs(arm) else None,
            }
        found.append(arm.model_copy(update=update))
    return found


def _differs(arm: ArmResult) -> bool:
    """Whether a difference is claimed."""
    return arm.verdict in DIFFERENT and not arm.fragile and not arm.interim


def _claims(arm: ArmResult, timed: Timed, margin: float) -> dict[str, Any]:
    """The time verdict, and whether the arm is faster with its accuracy kept: one joint claim."""
    kept = False
    if arm.accuracy and arm.verdict != "not analysed" and not arm.interim:
        kept = bool(stats.faster_and_kept(timed.verdict == "faster", arm.accuracy.low_90, margin))
    return {"time": timed.time, "time_verdict": timed.verdict, "faster_and_kept": kept}
