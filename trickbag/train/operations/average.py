"""Average operations: which second set of weights is kept and evaluated, `build(context, model, **arguments)`."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from trickbag.averaging import Average, Ema, Swa
from trickbag.errors import InputError
from trickbag.train.batch_norm import average_statistics
from trickbag.train.operations.arguments import Share, Steps
from trickbag.train.seams import Context


def build_ema(context: Context, model: nn.Module, *, decay: Share = 0.999) -> Average:
    """Exponential moving average of the weights after every step, warmed up."""
    return Ema(model, decay)


def build_swa(
    context: Context, model: nn.Module, *, start: Steps | None = None, every: Steps | None = None
) -> Average:
    """Stochastic weight averaging after step `start` (the last quarter): every `every` steps, or as epochs end."""
    first = round(0.75 * context.total_steps) if start is None else start
    cycle = context.steps_per_epoch if every is None else max(1, every)
    if every is None:
        first -= first % cycle  # else cycles would end in the midst of epochs, and leave out the last weights
    if first + cycle > context.total_steps:
        raise InputError(
            f"average.swa: from step {first} on, every {cycle} steps, nothing is averaged in "
            f"{context.total_steps} steps; start earlier or train longer"
        )
    return Swa(model, first, cycle, partial(average_statistics, world=context.world))


AVERAGE_OPERATIONS: Mapping[str, Callable[..., Average]] = {"ema": build_ema, "swa": build_swa}
