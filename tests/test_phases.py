"""From phase to phase: a pure function of plan and records, checked by hand-made accuracies and by simulation."""

import random
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from trickbag import stats
from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import RunRecord
from trickbag.study import Study, amendment, make_plan, next_phase
from trickbag.study.cap import worst_case
from trickbag.study.simulate import conduct_made_up, made_up_plan
from trickbag.study.tuning import unit_points


def study(**fields: object) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 5, "margin": 0.3}
    return Study.model_validate({**plain, **fields})


def records(plan: Plan, top1: dict[str, float | None], **by_id: float | None) -> dict[str, RunRecord]:
    """A record for every listed run: accuracy by arm, or by run id; None has diverged."""
    found = {}
    for run in plan.runs:
        value = by_id.get(run.id, top1.get(run.arm, 50.0))
        found[run.id] = RunRecord(
            **run.model_dump(exclude={"needs"}),
            status="diverged" if value is None else "done",
            top1=value,
            recipe={},
            machine={},
            provenance={},
        )
    return found


def after(plan: Plan, found: dict[str, RunRecord]) -> Plan:
    """The plan after the next phase."""
    body = next_phase(plan, found)
    assert body is not None
    return plan.extended(body)


def seeds_of(plan: Plan, phase: int, arm: str) -> list[int]:
    return [run.seed for run in plan.phases[phase].runs if run.arm == arm]


SCREEN = {"screen": {"seeds": 2, "keep": 2}}


def test_screening_keeps_the_best_and_what_they_are_compared_with() -> None:
    """Differences by hand: b +0.40, d +0.20, a −0.10, c diverged; two go on, the baseline along."""
    plan = made_up_plan(study(**SCREEN), "abcd")
    assert [(p.name, len(p.runs)) for p in plan.phases] == [("screen", 10)]
    assert seeds_of(plan, 0, "a") == [1001, 1002]
    c = next(run.id for run in plan.runs if run.arm == "c")
    accuracy = {"baseline": 50.0, "a": 49.9, "b": 50.4, "c": 60.0, "d": 50.2}
    then = after(plan, records(plan, accuracy, **{c: None}))
    assert then.later == ()
    phase = then.phases[1]
    assert {run.arm for run in phase.runs} == {"baseline", "b", "d"}
    assert sorted(seeds_of(then, 1, "b")) == [1, 2, 3, 4, 5]
    assert phase.reasons == {
        "b": "went on: +0.40 points over 2 seeds, 1st of 4",
        "d": "went on: +0.20 points over 2 seeds, 2nd of 4",
        "a": "dropped: −0.10 points over 2 seeds, 3rd of 4",
        "c": "dropped: 1 of 2 runs did not finish, 4th of 4",
        "baseline": "went along: others are compared with it",
    }
    assert "the 2 of 4 arms with the largest mean difference" in phase.rule
    assert [c.arm for c in then.confirmed("made_up")] == ["b", "d"]
    assert len(then.comparisons) == 4
    assert next_phase(then, records(then, {})) is None


def test_the_next_phase_is_pure_and_no_order_matters() -> None:
    plan = made_up_plan(study(**SCREEN), "abcd")
    found = records(plan, {"a": 50.1, "b": 50.1, "d": 50.1})  # ties: the first go on
    body = next_phase(plan, found)
    shuffled = list(found.items())
    random.Random(1).shuffle(shuffled)
    assert next_phase(plan, dict(shuffled)) == body == next_phase(plan, found)
    assert {run.arm for run in plan.extended(body or {}).phases[1].runs} == {"baseline", "a", "b"}


def test_reasons_stand_in_the_order_of_the_plan(machine: Machine) -> None:
    """A screened arm, then what went along in the plan's order, however Python hashes names in this process."""
    factors = [{"name": n, "set": {"optimizer.lr": i / 1000}} for i, n in enumerate("abcdefgh", 1)]
    pairs = [["h", "g"], ["h", "c"], ["h", "e"], ["h", "b"], ["h", "d"], ["a", "f"]]
    plan = real(machine, factors=factors, compare=pairs, screen={"seeds": 1, "keep": 1})
    phase = after(plan, records(plan, {"h": 60.0})).phases[1]
    assert list(phase.reasons) == ["h", "a", "baseline", "b", "c", "d", "e", "g"]


