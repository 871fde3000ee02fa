"""From a timing session to time verdicts: differences of log time within rounds, one family per workload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log1p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trickbag import stats
from trickbag.errors import InputError
from trickbag.records.chain import PlanFile
from trickbag.records.plan import Comparison, Plan
from trickbag.records.result import Time, TimeVerdict, TimingSession
from trickbag.records.timing import TIMING, TimingFile, read_timing

FEWEST_ROUNDS = 2
CLOCK = 1e-6  # relative: what a clock of a microsecond resolves of a second
Projected = dict[tuple[str, str], dict[int, float]]  # workload, arm -> round -> seconds of a whole run


@dataclass(frozen=True)
class Timed:
    """What the session says about a comparison."""

    time: Time
    verdict: TimeVerdict


def session_of(folder: Path, file: PlanFile) -> TimingFile | None:
    """The timing session of a study, or None where there has been none.

    Amendments and later phases leave a session valid: it is bound to the plan as it was first frozen, and
    each arm to its fingerprint. Raises InputError where the file is damaged or belongs to another plan.
    """
    timing = read_timing(folder)
    if timing and timing.plan_hash != file.entries[0].hash:
        raise InputError(
            f"{folder / TIMING}: a session of another plan; remove it, or run trickbag time again"
        )
    return timing


def session_note(timing: TimingFile) -> TimingSession:
    """The session as the results state it."""
    return TimingSession(
        rounds=timing.rounds,
        other_load=timing.other_load,
        warning=timing.warning,
        machine=timing.machine,
        written=timing.provenance.get("written", ""),
    )


def projected(plan: Plan, timing: TimingFile) -> Projected:
    """Seconds of a whole run as each round's lap projects them: seconds per step times steps of the run.

    Arms are known by their fingerprints: one that has another by now was not timed, and one that has a
    second name was.
    """
    timed = {(s.workload, s.arm): s for s in timing.startups}
    seconds = dict[tuple[str, str], dict[int, float]]()  # by workload and fingerprint
    for lap in timing.laps:
        startup = timed.get((lap.workload, lap.arm))
        if startup is None:
            raise InputError(f"{TIMING}: damaged: {lap.arm} has a lap and no start-up; time again")
        own = seconds.setdefault((lap.workload, startup.fingerprint), {})
        own[lap.round] = lap.seconds / lap.steps * startup.total_steps
    keys = {(arm.workload, arm.name): (arm.workload, arm.fingerprint) for arm in plan.arms}
    return {name: seconds[key] for name, key in keys.items() if key in seconds}


def time_results(plan: Plan, timing: TimingFile) -> dict[Comparison, Timed]:
    """The time verdict of every comparison that the session has at least two rounds of.

    The comparisons of a workload, without those that screening dropped, are one family, judged as accuracy is
    (`stats.effects`) on differences of log seconds within rounds, so that whatever slows a whole round cancels.
    """
    seconds, found = projected(plan, timing), dict[Comparison, Timed]()
    for workload in plan.workloads:
        rows = {pair: _differences(pair, seconds) for pair in plan.standing(workload.name)}
        judged = {pair: row for pair, row in rows.items() if len(row) >= FEWEST_ROUNDS}
        found |= _family(plan, timing, judged, seconds) if judged else {}
    return found


def time_verdict(low: float, high: float, low_90: float, high_90: float, margin: float) -> TimeVerdict:
    """The verdict on the log of a time ratio from its 95 % interval and the 90 % twin.

    `margin`: percent of time that make no practical difference. A difference that is clear but smaller than
    the margin is still a difference.
    """
    if high < 0:
        return "faster"
    if low > 0:
        return "slower"
    bound = log1p(margin / 100)
    return "no difference" if -bound < low_90 and high_90 < bound else "undecided"


def _differences(pair: Comparison, seconds: Projected) -> NDArray[np.float64]:
    """Log time ratios [rounds] of the rounds that both arms took part in."""
    arm, comparison = (seconds.get((pair.workload, name), {}) for name in (pair.arm, pair.comparison))
    rounds = sorted(arm.keys() & comparison.keys())
    return np.log([arm[each] for each in rounds]) - np.log([comparison[each] for each in rounds])


def _family(
    plan: Plan, timing: TimingFile, rows: Mapping[Comparison, NDArray[np.float64]], seconds: Projected
) -> dict[Comparison, Timed]:
    """The verdicts of one workload's comparisons."""
    judgement, pairs = plan.judgement, list(rows)
    correlation = stats.design_correlation([(pair.arm, pair.comparison) for pair in pairs])
    found = stats.effects(list(rows.values()), judgement.level, correlation, resolution=CLOCK)
    timed = {}
    for i, pair in enumerate(pairs):
        low, high, low_90, high_90 = (
            float(b[i]) for b in (found.low, found.high, found.low_90, found.high_90)
        )
        time = Time(
            ratio=exp(found.effect[i]),
            low=exp(low),
            high=exp(high),
            seconds=geometric_mean(list(seconds[pair.workload, pair.arm].values())),
            startup_ratio=_startup_ratio(plan, timing, pair),
            rounds=len(rows[pair]),
        )
        timed[pair] = Timed(time, time_verdict(low, high, low_90, high_90, judgement.time_margin))
    return timed


def _startup_ratio(plan: Plan, timing: TimingFile, pair: Comparison) -> float:
    """Start-up of an arm over its comparison's: one measurement each, no claim."""
    seconds = {(s.workload, s.fingerprint): s.seconds for s in timing.startups}
    arm, comparison = (plan.arm(pair.workload, name) for name in (pair.arm, pair.comparison))
    return seconds[arm.workload, arm.fingerprint] / seconds[comparison.workload, comparison.fingerprint]


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean, the centre of a log scale."""
    return exp(float(np.log(values).mean()))
