"""The table of optimizers, and what weight decay means in each."""

from typing import Literal

from trickbag.optim.adaptive import (
    adadelta,
    adagrad,
    adam,
    adamw,
    adan,
    lamb,
    lion,
    nadam,
    radam,
    rmsprop,
    rmsprop_tf,
)
from trickbag.optim.descent import lars, nag, sgd
from trickbag.optim.groups import Factory
from trickbag.optim.kron import kron
from trickbag.optim.muon import muon

OPTIMIZERS: dict[str, Factory] = {
    "sgd": sgd,
    "nag": nag,
    "rmsprop": rmsprop,
    "rmsprop_tf": rmsprop_tf,
    "adam": adam,
    "adamw": adamw,
    "nadam": nadam,
    "radam": radam,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "lamb": lamb,
    "lars": lars,
    "lion": lion,
    "adan": adan,
    "muon": muon,
    "kron": kron,
}
"""name → (groups, lr, *, arguments) → optimizer."""

Decay = Literal["l2", "decoupled", "layerwise"]
DECAY_MEANS: dict[Decay, str] = {
    "l2": "weight_decay times the weight is added to the gradient, and goes through momentum and scaling with it",
    "decoupled": "each step shrinks the weights by lr times weight_decay, whatever their gradients",
    "layerwise": "weight_decay times the weight is added to the layer's direction before its length is set",
}
DECAY: dict[str, Decay] = {
    "sgd": "l2",
    "nag": "l2",
    "rmsprop": "l2",
    "rmsprop_tf": "l2",
    "adam": "l2",
    "adamw": "decoupled",
    "nadam": "l2",
    "radam": "l2",
    "adagrad": "l2",
    "adadelta": "l2",
    "lamb": "layerwise",
    "lars": "layerwise",
    "lion": "decoupled",
    "adan": "decoupled",
    "muon": "decoupled",
    "kron": "decoupled",
}
"""name → what its weight decay is."""
