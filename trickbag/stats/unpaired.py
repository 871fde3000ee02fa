"""Arms whose seeds are not shared: Dunnett's test against one comparison, and Welch's where variances differ."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from trickbag.errors import InputError
from trickbag.stats.claims import shares
from trickbag.stats.family import Floats, critical_t, holm, single_step_p, two_sided_p
from trickbag.stats.moderated import Bools, Effects, as_rows, moments
from trickbag.stats.pooled import pooled_effects
from trickbag.stats.verdict import Verdict


def unpaired_effects(arms: Sequence[ArrayLike], comparison: ArrayLike, level: float = 0.95) -> Effects:
    """Arms [k] minus one comparison, each with runs of its own: Dunnett's (1955, JASA 50:1096) simultaneous test.

    `arms`: accuracies in percent of each arm's runs, lengths may differ; `comparison`: those of the comparison.
    One variance pooled over all k + 1 groups; correlation of the differences from the numbers of runs (Dunnett's
    equation for rho). Adjusted p-values are single-step, which is Dunnett's test. `scipy.stats.dunnett` is the
    same test and the tests hold it equal, but its noisy root search takes 57 s for 60 arms and misses Student's
    t for one arm in the third digit; the fixed draws of `family_level` take 1 s and do not depend on the order
    of the arms. Where nothing scatters at all the standard errors are infinite: nothing can be claimed.
    InputError: a group with fewer than two runs or a value that is not finite.
    """
    mean, variance, n = _groups(arms, comparison)
    effect, size = mean[1:] - mean[0], n[1:]
    df = float(n.sum() - n.size)
    s_squared = float(((n - 1) * variance).sum()) / df or np.inf
    se = np.sqrt(s_squared * (1 / size + 1 / n[0]))
    share = 1 / np.sqrt(n[0] / size + 1)
    correlation = np.outer(share, share)
    np.fill_diagonal(correlation, 1.0)
    found = pooled_effects(effect, se, df, correlation, size, level)
    if size.size == 1:
        return found  # Student's t test
    return replace(found, p_adjusted=single_step_p(effect / se, df, correlation, pooled=True))


def unpaired_fragile(
    arms: Sequence[ArrayLike],
    comparison: ArrayLike,
    verdicts: Sequence[Verdict],
    margin: float,
    level: float = 0.95,
) -> Bools:
    """Which of the verdicts [k] given to these arms the robust cross-check does not share.

    A claim must (a) hold for Welch's test with Holm's correction, which pools no variance, and (b) survive, at
    the level of a single comparison with the pooled variance, the loss of any one run of the arm or of the
    comparison; so no claim from two runs survives. An undecided arm must be undecided for Welch with Holm too.
    Where nothing differs (2,000 studies; k = 3, 10, 20; n = 5, 10; comparison n, 3 n or 4 n; one arm or the
    comparison with SD x3, graded SDs, t3), Dunnett's test claimed something in up to .24, and something not
    fragile in at most .03. Equal SDs, effects of 2.5 SDs, k = 10, n = 5: .86 claimed, .67 not fragile; with a
    comparison of 15 runs .97 and .91. Arguments as for `unpaired_effects`.
    """
    mean, variance, n = _groups(arms, comparison)
    groups = as_rows([comparison, *arms])
    df, squares = float(n.sum() - n.size), float(((n - 1) * variance).sum())
    shared = shares(verdicts, *_welch(mean, variance, n, margin, level))
    for i, word in enumerate(verdicts):
        if shared[i] and word != "undecided":
            effect, se = _without_each_run(groups[i + 1], groups[0], squares, df)
            shared[i] = min(n[0], n[i + 1]) > 2 and _survives(word, effect, se, df - 1, margin, level)
    return np.asarray(~shared)


def _groups(arms: Sequence[ArrayLike], comparison: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Means, variances and numbers of runs [1 + k] of the comparison and the arms."""
    if not len(arms):
        raise InputError("unpaired effects: no arm given; give at least one row of accuracies")
    rows = as_rows([comparison, *arms])
    return *moments(rows), np.array([float(row.size) for row in rows])


def _welch(
    mean: Floats, variance: Floats, n: Floats, margin: float, level: float
) -> tuple[Bools, Bools, Bools]:
    """Whether Welch's (1938) test with Holm's correction shows each arm better, worse, within the margin (TOST)."""
    effect, part = mean[1:] - mean[0], variance / n
    squared = part[1:] + part[0]
    ties = squared == 0  # two groups without any scatter show nothing
    se = np.sqrt(np.where(ties, np.inf, squared))
    df = np.where(ties, 1.0, squared) ** 2 / np.where(
        ties, 1.0, part[1:] ** 2 / (n[1:] - 1) + part[0] ** 2 / (n[0] - 1)
    )
    differs = holm(two_sided_p(effect / se, df)) <= 1 - level
    outside = np.maximum(stdtr(df, -(margin + effect) / se), stdtr(df, -(margin - effect) / se))
    return differs & (effect > 0), differs & (effect < 0), holm(outside) <= 1 - level


def _without_each_run(arm: Floats, comparison: Floats, squares: float, df: float) -> tuple[Floats, Floats]:
    """Effects of arm over comparison and their standard errors, each without one run of either.

    `squares`: the sum of squares about the means of all groups, with `df` degrees of freedom; leaving out x takes
    n / (n - 1) (x - mean)² and one degree of freedom from it.
    """
    effects, variances = [], []
    for group, other, sign in ((arm, comparison, 1.0), (comparison, arm, -1.0)):
        n, mean = group.size, group.mean()
        effects.append(sign * ((n * mean - group) / (n - 1) - other.mean()))
        left = np.maximum(squares - n / (n - 1) * (group - mean) ** 2, 0.0) / (df - 1)
        variances.append(np.where(left > 0, left, np.inf) * (1 / (n - 1) + 1 / other.size))
    return np.concatenate(effects), np.sqrt(np.concatenate(variances))


def _survives(word: Verdict, effect: Floats, se: Floats, df: float, margin: float, level: float) -> bool:
    """Whether each of these versions of one effect shows the claim at the level of a single comparison."""
    wide, narrow = (critical_t(alpha, df) * se for alpha in (1 - level, 2 * (1 - level)))
    small = (effect - narrow > -margin) & (effect + narrow < margin)
    return bool(shares([word], effect > wide, effect < -wide, small).all())
