"""Schedules against torch.optim.lr_scheduler, over all steps, and the paper's formulas at points."""

import math
import random

import pytest
import timm.scheduler
import torch
from torch.optim import lr_scheduler as torch_schedules

from trickbag.errors import InputError
from trickbag.schedule import SCHEDULES, build_schedule
from trickbag.schedule.plateau import reduce_on_plateau

TOTAL = 60


def torch_factors(make, total: int = TOTAL) -> list[float]:
    """The rates that a torch scheduler gives to `total` updates at base rate 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, factors = make(optimizer), []
    for _ in range(total):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return factors


def after_warmup(warmup: int, make):
    """LinearLR from 1/m to 1 in m - 1 steps is the paper's i/m; then `make` starts afresh."""
    return lambda optimizer: torch_schedules.SequentialLR(
        optimizer,
        [torch_schedules.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1), make(optimizer)],
        [warmup],
    )


def cosine(steps: int, final: float = 0.0):
    return lambda optimizer: torch_schedules.CosineAnnealingLR(optimizer, steps, eta_min=final)


def step(*milestones: int, gamma: float = 0.1):
    return lambda optimizer: torch_schedules.MultiStepLR(optimizer, milestones, gamma)


def step_every(period: int, gamma: float):
    return lambda optimizer: torch_schedules.StepLR(optimizer, period, gamma)


def restarts(t_0: int, t_mult: int, final: float = 0.0):
    return lambda optimizer: torch_schedules.CosineAnnealingWarmRestarts(optimizer, t_0, t_mult, final)


def linear(steps: int, final: float = 0.0):
    return lambda optimizer: torch_schedules.LinearLR(optimizer, 1.0, final, total_iters=steps)


def polynomial(steps: int, power: float):
    return lambda optimizer: torch_schedules.PolynomialLR(optimizer, total_iters=steps, power=power)


def exponential(gamma: float):
    return lambda optimizer: torch_schedules.ExponentialLR(optimizer, gamma)


def one_cycle(steps: int, rise: float, initial: float = 25.0, final: float = 1e4):
    return lambda optimizer: torch_schedules.OneCycleLR(
        optimizer,
        1.0,
        steps,
        pct_start=rise,
        cycle_momentum=False,
        div_factor=initial,
        final_div_factor=final,
    )


def plateau_then(steady: int, make):
    """A constant rate, then `make` afresh: the parts of warmup-stable-decay."""
    return lambda optimizer: torch_schedules.SequentialLR(
        optimizer, [torch_schedules.ConstantLR(optimizer, factor=1.0), make(optimizer)], [steady]
    )


def constant(optimizer):
    return torch_schedules.ConstantLR(optimizer, factor=1.0)


@pytest.mark.parametrize(
    ("name", "args", "warmup", "reference"),
    [
        ("constant", {}, 0, constant),
        ("constant", {}, 10, after_warmup(10, constant)),
        ("step", {"milestones": (20, 40)}, 0, step(20, 40)),
        ("step", {"milestones": (15, 30, 45), "gamma": 0.3}, 0, step(15, 30, 45, gamma=0.3)),
        ("step", {"milestones": (20, 40)}, 8, after_warmup(8, step(12, 32))),
        ("cosine", {}, 0, cosine(TOTAL)),
        ("cosine", {"final": 0.05}, 0, cosine(TOTAL, 0.05)),
        ("cosine", {}, 12, after_warmup(12, cosine(TOTAL - 12))),
        ("cosine", {"final": 0.2}, 7, after_warmup(7, cosine(TOTAL - 7, 0.2))),
        ("step_every", {"period": 13, "gamma": 0.5}, 0, step_every(13, 0.5)),
        ("cosine_restarts", {"t_0": 10, "t_mult": 2}, 0, restarts(10, 2)),
        ("cosine_restarts", {"t_0": 15, "t_mult": 1, "final": 0.1}, 0, restarts(15, 1, 0.1)),
        ("cosine_restarts", {"cycles": 2, "t_mult": 3}, 0, restarts(15, 3)),  # 15 + 45 steps
        ("cosine_restarts", {"cycles": 3}, 4, after_warmup(4, restarts(8, 2))),  # 8 + 16 + 32 = 56
        ("linear", {}, 0, linear(TOTAL)),
        ("linear", {"final": 0.3}, 9, after_warmup(9, linear(TOTAL - 9, 0.3))),
        ("polynomial", {}, 0, polynomial(TOTAL, 2.0)),
        ("polynomial", {"power": 0.9}, 5, after_warmup(5, polynomial(TOTAL - 5, 0.9))),
        ("exponential", {"final": 0.9**TOTAL}, 0, exponential(0.9)),
        ("exponential", {"final": 0.9**50}, 10, after_warmup(10, exponential(0.9))),
        ("one_cycle", {"rise": 18}, 0, one_cycle(TOTAL, 0.3)),
        (
            "one_cycle",
            {"rise": 6, "initial_division": 10, "final_division": 50},
            0,
            one_cycle(TOTAL, 0.1, 10, 50),
        ),
        ("warmup_stable_decay", {"decay": 20, "final": 0.1}, 0, plateau_then(40, linear(20, 0.1))),
    ],
)
def test_equal_to_torch(name, args, warmup, reference):
    factor = build_schedule(SCHEDULES[name], args, TOTAL, warmup)
    assert [factor(s) for s in range(TOTAL)] == pytest.approx(torch_factors(reference), rel=0, abs=1e-12)


