"""The rate that waits for the validation accuracy."""

from collections.abc import Sequence

from trickbag.schedule.arguments import check


def reduce_on_plateau(
    step: int,
    total: int,
    start: int = 0,
    *,
    history: Sequence[float] = (),
    factor: float = 0.1,
    patience: int = 5,
    threshold: float = 0.01,
    cooldown: int = 0,
    min_factor: float = 0.0,
) -> float:
    """Multiply by `factor` once validation accuracy has not risen for more than `patience` epochs.

    `history` is validation top-1 in percent after each finished epoch, warm-up included; the factor follows
    from it alone, so there is no state to keep. A rise counts where it is more than `threshold` points above
    the best; after a reduction `cooldown` epochs are let off; the factor never falls below `min_factor`. Equal
    to torch's ReduceLROnPlateau with mode "max" and threshold_mode "abs".
    """
    check("factor", factor, 0 < factor < 1, "above 0 and below 1")
    check("patience", patience, patience >= 0, "at least 0 epochs")
    check("threshold", threshold, threshold >= 0, "at least 0 points")
    check("cooldown", cooldown, cooldown >= 0, "at least 0 epochs")
    check("min_factor", min_factor, 0 <= min_factor <= 1, "between 0 and 1")
    current, best, waited, resting = 1.0, float("-inf"), 0, 0
    for top1 in history:
        if top1 > best + threshold:
            best, waited = top1, 0
        else:
            waited += 1
        if resting:
            resting, waited = resting - 1, 0
        if waited > patience:
            current, waited, resting = max(current * factor, min_factor), 0, cooldown
    return current
