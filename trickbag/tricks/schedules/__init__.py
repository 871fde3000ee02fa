"""Learning-rate schedules other than the paper's."""

from types import ModuleType

MODULES: tuple[ModuleType, ...] = ()
