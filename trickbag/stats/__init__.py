"""Statistics: arrays in, numbers out. Which effects are real, how sure, and what it would take to know."""

from trickbag.stats.diverged import diverged_p
from trickbag.stats.family import design_correlation, family_level, holm, single_step_p
from trickbag.stats.longer import FEWEST_DURATIONS, times_longer
from trickbag.stats.moderated import Effects, effects
from trickbag.stats.noise import (
    CrossedInterval,
    EvaluationLuck,
    SeedNoise,
    crossed_interval,
    evaluation_luck,
    seed_noise,
)
from trickbag.stats.price import Price, minimum_detectable_effect, price
from trickbag.stats.survival import TimeToTarget, time_to_target
from trickbag.stats.verdict import Verdict, fragile, verdict, verdicts

__all__ = [
    "FEWEST_DURATIONS",
    "CrossedInterval",
    "Effects",
    "EvaluationLuck",
    "Price",
    "SeedNoise",
    "TimeToTarget",
    "Verdict",
    "crossed_interval",
    "design_correlation",
    "diverged_p",
    "effects",
    "evaluation_luck",
    "family_level",
    "fragile",
    "holm",
    "minimum_detectable_effect",
    "price",
    "seed_noise",
    "single_step_p",
    "time_to_target",
    "times_longer",
    "verdict",
    "verdicts",
]
