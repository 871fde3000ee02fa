"""trickbag: the lab that tells you which training tricks work: on your images, your network, your budget."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trickbag.analyze import analyze_study as analyze_study
    from trickbag.errors import InputError as InputError
    from trickbag.lab import conduct as conduct
    from trickbag.lab import freeze as freeze
    from trickbag.lab import open_test as open_test
    from trickbag.pricing import price as price
    from trickbag.recipe import Card as Card
    from trickbag.recipe import Machine as Machine
    from trickbag.recipe import Recipe as Recipe
    from trickbag.recipe import Trick as Trick
    from trickbag.recipe import apply as apply
    from trickbag.recipe import compose as compose
    from trickbag.recipe import load_recipe as load_recipe
    from trickbag.records.result import read_results as read_results
    from trickbag.run.single import train_recipe as train_recipe
    from trickbag.study import Study as Study
    from trickbag.study import load_study as load_study

# Public name -> where it lives; imported when first used, so that `import trickbag` is instant (PEP 562).
_HOMES = {
    "Card": "trickbag.recipe",
    "InputError": "trickbag.errors",
    "Machine": "trickbag.recipe",
    "Recipe": "trickbag.recipe",
    "Study": "trickbag.study",
    "Trick": "trickbag.recipe",
    "analyze_study": "trickbag.analyze",
    "apply": "trickbag.recipe",
    "compose": "trickbag.recipe",
    "conduct": "trickbag.lab",
    "freeze": "trickbag.lab",
    "load_recipe": "trickbag.recipe",
    "load_study": "trickbag.study",
    "open_test": "trickbag.lab",
    "price": "trickbag.pricing",
    "read_results": "trickbag.records.result",
    "train_recipe": "trickbag.run.single",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """A public name, imported on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'trickbag' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
