"""Changes of the network that the paper did not try."""

from trickbag.tricks.architectures import (
    auxiliary_loss,
    blur_pool,
    eca,
    preactivation,
    resnext,
    selective_kernel,
    squeeze_excitation,
    stochastic_depth,
    wide,
)

MODULES = (
    preactivation,
    squeeze_excitation,
    eca,
    selective_kernel,
    resnext,
    wide,
    blur_pool,
    stochastic_depth,
    auxiliary_loss,
)
