"""Clipping of gradients: by their global norm, or unit by unit relative to the weights."""

from collections.abc import Iterable
from importlib import import_module

from torch import Tensor, nn


def clip_norm(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients together, in place, to a norm of at most `max_norm`; return the norm before.

    Pascanu et al. 2012 (arXiv 1211.5063), Algorithm 1, as torch has it.
    """
    return nn.utils.clip_grad_norm_(parameters, max_norm, foreach=True)


def agc(parameters: Iterable[nn.Parameter], clipping: float = 0.01, eps: float = 1e-3) -> None:
    """Adaptive gradient clipping, in place: no unit's gradient norm above `clipping` times its weight norm.

    Brock et al. 2021 (arXiv 2102.06171), equation 3, as timm has it: a unit is a row of a weight, or a whole
    bias; weight norms count as at least `eps`. The paper leaves out the classifier: `before_classifier`.
    """
    import_module("timm.utils").adaptive_clip_grad(list(parameters), clip_factor=clipping, eps=eps)
