"""Optimizers other than the baseline's, each with its paper's defaults."""

from types import ModuleType

MODULES: tuple[ModuleType, ...] = ()
