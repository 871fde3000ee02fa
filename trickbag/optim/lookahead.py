"""Lookahead: k steps forward, one step back, around any optimizer."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


@torch.no_grad()
def lookahead_sync(parameters: Iterable[nn.Parameter], slow: Sequence[Tensor], alpha: float = 0.5) -> None:
    """Move the slow weights by `alpha` towards the parameters, and the parameters onto them; both in place.

    Zhang et al. 2019 (arXiv 1907.08610), Algorithm 1: to be called after every k steps. `slow` begins as a
    copy of the initial weights. Optimizer state stays as it is (the paper's default for the inner optimizer).
    """
    fast = [p.detach() for p in parameters]
    torch._foreach_add_(list(slow), torch._foreach_sub(fast, list(slow)), alpha=alpha)
    torch._foreach_copy_(fast, list(slow))
