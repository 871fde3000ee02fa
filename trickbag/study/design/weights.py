"""Contrasts of a factorial's cells as exact weights: main effects, interactions, Shapley values; no torch.

A cell gives the level of each factor, in the order of the factors; None is off. An effect is a weighted sum of
the cells' accuracies; weights are fractions, so that what must sum to nothing or to the whole does so exactly.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from math import comb, prod

ON = "on"  # the level of a factor that is either on or off
Cell = tuple[str | None, ...]
Weights = dict[Cell, Fraction]
Setting = tuple[int, str]  # a factor's position and one of its levels


def main_effect(cells: Collection[Cell], setting: Setting) -> Weights:
    """A factor at a level minus the factor off, averaged over all settings of the others that have both cells.

    Empty where no two cells differ in this factor alone. (Box, Hunter and Hunter 2005, "Statistics for
    Experimenters", chapter 5; with all cells there it is the mean of one half minus that of the other.)
    """
    return _averaged([_switched(cell, (setting,)) for cell in cells], set(cells))


def interaction(cells: Collection[Cell], one: Setting, other: Setting) -> Weights:
    """What two levels bring together beyond the sum of what each brings: the difference of differences.

    y(both) - y(one) - y(other) + y(neither), averaged over all settings of the other factors that have the four
    cells; empty where there is none. In the coding of textbooks (-1, +1) this is four times the coefficient.
    """
    return _averaged([_switched(cell, (one, other)) for cell in cells], set(cells))


def fraction_effect(cells: Collection[Cell], factors: Sequence[int]) -> Weights:
    """The main effect of one factor, or the interaction of two, from a regular fraction of two-level factors.

    As `main_effect` and `interaction`, with means over all cells of a kind in place of matched settings (a
    fraction has no two cells that differ in one factor alone): 2^r / N times the product of signs over its N
    cells, r the number of factors. Estimates the effect plus, with its sign, all it is aliased with.
    """
    share = Fraction(2 ** len(factors), len(cells))
    return {cell: share * prod(-1 if cell[i] is None else 1 for i in factors) for cell in cells}


def shapley(factors: int, factor: int) -> Weights:
    """What a factor adds to those switched on before it, averaged over all orders of the factors.

    Weights over all 2^k cells: a subset S of size s counts s! (k - s - 1)! / k! = 1 / (k C(k - 1, s)) (Shapley
    1953, "A value for n-person games"). Over all factors they sum to the whole stack minus the baseline.
    """
    weights: Weights = {}
    others = [i for i in range(factors) if i != factor]
    for bits in range(2 ** len(others)):
        before = {i for place, i in enumerate(others) if bits >> place & 1}
        share = Fraction(1, factors * comb(factors - 1, len(before)))
        weights[_cell(factors, before | {factor})] = share
        weights[_cell(factors, before)] = -share
    return weights


def sampled_shapley(orders: Sequence[Sequence[int]], factor: int) -> Weights:
    """What a factor adds to those before it, averaged over these orders: an unbiased estimate of `shapley`.

    (Castro, Gómez and Tejada 2009, "Polynomial calculation of the Shapley value based on sampling".) Along each
    order the steps telescope, so over all factors the weights sum to the whole stack minus the baseline.
    """
    weights: defaultdict[Cell, Fraction] = defaultdict(Fraction)
    for order in orders:
        before = set(order[: order.index(factor)])
        weights[_cell(len(order), before | {factor})] += Fraction(1, len(orders))
        weights[_cell(len(order), before)] -= Fraction(1, len(orders))
    return {cell: weight for cell, weight in weights.items() if weight}


def chains(orders: Iterable[Sequence[int]]) -> set[Cell]:
    """The cells that the orders pass through, from all off to all on, each once."""
    return {_cell(len(order), set(order[:n])) for order in orders for n in range(len(order) + 1)}


def _cell(factors: int, on: Collection[int]) -> Cell:
    """The cell of two-level factors in which these are on."""
    return tuple(ON if i in on else None for i in range(factors))


def _switched(cell: Cell, settings: Sequence[Setting]) -> dict[Cell, int]:
    """The cells that differ in these factors alone, with signs; empty where `cell` is not the one without them."""
    if any(cell[factor] is not None for factor, _ in settings):
        return {}
    signed = {cell: 1}
    for factor, level in settings:
        on = {(*c[:factor], level, *c[factor + 1 :]): sign for c, sign in signed.items()}
        signed = {**{c: -sign for c, sign in signed.items()}, **on}
    return signed


def _averaged(contexts: Iterable[dict[Cell, int]], cells: set[Cell]) -> Weights:
    """The mean of those differences of which all cells exist."""
    whole = [context for context in contexts if context and context.keys() <= cells]
    return {cell: Fraction(sign, len(whole)) for context in whole for cell, sign in context.items()}
