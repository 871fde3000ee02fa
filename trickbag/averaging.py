"""Averaged weights: a second set beside the trained one, which is never swapped into the live network."""

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn


class Average:
    """A running average of a network's weights; `AveragedModel` is torch's, its `module` the network."""

    def __init__(self, averaged: AveragedModel) -> None:
        """Keep the averaged network, which is in evaluation mode for good."""
        self.averaged = averaged.eval()

    def update(self, model: nn.Module, step: int) -> None:
        """Take the weights after optimizer step `step` (counted from 0) in."""
        raise NotImplementedError

    def network(self, batches: Iterable[Tensor]) -> nn.Module | None:
        """The averaged network, ready for evaluation; None as long as there is nothing to average.

        `batches` are those of the epoch under way, float32 [B, C, H, W], augmented and normalised; they are
        drawn only by an average that must estimate batch-norm statistics.
        """
        raise NotImplementedError


class Ema(Average):
    """Exponential moving average of weights and batch-norm statistics after every step.

    w' = d w' + (1 - d) w with d = min(decay, (1 + t) / (10 + t)) after t updates (the warm-up of
    TensorFlow's ExponentialMovingAverage), so that a short run does not remember its initial weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from the network's weights."""
        super().__init__(AveragedModel(model, use_buffers=True))
        self.decay = decay

    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the live weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        self.averaged.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.averaged.update_parameters(model)

    def network(self, batches: Iterable[Tensor]) -> nn.Module:
        """The average; its batch-norm statistics were averaged along."""
        module: nn.Module = self.averaged.module
        return module


class Swa(Average):
    """Stochastic weight averaging (Izmailov et al. 2018, algorithm 1): the mean of weights over time.

    From step `start` on, the weights are averaged every `every` steps. Batch-norm statistics of the average
    are estimated anew by a pass over training images.
    """

    def __init__(
        self,
        model: nn.Module,
        start: int,
        every: int,
        agree: Callable[[nn.Module], None] = lambda network: None,
    ) -> None:
        """Nothing is averaged before `start`; `agree` makes one of what several processes have estimated."""
        super().__init__(AveragedModel(model))
        self.start, self.every, self.agree = start, every, agree

    def update(self, model: nn.Module, step: int) -> None:
        """Take the weights in, at the end of every cycle."""
        done = step + 1 - self.start
        if done > 0 and done % self.every == 0:
            self.averaged.update_parameters(model)

    def network(self, batches: Iterable[Tensor]) -> nn.Module | None:
        """A copy of the average with batch-norm statistics of its own."""
        if not self.averaged.n_averaged:
            return None
        network: nn.Module = copy.deepcopy(self.averaged.module)
        with torch.no_grad():
            update_bn(batches, network)
            self.agree(network)
        return network.eval()
