"""Learning-rate schedules other than the paper's; docs/schedules.md says what each spends where."""

from trickbag.tricks.schedules import (
    constant_rate,
    cosine_restarts,
    exponential_decay,
    inverse_square_root,
    linear_decay,
    one_cycle,
    polynomial_decay,
    reduce_on_plateau,
    warmup_stable_decay,
)

MODULES = (
    cosine_restarts,
    linear_decay,
    polynomial_decay,
    exponential_decay,
    inverse_square_root,
    one_cycle,
    warmup_stable_decay,
    reduce_on_plateau,
    constant_rate,
)
