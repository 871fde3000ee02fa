"""Step operations: how gradients are taken and applied, `build(context, update, **arguments)`."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace

from torch import Tensor

from trickbag.optim import (
    agc,
    before_classifier,
    clip_norm,
    lookahead_sync,
    sam_perturb,
    sam_restore,
    statistics_kept,
)
from trickbag.train.operations.arguments import Count, Part, Positive
from trickbag.train.seams import Batch, Context, Loss
from trickbag.train.update import Update


def build_accumulate(context: Context, update: Update, *, parts: Count = 2) -> Update:
    """Take the gradients of a batch in `parts` parts, for batches that do not fit into memory.

    The mean gradient is that of the whole batch, except that batch normalisation sees each part alone.
    """
    whole = update.backward

    def backward(loss_of: Loss, batch: Batch) -> Tensor:
        pieces = list(zip(batch.x.tensor_split(parts), batch.y.tensor_split(parts), strict=True))
        losses = []
        for part, (x, y) in enumerate(pieces):
            share = len(x) / len(batch.x)
            piece = batch._replace(x=x, y=y, part=part)
            last = part + 1 == len(pieces)  # what came before is exchanged with it
            with nullcontext() if last else update.no_sync():
                losses.append(whole(lambda taken, share=share: loss_of(taken) * share, piece))  # type: ignore[misc]
        return sum(losses[1:], losses[0])

    return replace(update, backward=backward)


def build_sam(context: Context, update: Update, *, rho: Positive = 0.05, adaptive: bool = False) -> Update:
    """Sharpness-aware minimisation: the gradient of the worst point within `rho` (Foret et al. 2020).

    The second pass sees the same images and network draws, and leaves batch-norm statistics alone.
    """
    parameters, inner = list(update.model.parameters()), update.backward

    def backward(loss_of: Loss, batch: Batch) -> Tensor:
        loss = inner(loss_of, batch)
        here = sam_perturb(parameters, rho, adaptive)
        update.optimizer.zero_grad(set_to_none=True)
        with statistics_kept(update.model):
            inner(loss_of, batch)
        sam_restore(parameters, here)
        return loss

    return replace(update, backward=backward)


def build_agc(context: Context, update: Update, *, clipping: Positive = 0.01) -> Update:
    """Adaptive gradient clipping: unit by unit, relative to the weights (Brock et al. 2021)."""
    parameters = before_classifier(update.model)
    return replace(update, before=(*update.before, lambda: agc(parameters, clipping)))


def build_lookahead(context: Context, update: Update, *, k: Count = 5, alpha: Part = 0.5) -> Update:
    """Slow weights that move by `alpha` towards the trained ones every `k` steps (Zhang et al. 2019).

    The last step of the training counts as the end of a round, so that slow weights are what is evaluated.
    """
    parameters = list(update.model.parameters())
    slow = [p.detach().clone() for p in parameters]

    def follow(step: int) -> None:
        if (step + 1) % k == 0 or step + 1 == context.total_steps:
            lookahead_sync(parameters, slow, alpha)

    kept = {f"lookahead.{i}": weights for i, weights in enumerate(slow)}
    return replace(update, after=(*update.after, follow), state={**update.state, **kept})


def build_clip_norm(context: Context, update: Update, *, max_norm: Positive = 1.0) -> Update:
    """Scale the gradient down where its norm, over all parameters, exceeds `max_norm` (Pascanu et al. 2012)."""
    parameters = list(update.model.parameters())
    return replace(update, before=(*update.before, lambda: clip_norm(parameters, max_norm)))


STEP_OPERATIONS: Mapping[str, Callable[..., Update]] = {
    "accumulate": build_accumulate,
    "sam": build_sam,
    "agc": build_agc,
    "clip_norm": build_clip_norm,
    "lookahead": build_lookahead,
}
