"""Time verdicts on synthetic sessions: exact values, error rates under drift, and what a session stays valid for."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from trickbag.analyze.time import projected, session_note, session_of, time_results, time_verdict
from trickbag.errors import InputError
from trickbag.records.chain import append_entry, write_plan
from trickbag.records.plan import Arm, Comparison, Judgement, Phase, Plan, PlannedRun, Workload
from trickbag.records.timing import Lap, Startup, TimingFile, load_warning, read_timing, write_timing

TOTAL = 1000  # steps of a whole run


RECIPE = {"data": {"name": "d"}, "model": {"name": "m"}, "budget": {"epochs": 4}}


def make_plan(arms: list[str], fingerprints: Mapping[str, str] | None = None) -> Plan:
    """Arms against the baseline; each fingerprint is the arm's name unless told otherwise."""
    known = {name: name for name in ["baseline", *arms]} | dict(fingerprints or {})
    return Plan(
        study={"name": "s", "question": ""},
        workloads=(Workload(name="w", data_digest="", classes=("a", "b"), train_images=9, test_images=0,
                            validation_ids=(0, 1)),),
        arms=tuple(Arm(name=name, workload="w", tricks=(), fingerprint=own, diff={},
                       recipe=RECIPE) for name, own in known.items()),
        comparisons=tuple(Comparison(workload="w", arm=name, comparison="baseline") for name in arms),
        phases=(Phase(name="confirm"),),
        judgement=Judgement(margin=0.5),
        machine={"device": "cpu", "threads": 1, "torch": "0"},
    )  # fmt: skip


def make_timing(seconds: Mapping[str, np.ndarray], **fields: object) -> TimingFile:
    """A session in which an arm's turn of 10 steps takes so many seconds in round 1, 2, …"""
    laps = [
        Lap(round=i + 1, workload="w", arm=name, steps=10, seconds=float(value))
        for name, values in seconds.items()
        for i, value in enumerate(values)
    ]
    startups = [
        Startup(workload="w", arm=name, fingerprint=name, seconds=2.0 + i, total_steps=TOTAL)
        for i, name in enumerate(seconds)
    ]
    plain = {"plan_hash": "h", "rounds": 10, "other_load": 0.01, "machine": {"name": "cpu"}, "provenance": {}}
    return TimingFile.model_validate({**plain, "laps": laps, "startups": startups, **fields})


def pair(arm: str) -> Comparison:
    return Comparison(workload="w", arm=arm, comparison="baseline")


def test_one_comparison_is_the_paired_t_test_of_logs() -> None:
    """Against scipy: ratio, interval and seconds of a whole run, 100 times the 10 steps of a turn."""
    rng = np.random.default_rng(0)
    base = 0.5 * np.exp(0.01 * rng.normal(size=10))
    arm = base * 1.05 * np.exp(0.004 * rng.normal(size=10))
    timed = time_results(make_plan(["arm"]), make_timing({"baseline": base, "arm": arm}))[pair("arm")]
    expected = ttest_rel(np.log(arm), np.log(base)).confidence_interval(0.95)
    assert (timed.time.low, timed.time.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert timed.time.ratio == pytest.approx(np.exp(np.log(arm / base).mean()))
    assert timed.time.seconds == pytest.approx(100 * np.exp(np.log(arm).mean()))
    assert timed.time.startup_ratio == 1.5
    assert timed.time.rounds == 10
    assert timed.verdict == "slower"


def test_a_lap_is_projected_to_the_whole_run() -> None:
    """Twice the batch: steps take 1.8 times as long and there are half as many of them: ratio .9."""
    timing = make_timing({"baseline": np.full(5, 0.5), "large": np.full(5, 0.9)})
    half = [s.model_copy(update={"total_steps": 500}) if s.arm == "large" else s for s in timing.startups]
    timing = timing.model_copy(update={"startups": tuple(half)})
    timed = time_results(make_plan(["large"]), timing)[pair("large")]
    assert timed.time.ratio == pytest.approx(0.9)
    assert timed.verdict == "faster"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((-0.03, -0.001, -0.03, -0.002), "faster"),  # smaller than the margin, yet clear
        ((0.001, 0.03, 0.002, 0.03), "slower"),
        ((-0.02, 0.02, -0.0197, 0.0197), "no difference"),  # log(1.02) = .0198
        ((-0.02, 0.021, -0.015, 0.0199), "undecided"),
        ((-0.02, 0.02, -0.0199, 0.015), "undecided"),
    ],
)
def test_verdict_from_the_interval(bounds: tuple[float, float, float, float], expected: str) -> None:
    assert time_verdict(*bounds, margin=2.0) == expected


def drifting(rng: np.random.Generator, arms: Mapping[str, float], rounds: int) -> dict[str, np.ndarray]:
    """Turns of .5 s in an order drawn per round; over the session clocks slow down by 2 %, each lap has .4 % noise."""
    seconds = {name: np.empty(rounds) for name in arms}
    names, count = list(arms), rounds * len(arms)
    for i in range(rounds):
        for position, j in enumerate(rng.permutation(len(names))):
            drift = 0.02 * (i * len(names) + position) / (count - 1)
            name = names[j]
            seconds[name][i] = 0.5 * arms[name] * np.exp(drift + 0.004 * rng.normal())
    return seconds


