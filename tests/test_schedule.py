"""Schedules against torch.optim.lr_scheduler, over all steps, and the paper's formulas at points."""

import math

import pytest
import torch
from torch.optim import lr_scheduler as torch_schedules

from trickbag.errors import InputError
from trickbag.schedule import SCHEDULES, build_schedule

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
