"""Whether factors and settings fit a design, before anything is laid out."""

from collections.abc import Sequence
from math import factorial, prod

from trickbag.errors import InputError
from trickbag.study.design.factors import Switch
from trickbag.study.design.fraction import MOST_FACTORS
from trickbag.study.schema import Study

MOST_CELLS = 256  # of a full factorial: eight two-level factors
MOST_COMBINED = 6  # factors whose Shapley values may take all 2^k combinations
MOST_ORDERED = 12  # factors whose Shapley values may be estimated from random orders
WITH_LEVELS = ("one_at_a_time", "full_factorial")


def check_fit(study: Study, factors: Sequence[Switch]) -> None:
    """Raise InputError where the design cannot be laid out with these factors or these settings."""
    design, k = study.design, len(factors)
    if study.orders and design != "shapley":
        raise InputError(f"orders: belongs to a shapley design, not to {design}; leave it out")
    if study.interactions and design not in ("full_factorial", "fractional_factorial"):
        raise InputError(f"interactions: a {design} design estimates none; use full_factorial")
    with_levels = next((switch.name for switch in factors if not switch.two_level), None)
    if with_levels and design not in WITH_LEVELS:
        raise InputError(
            f"factors: {with_levels} has levels, which fit {' and '.join(WITH_LEVELS)} alone; for {design} "
            "name one of them as a factor"
        )
    least = {"one_at_a_time": 1, "cumulative": 1, "fractional_factorial": 3}.get(design, 2)
    if k < least:
        raise InputError(f"factors: a {design} design needs at least {least}, found {k}; use one_at_a_time")
    _check_size(study, factors)


def _check_size(study: Study, factors: Sequence[Switch]) -> None:
    """Raise InputError where the design would have more arms than anybody can train."""
    k, cells = len(factors), prod(len(switch.levels) + 1 for switch in factors)
    cost = f"{cells} arms, {cells * len(study.seed_list)} runs per workload"
    if study.design == "full_factorial" and cells > MOST_CELLS:
        raise InputError(
            f"factors: a full_factorial design of {k} factors has {cost}; use fractional_factorial"
        )
    if study.design == "fractional_factorial" and k > MOST_FACTORS:
        raise InputError(f"factors: fractional_factorial takes up to {MOST_FACTORS}, found {k}; group some")
    if study.design != "shapley":
        return
    if k > MOST_ORDERED:
        raise InputError(f"factors: shapley takes up to {MOST_ORDERED}, found {k}; group some")
    if study.orders is None and k > MOST_COMBINED:
        raise InputError(f"orders: all combinations of {k} factors are {cost}; sample, as orders: 20")
    if study.orders and study.orders >= factorial(k):
        raise InputError(
            f"orders: {k} factors have {factorial(k)} orders in all; leave it out to take them all"
        )
