"""Optimizers other than the baseline's, each with its paper's defaults."""

from trickbag.tricks.optimizers import (
    adadelta,
    adagrad,
    adam,
    adamw,
    adan,
    kron,
    lamb,
    lars,
    lion,
    muon,
    nadam,
    radam,
    rmsprop,
    rmsprop_tf,
    sgd,
)

MODULES = (
    sgd,
    rmsprop,
    rmsprop_tf,
    adagrad,
    adadelta,
    adam,
    adamw,
    nadam,
    radam,
    lars,
    lamb,
    lion,
    adan,
    muon,
    kron,
)