def test_nothing_is_chosen_before_all_runs_have_ended_or_from_nothing() -> None:
    plan = made_up_plan(study(**SCREEN), "abc")
    found = records(plan, {})
    with pytest.raises(ValueError, match="has not ended"):
        next_phase(plan, dict(list(found.items())[:-1]))
    with pytest.raises(InputError, match="not one of its 8 runs finished"):
        next_phase(plan, records(plan, dict.fromkeys(["baseline", "a", "b", "c"])))


def test_screening_of_pairs_keeps_their_comparisons(machine: Machine) -> None:
    factors = [{"name": n, "set": {"optimizer.lr": lr}} for n, lr in (("a", 0.01), ("b", 0.02), ("c", 0.03))]
    pairs = [["a", "baseline"], ["b", "a"], ["c", "baseline"]]
    plan = real(machine, factors=factors, compare=pairs, screen={"seeds": 1, "keep": 1})
    then = after(plan, records(plan, {"baseline": 50, "a": 49, "b": 51, "c": 50.5}))
    assert {run.arm for run in then.phases[1].runs} == {"baseline", "a", "b"}
    assert [(c.arm, c.comparison) for c in then.confirmed("digits")] == [("a", "baseline"), ("b", "a")]


def real(machine: Machine, **fields: object) -> Plan:
    small = {"model.channels": [4, 4, 4], "budget.epochs": 4}
    return make_plan(study(machine=machine.model_dump(), **{"set": small, **fields}), Path())


TUNE = {"tune": {"points": 4, "seeds": 2}}


def test_every_arm_and_the_baseline_is_tuned_with_the_same_points(machine: Machine) -> None:
    plan = real(machine, factors=["cosine", "mixup"], **TUNE)
    points = [arm for arm in plan.arms if arm.role == "candidate"]
    assert [p.name for p in points if p.candidate_of == "baseline"] == [
        "baseline@1",
        "baseline@2",
        "baseline@3",
    ]
    assert [(p.name, len(p.runs)) for p in plan.phases] == [("tune", 3 * 4 * 2)]
    assert {run.seed for run in plan.runs} == {2001, 2002}
    factors = {}
    for point in points:
        own = plan.arm("digits", point.candidate_of or "").recipe["optimizer"]
        tried = point.recipe["optimizer"]
        ratios = [tried["lr"] / own["lr"], tried["weight_decay"] / own["weight_decay"]]
        factors.setdefault(point.name.partition("@")[2], []).append(ratios)
        assert point.ledger.chosen == {f"optimizer.{f}": tried[f] for f in ("lr", "weight_decay")}
        assert point.ledger.space == dict.fromkeys(point.ledger.chosen, (0.25, 4.0))
    for i, (number, ratios) in enumerate(sorted(factors.items())):
        assert len(ratios) == 3
        np.testing.assert_allclose(ratios, [ratios[0]] * 3, rtol=1e-5)
        np.testing.assert_allclose(np.log(ratios[0]) / np.log(16) + 0.5, unit_points(3, 2)[i], atol=1e-4)
        assert number == str(i + 1)


def test_the_best_point_becomes_the_arm_on_fresh_seeds(machine: Machine) -> None:
    """baseline@2 and cosine@3 are best; mixup's best point diverged once, so its own values stay (a tie)."""
    plan = real(machine, factors=["cosine", "mixup"], durations=[0.5], **TUNE)
    bad = next(run.id for run in plan.runs if run.arm == "mixup@1")
    found = records(plan, {"baseline@2": 51.0, "cosine@3": 52.0, "mixup@1": 99.0}, **{bad: None})
    then = after(plan, found)
    won = {name: then.arm("digits", name) for name in ("baseline", "cosine", "mixup", "baseline x0.5")}
    for name, point in (("baseline", "baseline@2"), ("cosine", "cosine@3"), ("mixup", "mixup")):
        before = plan.arm("digits", point)
        assert (won[name].fingerprint, won[name].recipe) == (before.fingerprint, before.recipe)
        assert (won[name].ledger.level, won[name].ledger.points, won[name].ledger.seeds) == (
            "T1",
            4,
            (2001, 2002),
        )
    own = plan.arm("digits", "mixup").recipe["optimizer"]
    assert won["mixup"].ledger.chosen == {
        "optimizer.lr": own["lr"],
        "optimizer.weight_decay": own["weight_decay"],
    }
    base = plan.arm("digits", "baseline@2").recipe["optimizer"]
    tuned = plan.arm("digits", "cosine@3").recipe["optimizer"]
    assert won["cosine"].diff["optimizer.lr"] == (base["lr"], tuned["lr"])
    assert won["baseline"].diff == {}
    assert won["baseline x0.5"].recipe["optimizer"] == base
    assert won["baseline x0.5"].recipe["budget"]["epochs"] == 2
    assert won["baseline x0.5"].diff == {"budget.epochs": (4, 2)}
    assert {run.fingerprint for run in then.phases[1].runs} == {arm.fingerprint for arm in won.values()}
    assert then.phases[1].reasons["cosine"].endswith("best of 4 points, 52.00 % (own values 50.00 %)")
    assert then.runs_of(won["cosine"])[0].seed in range(1, 6)


