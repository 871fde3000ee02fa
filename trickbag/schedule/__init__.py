"""Learning rates: which factor of the base rate each step uses.

A schedule is a function (step, total, start=0, *, arguments) → factor. `step` is the number of updates
already made, `total` how many there will be, `start` the first step after the warm-up. A recipe may set the
keyword arguments. One that takes `history` is also given the validation top-1 (percent) of every finished epoch.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence

from trickbag.errors import InputError
from trickbag.schedule.arguments import Steps
from trickbag.schedule.phases import cosine_restarts, one_cycle, warmup_stable_decay
from trickbag.schedule.plateau import reduce_on_plateau
from trickbag.schedule.smooth import cosine, exponential, inverse_square_root, linear, polynomial
from trickbag.schedule.spent import Spent, spent
from trickbag.schedule.steps import constant, step_decay, step_every

Schedule = Callable[..., float]
SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "step": step_decay,
    "step_every": step_every,
    "cosine": cosine,
    "cosine_restarts": cosine_restarts,
    "linear": linear,
    "polynomial": polynomial,
    "exponential": exponential,
    "inverse_square_root": inverse_square_root,
    "one_cycle": one_cycle,
    "warmup_stable_decay": warmup_stable_decay,
    "reduce_on_plateau": reduce_on_plateau,
}


def watches(schedule: Schedule) -> bool:
    """Whether a schedule follows the validation accuracy."""
    return "history" in inspect.signature(schedule).parameters


def build_schedule(
    schedule: Schedule, args: Mapping[str, object], total: int, warmup: int = 0
) -> Callable[..., float]:
    """(step, history=()) → factor of the base rate, for a training of `total` steps of which `warmup` warm up.

    Batch i of the warm-up's m uses i/m (He et al. 2018, section 3.1); the schedule spans the steps that remain.
    Raises InputError where the warm-up leaves no step, and where the arguments do not fit the schedule or the
    length of the training.
    """
    if not 0 <= warmup < total:
        raise InputError(
            f"schedule: a warm-up of {warmup} steps must be shorter than the training, {total} steps"
        )
    follows = watches(schedule)

    def factor(step: int, history: Sequence[float] = ()) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return schedule(step, total, warmup, **args, **({"history": history} if follows else {}))

    for step in (warmup, total - 1):
        _check_value(factor, step)
    return factor


def _check_value(factor: Callable[[int], float], step: int) -> None:
    """InputError where a schedule, which may be the user's own, gives no rate at a step."""
    try:
        value = factor(step)
        holds = math.isfinite(value) and value >= 0
    except InputError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"schedule: fails at step {step}: {type(error).__name__}: {error}") from None
    if not holds:
        raise InputError(f"schedule: gives {value} at step {step}; a factor is finite and at least 0")


__all__ = [
    "SCHEDULES",
    "Schedule",
    "Spent",
    "Steps",
    "build_schedule",
    "spent",
    "watches",
]
