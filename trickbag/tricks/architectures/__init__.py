"""Changes of the network that the paper did not try."""

from types import ModuleType

from trickbag.tricks.architectures import auxiliary_loss

MODULES: tuple[ModuleType, ...] = (auxiliary_loss,)
