"""The price of a plan: counts by hand, times against real runs, and plans that could show nothing."""

from pathlib import Path

import pytest

from trickbag import Study, conduct
from trickbag.errors import InputError
from trickbag.lab import freeze
from trickbag.pricing import price
from trickbag.recipe import Machine
from trickbag.records.plan import Contrast, Plan, Rule
from trickbag.records.run import read_run
from trickbag.study import make_plan
from trickbag.study.cap import worst_case
from trickbag.study.prospect import SeedSd, check_outlook, expected_sd, outlooks

SMALL = {"model.channels": [8, 16, 16], "budget.epochs": 2, "data.limit": 400}


def study(machine: Machine, **fields: object) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine", "mixup"], "margin": 0.5}
    return Study.model_validate(
        {**plain, "set": SMALL, "machine": machine.model_dump(), "seeds": 5, **fields}
    )


def plan(machine: Machine, **fields: object) -> Plan:
    return make_plan(study(machine, **fields), Path())


def test_cost_counts_the_listed_runs_and_the_dearest_that_a_rule_may_choose(machine: Machine) -> None:
    """Listed: 3 arms x 5 seeds. Rule: the baseline (1 s) and the dearer of two arms (4 s), 7 seeds."""
    made = plan(machine)
    later = made.model_copy(update={"later": (Rule(phase="confirm", seeds=tuple(range(11, 18)), keep=1),)})
    seconds = {("digits", "baseline"): 1.0, ("digits", "cosine"): 2.0, ("digits", "mixup"): 4.0}
    assert worst_case(made, seconds) == (15, 35.0)
    assert worst_case(later, seconds) == (15 + 2 * 7, 35.0 + 5.0 * 7)


def test_what_few_evaluation_images_allow(machine: Machine) -> None:
    """719 images at 10 % error: an SD of 100 sqrt(.1 / 1438) = .834 points by luck alone."""
    made = plan(machine)
    sd = expected_sd(made, "digits", {})
    assert sd.value == pytest.approx(0.834, abs=1e-3)
    assert not sd.known
    known = SeedSd(0.4, "measured", True, correlation=0.5)
    assert expected_sd(made, "digits", {"digits": known}) == known
    assert outlooks(made, {"digits": known})[0].detectable < outlooks(made)[0].detectable
    assert expected_sd(plan(machine, seed_sd=0.3), "digits", {}).known


def test_contrasts_have_an_outlook_of_their_own(machine: Machine) -> None:
    weights = {"baseline": -0.5, "cosine": 0.5, "mixup": 0.0}
    made = plan(machine).model_copy(
        update={"contrasts": (Contrast(workload="digits", kind="main_effect", name="c", weights=weights),)}
    )
    found = outlooks(made)
    assert [(o.family, o.claims) for o in found] == [("comparison", 2), ("main_effect", 1)]
    assert found[1].detectable < found[0].detectable


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": 2}, "2 can show nothing"),
        ({"seeds": 3, "seed_sd": 5.0}, "only effects above 32"),
        ({"seeds": 3, "seed_sd": 5.0}, "seeds would do"),
    ],
)
def test_a_plan_that_can_show_nothing_is_refused(
    machine: Machine, tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        freeze(study(machine, **fields), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_the_seeds_that_are_named_would_do(machine: Machine, correlation: float) -> None:
    """They are the fewest that are not refused, whatever is known about the noise."""
    known = {"digits": SeedSd(9.0, "measured", True, correlation)}
    with pytest.raises(InputError) as caught:
        check_outlook(blind := plan(machine, seeds=3), outlooks(blind, known))
    enough = int(str(caught.value).rpartition("; ")[2].split()[0])
    check_outlook(seeing := plan(machine, seeds=enough), outlooks(seeing, known))
    with pytest.raises(InputError):
        check_outlook(blind := plan(machine, seeds=enough - 1), outlooks(blind, known))


def test_the_price_of_a_real_plan_and_of_the_same_plan_once_it_has_run(
    machine: Machine, tmp_path: Path
) -> None:
    """Timed over a few steps, the expected time is that of the real runs, up to a noisy machine's factor of 5."""
    asked = study(machine, factors=["cosine"], seeds=3)
    made = make_plan(asked, Path())
    before = price(made, machine)
    assert (before.runs, before.outlooks[0].sd.known) == (6, False)
    results = conduct(asked, tmp_path / "out")
    after = price(made, machine, earlier=tmp_path / "out")
    assert after.outlooks[0].sd.value == results.noise[0].seed_sd
    assert after.outlooks[0].sd.known
    assert after.seconds == pytest.approx(
        3 * sum(s.train_seconds or 0 for s in (results.baseline, *results.arms))
    )
    runs = [read_run(path) for path in (tmp_path / "out" / "runs").iterdir()]
    times = [run.timings for run in runs if run and run.timings]
    real = sum(t.train_seconds + t.startup_seconds + t.evaluate_seconds for t in times)
    assert real / 5 < before.seconds < 5 * real
    with pytest.raises(InputError, match="no results to learn from"):
        price(made, machine, earlier=tmp_path)
