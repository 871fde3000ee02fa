"""Diverged runs are an outcome: do two recipes diverge at different rates?"""

import scipy

from trickbag.errors import InputError


def diverged_p(diverged: int, runs: int, comparison_diverged: int, comparison_runs: int) -> float:
    """Barnard's exact two-sided p-value for equal rates of divergence among `runs` and `comparison_runs`.

    More powerful than Fisher's test, since how many runs each arm has is fixed by the plan.
    """
    for part, whole in ((diverged, runs), (comparison_diverged, comparison_runs)):
        if not 0 <= part <= whole or whole == 0:
            raise InputError(
                f"diverged runs: {part} of {whole}; give counts with 0 <= diverged <= runs, runs > 0"
            )
    if diverged + comparison_diverged in (0, runs + comparison_runs):
        return 1.0  # nothing to compare
    table = [[diverged, comparison_diverged], [runs - diverged, comparison_runs - comparison_diverged]]
    return float(scipy.stats.barnard_exact(table).pvalue)
