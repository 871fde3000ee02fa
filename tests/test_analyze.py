"""The analysis on records written by hand: hand-worked verdicts, partial studies, damage, and a null study's errors."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as st
from study_records import IDS, IMAGES, by_name, by_seed, complete, conduct, finish, freeze, plan_of

from trickbag.analyze import analyze_study
from trickbag.errors import InputError
from trickbag.records.bits import write_bits
from trickbag.records.plan import Comparison
from trickbag.records.result import read_results


def test_one_comparison_is_the_paired_t_test_by_hand(tmp_path: Path) -> None:
    """d = 2.0, 1.0, 3.0, 2.0 points: mean 2, SD sqrt(2/3), se .4082; t(3, .975) = 3.1824: 2 ± 1.2993."""
    results = conduct(tmp_path / "s", {"baseline": [900, 902, 898, 900], "arm": [920, 912, 928, 920]})
    arm = by_name(results)["arm"]
    assert arm.accuracy is not None
    assert arm.accuracy.effect == pytest.approx(2.0)
    assert (arm.accuracy.low, arm.accuracy.high) == pytest.approx((2 - 1.2993, 2 + 1.2993), abs=1e-3)
    assert arm.verdict == "better"
    assert arm.mean == pytest.approx(92.0)
    assert arm.accuracy_by_seed == pytest.approx({1: 92.0, 2: 91.2, 3: 92.8, 4: 92.0})
    assert results.baseline.mean == pytest.approx(90.0)
    assert read_results(tmp_path / "s") == results


def test_verdicts_of_clear_cases(tmp_path: Path) -> None:
    base = [900, 904, 896, 902, 898, 901]
    hits = {
        "baseline": base,
        "up": [b + 30 + i for b, i in zip(base, (0, 1, -1, 0, 1, -1), strict=True)],
        "down": [b - 30 + i for b, i in zip(base, (1, 0, -1, 1, 0, -1), strict=True)],
        "same": [b + i for b, i in zip(base, (1, -1, 0, 1, -1, 0), strict=True)],
        "slight": [b + 3 + i for b, i in zip(base, (0, 1, -1, 1, 0, -1), strict=True)],
        "noisy": [b + i for b, i in zip(base, (20, -15, 9, -12, 16, -8), strict=True)],
    }
    found = by_name(conduct(tmp_path / "s", hits))
    verdicts = {name: arm.verdict for name, arm in found.items()}
    assert verdicts == {
        "up": "better", "down": "worse", "same": "equivalent", "slight": "better but small", "noisy": "undecided",
    }  # fmt: skip
    assert found["noisy"].price is not None
    assert found["noisy"].price.more_runs == 2 * ((found["noisy"].price.seeds or 0) - 6)
    assert "raises accuracy" in found["up"].sentence
    assert found["up"].time_verdict == "not measured"
    assert found["up"].indicative_time_ratio == pytest.approx(1.0)


def test_partial_and_broken_studies_are_analysed_as_far_as_they_go(tmp_path: Path) -> None:
    """One arm lost a seed to divergence, one was never run, one failed everywhere."""
    folder, rng = tmp_path / "s", np.random.default_rng(0)
    plan = freeze(folder, plan_of(["lost", "waiting", "broken"], 4, 1.0))
    for run in plan.runs:
        if run.arm == "waiting":
            continue
        status = (
            "failed" if run.arm == "broken" else "diverged" if (run.arm, run.seed) == ("lost", 2) else "done"
        )
        finish(folder, run, 900 + 3 * run.seed + (run.arm == "lost") * 20, rng, status)
    results = analyze_study(folder)
    found = by_name(results)
    assert (found["lost"].diverged, found["lost"].paired_seeds) == (1, 3)
    assert (found["waiting"].verdict, found["waiting"].unfinished) == ("not analysed", 4)
    assert (found["broken"].verdict, found["broken"].failed) == ("not analysed", {"failed": 4})
    assert (results.runs_planned, results.runs_done) == (16, 12)


def test_nothing_finished_yet(tmp_path: Path) -> None:
    freeze(tmp_path / "s", plan_of(["arm"], 3, 1.0))
    results = analyze_study(tmp_path / "s")
    assert results.bottom_line.startswith("Interim, no claim is made yet: 6 of 6 planned runs are to come.")
    assert results.baseline.mean is None


def test_missing_or_foreign_bits_are_named(tmp_path: Path) -> None:
    conduct(tmp_path / "s", {"baseline": [900, 901, 902], "arm": [900, 905, 903]})
    bits = tmp_path / "s" / "runs" / "arm-f1-s2" / "correct.npz"
    write_bits(bits, IDS[::-1].copy(), np.ones(IMAGES, bool), np.ones(IMAGES, bool))
    with pytest.raises(InputError, match="not of the planned validation images"):
        analyze_study(tmp_path / "s")
    bits.unlink()
    with pytest.raises(InputError, match=r"correct.npz: the bits of this run cannot be read"):
        analyze_study(tmp_path / "s")


def test_a_run_of_another_plan_is_refused(tmp_path: Path) -> None:
    conduct(tmp_path / "s", {"baseline": [900, 901, 902], "arm": [900, 905, 903]})
    path = tmp_path / "s" / "runs" / "arm-f1-s2" / "run.json"
    path.write_text(path.read_text().replace('"fingerprint": "f1"', '"fingerprint": "f9"'))
    with pytest.raises(InputError, match="a run of another plan"):
        analyze_study(tmp_path / "s")


def test_results_follow_from_the_table_alone(tmp_path: Path) -> None:
    """Effect, interval, SDs and times computed again from results.csv with numpy and scipy alone."""
    hits = {"baseline": [900, 907, 893, 901], "arm": [912, 905, 899, 920]}
    results = conduct(tmp_path / "s", hits)
    with (tmp_path / "s" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = {(row["arm"], int(row["seed"])): float(row["top1"]) for row in rows}
    assert {(row["phase"], row["role"], row["status"], row["look"]) for row in rows} == {
        ("confirm", "arm", "done", "")
    }
    ours, theirs = (np.array([table[name, seed] for seed in range(1, 5)]) for name in ("arm", "baseline"))
    again = st.ttest_rel(ours, theirs)
    bounds = again.confidence_interval(0.95)
    arm = by_name(results)["arm"]
    assert arm.accuracy is not None
    assert arm.accuracy.effect == pytest.approx((ours - theirs).mean(), abs=1e-12)
    assert (arm.accuracy.low, arm.accuracy.high) == pytest.approx((bounds.low, bounds.high), rel=1e-9)
    assert arm.p_adjusted == pytest.approx(again.pvalue, rel=1e-9)
    assert (arm.sd, results.baseline.sd) == pytest.approx((ours.std(ddof=1), theirs.std(ddof=1)))
    assert arm.train_seconds == np.median([float(r["train_seconds"]) for r in rows if r["arm"] == "arm"])


def test_an_arm_with_two_names_is_counted_once(tmp_path: Path) -> None:
    """The second name has no runs of its own, gets the same numbers and names its twin."""
    folder, plan = tmp_path / "s", plan_of(["arm"], 3, 1.0)
    twin = plan.arms[1].model_copy(update={"name": "twin"})
    pair = Comparison(workload="w", arm="twin", comparison="baseline")
    plan = plan.model_copy(update={"arms": (*plan.arms, twin), "comparisons": (*plan.comparisons, pair)})
    freeze(folder, plan)
    complete(
        folder, plan, {("w", "baseline"): by_seed([901, 902, 903]), ("w", "arm"): by_seed([903, 906, 909])}
    )
    found = by_name(analyze_study(folder))
    assert found["twin"].accuracy_by_seed == found["arm"].accuracy_by_seed
    assert (found["twin"].aliases, found["twin"].phase) == (("arm",), "confirm")
    assert len((folder / "results.csv").read_text().splitlines()) == 1 + 6


def test_the_order_of_arms_and_of_runs_changes_no_digit(tmp_path: Path) -> None:
    """The same records under a plan that lists arms, comparisons and seeds the other way round."""
    rng = np.random.default_rng(3)
    hits = {("w", name): by_seed(rng.integers(890, 920, 6).tolist()) for name in ["baseline", *"abcde"]}
    plans = [plan_of(list("abcde"), range(1, 7)), plan_of(list("abcde"), range(6, 0, -1))]
    turned = {"arms": plans[1].arms[::-1], "comparisons": plans[1].comparisons[::-1]}
    plans[1] = plans[1].model_copy(update=turned)
    found = []
    for i, plan in enumerate(plans):
        folder = tmp_path / str(i)
        freeze(folder, plan)
        complete(folder, plan, hits)
        found.append(analyze_study(folder))
    assert by_name(found[0]) == by_name(found[1])
    assert found[0].noise[0].model_dump() == pytest.approx(found[1].noise[0].model_dump())


def test_seeds_that_can_never_be_paired_are_refused(tmp_path: Path) -> None:
    plan = plan_of(["arm"], 6)
    runs = tuple(r for r in plan.phases[0].runs if (r.arm == "arm") == (r.seed > 3))
    plan = plan.model_copy(update={"phases": (plan.phases[0].model_copy(update={"runs": runs}),)})
    freeze(tmp_path / "s", plan)
    complete(
        tmp_path / "s", plan, {("w", name): dict.fromkeys(range(1, 7), 900) for name in ("arm", "baseline")}
    )
    with pytest.raises(InputError, match="arm and baseline share no seed in the phase confirm"):
        analyze_study(tmp_path / "s")


def test_a_record_that_its_bits_contradict_is_refused(tmp_path: Path) -> None:
    """A changed number, and one that is not a number."""
    said = {"99.9": r"arm-f1-s2/correct.npz: these bits give 90.50 %", "NaN": r"run.json: damaged: .*finite"}
    for i, wrong in enumerate(said):
        folder = tmp_path / str(i)
        conduct(folder, {"baseline": [900, 901, 902], "arm": [900, 905, 903]})
        path = folder / "runs" / "arm-f1-s2" / "run.json"
        path.write_text(path.read_text().replace('"top1": 90.5', f'"top1": {wrong}'))
        with pytest.raises(InputError, match=said[wrong]):
            analyze_study(folder)


def test_null_studies_claim_at_the_nominal_rate(tmp_path: Path) -> None:
    """25 studies of 8 arms that differ by nothing, seeds correlated, through the whole stage.

    A false claim in at most 5 % of studies: at most 4 of 25 with probability .993 (binomial).
    """
    rng = np.random.default_rng(7)
    claims = 0
    for i in range(25):
        seed_effect = rng.normal(0, 3, 5)
        hits = {
            name: np.round(900 + seed_effect + rng.normal(0, 4, 5)).astype(int).tolist()
            for name in ["baseline", *"abcdefgh"]
        }
        results = conduct(tmp_path / str(i), hits)
        claims += any(arm.verdict in ("better", "better but small", "worse") for arm in results.arms)
    assert claims <= 4