def test_drift_makes_nobody_faster() -> None:
    """2 % drift, .4 % noise, 6 rounds, no difference: faster or slower in 5 % of 1,000 sessions (standard error .7 %).

    Arms timed one after the other were called faster in 94 % of such sessions.
    """
    rng = np.random.default_rng(3)
    plan, wrong, widths = make_plan(["arm"]), 0, []
    for _ in range(1000):
        timing = make_timing(drifting(rng, {"baseline": 1.0, "arm": 1.0}, 6))
        timed = time_results(plan, timing)[pair("arm")]
        wrong += timed.verdict in ("faster", "slower")
        widths.append((timed.time.high - timed.time.low) / 2)
    assert abs(wrong / 1000 - 0.05) < 0.021
    assert np.mean(widths) == pytest.approx(0.0058, abs=0.0006)  # published for this simulation: ±.58 %


def test_a_planted_difference_is_found_and_nothing_else() -> None:
    """5 % among four arms and ten rounds: always found; equal arms are mostly within ± 2 %."""
    rng = np.random.default_rng(4)
    plan = make_plan(["a", "b", "quick"])
    verdicts: dict[str, list[str]] = {"a": [], "b": [], "quick": []}
    for _ in range(40):
        arms = {"baseline": 1.0, "a": 1.0, "b": 1.0, "quick": 0.95}
        for own, timed in time_results(plan, make_timing(drifting(rng, arms, 10))).items():
            verdicts[own.arm].append(timed.verdict)
    assert set(verdicts["quick"]) == {"faster"}
    assert verdicts["a"].count("no difference") + verdicts["b"].count("no difference") > 72


def test_what_screening_dropped_is_no_member_of_the_family() -> None:
    """Of four arms one was confirmed: its interval is that of the paired t test alone, and only it is judged."""
    rng = np.random.default_rng(3)
    base = 0.5 * np.exp(0.01 * rng.normal(size=10))
    seconds = {"baseline": base} | {n: base * 1.01 * np.exp(0.01 * rng.normal(size=10)) for n in "abcd"}
    plan = make_plan(list("abcd"))
    assert set(time_results(plan, make_timing(seconds))) == {pair(name) for name in "abcd"}
    runs = tuple(
        PlannedRun(id=f"{n}-s1", workload="w", arm=n, fingerprint=n, seed=1) for n in ("baseline", "b")
    )
    confirming = plan.model_copy(update={"phases": (Phase(name="confirm", runs=runs),)})
    (only,) = time_results(confirming, make_timing(seconds)).items()
    expected = ttest_rel(np.log(seconds["b"]), np.log(base)).confidence_interval(0.95)
    assert only[0] == pair("b")
    assert (only[1].time.low, only[1].time.high) == pytest.approx(
        (np.exp(expected.low), np.exp(expected.high))
    )


def test_identical_laps_are_no_difference() -> None:
    timing = make_timing({"baseline": np.full(4, 0.5), "arm": np.full(4, 0.5)})
    timed = time_results(make_plan(["arm"]), timing)[pair("arm")]
    assert (timed.verdict, timed.time.ratio) == ("no difference", 1.0)


def test_only_rounds_that_both_took_part_in_count() -> None:
    """The baseline has turns in two blocks; the arm met it in one."""
    base, arm = np.array([0.5, 0.51, 0.49, 0.7, 0.71]), np.array([0.5, 0.51, 0.49])
    timed = time_results(make_plan(["arm"]), make_timing({"baseline": base, "arm": arm}))[pair("arm")]
    assert (timed.time.rounds, timed.time.ratio) == (3, pytest.approx(1.0))


def test_arms_are_known_by_their_fingerprints() -> None:
    """An arm that was changed since is not measured; one that only has a second name is."""
    timing = make_timing({"baseline": np.full(3, 0.5), "a": np.full(3, 0.6), "b": np.full(3, 0.7)})
    plan = make_plan(["a", "b", "c"], {"a": "changed", "c": "b"})
    found = time_results(plan, timing)
    assert set(found) == {pair("b"), pair("c")}
    assert found[pair("c")].time.ratio == pytest.approx(1.4)


def test_a_session_belongs_to_a_plan_as_first_frozen(tmp_path: Path) -> None:
    plan = make_plan(["arm"])
    file = write_plan(tmp_path, plan)
    assert session_of(tmp_path, file) is None
    laps = {"baseline": np.full(3, 0.5), "arm": np.full(3, 0.6)}
    write_timing(tmp_path, make_timing(laps, plan_hash=file.entries[0].hash))
    amended = append_entry(tmp_path, "amendment", {"judgement": {"margin": 0.3}}, "a smaller margin", 0)
    assert session_of(tmp_path, amended) == read_timing(tmp_path)
    write_timing(tmp_path, make_timing(laps, plan_hash="another"))
    with pytest.raises(InputError, match=r"timing\.json: a session of another plan"):
        session_of(tmp_path, amended)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    file = write_plan(tmp_path, make_plan(["arm"]))
    (tmp_path / "timing.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match=r"timing\.json: damaged: plan_hash"):
        session_of(tmp_path, file)
    timing = make_timing({"baseline": np.full(3, 0.5)}, startups=[])
    with pytest.raises(InputError, match="baseline has a lap and no start-up"):
        projected(make_plan([]), timing)


def test_other_load_is_warned_about_above_five_percent() -> None:
    laps = {"baseline": np.full(3, 0.5)}
    assert load_warning(0.05) == make_timing(laps, other_load=0.05).warning == ""
    assert "used 12 % of the cores" in make_timing(laps, other_load=0.12).warning
    assert "used 30 % of the cores" in make_timing(laps, other_load=0.12, other_load_before=0.3).warning
    note = session_note(make_timing(laps, other_load=0.12, provenance={"written": "now"}))
    assert (note.rounds, note.other_load, note.written) == (10, 0.12, "now")
    assert "12 %" in note.warning