def test_fields_without_a_positive_value_are_left_out(machine: Machine) -> None:
    plan = real(machine, factors=[{"name": "no_decay", "set": {"optimizer.weight_decay": 0}}], **TUNE)
    point = plan.arm("digits", "no_decay@1")
    assert point.ledger.space.keys() == {"optimizer.lr"}
    assert point.recipe["optimizer"]["weight_decay"] == 0
    lr = [plan.arm("digits", f"{name}@1").recipe["optimizer"]["lr"] for name in ("baseline", "no_decay")]
    assert lr[0] == lr[1]


def test_all_three_stages_in_order(machine: Machine) -> None:
    plan = real(machine, factors=["cosine", "mixup"], screen={"seeds": 2, "keep": 1}, looks=[3, 5], **TUNE)
    assert [rule.phase for rule in plan.later] == ["screen", "confirm"]
    then = after(plan, records(plan, {"cosine@1": 60.0}))
    then = after(then, records(then, {"cosine": 55.0}))
    assert [(p.name, p.look, len(p.runs)) for p in then.phases] == [
        ("tune", None, 24),
        ("screen", None, 6),
        ("confirm", 1, 6),
    ]
    assert {run.fingerprint for run in then.phases[2].runs} >= {plan.arm("digits", "cosine@1").fingerprint}
    assert len({run.id for run in then.runs}) == len(then.runs) <= worst_case(plan)[0] == 24 + 6 + 10


def test_looks_run_what_is_open_and_the_baseline_with_it() -> None:
    """At 3 seeds a is huge, b is below zero, c is open; so c and the baseline go on to 5 seeds, then it ends."""
    rng = np.random.default_rng(0)
    shift = {"baseline": 0.0, "a": 30.0, "b": -0.5, "c": 0.3}
    plan = made_up_plan(study(looks=[3, 5]), "abc")
    noise = {(run.arm, seed): rng.normal(0, 0.1) for run in plan.runs for seed in range(1, 6)}
    last, _ = conduct_made_up(plan, lambda run: 50 + shift[run.arm] + noise[run.arm, run.seed])
    assert [(p.look, len(p.runs)) for p in last.phases] == [(1, 12), (2, 4)]
    assert sorted(seeds_of(last, 1, "c")) == sorted(seeds_of(last, 1, "baseline")) == [4, 5]
    reasons = last.phases[1].reasons
    assert reasons["a"].startswith("stopped after 3 seeds: +29.92")
    assert reasons["a"].endswith("better")
    assert reasons["b"].endswith("no gain to be expected") or reasons["b"].endswith("worse")
    assert reasons["c"].startswith("went on: +0.")


def test_a_study_whose_looks_settle_everything_says_so() -> None:
    plan = made_up_plan(study(looks=[3, 5]), ["a"])
    last, _ = conduct_made_up(plan, lambda run: 50 - (run.arm == "a") + run.seed / 100)
    assert [(p.look, len(p.runs)) for p in last.phases] == [(1, 6), (2, 0)]
    assert last.phases[1].rule == "no comparison was left open"
    assert last.later == ()


