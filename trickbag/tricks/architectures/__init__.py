"""Changes of the network that the paper did not try."""

from types import ModuleType

from trickbag.tricks.architectures import (
    blur_pool,
    eca,
    preactivation,
    resnext,
    selective_kernel,
    squeeze_excitation,
    stochastic_depth,
    wide,
)

MODULES: tuple[ModuleType, ...] = (
    preactivation,
    squeeze_excitation,
    eca,
    selective_kernel,
    resnext,
    wide,
    blur_pool,
    stochastic_depth,
)
