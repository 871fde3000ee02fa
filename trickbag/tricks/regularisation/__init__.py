"""Regularisation, averaging and steps that the paper did not use."""

from types import ModuleType

MODULES: tuple[ModuleType, ...] = ()
