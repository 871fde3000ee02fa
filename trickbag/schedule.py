"""Learning rates: which factor of the base rate each step uses.

A schedule is a function (step, total, start=0, *, arguments) → factor. `step` is the number of updates
already made, `total` how many there will be, `start` the first step after the warm-up. A recipe may set the
keyword arguments.
"""

import math
from collections.abc import Callable, Mapping
from typing import Annotated

from trickbag.errors import InputError

Schedule = Callable[..., float]
Steps = Annotated[int, "steps"]
"""A duration: a recipe may write '30ep' or '25%'; the functions here take the steps it came to."""


def constant(step: int, total: int, start: int = 0) -> float:
    """The base rate throughout."""
    return 1.0


def step_decay(
    step: int, total: int, start: int = 0, *, milestones: tuple[Steps, ...], gamma: float = 0.1
) -> float:
    """Multiply by `gamma` at every milestone.

    Milestones count from the first step of the training, warm-up included: with one or without it is epochs
    30, 60 and 90 at which He et al. 2018 divide by ten.
    """
    return gamma ** sum(milestone <= step for milestone in milestones)


def cosine(step: int, total: int, start: int = 0, *, final: float = 0.0) -> float:
    """Half a cosine from 1 at `start` to `final` at `total` (He et al. 2018, section 5.1, where final is 0).

    With a warm-up the cosine spans the steps that remain: so does the authors' released code, and so can one
    read the paper, where T is the total number of batches and the warm-up is ignored.
    """
    return final + (1 - final) * (1 + math.cos(math.pi * (step - start) / (total - start))) / 2


def with_warmup(schedule: Schedule, warmup: int) -> Schedule:
    """`schedule` after a linear warm-up: batch i of m = `warmup` uses i/m (He et al. 2018, section 3.1)."""

    def warmed(step: int, total: int, start: int = 0, **args: object) -> float:
        return (step + 1) / warmup if step < warmup else schedule(step, total, warmup, **args)

    return warmed


def build_schedule(
    schedule: Schedule, args: Mapping[str, object], total: int, warmup: int = 0
) -> Callable[[int], float]:
    """Step → factor of the base rate, for a training of `total` steps of which `warmup` warm up.

    Raises InputError where the warm-up leaves no step.
    """
    if not 0 <= warmup < total:
        raise InputError(
            f"schedule: a warm-up of {warmup} steps must be shorter than the training, {total} steps"
        )
    chosen = with_warmup(schedule, warmup) if warmup else schedule
    return lambda step: chosen(step, total, **args)


SCHEDULES: dict[str, Schedule] = {"constant": constant, "step": step_decay, "cosine": cosine}
