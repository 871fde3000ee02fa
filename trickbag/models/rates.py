"""Dropout and drop path inside other people's networks: off, or at the rates asked for."""

from collections.abc import Iterator

from torch import nn

from trickbag.errors import InputError
from trickbag.recipe import NotApplicable

DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def check_rates(where: str, **rates: float) -> None:
    """Raise InputError for a rate outside [0, 1)."""
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise InputError(f"{where}: {name} must be a rate from 0 (off) to below 1, found {rate:g}")


def switch_off(model: nn.Module, *, dropout: bool, drop_path: bool) -> None:
    """Switch off all dropout, all drop path, or both, whatever the library's defaults are."""
    for each in _dropouts(model) if dropout else ():
        each.p = 0.0
    for layer, name in _drop_paths(model) if drop_path else ():
        setattr(layer, name, 0.0)


def set_dropout(model: nn.Module, rate: float, where: str) -> None:
    """Set all dropout that the library's model has to one rate; NotApplicable where it has none."""
    active = [layer for layer in _dropouts(model) if layer.p > 0]
    if rate and not active:
        raise NotApplicable(f"{where}: has no dropout; leave out dropout")
    for layer in active:
        layer.p = rate


def set_drop_path(model: nn.Module, rate: float, where: str) -> None:
    """Set the highest drop path to `rate`, the others in proportion; NotApplicable where there is none."""
    layers = list(_drop_paths(model))
    highest = max((getattr(layer, name) for layer, name in layers), default=0.0)
    if rate and not highest:
        raise NotApplicable(f"{where}: has no drop path; leave out drop_path")
    for layer, name in layers:
        setattr(layer, name, getattr(layer, name) * rate / highest if highest else 0.0)


def _dropouts(model: nn.Module) -> Iterator[nn.Dropout]:
    """The dropout layers."""
    for layer in model.modules():
        if isinstance(layer, DROPOUT):
            yield layer  # type: ignore[misc]  # all have the rate `p`


def _drop_paths(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """The layers that drop whole branches, and the name of their rate: timm's and torchvision's."""
    for layer in model.modules():
        kind = type(layer).__name__
        if kind.startswith("DropPath") and hasattr(layer, "drop_prob"):
            yield layer, "drop_prob"
        elif kind == "StochasticDepth":
            yield layer, "p"
