"""Designs in a plan: their arms, comparisons and contrasts, what is dropped, and what is refused."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.plan import Plan
from trickbag.study import Study, load_study, make_plan

FOUR = ["cosine", "label_smoothing", "mixup", "zero_gamma"]
FIVE = [*FOUR, "no_bias_decay"]
SEVEN = [*FIVE, "resnet_b", "resnet_d"]
SCHEDULE = {"name": "schedule", "levels": ["cosine", {"name": "flat", "set": {"schedule.name": "constant"}}]}
SCALED = ["large_batch", "linear_scaling"]


def study(machine: Machine, **fields: object) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "seeds": 2, "margin": 0.5}
    return Study.model_validate({**plain, "machine": machine.model_dump(), **fields})


def plan(machine: Machine, **fields: object) -> Plan:
    return make_plan(study(machine, **fields), Path())


def names(made: Plan) -> list[str]:
    return [arm.name for arm in made.arms]


def compared(made: Plan) -> list[tuple[str, str]]:
    return [(c.arm, c.comparison) for c in made.comparisons]


def contrasts(made: Plan) -> dict[tuple[str, str], dict[str, float]]:
    return {(c.kind, c.name): c.weights for c in made.contrasts}


def total(parts: list[Mapping[str, float]]) -> dict[str, float]:
    """The sum of contrasts, arms without weight left out."""
    arms = {arm for part in parts for arm in part}
    sums = {arm: sum(part.get(arm, 0) for part in parts) for arm in arms}
    return {arm: pytest.approx(weight) for arm, weight in sums.items() if abs(weight) > 1e-12}


def test_leave_one_out_takes_each_factor_from_the_stack(machine: Machine) -> None:
    made = plan(machine, design="leave_one_out", factors=["cosine", SCALED, "mixup"])
    without = ["without cosine", "without large_batch+linear_scaling", "without mixup"]
    assert names(made) == ["baseline", "stack", *without]
    assert made.arm("digits", without[1]).tricks == ("cosine", "mixup")
    assert made.arm("digits", without[1]).levels == {
        "cosine": "on",
        "large_batch+linear_scaling": None,
        "mixup": "on",
    }
    assert compared(made) == [*((name, "stack") for name in without), ("stack", "baseline")]
    assert made.contrasts == ()


def test_full_factorial_has_all_cells_and_judges_the_stack(machine: Machine) -> None:
    made = plan(machine, design="full_factorial", factors=["cosine", "mixup", "zero_gamma"])
    stack = "cosine+mixup+zero_gamma"
    assert names(made)[:4] == ["baseline", "cosine", "mixup", "cosine+mixup"]
    assert len(made.arms) == 8
    assert names(made)[-1] == stack
    assert compared(made) == [(stack, "baseline")]
    assert len(made.runs) == 8 * 2
    found = contrasts(made)
    assert [key for key in found if key[0] == "main_effect"] == [
        ("main_effect", "cosine"),
        ("main_effect", "mixup"),
        ("main_effect", "zero_gamma"),
    ]
    # Half of the eight cells have cosine on: mean of four minus mean of four.
    assert found["main_effect", "cosine"] == {a: 0.25 if "cosine" in a else -0.25 for a in names(made)}
    # Shapley of three: 1/3 alone on the baseline and last, 1/6 second after either of the others.
    assert found["shapley", "cosine"]["cosine"] == pytest.approx(1 / 3)
    assert found["shapley", "cosine"]["cosine+mixup"] == pytest.approx(1 / 6)
    shares = [w for (kind, _), w in found.items() if kind == "shapley"]
    assert total(shares) == {stack: 1, "baseline": -1}
    assert not [key for key in found if key[0] == "interaction"]


def test_interactions_that_are_asked_for(machine: Machine) -> None:
    asked = {"design": "full_factorial", "factors": ["cosine", "mixup", "zero_gamma"]}
    found = contrasts(plan(machine, **asked, interactions=[["mixup", "cosine"]]))
    weights = found["interaction", "cosine x mixup"]
    # Two settings of zero_gamma, so each of the four corners counts one half.
    assert weights["cosine+mixup"] == weights["zero_gamma"] == 0.5
    assert weights["cosine+zero_gamma"] == weights["mixup"] == -0.5
    pairs = [
        name for kind, name in contrasts(plan(machine, **asked, interactions="all")) if kind == "interaction"
    ]
    assert pairs == ["cosine x mixup", "cosine x zero_gamma", "mixup x zero_gamma"]


def test_factors_with_levels(machine: Machine) -> None:
    alone = plan(machine, factors=[SCHEDULE, "mixup"])
    assert names(alone) == ["baseline", "schedule=cosine", "schedule=flat", "mixup"]
    assert alone.arm("digits", "schedule=flat").levels == {"schedule": "flat", "mixup": None}
    made = plan(machine, design="full_factorial", factors=[SCHEDULE, "mixup"], interactions="all")
    assert names(made) == [
        "baseline",
        "schedule=cosine",
        "schedule=flat",
        "mixup",
        "schedule=cosine+mixup",
        "schedule=flat+mixup",
    ]
    assert compared(made) == [("schedule=cosine+mixup", "baseline"), ("schedule=flat+mixup", "baseline")]
    assert list(contrasts(made)) == [
        ("main_effect", "schedule=cosine"),
        ("main_effect", "schedule=flat"),
        ("main_effect", "mixup"),
        ("interaction", "schedule=cosine x mixup"),
        ("interaction", "schedule=flat x mixup"),
    ]


def test_cells_that_cannot_be_are_dropped_by_name(machine: Machine) -> None:
    made = plan(machine, design="full_factorial", factors=[*SCALED, "mixup"], interactions="all")
    reason = "trick linear_scaling requires large_batch: group them as [large_batch, linear_scaling]"
    assert made.dropped == {"linear_scaling": reason, "linear_scaling+mixup": reason}
    assert "linear_scaling" not in names(made)
    found = contrasts(made)
    assert set(found["main_effect", "linear_scaling"]) == {
        "large_batch",
        "large_batch+linear_scaling",
        "large_batch+mixup",
        "large_batch+linear_scaling+mixup",
    }
    assert set(found["main_effect", "large_batch"]) == {
        "baseline",
        "large_batch",
        "mixup",
        "large_batch+mixup",
    }
    assert len(found["main_effect", "mixup"]) == 6
    assert ("interaction", "large_batch x linear_scaling") not in found
    assert not [key for key in found if key[0] == "shapley"]


def test_cells_that_cannot_be_are_named_with_their_workload(machine: Machine) -> None:
    loads = [{"name": "narrow", "set": {"model.width": 0.5}}, {"name": "wide"}]
    made = plan(machine, design="full_factorial", factors=SCALED, workloads=loads)
    assert list(made.dropped) == ["narrow: linear_scaling", "wide: linear_scaling"]


def test_tricks_that_exclude_each_other_leave_the_fullest_cells_to_judge(machine: Machine) -> None:
    flat = {"name": "flat", "set": {"schedule.name": "constant"}}
    made = plan(machine, design="full_factorial", factors=["cosine", flat, "mixup"])
    assert list(made.dropped) == ["cosine+flat", "cosine+flat+mixup"]
    assert "both set schedule.name" in made.dropped["cosine+flat"]
    assert compared(made) == [("cosine+mixup", "baseline"), ("flat+mixup", "baseline")]


def test_leave_one_out_drops_what_cannot_be_without(machine: Machine) -> None:
    made = plan(machine, design="leave_one_out", factors=[*SCALED, "mixup"])
    assert list(made.dropped) == ["without large_batch"]
    assert compared(made) == [
        ("without linear_scaling", "stack"),
        ("without mixup", "stack"),
        ("stack", "baseline"),
    ]


def test_fractional_factorial_says_what_it_confounds(machine: Machine) -> None:
    made = plan(machine, design="fractional_factorial", factors=FIVE, interactions="all")
    assert made.design.startswith("2^(5-1) fractional factorial of 16 cells, resolution V, I = -ABCDE;")
    assert made.design.endswith("; the whole stack as an arm of its own")
    assert len(made.arms) == 17
    assert names(made)[0] == "baseline"
    assert names(made)[-1] == "+".join(FIVE)
    assert compared(made) == [("+".join(FIVE), "baseline")]
    found = contrasts(made)
    assert len(found) == 5 + 10
    assert "+".join(FIVE) not in found["main_effect", "cosine"]
    assert found["main_effect", "cosine"]["baseline"] == -1 / 8
    assert found["interaction", "cosine x mixup"]["baseline"] == 1 / 4
    four = plan(machine, design="fractional_factorial", factors=FOUR, resolution=4)
    assert "AB = CD, AC = BD, AD = BC" in four.design
    assert len(four.arms) == 8  # D = ABC holds the stack


def test_shapley_from_all_combinations_and_from_orders(machine: Machine) -> None:
    full = plan(machine, design="shapley", factors=FOUR)
    assert len(full.arms) == 16
    made = plan(machine, design="shapley", factors=SEVEN, orders=4)
    assert made == plan(machine, design="shapley", factors=SEVEN, orders=4)
    assert len(made.arms) <= 2 + 4 * 6
    for each, factors in ((full, FOUR), (made, SEVEN)):
        assert {(c.kind, c.name) for c in each.contrasts} == {("shapley", f) for f in factors}
        assert total([c.weights for c in each.contrasts]) == {"+".join(factors): 1, "baseline": -1}
        assert {arm for c in each.contrasts for arm in c.weights} <= set(names(each))
        assert compared(each) == [("+".join(factors), "baseline")]


def test_orders_come_in_pairs_of_reverses(machine: Machine) -> None:
    """With two orders, an order and its reverse, what starts one chain is what the other adds last."""
    made = plan(machine, design="shapley", factors=FIVE, orders=2)
    sizes = sorted(len(arm.tricks) for arm in made.arms)
    assert sizes == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    one_on, four_on = ({a.tricks for a in made.arms if len(a.tricks) == n} for n in (1, 4))
    assert {tuple(t for t in FIVE if t not in (trick,)) for (trick,) in one_on} == four_on


@pytest.mark.parametrize("name", ["C", "Q", "I"])
def test_names_that_formulas_would_take_for_functions(machine: Machine, name: str) -> None:
    own = {"name": name, "set": {"optimizer.lr": 0.01}}
    made = plan(machine, design="full_factorial", factors=[own, "mixup"], interactions=[[name, "mixup"]])
    assert contrasts(made)["interaction", f"{name} x mixup"] == {
        "baseline": 1,
        name: -1,
        "mixup": -1,
        f"{name}+mixup": 1,
    }


def test_every_workload_gets_its_contrasts(machine: Machine) -> None:
    loads = [{"name": "narrow", "set": {"model.width": 0.5}}, {"name": "wide"}]
    made = plan(machine, workloads=loads, design="full_factorial", factors=[*SCALED, "mixup"])
    for load in ("narrow", "wide"):
        mine = [c for c in made.contrasts if c.workload == load]
        assert [c.name for c in mine] == [*SCALED, "mixup"]
        assert all(made.arm(load, arm) for c in mine for arm in c.weights)
        assert all(sum(c.weights.values()) == pytest.approx(0, abs=1e-12) for c in mine)
    assert len(made.dropped) == 4


def test_all_pairs_are_each_listed_once(machine: Machine) -> None:
    made = plan(machine, factors=["cosine", "mixup"], compare="all_pairs")
    assert compared(made) == [("cosine", "baseline"), ("mixup", "baseline"), ("mixup", "cosine")]


def test_compare_by_word_and_by_name(machine: Machine) -> None:
    two = {"design": "full_factorial", "factors": ["cosine", "mixup"]}
    stack = "cosine+mixup"
    assert compared(plan(machine, **two, compare="baseline")) == [
        (n, "baseline") for n in ("cosine", "mixup", stack)
    ]
    assert compared(plan(machine, **two, compare="stack")) == [
        ("cosine", stack),
        ("mixup", stack),
        (stack, "baseline"),
    ]
    assert compared(plan(machine, **two, compare=[["mixup", "cosine"]])) == [("mixup", "cosine")]
    steps = {"design": "cumulative", "factors": ["cosine", "mixup"], "compare": "baseline"}
    assert compared(plan(machine, **steps)) == [("+cosine", "baseline"), ("+mixup", "baseline")]


def test_twins_are_one_arm_in_a_family(machine: Machine) -> None:
    """`twin` is cosine under another name: mixup against it and it against mixup are one claim."""
    twin = {"name": "twin", "set": {"schedule.name": "cosine"}}
    made = plan(machine, factors=["cosine", "mixup", twin], compare="all_pairs")
    assert compared(made) == [("cosine", "baseline"), ("mixup", "baseline"), ("mixup", "cosine")]


FULL, PART, OUT = "full_factorial", "fractional_factorial", "leave_one_out"
WRONG = [
    ({"factors": FOUR, "orders": 4}, "orders: belongs to a shapley design, not to one_at_a_time"),
    ({"factors": FOUR, "interactions": "all"}, "a one_at_a_time design estimates none; use full_factorial"),
    ({"factors": ["mixup"], "design": OUT}, "a leave_one_out design needs at least 2, found 1"),
    ({"factors": ["cosine", "mixup"], "design": PART}, "needs at least 3, found 2"),
    (
        {"factors": [SCHEDULE, "mixup"], "design": "cumulative"},
        "schedule has levels, which fit one_at_a_time",
    ),
    ({"factors": [{"name": "s", "levels": ["cosine"]}]}, "s has one level; name two"),
    ({"factors": [[SCHEDULE, "mixup"]]}, "schedule: `levels` stand in a factor of their own"),
    ({"factors": ["mixup", "mixup"], "design": FULL}, "two arms are called 'mixup'"),
    ({"factors": ["linear_scaling", "mixup"], "design": OUT}, "arm stack: trick linear_scaling requires"),
    (
        {"factors": ["linear_scaling", "mixup"], "design": FULL},
        "no two arms differ in linear_scaling alone: trick linear_scaling requires large_batch: group them",
    ),
    (
        {"factors": SCALED, "design": FULL, "interactions": [SCALED]},
        "large_batch x linear_scaling cannot be estimated",
    ),
    (
        {"factors": SCALED, "design": "shapley"},
        "group them as [large_batch, linear_scaling]; a shapley design",
    ),
    ({"factors": [*SCALED, "mixup"], "design": PART, "resolution": 3}, "design needs all of its arms"),
    (
        {"factors": SEVEN, "design": "shapley"},
        "all combinations of 7 factors are 128 arms, 256 runs per workload",
    ),
    ({"factors": FOUR[:3], "design": "shapley", "orders": 9}, "3 factors have 6 orders in all; leave it out"),
    (
        {"factors": FOUR, "design": PART},
        "no fraction of 4 factors has resolution 5; use full_factorial (16 cells)",
    ),
    (
        {"factors": FIVE, "design": PART, "resolution": 3, "interactions": [["cosine", "label_smoothing"]]},
        "cosine x label_smoothing is aliased with zero_gamma at resolution 3; the smallest design that tells "
        "them apart: resolution: 4 (16 cells)",
    ),
    (
        {"factors": FOUR, "design": PART, "resolution": 4, "interactions": "all"},
        "mixup x zero_gamma is aliased with cosine x label_smoothing at resolution 4; the smallest design that "
        "tells them apart: design: full_factorial (16 cells)",
    ),
    ({"factors": FOUR, "design": FULL, "interactions": [["cosin", "mixup"]]}, "did you mean 'cosine'?"),
    ({"factors": FOUR, "design": FULL, "interactions": [["mixup", "mixup"]]}, "name two different factors"),
    ({"factors": FOUR, "compare": "previous"}, "previous fits a cumulative design alone, not one_at_a_time"),
    ({"factors": FOUR, "compare": "stack"}, "stack needs one arm with every factor on"),
    ({"factors": FOUR, "compare": [["mixup", "mixup"]]}, "mixup is compared with itself"),
    (
        {"factors": FOUR, "compare": [["mixup", "cosine"], ["cosine", "mixup"]]},
        "mixup and cosine stand twice; each pair is one claim",
    ),
    (
        {
            "factors": [{"name": "wide", "set": {"model.layers": [2, 1]}}],
            "workloads": [{"name": "b"}, {"name": "a", "set": {"model.layers": [2, 2, 2]}}],
        },
        "workload b: arm wide:",
    ),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_does_not_fit_is_one_clear_line(
    machine: Machine, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        plan(machine, **fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_factorial_that_nobody_can_train_is_refused(machine: Machine) -> None:
    many = [{"name": f"t{i}", "set": {f"data.x{i}": 1}} for i in range(9)]
    with pytest.raises(InputError, match=r"9 factors has 512 arms, 1024 runs per workload; use fractional"):
        plan(machine, design="full_factorial", factors=many)


def test_the_embedded_factorial_splits_the_gain_of_four_tricks(machine: Machine) -> None:
    loaded, _ = load_study("digits_stack", [f"machine.cache={machine.cache}"])
    made = make_plan(loaded, Path())
    assert len(made.runs) == 16 * len(loaded.seed_list)
    assert {c.kind for c in made.contrasts} == {"main_effect", "interaction", "shapley"}
    assert made.dropped == {}