def test_arms_with_seeds_of_their_own() -> None:
    """Four arms with 5 seeds each, the baseline with √4 = 2 times as many, none shared; then 8 seeds each."""
    plan = made_up_plan(study(pairing="none"), "abcd")
    counts = {arm: len(seeds_of(plan, 0, arm)) for arm in ("baseline", *"abcd")}
    assert counts == {"baseline": 10, "a": 5, "b": 5, "c": 5, "d": 5}
    longer = plan.extended(amendment(plan, [], {"seeds": 8}))
    assert {arm: len(seeds_of(longer, 1, arm)) for arm in counts} == {
        "baseline": 6,
        **dict.fromkeys("abcd", 3),
    }
    seeds = [run.seed for run in longer.runs]
    assert len(set(seeds)) == len(seeds)
    assert plan.judgement.method.startswith("Dunnett")


def test_durations_of_the_baseline(machine: Machine) -> None:
    plan = real(machine, durations=[0.5, 2])
    longer = [arm for arm in plan.arms if arm.role == "duration"]
    assert [(arm.name, arm.times_longer, arm.diff) for arm in longer] == [
        ("baseline x0.5", 0.5, {"budget.epochs": (4, 2)}),
        ("baseline x2", 2.0, {"budget.epochs": (4, 8)}),
    ]
    assert sorted(seeds_of(plan, 0, "baseline x2")) == [1, 2, 3, 4, 5]
    assert [c.arm for c in plan.comparisons] == ["cosine"]


@pytest.mark.parametrize(
    "fields", [{}, {"compare": "baseline"}, {"compare": [["cosine", "mixup"]]}, {"design": "cumulative"}]
)
def test_looks_go_with_what_asks_whether_the_first_is_better(
    machine: Machine, fields: dict[str, object]
) -> None:
    assert real(machine, factors=["cosine", "mixup"], looks=[3, 5], **fields).judgement.looks == (3, 5)


