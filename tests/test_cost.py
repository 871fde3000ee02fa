"""What accuracy costs, on records written by hand: exact intervals, fronts, censored runs, longer training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats

from trickbag.analyze.cost import costs, longer, pareto_front, to_target
from trickbag.analyze.gather import ArmRuns
from trickbag.records.plan import Arm, Comparison, Judgement, Phase, Plan, Workload
from trickbag.records.progress import EpochRow
from trickbag.records.run import RunRecord, Timings
from trickbag.records.timing import Lap, Startup, TimingFile

EPOCHS, STEPS = 4, 100
Curves = Sequence[Sequence[float]]  # accuracy (percent) after each epoch, one row per seed


def record(name: str, seed: int, curve: Sequence[float], seconds: float, status: str = "done") -> RunRecord:
    rows = [EpochRow(epoch=i + 1, step=25 * (i + 1), loss=1.0, lr=0.1, images_per_second=None, top1=value)
            for i, value in enumerate(curve)]  # fmt: skip
    timings = Timings(train_seconds=seconds, train_steps=STEPS, startup_seconds=1, evaluate_seconds=1)
    return RunRecord.model_validate({
        "id": f"{name}-{seed}", "arm": name, "workload": "w", "fingerprint": name, "seed": seed, "status": status,
        "recipe": {}, "machine": {}, "provenance": {}, "epochs": rows, "timings": timings,
    })  # fmt: skip


def arm_runs(arm: Arm, curves: Curves, seconds: Sequence[float], diverged: int = 0) -> ArmRuns:
    """Finished runs whose 1,000 bits give the last accuracy of each curve; `diverged` more ended early."""
    records = {
        i + 1: record(arm.name, i + 1, c, s) for i, (c, s) in enumerate(zip(curves, seconds, strict=True))
    }
    bits = {seed: np.arange(1000) < round(10 * curves[seed - 1][-1]) for seed in records}
    for seed in range(len(curves) + 1, len(curves) + 1 + diverged):
        records[seed] = record(arm.name, seed, [10.0], 1.0, "diverged")
    return ArmRuns(arm, records, tuple(records), bits)


def study(
    found: Mapping[str, tuple[Curves, Sequence[float]]], durations: Mapping[str, float] | None = None
) -> tuple[Plan, dict[tuple[str, str], ArmRuns]]:
    """Arms against the baseline, with curves and training seconds per seed; some are the baseline trained longer."""
    lengths = dict(durations or {})
    arms = [
        Arm(name=name, workload="w", tricks=(), fingerprint=name, diff={},
            role="duration" if name in lengths else "arm", times_longer=lengths.get(name),
            recipe={"budget": {"epochs": round(EPOCHS * lengths.get(name, 1))}})
        for name in found
    ]  # fmt: skip
    judged = [arm.name for arm in arms if arm.role == "arm" and arm.name != "baseline"]
    plan = Plan(
        study={}, arms=tuple(arms), phases=(Phase(name="confirm"),), judgement=Judgement(margin=1), machine={},
        workloads=(Workload(name="w", data_digest="", classes=(), train_images=1, test_images=0, validation_ids=()),),
        comparisons=tuple(Comparison(workload="w", arm=name, comparison="baseline") for name in judged),
    )  # fmt: skip
    return plan, {("w", arm.name): arm_runs(arm, *found[arm.name]) for arm in arms}


def session(seconds: Mapping[str, Sequence[float]]) -> TimingFile:
    """Turns of 10 of the 100 steps of a run."""
    return TimingFile(
        plan_hash="h", rounds=3, other_load=0.0, machine={}, provenance={},
        laps=tuple(Lap(round=i, workload="w", arm=name, steps=10, seconds=value)
                   for name, values in seconds.items() for i, value in enumerate(values)),
        startups=tuple(Startup(workload="w", arm=name, fingerprint=name, seconds=1, total_steps=STEPS)
                       for name in seconds),
    )  # fmt: skip


def flat(*finals: float) -> list[list[float]]:
    return [[value] * EPOCHS for value in finals]


def test_points_from_the_runs_are_indicative() -> None:
    plan, runs = study(
        {"baseline": (flat(90, 91, 92), [10, 11, 12]), "arm": (flat(95, 95, 95), [20, 20, 20])}
    )
    base, arm = costs(plan, runs, None)
    expected = scipy_stats.ttest_1samp([90, 91, 92], 0).confidence_interval()
    assert (base.accuracy.effect, base.accuracy.low, base.accuracy.high) == pytest.approx((91, *expected))
    expected = scipy_stats.ttest_1samp([10, 11, 12], 0).confidence_interval()
    assert (base.seconds.effect, base.seconds.low, base.seconds.high) == pytest.approx((11, *expected))
    assert (base.measured, base.on_front, arm.on_front) == (False, True, True)


def test_points_from_the_session_are_measured() -> None:
    """Laps of 10 of 100 steps: ten times as long for a run; the interval is the t interval of the logs."""
    plan, runs = study({"baseline": (flat(90, 91), [99, 99]), "slow": (flat(89, 90), [1, 1])})
    laps = {"baseline": [0.5, 0.52, 0.51], "slow": [0.6, 0.61, 0.6]}
    base, slow = costs(plan, runs, session(laps))
    logs = scipy_stats.ttest_1samp(np.log(np.array(laps["baseline"]) * 10), 0).confidence_interval()
    assert base.seconds.effect == pytest.approx((5 * 5.2 * 5.1) ** (1 / 3))
    assert (base.seconds.low, base.seconds.high) == pytest.approx(tuple(np.exp(logs)))
    assert (base.measured, base.on_front, slow.on_front) == (True, True, False)


def test_times_of_two_kinds_are_never_mixed() -> None:
    """The session lacks an arm, so that all points of the workload are those of the runs."""
    plan, runs = study({"baseline": (flat(90, 91), [10, 10]), "new": (flat(89, 90), [12, 12])})
    points = costs(plan, runs, session({"baseline": [0.5, 0.5]}))
    assert [point.measured for point in points] == [False, False]
    assert [point.seconds.effect for point in points] == [10, 12]


def test_the_baseline_trained_longer_is_projected_from_its_own_laps() -> None:
    plan, runs = study(
        {"baseline": (flat(90, 91), [1, 1]), "arm": (flat(89, 90), [1, 1]), "x2": (flat(93, 94), [1, 1])},
        {"x2": 2.0},
    )
    points = {p.name: p for p in costs(plan, runs, session({"baseline": [0.5, 0.5], "arm": [0.4, 0.4]}))}
    assert points["x2"].seconds.effect == pytest.approx(10)
    assert points["x2"].measured
    assert {name for name, point in points.items() if point.on_front} == {"baseline", "arm", "x2"}


def test_arms_with_fewer_than_two_seeds_are_not_in_the_picture() -> None:
    plan, runs = study({"baseline": (flat(90, 91), [1, 1]), "arm": (flat(95), [1])})
    assert [point.name for point in costs(plan, runs, None)] == ["baseline"]


def test_arms_that_only_were_screened_are_not_in_the_picture() -> None:
    plan, runs = study({"baseline": (flat(90, 91), [1, 1]), "arm": (flat(95, 95), [1, 1])})
    runs["w", "arm"] = replace(runs["w", "arm"], phase="screen")
    assert [point.name for point in costs(plan, runs, None)] == ["baseline"]


def test_pareto_front() -> None:
    """Cheapest, most accurate and what lies between them on the edge; equal points share their fate."""
    points = [(1.0, 90.0), (2.0, 92.0), (3.0, 91.0), (2.0, 91.5), (4.0, 93.0), (4.0, 93.0)]
    assert pareto_front(points) == [True, True, False, False, True, True]


def test_time_to_the_comparisons_accuracy() -> None:
    """Target 90, epochs of 2.5 s: one of two baselines gets there, at epoch 4; the arm at 2, at 3 and never."""
    plan, runs = study({
        "baseline": ([[80, 85, 88, 91], [80, 85, 88, 89]], [10, 10]),
        "arm": ([[80, 90, 91, 92], [80, 89, 90, 89], [80, 85, 88, 89]], [10, 10, 10]),
    })  # fmt: skip
    told = to_target(plan, runs, None)[plan.comparisons[0]]
    assert (told.target, told.reached, told.runs) == (90.0, 2, 3)
    assert told.median_seconds == 7.5
    assert told.comparison_median_seconds == 10.0
    expected = scipy_stats.logrank(
        scipy_stats.CensoredData.right_censored([5, 7.5, 10], [False, False, True]),
        scipy_stats.CensoredData.right_censored([10, 10], [False, True]),
    )
    assert told.p == pytest.approx(expected.pvalue)


def test_time_to_target_takes_its_seconds_from_the_session() -> None:
    plan, runs = study({"baseline": (flat(90, 90), [1, 1]), "arm": ([[80, 91, 91, 91]] * 2, [1, 1])})
    told = to_target(plan, runs, session({"baseline": [0.8, 0.8], "arm": [0.4, 0.4]}))[plan.comparisons[0]]
    assert told.median_seconds == pytest.approx(2 * 1.0)
    assert told.comparison_median_seconds == pytest.approx(1 * 2.0)


def test_diverged_runs_never_reach_the_target() -> None:
    plan, runs = study({"baseline": (flat(90, 90), [10, 10]), "arm": (flat(91, 91), [10, 10])})
    runs["w", "arm"] = arm_runs(plan.arm("w", "arm"), flat(91, 91), [10, 10], diverged=3)
    told = to_target(plan, runs, None)[plan.comparisons[0]]
    assert (told.reached, told.runs, told.median_seconds) == (2, 5, None)


def test_nothing_to_say_before_runs_have_finished() -> None:
    plan, runs = study({"baseline": ([], []), "arm": ([], [])})
    assert costs(plan, runs, None) == ()
    assert to_target(plan, runs, None) == {}
    assert longer(plan, runs) == {}


def test_a_gain_as_longer_training() -> None:
    """The baseline gains one point per doubling at both seeds, the arm half a point: 2^.5 times as long."""
    plan, runs = study({
        "baseline": (flat(90, 91), [1, 1]), "arm": (flat(90.5, 91.5), [1, 1]),
        "x2": (flat(91, 92), [1, 1]), "x4": (flat(92, 93), [1, 1]),
    }, {"x2": 2.0, "x4": 4.0})  # fmt: skip
    told = longer(plan, runs)[plan.comparisons[0]]
    assert (told.times, told.low, told.high) == pytest.approx((2**0.5,) * 3)


def test_two_lengths_or_one_complete_seed_are_too_few() -> None:
    found = {
        "baseline": (flat(90, 91), [1, 1]),
        "arm": (flat(90.5, 91.5), [1, 1]),
        "x2": (flat(91, 92), [1, 1]),
    }
    assert longer(*study(found, {"x2": 2.0})) == {}
    lengths = {"x2": 2.0, "x4": 4.0}
    assert longer(*study({**found, "x4": (flat(92), [1])}, lengths)) == {}
