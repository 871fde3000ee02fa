"""The catalogue of tricks: one file per trick, its patch and its card; no torch.

The order is that of He et al. 2018, "Bag of Tricks for Image Classification with CNNs" (arXiv 1812.01187).
"""

from collections.abc import Mapping
from types import MappingProxyType

from trickbag.errors import unknown
from trickbag.recipe import Trick
from trickbag.tricks import (
    cosine,
    distillation,
    label_smoothing,
    large_batch,
    linear_scaling,
    long_schedule,
    low_precision,
    mixup,
    no_bias_decay,
    resnet_b,
    resnet_c,
    resnet_d,
    warmup,
    zero_gamma,
)

_MODULES = (
    large_batch,
    linear_scaling,
    warmup,
    zero_gamma,
    no_bias_decay,
    low_precision,
    resnet_b,
    resnet_c,
    resnet_d,
    cosine,
    label_smoothing,
    distillation,
    mixup,
    long_schedule,
)
CATALOGUE: Mapping[str, Trick] = MappingProxyType({m.TRICK.name: m.TRICK for m in _MODULES})


def get(name: str) -> Trick:
    """The trick of that name; InputError with the nearest name where there is none."""
    if name not in CATALOGUE:
        raise unknown("trick", name, CATALOGUE)
    return CATALOGUE[name]


__all__ = ["CATALOGUE", "get"]
