"""Regularisation, averaging and steps that the paper did not use."""

from types import ModuleType

from trickbag.tricks.regularisation import (
    drop_block,
    dropout,
)

MODULES: tuple[ModuleType, ...] = (
    dropout,
    drop_block,
)
