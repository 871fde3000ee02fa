"""The rate in one smooth curve: cosine, linear, polynomial, exponential, inverse square root."""

import math

from trickbag.schedule.arguments import Steps, check, check_final


def cosine(step: int, total: int, start: int = 0, *, final: float = 0.0) -> float:
    """Half a cosine from 1 at `start` to `final` at `total` (He et al. 2018, section 5.1, where final is 0).

    With a warm-up the cosine spans the steps that remain: so does the authors' released code, and so can one
    read the paper, where T is the total number of batches and the warm-up is ignored.
    """
    check_final(final)
    return final + (1 - final) * (1 + math.cos(math.pi * (step - start) / (total - start))) / 2


def linear(step: int, total: int, start: int = 0, *, final: float = 0.0) -> float:
    """A straight line from 1 at `start` to `final` at `total` (Li, Yumer and Ramanan 2020, arXiv 1905.04753)."""
    check_final(final)
    return final + (1 - final) * (total - step) / (total - start)


def polynomial(step: int, total: int, start: int = 0, *, power: float = 2.0, final: float = 0.0) -> float:
    """final + (1 - final) (1 - t/T)^power, over the T steps after the warm-up.

    Power 2 is that of You, Gitman and Ginsburg 2017 (LARS, arXiv 1708.03888), power 0.9 the one usual in
    segmentation; above 1 the fall slows down towards the end, below 1 it steepens.
    """
    check("power", power, power > 0, "positive")
    check_final(final)
    remaining: float = ((total - step) / (total - start)) ** power
    return final + (1 - final) * remaining


def exponential(step: int, total: int, start: int = 0, *, final: float = 0.01) -> float:
    """final^(t/T): the same factor at every step, so that the rate comes to `final` at `total`.

    Stated by where it ends, and not by a factor per epoch, so that it means the same at any budget: a factor
    g per epoch over E epochs is final = g^E.
    """
    check("final", final, 0 < final <= 1, "above 0 and at most 1")
    factor: float = final ** ((step - start) / (total - start))
    return factor


def inverse_square_root(step: int, total: int, start: int = 0, *, timescale: Steps) -> float:
    """sqrt(timescale / (timescale + t)), t steps after the warm-up: it does not know how long the training is.

    With the timescale equal to the warm-up it is the schedule of Vaswani et al. 2017 (arXiv 1706.03762,
    equation 3); with one of its own, that of Zhai et al. 2022 (Scaling Vision Transformers, arXiv 2106.04560),
    without the linear cooldown which they append.
    """
    check("timescale", timescale, timescale >= 1, "at least one step")
    return math.sqrt(timescale / (timescale + step - start))
