"""Regularisation, averaging and steps that the paper did not use."""

from trickbag.tricks.regularisation import (
    binary_cross_entropy,
    ema,
    gradient_accumulation,
    lower_weight_decay,
    swa,
)

MODULES = (
    ema,
    swa,
    binary_cross_entropy,
    lower_weight_decay,
    gradient_accumulation,
)