WRONG = [
    ({"seeds": [1001, 2], **SCREEN}, "seeds: 1001 is one of the seeds 1001 to 1002 that screen takes"),
    ({"seeds": [2001, 2], **TUNE}, "seeds: 2001 is one of the seeds 2001 to 2002 that tune takes"),
    ({"design": "cumulative", **SCREEN}, "screen: a cumulative design needs all of its arms"),
    (SCREEN, "screen.keep: 2 of 1 arms would go on"),
    ({"looks": [3, 4]}, "looks: the last look is at 4 seeds, but there are 5"),
    ({"looks": [1, 5]}, "rising numbers of seeds"),
    ({"pairing": "none", "looks": [3, 5]}, "pairing: none does not go with looks"),
    (
        {"pairing": "none", "design": "cumulative"},
        "pairing: none compares every arm of a one_at_a_time design",
    ),
    ({"pairing": "none", "seeds": [1, 2]}, "every arm has seeds of its own; say how many"),
    ({"durations": [1.1]}, "durations: x1.1 trains 4 epochs, as the baseline does"),
    ({"durations": [-1]}, "durations: -1 is no duration"),
    ({"tune": {"space": {"optimizer.lr": [2, 1]}}}, "tune.space.optimizer.lr: [2, 1] is no range"),
    ({"tune": {"space": {"optimizer.lrr": [0.5, 2]}}}, "no arm has a field 'optimizer.lrr'"),
    ({"tune": {"space": {"data.validation": [0.5, 2]}}}, "data.validation decides which images"),
    (
        {"tune": {"space": {"optimizer.weight_decay": [0.5, 2]}}, "set": {"optimizer.weight_decay": 0}},
        "arm baseline has no positive value of optimizer.weight_decay",
    ),
    ({"cap": {"runs": 9}}, "cap.runs: the study may take 10 runs, 1 more than 9; 4 seeds would fit"),
    ({"cap": {"runs": 3}}, "no number of seeds would fit"),
    *(
        (
            {"looks": [3, 5], **fields},
            f"with {what} a negative difference can be the finding; leave looks out",
        )
        for fields, what in (
            ({"design": "leave_one_out", "factors": ["cosine", "mixup"]}, "leave_one_out"),
            ({"compare": "all_pairs"}, "compare: all_pairs"),
            ({"compare": "stack", "design": "cumulative"}, "compare: stack"),
        )
    ),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_what_does_not_go_together_is_one_clear_line(
    machine: Machine, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        real(machine, **fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_cap_counts_the_worst_of_all_phases() -> None:
    """By hand: 6 arms x 2 screening seeds, then 3 arms x 5 seeds."""
    assert worst_case(made_up_plan(study(**SCREEN), "abcde"))[0] == 12 + 15


def test_more_seeds_by_amendment_extend_the_phase_that_judges() -> None:
    plan = made_up_plan(study(**SCREEN), "abcd")
    early = plan.extended(amendment(plan, [], {"seeds": 7}))
    assert early.later[0].seeds == (1, 2, 3, 4, 5, 6, 7)
    judged = after(plan, records(plan, {"a": 51.0, "b": 52.0}))
    late = judged.extended(amendment(judged, [run.id for run in judged.runs], {"seeds": 7}))
    assert sorted((run.arm, run.seed) for run in late.phases[-1].runs) == [
        (arm, seed) for arm in ("a", "b", "baseline") for seed in (6, 7)
    ]
    assert late.study["seeds"] == 7
    assert late.decided_runs == plan.runs


def test_looks_may_change_before_the_first() -> None:
    plan = made_up_plan(study(looks=[3, 5]), "ab")
    then = plan.extended(amendment(plan, [], {"looks": [2, 4, 6], "seeds": 6}))
    assert (then.judgement.looks, then.later[0].looks) == ((2, 4, 6), (2, 4, 6))
    assert then.judgement.look_levels == stats.look_levels((2, 4, 6))
    assert len(then.runs) == 3 * 2
    with pytest.raises(InputError, match="1 of the runs that judge have ended"):
        amendment(plan, [plan.runs[0].id], {"looks": [2, 5]})


@pytest.mark.parametrize("looks", [[], [5], [3, 5]])
def test_amended_looks_are_those_of_a_fresh_plan(looks: list[int]) -> None:
    plan = made_up_plan(study(looks=[2, 5]), "ab")
    assert plan.extended(amendment(plan, [], {"looks": looks})) == made_up_plan(study(looks=looks), "ab")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": 4}, "5 are planned; an amendment can only add to them, as seeds=10"),
        ({"seeds": [2, 3, 4, 5, 6, 7]}, "an amendment can only add"),
        ({"margin": 1.0}, "margin: it was fixed beforehand"),
        ({"cap.run": 9}, "unknown field 'cap.run'; did you mean 'cap.runs'?"),
        ({"cap.runs": 9}, "cap.runs: the study may take 10 runs"),
        ({"cap.hours": -1}, "cap.hours"),
        ({"machine.threads": 0}, "machine.threads: input should be greater than or equal to 1, found 0"),
        ({"machine.torch": "1.0"}, "1.0 is not what is installed here"),
        ({}, "nothing to change is given"),
    ],
)
def test_wrong_amendments_are_one_clear_line(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        amendment(made_up_plan(study(), "a"), [], fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_seeds_of_a_study_with_looks_are_fixed() -> None:
    with pytest.raises(InputError, match="with interim looks"):
        amendment(made_up_plan(study(looks=[3, 5]), "a"), [], {"seeds": 9})


def test_two_stages_claim_nothing_false_and_are_quick() -> None:
    """20 arms that do nothing, screened and confirmed through the real rules: any claim in at most 5 % (+ 3 SE)."""
    plan = made_up_plan(study(screen={"seeds": 3, "keep": 5}, seeds=10), [f"t{i}" for i in range(20)])
    rng, studies, claims, seconds = np.random.default_rng(4), 200, 0, 0.0
    for _ in range(studies):
        start = time.perf_counter()
        last, found = conduct_made_up(plan, lambda run: float(rng.normal(90, 0.15)))
        seconds += time.perf_counter() - start
        accuracy = {(run.arm, run.seed): found[run.id].top1 for run in last.phases[1].runs}
        rows = [
            [accuracy[c.arm, seed] - accuracy["baseline", seed] for seed in range(1, 11)]
            for c in last.confirmed("made_up")
        ]
        judged = stats.effects(rows)
        claims += bool(((judged.low > 0) | (judged.high < 0)).any())
        assert len(last.runs) == 123
    assert binomtest(claims, studies, 0.05, alternative="greater").pvalue > 0.001
    assert seconds / studies < 0.1  # 0.01 on an idle core


def test_runs_of_a_phase_are_in_random_order_within_a_seed() -> None:
    plan = made_up_plan(study(), "abcdef")
    orders = {tuple(run.arm for run in plan.runs if run.seed == seed) for seed in range(1, 6)}
    assert len(orders) == 5
    assert all(isinstance(run, PlannedRun) for run in plan.runs)
