"""Statistics: arrays in, numbers out. Which effects are real, how sure, and what it would take to know.

`scipy.stats` is named in full where it is used: scipy imports it then, in a second that most commands can save.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trickbag.stats.cells import cell_effects, cell_fragile, contrast_correlation
from trickbag.stats.claims import faster_and_kept, kept, shares
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
from trickbag.stats.prospect import Sight, contrast_detectable, luck_of_evaluation, sight, unpaired_df
from trickbag.stats.relative import relative_error
from trickbag.stats.sequential import Looks, fragile_looks, judge_looks, look_levels
from trickbag.stats.spread import equal_sd_p, outlying
from trickbag.stats.survival import TimeToTarget, time_to_target
from trickbag.stats.unpaired import unpaired_effects, unpaired_fragile
from trickbag.stats.verdict import Verdict, fragile, verdict, verdicts

if TYPE_CHECKING:
    from trickbag.stats.across import AcrossWorkloads, random_effects

__all__ = [
    "FEWEST_DURATIONS",
    "AcrossWorkloads",
    "CrossedInterval",
    "Effects",
    "EvaluationLuck",
    "Looks",
    "Price",
    "SeedNoise",
    "Sight",
    "TimeToTarget",
    "Verdict",
    "cell_effects",
    "cell_fragile",
    "contrast_correlation",
    "contrast_detectable",
    "crossed_interval",
    "design_correlation",
    "diverged_p",
    "effects",
    "equal_sd_p",
    "evaluation_luck",
    "family_level",
    "faster_and_kept",
    "fragile",
    "fragile_looks",
    "holm",
    "judge_looks",
    "kept",
    "look_levels",
    "luck_of_evaluation",
    "minimum_detectable_effect",
    "outlying",
    "price",
    "random_effects",
    "relative_error",
    "seed_noise",
    "shares",
    "sight",
    "single_step_p",
    "time_to_target",
    "times_longer",
    "unpaired_df",
    "unpaired_effects",
    "unpaired_fragile",
    "verdict",
    "verdicts",
]


def __getattr__(name: str) -> Any:
    """What needs statsmodels, imported on first use: with pandas that takes 0.4 s, which most commands can save."""
    if name not in {"AcrossWorkloads", "random_effects"}:
        raise AttributeError(f"module 'trickbag.stats' has no attribute {name!r}")
    return getattr(import_module("trickbag.stats.across"), name)
