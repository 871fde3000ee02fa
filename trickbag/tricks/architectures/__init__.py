"""Changes of the network that the paper did not try."""

from types import ModuleType

MODULES: tuple[ModuleType, ...] = ()
