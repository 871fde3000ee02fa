"""The rate in phases: cosine with restarts, one cycle, and a plateau with a cooldown."""

import math
from typing import Literal

from trickbag.errors import InputError
from trickbag.schedule.arguments import Steps, check, check_final


def cosine_restarts(
    step: int,
    total: int,
    start: int = 0,
    *,
    cycles: int = 3,
    t_0: Steps | None = None,
    t_mult: float = 2.0,
    final: float = 0.0,
) -> float:
    """Half a cosine from 1 to `final`, again and again (Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5).

    Each cycle is `t_mult` times as long as the one before. `cycles` of them fill the training after the
    warm-up exactly, whatever its length; with `t_0`, the length of the first, there are as many as come, and
    the training may end in the midst of one (then `cycles` counts for nothing).
    """
    check("cycles", cycles, cycles >= 1, "at least 1")
    check("t_mult", t_mult, t_mult >= 1, "at least 1")
    check_final(final)
    if t_0 is not None:
        check("t_0", t_0, t_0 >= 1, "at least one step")
    length: float = (total - start) / sum(t_mult**i for i in range(cycles)) if t_0 is None else t_0
    done: float = step - start
    while done >= length:
        done -= length
        length *= t_mult
    return final + (1 - final) * (1 + math.cos(math.pi * done / length)) / 2


def one_cycle(
    step: int,
    total: int,
    start: int = 0,
    *,
    rise: Steps,
    initial_division: float = 25.0,
    final_division: float = 1e4,
) -> float:
    """Up to the peak in `rise` steps and down to almost nothing, both along half a cosine.

    From 1 / initial_division to 1, then to 1 / (initial_division final_division) at the last step: Smith and
    Topin 2018 (arXiv 1708.07120) in the two-phase form of torch's OneCycleLR. Only the rate is cycled, not the
    momentum. It has a rise of its own: a warm-up before it is possible, and of little use.
    """
    check("initial_division", initial_division, initial_division >= 1, "at least 1")
    check("final_division", final_division, final_division >= 1, "at least 1")
    if rise > total - start:
        raise InputError(f"schedule.rise: {rise} steps do not fit into the training, {total - start} steps")
    lowest, done, last = 1 / initial_division, step - start, total - start - 1
    peak = max(rise - 1, 0)
    if done < peak:
        return _half_cosine(lowest, 1.0, done / peak)
    return _half_cosine(1.0, lowest / final_division, (done - peak) / max(last - peak, 1))


def _half_cosine(first: float, last: float, share: float) -> float:
    """Between two values along half a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def warmup_stable_decay(
    step: int,
    total: int,
    start: int = 0,
    *,
    decay: Steps,
    shape: Literal["linear", "1-sqrt"] = "linear",
    final: float = 0.0,
) -> float:
    """The peak until `decay` steps before the end, then a cooldown to `final` at `total`.

    The cooldown is linear, or 1 - sqrt(share) as in Hägele et al. 2024 (arXiv 2405.18392), which leaves the
    high rates sooner. The warm-up in the name is the recipe's `schedule.warmup`, off as everywhere.
    """
    check_final(final)
    if decay > total - start:
        raise InputError(
            f"schedule.decay: {decay} steps are longer than the training after its warm-up, {total - start} steps"
        )
    begin = total - decay
    if step < begin:
        return 1.0
    share = (step - begin) / decay
    return final + (1 - final) * (1 - (share if shape == "linear" else math.sqrt(share)))