def test_paper():
    """He et al. 2018: warm-up i η/m at batch i (section 3.1), then η/2 (1 + cos(tπ/T)) (section 5.1)."""
    warmup, total = 5, 105
    factor = build_schedule(SCHEDULES["cosine"], {}, total, warmup)
    assert [factor(i - 1) for i in range(1, warmup + 1)] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert factor(warmup) == 1.0
    assert factor(warmup + 50) == pytest.approx(0.5)
    assert factor(total - 1) == pytest.approx(0.5 * (1 + math.cos(99 * math.pi / 100)))
    step_rates = build_schedule(SCHEDULES["step"], {"milestones": (30, 60, 90)}, 120)
    assert [step_rates(s) for s in (29, 30, 60, 90, 119)] == pytest.approx([1, 0.1, 0.01, 1e-3, 1e-3])


def test_warmup_must_end_before_the_training():
    with pytest.raises(InputError, match=r"warm-up of 10 steps .* 10 steps"):
        build_schedule(SCHEDULES["cosine"], {}, 10, 10)


def test_one_cycle_goes_through_the_published_points():
    """Torch's defaults, read off its documentation: from 1/25 to 1 at 30 %, to 1/250,000 at the last step."""
    factor = build_schedule(SCHEDULES["one_cycle"], {"rise": 300}, 1000)
    assert [factor(0), factor(299), factor(999)] == pytest.approx([0.04, 1.0, 4e-6])


def test_cosine_with_restarts_follows_the_papers_equation():
    """Equation 5 of SGDR at T_0 = 10, T_mult = 2 (its Figure 1): restarts at epochs 10, 30 and 70."""
    factor = build_schedule(SCHEDULES["cosine_restarts"], {"t_0": 10, "t_mult": 2}, 100)
    assert [factor(e) for e in (0, 10, 30, 70)] == [1, 1, 1, 1]
    assert [factor(e) for e in (5, 20, 50)] == pytest.approx([0.5, 0.5, 0.5])
    assert factor(69) == pytest.approx((1 + math.cos(39 / 40 * math.pi)) / 2)


@pytest.mark.parametrize("total", [7, 100, 1003, 12_345])
def test_cycles_fill_any_training_so_that_none_ends_just_after_a_restart(total):
    """By hand: the last step is within one step of the end of a last cycle 4/7 of the training long."""
    factor = build_schedule(SCHEDULES["cosine_restarts"], {"cycles": 3}, total)
    assert factor(total - 1) == pytest.approx((1 + math.cos(math.pi * (1 - 7 / (4 * total)))) / 2)


def test_inverse_square_root_is_the_transformers_formula():
    """Vaswani et al. 2017, equation 3, over its peak at the last step of the warm-up: min(n/w, sqrt(w/n))."""
    warmup, total = 40, 500
    factor = build_schedule(SCHEDULES["inverse_square_root"], {"timescale": warmup}, total, warmup)
    for n in range(1, warmup + 1):
        assert factor(n - 1) == pytest.approx(n / warmup)
    for n in (warmup, 2 * warmup, 4 * warmup, 10 * warmup):
        assert factor(n) == pytest.approx(math.sqrt(warmup / n))


def test_cooldown_shapes():
    """By hand, from Hägele et al. 2024: 1 - sqrt(share) at shares 0, 1/4, 9/16 and the line 1 - share."""
    root, line = (
        build_schedule(SCHEDULES["warmup_stable_decay"], {"decay": 16, "shape": shape}, 100)
        for shape in ("1-sqrt", "linear")
    )
    assert [root(s) for s in (0, 83, 84, 88, 93)] == pytest.approx([1, 1, 1, 0.5, 0.25])
    assert [line(s) for s in (0, 83, 84, 88, 93)] == pytest.approx([1, 1, 1, 0.75, 0.4375])


@pytest.mark.parametrize(
    ("name", "args", "reference"),
    [
        ("cosine", {}, lambda o: timm.scheduler.CosineLRScheduler(o, t_initial=50)),
        ("cosine_restarts", {"t_0": 10}, lambda o: timm.scheduler.CosineLRScheduler(
            o, t_initial=10, cycle_mul=2.0, cycle_limit=9)),
        ("polynomial", {"power": 0.5, "final": 0.1}, lambda o: timm.scheduler.PolyLRScheduler(
            o, t_initial=50, power=0.5, lr_min=0.1)),
        ("step_every", {"period": 7, "gamma": 0.97}, lambda o: timm.scheduler.StepLRScheduler(
            o, decay_t=7, decay_rate=0.97)),
    ],
)  # fmt: skip
def test_equal_to_timm(name, args, reference):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, expected = reference(optimizer), []
    for epoch in range(50):
        scheduler.step(epoch)
        expected.append(optimizer.param_groups[0]["lr"])
    factor = build_schedule(SCHEDULES[name], args, 50)
    assert [factor(s) for s in range(50)] == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_reduce_on_plateau_is_torchs(seed):
    """On random histories, after every epoch: ReduceLROnPlateau(mode="max", threshold_mode="abs")."""
    draw = random.Random(seed)
    args = {"factor": draw.choice([0.1, 0.5]), "patience": draw.randrange(4), "cooldown": draw.randrange(4)}
    args |= {"threshold": draw.choice([0.0, 1.0])}
    min_factor = draw.choice([0.0, 0.02])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch_schedules.ReduceLROnPlateau(
        optimizer, mode="max", threshold_mode="abs", min_lr=min_factor, eps=0.0, **args
    )
    factor = build_schedule(reduce_on_plateau, {**args, "min_factor": min_factor}, 600)
    history: list[float] = []
    for epoch in range(60):
        assert factor(10 * epoch, history) == optimizer.param_groups[0]["lr"]
        history.append(60 + 10 * draw.random() + epoch / 4)
        scheduler.step(history[-1])
    assert factor(599, history) < 1
