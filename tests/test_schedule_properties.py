"""One table of properties over all schedules, what is refused, and the plateau in a training."""

import math
from itertools import pairwise

import pytest

from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply
from trickbag.schedule import SCHEDULES, build_schedule, spent
from trickbag.train import Watch, build_session, resolve, train

# Every schedule with arguments for a training of `total` steps after `start`: how its factor ends (None: by
# no formula of one line), and how far it may jump from one step to the next (None: it has steps or restarts).
TABLE = {
    "constant": (lambda total, start: {}, lambda span: 1.0, 0.0),
    "step": (lambda total, start: {"milestones": (total // 2, total)}, lambda span: None, None),
    "step_every": (lambda total, start: {"period": max(total // 4, 1)}, lambda span: None, None),
    "cosine": (lambda total, start: {"final": 0.1}, lambda span: 0.1, 1.6),
    "cosine_restarts": (lambda total, start: {"final": 0.1}, lambda span: 0.1, None),
    "linear": (lambda total, start: {"final": 0.1}, lambda span: 0.1, 1.0),
    "polynomial": (lambda total, start: {"final": 0.1}, lambda span: 0.1, 2.0),
    "exponential": (lambda total, start: {"final": 0.1}, lambda span: 0.1, 2.4),
    "inverse_square_root": (lambda total, start: {"timescale": 10}, lambda span: (10 / (10 + span)) ** 0.5, None),
    "one_cycle": (lambda total, start: {"rise": (total - start) // 2}, lambda span: 4e-6, 3.3),
    "warmup_stable_decay": (
        lambda total, start: {"decay": (total - start) // 2, "final": 0.1}, lambda span: 0.1, 2.0),
    "reduce_on_plateau": (lambda total, start: {}, lambda span: 1.0, 0.0),
}  # fmt: skip
SPANS = [(1, 0), (2, 0), (2, 1), (3, 1), (8, 7), (60, 0), (60, 12), (1000, 0), (1000, 50)]


def test_the_table_has_every_schedule():
    assert TABLE.keys() == SCHEDULES.keys()


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(("total", "warmup"), SPANS)
def test_properties_of_every_schedule(name, total, warmup):
    """Finite, from zero to the peak, no jumps; a warm-up of m steps goes i/m and the rest follows unchanged."""
    make, end, slope = TABLE[name]
    args = make(total, warmup)
    factor = build_schedule(SCHEDULES[name], args, total, warmup)
    values = [factor(step) for step in range(total)]
    assert all(math.isfinite(value) and 0 <= value <= 1 + 1e-12 for value in values)
    assert values[:warmup] == [(i + 1) / warmup for i in range(warmup)]
    rest = values[warmup:]
    assert rest == [SCHEDULES[name](step, total, warmup, **args) for step in range(warmup, total)]
    if slope is not None:
        jumps = [abs(a - b) for a, b in pairwise(rest)]
        assert len(rest) < 8 or max(jumps) <= slope / len(rest) + 1e-12
    final = end(len(rest))
    if final is not None and total >= 1000:
        assert values[-1] == pytest.approx(final, abs=3e-3)


@pytest.mark.parametrize("name", TABLE)
def test_a_schedule_spans_what_the_warmup_leaves(name):
    """Where no argument counts from the start of the training, m + T steps with m of warm-up end like T without."""
    if name in ("step", "step_every"):
        return
    args = TABLE[name][0](80, 0)
    plain = build_schedule(SCHEDULES[name], args, 80)
    warmed = build_schedule(SCHEDULES[name], args, 100, 20)
    assert [warmed(20 + s) for s in range(80)] == pytest.approx([plain(s) for s in range(80)])


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("step", {"milestones": (50, 20)}, r"schedule.milestones: \[50, 20\] steps must be in rising order"),
        ("step", {"milestones": (20,), "gamma": 2.0}, r"schedule.gamma: 2 must be between 0 and 1"),
        ("step_every", {"period": 0}, r"schedule.period: 0 must be at least one step"),
        ("cosine", {"final": 1.5}, r"schedule.final: 1.5 must be between 0 and 1"),
        ("cosine_restarts", {"t_mult": 0.5}, r"schedule.t_mult: 0.5 must be at least 1"),
        ("cosine_restarts", {"t_0": 0}, r"schedule.t_0: 0 must be at least one step"),
        ("cosine_restarts", {"cycles": 0}, r"schedule.cycles: 0 must be at least 1"),
        ("linear", {"final": -0.1}, r"schedule.final: -0.1 must be between 0 and 1"),
        ("polynomial", {"power": -1.0}, r"schedule.power: -1 must be positive"),
        ("exponential", {"final": 0.0}, r"schedule.final: 0 must be above 0 and at most 1"),
        ("inverse_square_root", {"timescale": 0}, r"schedule.timescale: 0 must be at least one step"),
        ("one_cycle", {"rise": 55}, r"schedule.rise: 55 steps do not fit into the training, 50 steps"),
        (
            "one_cycle",
            {"rise": 5, "initial_division": 0.5},
            r"schedule.initial_division: 0.5 must be at least 1",
        ),
        ("warmup_stable_decay", {"decay": 51}, r"schedule.decay: 51 steps are longer .* 50 steps"),
        ("reduce_on_plateau", {"factor": 1.0}, r"schedule.factor: 1 must be above 0 and below 1"),
        ("reduce_on_plateau", {"patience": -1}, r"schedule.patience: -1 must be at least 0 epochs"),
    ],
)
def test_wrong_arguments_are_one_clear_line(name, args, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        build_schedule(SCHEDULES[name], args, 60, 10)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (lambda step, total, start=0: 1 / (total - 1 - step), "fails at step 59: ZeroDivisionError"),
        (lambda step, total, start=0: -1.0, "gives -1.0 at step 0"),
        (lambda step, total, start=0: math.nan, "gives nan at step 0"),
    ],
)
def test_a_schedule_of_ones_own_is_tried(own, message):
    with pytest.raises(InputError, match=f"^schedule: {message}"):
        build_schedule(own, {}, 60)


def test_arguments_in_words_are_refused_in_a_recipe(small: Recipe, machine: Machine):
    recipe = apply(
        small, {"schedule.name": "warmup_stable_decay", "schedule.decay": "20%", "schedule.shape": "exp"}
    )
    with pytest.raises(
        InputError, match=r"^schedule.shape: input should be 'linear' or '1-sqrt', found 'exp'$"
    ):
        resolve(recipe, machine)


def test_a_plateau_needs_the_accuracy_of_every_epoch(small: Recipe, machine: Machine):
    with pytest.raises(
        InputError, match=r"^budget.evaluate: last_epoch, but schedule reduce_on_plateau follows"
    ):
        resolve(apply(small, {"schedule.name": "reduce_on_plateau"}), machine)


def test_a_plateau_lowers_the_rate_in_training_and_after_an_interruption(small, machine, tmp_path):
    """A threshold of 100 points no epoch reaches: by hand, the rate falls after every second epoch from the first.

    The first epoch is better than none; with patience 0 each epoch after it is a plateau. An interrupted run goes
    on with the same rates, for they follow from the rows in its checkpoint.
    """
    recipe = apply(small, {
        "schedule.name": "reduce_on_plateau", "schedule.patience": 0, "schedule.threshold": 100.0,
        "schedule.factor": 0.5, "budget.evaluate": "every_epoch", "budget.epochs": 4,
    })  # fmt: skip
    resolved = resolve(recipe, machine)
    whole = build_session(resolved, 1, machine)
    train(whole)
    assert [row.lr for row in whole.rows] == pytest.approx([0.05, 0.05, 0.025, 0.0125])
    file, stop = tmp_path / "checkpoint.pt", 2 * resolved.steps_per_epoch + 3
    first = build_session(resolved, 1, machine)
    train(first, Watch(file, stop=lambda: first.step >= stop))
    again = build_session(resolved, 1, machine)
    train(again, Watch(file))
    assert again.resumed == 1
    assert [(row.lr, row.loss, row.top1) for row in again.rows] == [
        (row.lr, row.loss, row.top1) for row in whole.rows
    ]


def test_what_a_schedule_spends():
    """By hand: of eight steps at 1, 1, 1, 1, 0.5, 0.5, 0.1, 0.1, half lie above half of the peak."""
    summary = spent([1, 1, 1, 1, 0.5, 0.5, 0.1, 0.1])
    assert (summary.mean, summary.high, summary.final) == (pytest.approx(5.2 / 8), 0.5, 0.1)


def test_areas_are_the_integrals():
    """From calculus: cosine and linear 1/2, power p 1/(p + 1), exponential (f - 1)/ln f, one cycle about 1/2."""
    area = {
        name: spent([factor(s) for s in range(10_000)]).mean
        for name, args in {"cosine": {}, "linear": {}, "polynomial": {"power": 3.0}, "exponential": {},
                           "one_cycle": {"rise": 3000}, "warmup_stable_decay": {"decay": 2000}}.items()
        for factor in [build_schedule(SCHEDULES[name], args, 10_000)]
    }  # fmt: skip
    assert area == pytest.approx({
        "cosine": 0.5, "linear": 0.5, "polynomial": 0.25, "exponential": 0.99 / math.log(100),
        "one_cycle": 0.3 * (1 + 1 / 25) / 2 + 0.7 * (1 + 4e-6) / 2, "warmup_stable_decay": 0.9,
    }, abs=1e-3)  # fmt: skip
