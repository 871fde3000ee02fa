"""Regularisation, averaging and steps that the paper did not use."""

from trickbag.tricks.regularisation import (
    agc,
    binary_cross_entropy,
    drop_block,
    dropout,
    ema,
    ghost_batch_norm,
    gradient_accumulation,
    gradient_clipping,
    lookahead,
    lower_weight_decay,
    sam,
    swa,
)

MODULES = (
    dropout,
    drop_block,
    ema,
    swa,
    binary_cross_entropy,
    lower_weight_decay,
    ghost_batch_norm,
    gradient_accumulation,
    gradient_clipping,
    agc,
    sam,
    lookahead,
)
