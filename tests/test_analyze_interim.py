"""What the analysis says of studies that are unfinished, were extended, distil, sample orders, or share no seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_records import by_name, by_seed, complete, finish, freeze, phase_of, plan_of

from trickbag.analyze import analyze_study
from trickbag.records.plan import Contrast, Judgement, Phase, Plan, Rule
from trickbag.records.result import Results
from trickbag.stats import look_levels

BASE = [900, 903, 897, 901, 899, 902, 898, 900]
UP = [921, 922, 917, 923, 917, 924, 917, 921]  # 2 points better, give or take .2
START = "Interim, not a claim yet: "


def part_of_it(folder: Path, done: dict[str, int]) -> Results:
    """A study of five seeds of which every arm has ended so many."""
    plan = freeze(folder, plan_of([name for name in done if name != "baseline"], 5))
    for run in plan.runs:
        if run.seed <= done[run.arm]:
            right = (BASE if run.arm == "baseline" else UP)[run.seed - 1]
            finish(folder, run, right, np.random.default_rng(run.seed))
    return analyze_study(folder)


def test_three_of_five_seeds_are_no_claim(tmp_path: Path) -> None:
    """2 points give or take .2 after three seeds: a clear difference, which nobody has claimed yet."""
    results = part_of_it(tmp_path / "s", {"baseline": 3, "a": 3})
    a = by_name(results)["a"]
    assert (a.verdict, a.fragile, a.interim, a.unfinished) == ("better", False, True, 2)
    assert a.sentence.startswith(f"{START}a seems to raise accuracy over baseline by +2.00 points")
    assert results.bottom_line == "Interim, no claim is made yet: 4 of 10 planned runs are to come."


def test_an_arm_is_interim_until_both_sides_have_ended(tmp_path: Path) -> None:
    results = part_of_it(tmp_path / "arms", {"baseline": 5, "a": 5, "b": 4})
    assert {arm.name: arm.interim for arm in results.arms} == {"a": False, "b": True}
    assert results.bottom_line == "Interim, no claim is made yet: 1 of 15 planned runs is to come."
    assert by_name(results)["a"].sentence.startswith("a raises accuracy")
    results = part_of_it(tmp_path / "baseline", {"baseline": 4, "a": 5})
    assert by_name(results)["a"].interim
    results = part_of_it(tmp_path / "all", {"baseline": 5, "a": 5})
    assert not by_name(results)["a"].interim
    assert results.bottom_line.startswith("Of 1 comparison (margin 0.5 points), 1 raises accuracy.")


def test_a_look_to_come_keeps_what_is_open_interim(tmp_path: Path) -> None:
    """Looks at 4 and 8 seeds, all of the first run: `up` is settled, `flat` waits; a look's p-value is no study's."""
    folder, plan = tmp_path / "s", plan_of(["up", "flat"], 4)
    phase = plan.phases[0].model_copy(update={"look": 1})
    judgement = Judgement(margin=0.5, looks=(4, 8), look_levels=look_levels((4, 8)))
    later = (Rule(phase="confirm", seeds=tuple(range(1, 9)), looks=(8,)),)
    plan = freeze(
        folder, plan.model_copy(update={"phases": (phase,), "judgement": judgement, "later": later})
    )
    base = by_seed(BASE)
    hits = {("w", "baseline"): base, ("w", "up"): {s: b + 40 + (s % 3) for s, b in base.items()}}
    hits["w", "flat"] = {s: base[s] + d for s, d in zip(base, (9, 1, -2, 4, 3, -1, 5, 2), strict=True)}
    complete(folder, plan, hits)
    results = analyze_study(folder)
    found = by_name(results)
    assert {name: (arm.interim, arm.stopped_at, arm.p_adjusted) for name, arm in found.items()} == {
        "up": (False, 4, None), "flat": (True, None, None),
    }  # fmt: skip
    assert found["flat"].sentence.startswith(START)
    assert "Interim, no claim is made yet: not all phases have run." in results.bottom_line


def test_shares_of_unfinished_cells_are_interim(tmp_path: Path) -> None:
    """Three seeds of the four cells are done, a fourth is to come for one of them."""
    folder, cells = tmp_path / "s", ("baseline", "a", "b", "a+b")
    weights = dict(zip(cells, (-0.5, 0.5, -0.5, 0.5), strict=True))
    contrast = Contrast(workload="w", kind="shapley", name="a", weights=weights)
    plan = freeze(folder, plan_of(cells[1:], 4).model_copy(update={"contrasts": (contrast,)}))
    for run in plan.runs:
        if (run.arm, run.seed) != ("a+b", 4):
            gain = 20 * ("a" in run.arm.split("+")) + run.seed % 2
            finish(folder, run, BASE[run.seed - 1] + gain, np.random.default_rng(run.seed))
    (shares,) = analyze_study(folder).attributions
    assert [part.interim for part in shares.parts] == [True]
    assert shares.parts[0].sentence.startswith(f"{START}a carries")


def extended(folder: Path, extensions: int, up: list[int]) -> Results:
    """A finished study to which seeds were added so many times."""
    plan = plan_of(["up"], len(up))
    judgement = Judgement(margin=0.5, extensions=extensions)
    plan = freeze(folder, plan.model_copy(update={"judgement": judgement}))
    complete(folder, plan, {("w", "baseline"): by_seed(BASE), ("w", "up"): by_seed(up)})
    return analyze_study(folder)


@pytest.mark.parametrize(("extensions", "often"), [(1, "once"), (2, "twice"), (3, "3 times")])
def test_seeds_added_after_results_are_told(tmp_path: Path, extensions: int, often: str) -> None:
    results = extended(tmp_path / "s", extensions, UP)
    assert results.extensions == extensions
    for text in (results.bottom_line, results.not_claimed):
        assert f"added {often} after results could be seen" in text
        assert "much stricter level are marked fragile for that" in text


def test_a_study_as_planned_says_nothing_of_added_seeds(tmp_path: Path) -> None:
    results = extended(tmp_path / "s", 0, UP)
    assert "added" not in results.bottom_line + results.not_claimed + results.arms[0].sentence


def test_a_fragile_arm_of_an_extended_study_names_both_reasons(tmp_path: Path) -> None:
    """Two seeds: always fragile. The sentence cannot know which of the checks failed, and names both."""
    sentences = [extended(tmp_path / str(i), i, [940, 943]).arms[0].sentence for i in (0, 1)]
    assert "Fragile: by the robust cross-check it reads differently." in sentences[0]
    assert (
        "by the robust cross-check, or at the much stricter level that added seeds ask for," in sentences[1]
    )


def changed(plan: Plan, name: str, recipe: dict[str, Any]) -> Plan:
    arms = tuple(
        a.model_copy(update={"recipe": {**a.recipe, **recipe}}) if a.name == name else a for a in plan.arms
    )
    return plan.model_copy(update={"arms": arms})


def test_a_study_that_distils_claims_nothing_of_another_teacher(tmp_path: Path) -> None:
    for i, teacher in enumerate(({"teacher": "study"}, None)):
        plan = changed(plan_of(["up"], 4), "up", {"loss": {"distillation": teacher}})
        freeze(tmp_path / str(i), plan)
        complete(tmp_path / str(i), plan, {("w", "baseline"): by_seed(BASE), ("w", "up"): by_seed(UP)})
        assert ("another teacher" in analyze_study(tmp_path / str(i)).not_claimed) == (teacher is not None)


def test_sampled_orders_are_named_where_shares_rest_on_them(tmp_path: Path) -> None:
    for orders in (None, 6):
        folder = tmp_path / str(orders)
        weights = {"baseline": -1.0, "a": 1.0}
        contrast = Contrast(workload="w", kind="shapley", name="a", weights=weights)
        plan = plan_of(["a"], 4)
        study = {**plan.study, "design": "shapley", "orders": orders}
        plan = freeze(folder, plan.model_copy(update={"contrasts": (contrast,), "study": study}))
        complete(folder, plan, {("w", "baseline"): by_seed(BASE), ("w", "a"): by_seed(UP)})
        results = analyze_study(folder)
        assert [found.orders for found in results.attributions] == [orders]
        assert ("other random orders" in results.not_claimed) == (orders is not None)


def test_longer_training_is_told_of_claimed_differences_alone(tmp_path: Path) -> None:
    """The baseline at half and twice the epochs, 1.5 points below and 3 above; `up` gains 2, `noisy` is open."""
    names = ["up", "noisy", "half", "double"]
    plan = plan_of(names, 6)
    times = {"half": 0.5, "double": 2.0}
    arms = tuple(
        a.model_copy(update={"role": "duration", "times_longer": times[a.name]}) if a.name in times else a
        for a in plan.arms
    )
    plan = freeze(tmp_path / "s", plan.model_copy(update={"arms": arms, "comparisons": plan.comparisons[:2]}))
    shifts = {"baseline": (0,) * 6, "up": (21, 19, 20, 22, 18, 20), "noisy": (30, -20, 25, -15, 20, -10),
              "half": (-15, -16, -14, -15, -15, -16), "double": (30, 31, 29, 30, 30, 31)}  # fmt: skip
    hits = {("w", n): by_seed([b + d for b, d in zip(BASE, row, strict=False)]) for n, row in shifts.items()}
    complete(tmp_path / "s", plan, hits)
    found = by_name(analyze_study(tmp_path / "s"))
    assert (found["up"].verdict, found["noisy"].verdict) == ("better", "undecided")
    assert found["up"].equals_longer is not None
    assert found["noisy"].equals_longer is None
    assert "times as long (" in found["up"].sentence
    assert "an interval of its own)" in found["up"].sentence


def test_several_workloads_and_unshared_seeds_say_so(tmp_path: Path) -> None:
    plans = [plan_of(["up"], 4, workload=name) for name in ("one", "two")]
    joined = {f: tuple(x for p in plans for x in getattr(p, f)) for f in ("workloads", "arms", "comparisons")}
    runs = tuple(run for plan in plans for run in plan.phases[0].runs)
    plan = plans[0].model_copy(update={**joined, "phases": (Phase(name="confirm", runs=runs),)})
    freeze(tmp_path / "s", plan)
    hits = {(w, n): by_seed(r) for w in ("one", "two") for n, r in (("baseline", BASE), ("up", UP))}
    complete(tmp_path / "s", plan, hits)
    results = analyze_study(tmp_path / "s")
    assert (
        "Of 2 comparisons (margin 0.5 points) on 2 workloads (5 % per workload), 2 raise"
        in results.bottom_line
    )
    own = plan_of(["up"], 1)
    runs = (
        *phase_of(own, "confirm", range(1, 5), ("baseline",)).runs,
        *phase_of(own, "confirm", range(5, 9), ("up",)).runs,
    )
    own = own.model_copy(
        update={
            "phases": (Phase(name="confirm", runs=runs),),
            "judgement": Judgement(margin=0.5, pairing="none"),
        }
    )
    freeze(tmp_path / "own", own)
    complete(tmp_path / "own", own, {("w", "baseline"): by_seed(BASE), ("w", "up"): by_seed(UP)})
    assert analyze_study(tmp_path / "own").pairing == "none"
