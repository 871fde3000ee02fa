"""The catalogue of tricks: one file per trick, its patch and its card; no torch.

The paper's tricks come first, then what the project tried beyond it, by what it changes.
"""

from collections.abc import Mapping
from types import MappingProxyType

from trickbag.errors import unknown
from trickbag.recipe import Trick
from trickbag.tricks import architectures, optimizers, paper, preprocessing, regularisation, schedules

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        group.__name__.rpartition(".")[2]: tuple(module.TRICK.name for module in group.MODULES)
        for group in (paper, optimizers, schedules, architectures, preprocessing, regularisation)
    }
)
"""What a trick changes -> the names of its tricks."""
CATALOGUE: Mapping[str, Trick] = MappingProxyType(
    {
        module.TRICK.name: module.TRICK
        for group in (paper, optimizers, schedules, architectures, preprocessing, regularisation)
        for module in group.MODULES
    }
)


def get(name: str) -> Trick:
    """The trick of that name; InputError with the nearest name where there is none."""
    if name not in CATALOGUE:
        raise unknown("trick", name, CATALOGUE)
    return CATALOGUE[name]


__all__ = ["CATALOGUE", "GROUPS", "get"]
