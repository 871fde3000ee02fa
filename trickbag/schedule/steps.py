"""The rate in steps: constant, and divided at milestones or at equal intervals."""

from itertools import pairwise

from trickbag.errors import InputError
from trickbag.schedule.arguments import Steps, check


def constant(step: int, total: int, start: int = 0) -> float:
    """The base rate throughout."""
    return 1.0


def step_decay(
    step: int, total: int, start: int = 0, *, milestones: tuple[Steps, ...], gamma: float = 0.1
) -> float:
    """Multiply by `gamma` at every milestone.

    Milestones count from the first step of the training, warm-up included: with one or without it is epochs
    30, 60 and 90 at which He et al. 2018 divide by ten. Raises InputError where they are out of order.
    """
    check("gamma", gamma, 0 <= gamma <= 1, "between 0 and 1")
    if any(earlier > later for earlier, later in pairwise(milestones)):
        raise InputError(f"schedule.milestones: {list(milestones)} steps must be in rising order")
    return gamma ** sum(milestone <= step for milestone in milestones)


def step_every(step: int, total: int, start: int = 0, *, period: Steps, gamma: float = 0.1) -> float:
    """Multiply by `gamma` after every `period` (torch's StepLR).

    Like milestones, periods count from the first step of the training, warm-up included.
    """
    check("period", period, period >= 1, "at least one step")
    check("gamma", gamma, 0 <= gamma <= 1, "between 0 and 1")
    return gamma ** (step // period)
