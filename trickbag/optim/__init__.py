"""Optimizers, the parameter groups they work on, and what stands around their step.

`foreach` is torch's default on a GPU. On the CPU it is asked for where it gives the same bits as the default
loop: SGD takes 0.6 of its time (ResNet-20 and ResNet-50, one thread). `fused` takes 0.2 of it, but rounds
differently.
"""

from trickbag.optim.catalogue import DECAY, DECAY_MEANS, OPTIMIZERS
from trickbag.optim.clip import agc, clip_norm
from trickbag.optim.groups import (
    before_classifier,
    build_optimizer,
    hidden_weights,
    output_layers,
    parameter_groups,
)
from trickbag.optim.lookahead import lookahead_sync
from trickbag.optim.muon import orthogonalise
from trickbag.optim.sam import sam_perturb, sam_restore, statistics_kept

__all__ = [
    "DECAY",
    "DECAY_MEANS",
    "OPTIMIZERS",
    "agc",
    "before_classifier",
    "build_optimizer",
    "clip_norm",
    "hidden_weights",
    "lookahead_sync",
    "orthogonalise",
    "output_layers",
    "parameter_groups",
    "sam_perturb",
    "sam_restore",
    "statistics_kept",
]
