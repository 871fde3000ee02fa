"""Phases never mix, arms of other roles are no results, interim looks, seeds of one's own: on records by hand."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats as st
from study_records import by_name, by_seed, complete, freeze, phase_of, plan_of

from trickbag.analyze import analyze_study
from trickbag.records.plan import Judgement, Ledger, Phase, Plan, Rule
from trickbag.stats import look_levels


def screened(folder: Path, confirmed: bool) -> Plan:
    """Three arms screened with seeds 1 to 3; `good` and the baseline then confirmed with seeds 4 to 8."""
    plan = plan_of(["good", "bad", "dull"], 3, phase="screen")
    reasons = {"good": "the largest mean effect"}
    later = phase_of(plan, "confirm", range(4, 9), ("baseline", "good"))
    if confirmed:
        later = later.model_copy(update={"reasons": reasons, "rule": "the best of 3"})
        plan = plan.model_copy(update={"phases": (*plan.phases, later)})
    else:
        plan = plan.model_copy(update={"later": (Rule(phase="confirm", seeds=(4, 5, 6, 7, 8), keep=1),)})
    freeze(folder, plan)
    up = dict(zip(range(1, 9), (40, 42, 38, 21, 19, 20, 22, 18), strict=True))
    base = {seed: 900 + seed for seed in range(1, 9)}
    hits = {"baseline": base, "good": {s: base[s] + up[s] for s in base}}
    hits |= {"bad": {s: base[s] - 30 - s for s in base}, "dull": {s: base[s] + s % 2 for s in base}}
    complete(folder, plan, {("w", name): right for name, right in hits.items()})
    return plan


def test_a_confirmed_arm_is_judged_by_its_fresh_seeds_alone(tmp_path: Path) -> None:
    """d = 2.1, 1.9, 2.0, 2.2, 1.8 on seeds 4-8, not 4.0, 4.2, 3.8: mean 2, a family of one, paired t."""
    screened(tmp_path / "s", confirmed=True)
    results = analyze_study(tmp_path / "s")
    good = by_name(results)["good"]
    assert good.accuracy is not None
    assert good.accuracy.effect == pytest.approx(2.0)
    bounds = st.ttest_1samp([2.1, 1.9, 2.0, 2.2, 1.8], 0).confidence_interval(0.95)
    assert (good.accuracy.low, good.accuracy.high) == pytest.approx((bounds.low, bounds.high), rel=1e-6)
    assert (good.phase, good.selected, good.verdict, good.seeds) == ("confirm", False, "better", 5)
    assert results.baseline.seeds == 5
    assert [(p.name, p.runs, p.seeds, p.rule) for p in results.phases] == [
        ("screen", 12, (1, 2, 3), "all listed runs"),
        ("confirm", 10, (4, 5, 6, 7, 8), "the best of 3"),
    ]
    assert results.phases[1].reasons == {"good": "the largest mean effect"}


def test_a_dropped_arm_keeps_its_optimistic_estimate_and_no_verdict(tmp_path: Path) -> None:
    """Of its three screening seeds: -3.1, -3.2, -3.3 points."""
    screened(tmp_path / "s", confirmed=True)
    results = analyze_study(tmp_path / "s")
    bad = by_name(results)["bad"]
    assert bad.accuracy is not None
    assert bad.accuracy.effect == pytest.approx(-3.2)
    assert (bad.phase, bad.selected, bad.verdict) == ("screen", True, "not analysed")
    assert (bad.price, bad.p_adjusted, bad.fragile) == (None, None, False)
    assert bad.sentence.startswith("bad was dropped at screening (3 seeds): not evidence of no effect.")
    assert "2 were dropped at screening" in results.bottom_line
    assert "bad (" not in results.bottom_line


def test_before_the_short_list_nothing_is_claimed(tmp_path: Path) -> None:
    screened(tmp_path / "s", confirmed=False)
    results = analyze_study(tmp_path / "s")
    assert {arm.verdict for arm in results.arms} == {"not analysed"}
    assert "screened only so far" in by_name(results)["good"].sentence
    assert results.bottom_line == (
        "Interim, no claim is made yet: not all phases have run. The phases to come: confirm."
    )


def test_teachers_candidates_and_longer_baselines_are_no_results(tmp_path: Path) -> None:
    """They stand in results.csv with their role, and in no table of verdicts nor in the noise."""
    plan = plan_of(["arm", "point", "double", "big"], 3)
    roles = {"point": "candidate", "double": "duration", "big": "teacher"}
    arms = [a.model_copy(update={"role": roles.get(a.name, "arm")}) for a in plan.arms]
    plan = plan.model_copy(update={"arms": tuple(arms), "comparisons": plan.comparisons[:1]})
    phases = (phase_of(plan, "teacher", 1, ("big",)), phase_of(plan, "tune", [9], ("point",)),
              phase_of(plan, "confirm", 3, ("baseline", "arm", "double")))  # fmt: skip
    plan = freeze(tmp_path / "s", plan.model_copy(update={"phases": phases}))
    right = {seed: 900 + 3 * seed % 5 for seed in range(1, 10)}
    complete(tmp_path / "s", plan, {("w", a.name): right for a in arms})
    results = analyze_study(tmp_path / "s")
    assert list(by_name(results)) == ["arm"]
    lines = (tmp_path / "s" / "results.csv").read_text().splitlines()
    found = {tuple(line.split(",")[i] for i in (2, 3, 4)) for line in lines[1:]}
    assert found == {("big", "teacher", "teacher"), ("point", "candidate", "tune"), ("double", "duration", "confirm"),
                     ("baseline", "arm", "confirm"), ("arm", "arm", "confirm")}  # fmt: skip


def test_a_tuned_arm_says_so(tmp_path: Path) -> None:
    plan = plan_of(["arm"], 4)
    ledger = Ledger(level="T1", points=8, seeds=(90,))
    arms = tuple(a.model_copy(update={"ledger": ledger}) for a in plan.arms)
    plan = freeze(tmp_path / "s", plan.model_copy(update={"arms": arms}))
    complete(tmp_path / "s", plan, {("w", "baseline"): by_seed([900, 902, 898, 901]),
                                    ("w", "arm"): by_seed([930, 934, 928, 930])})  # fmt: skip
    results = analyze_study(tmp_path / "s")
    assert "8 points for it and for its comparison (T1)" in by_name(results)["arm"].sentence
    assert "hyper-parameters beyond the tuned points" in results.not_claimed
    assert by_name(results)["arm"].ledger == ledger


def test_tuning_alone_judges_nothing(tmp_path: Path) -> None:
    plan = plan_of(["arm"], 3, phase="tune")
    plan = freeze(tmp_path / "s", plan.model_copy(update={"later": (Rule(phase="confirm", seeds=(4, 5)),)}))
    complete(tmp_path / "s", plan, {("w", n): by_seed([900, 910, 920]) for n in ("arm", "baseline")})
    results = analyze_study(tmp_path / "s")
    arm = by_name(results)["arm"]
    assert (arm.verdict, arm.accuracy, arm.phase) == ("not analysed", None, "tune")
    assert arm.sentence == "arm: tuned so far, not judged."
    assert results.bottom_line == (
        "Interim, no claim is made yet: not all phases have run. The phases to come: confirm."
    )


def test_seeds_of_ones_own_are_judged_by_dunnetts_test(tmp_path: Path) -> None:
    """The intervals of scipy.stats.dunnett (its quadrature is good to three digits); nothing is paired."""
    plan = plan_of(["up", "down"], 1)
    seeds = {"baseline": range(1, 9), "up": range(11, 16), "down": range(21, 26)}
    runs = tuple(
        run for name, own in seeds.items() for run in phase_of(plan, "confirm", list(own), (name,)).runs
    )
    judgement = Judgement(margin=0.5, pairing="none")
    plan = plan.model_copy(update={"phases": (Phase(name="confirm", runs=runs),), "judgement": judgement})
    freeze(tmp_path / "s", plan)
    hits = {"baseline": [900, 905, 895, 903, 897, 902, 898, 900], "up": [930, 925, 933, 928, 934],
            "down": [897, 905, 901, 895, 899]}  # fmt: skip
    complete(tmp_path / "s", plan, {("w", n): dict(zip(seeds[n], hits[n], strict=True)) for n in hits})
    results = analyze_study(tmp_path / "s")
    percent = {name: np.array(right) / 10 for name, right in hits.items()}
    rng = np.random.default_rng(0)
    again = st.dunnett(
        percent["up"], percent["down"], control=percent["baseline"], rng=rng
    ).confidence_interval(0.95)
    found = by_name(results)
    for i, name in enumerate(("up", "down")):
        a = found[name].accuracy
        assert a is not None
        assert (a.low, a.high) == pytest.approx((again.low[i], again.high[i]), abs=5e-3)
    assert (found["up"].verdict, found["up"].paired_seeds, found["up"].new_images) == ("better", 0, None)
    noise = results.noise[0]
    assert noise.seed_sd == pytest.approx(
        np.sqrt(sum((x - x.mean()) @ (x - x.mean()) for x in percent.values()) / 15)
    )
    assert (noise.seed_correlation, noise.pairing_saved) == (None, None)


def test_interim_looks_stop_what_is_settled(tmp_path: Path) -> None:
    """Looks at 4 and 8 seeds. `up` leaves at the first with its own level's interval, `flat` goes on to the last.

    The first look's family has both arms; each is Šidák-like close to the single interval, so `up` (40 images in
    1,000 better, SD about 1) is far outside, and `flat` is not.
    """
    plan = plan_of(["up", "flat"], 4)
    levels = look_levels((4, 8))
    second = phase_of(plan, "confirm", range(5, 9), ("baseline", "flat"), look=2)
    first = plan.phases[0].model_copy(update={"look": 1})
    judgement = Judgement(margin=0.5, looks=(4, 8), look_levels=levels)
    plan = freeze(tmp_path / "s", plan.model_copy(update={"phases": (first, second), "judgement": judgement}))
    base = by_seed([900, 903, 897, 901, 899, 902, 898, 900])
    hits = {("w", "baseline"): base, ("w", "up"): {s: base[s] + 40 + (s % 3) for s in base}}
    hits["w", "flat"] = {s: base[s] + d for s, d in zip(base, (9, 1, -2, 4, 3, -1, 5, 2), strict=True)}
    complete(tmp_path / "s", plan, hits)
    found = by_name(analyze_study(tmp_path / "s"))
    price = found["flat"].price
    assert price is not None
    assert price.seeds is not None
    assert price.more_runs is None
    assert f"a new study with about {price.seeds} seeds ({2 * price.seeds} runs" in price.text
    assert price.text in found["flat"].sentence
    assert (found["up"].verdict, found["up"].stopped_at, found["up"].paired_seeds) == ("better", 4, 4)
    assert (found["flat"].stopped_at, found["flat"].paired_seeds) == (None, 8)
    assert "Settled at the interim look with 4 seeds" in found["up"].sentence
    assert found["up"].new_images is not None
    looks = [line.split(",")[5] for line in (tmp_path / "s" / "results.csv").read_text().splitlines()[1:]]
    assert sorted(looks) == ["1"] * 12 + ["2"] * 8


def test_what_a_look_gave_up_has_no_price(tmp_path: Path) -> None:
    """Stopped at the first look with its estimate below zero: nothing more of it can be bought in this study."""
    plan = plan_of(["down", "flat"], 4)
    judgement = Judgement(margin=0.5, looks=(4, 8), look_levels=look_levels((4, 8)))
    first = plan.phases[0].model_copy(update={"look": 1})
    plan = freeze(tmp_path / "s", plan.model_copy(update={"phases": (first,), "judgement": judgement}))
    base = by_seed([900, 903, 897, 901])
    hits = {("w", "baseline"): base}
    for name, shift in {"down": (-20, 9, -14, 3), "flat": (20, -9, 14, -3)}.items():
        hits["w", name] = {s: base[s] + d for s, d in zip(base, shift, strict=True)}
    complete(tmp_path / "s", plan, hits)
    found = by_name(analyze_study(tmp_path / "s"))
    assert (found["down"].verdict, found["down"].stopped_at, found["down"].price) == ("undecided", 4, None)
    assert found["flat"].price is not None


def test_with_seeds_of_ones_own_the_price_counts_the_baselines_share(tmp_path: Path) -> None:
    """Four arms of 5 seeds, the baseline with 2 x 5: for each more seed of the arm it runs two more."""
    names = ["a", "b", "c", "d"]
    plan = plan_of(names, 1)
    seeds = {"baseline": range(1, 11)} | {n: range(11 + 5 * i, 16 + 5 * i) for i, n in enumerate(names)}
    runs = tuple(
        run for name, own in seeds.items() for run in phase_of(plan, "confirm", list(own), (name,)).runs
    )
    judgement = Judgement(margin=0.1, pairing="none")
    plan = plan.model_copy(update={"phases": (Phase(name="confirm", runs=runs),), "judgement": judgement})
    freeze(tmp_path / "s", plan)
    wobble = [15, -12, 8, -16, 5, 11, -9, 14, -13, -3]
    hits = {
        ("w", n): {seed: 900 + 7 * (n != "baseline") + wobble[i] for i, seed in enumerate(own)}
        for n, own in seeds.items()
    }
    complete(tmp_path / "s", plan, hits)
    price = by_name(analyze_study(tmp_path / "s"))["a"].price
    assert price is not None
    assert price.seeds is not None
    assert price.more_runs == 3 * (price.seeds - 5)
    assert f"about {price.seeds - 5} more seeds ({price.more_runs} runs" in price.text
