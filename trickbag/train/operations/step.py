"""Step operations: how gradients are taken and applied, `build(context, update, **arguments)`."""

from collections.abc import Callable, Mapping
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
from trickbag.train.operations.arguments import Count, Positive, Share
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
            losses.append(whole(lambda taken, share=share: loss_of(taken) * share, piece))  # type: ignore[misc]
        return sum(losses[1:], losses[0])

    return replace(update, backward=backward)


def build_clip_norm(context: Context, update: Update, *, max_norm: Positive = 1.0) -> Update:
    """Scale the gradient down where its norm, over all parameters, exceeds `max_norm` (Pascanu et al. 2013)."""
    parameters = list(update.model.parameters())
    return replace(update, before=(*update.before, lambda: clip_norm(parameters, max_norm)))


def build_agc(context: Context, update: Update, *, clipping: Positive = 0.01, eps: Positive = 1e-3) -> Update:
    """Adaptive gradient clipping of all but the classifier (Brock et al. 2021): unit by unit, by its weights."""
    parameters = before_classifier(update.model)
    return replace(update, before=(*update.before, lambda: agc(parameters, clipping, eps)))


def build_sam(context: Context, update: Update, *, rho: Positive = 0.05, adaptive: bool = False) -> Update:
    """The gradient at the worst point within `rho`: two passes a step (Foret et al. 2020; adaptive: Kwon et al.).

    Batch-norm statistics are those of the first pass, and so is the loss that is reported.
    """
    once = update.backward
    parameters = list(update.model.parameters())

    def backward(loss_of: Loss, batch: Batch) -> Tensor:
        loss = once(loss_of, batch)
        saved = sam_perturb(parameters, rho, adaptive)
        update.optimizer.zero_grad(set_to_none=True)
        with statistics_kept(update.model):
            once(loss_of, batch)
        sam_restore(parameters, saved)
        return loss

    return replace(update, backward=backward)


def build_lookahead(context: Context, update: Update, *, k: Count = 6, alpha: Share = 0.5) -> Update:
    """Slow weights that follow the trained ones by `alpha` after every `k` steps (Zhang et al. 2019)."""
    parameters = list(update.model.parameters())
    slow = [p.detach().clone() for p in parameters]
    names = [f"lookahead.{name}" for name, _ in update.model.named_parameters()]

    def follow(step: int) -> None:
        if (step + 1) % k == 0:
            lookahead_sync(parameters, slow, alpha)

    state = {**update.state, **dict(zip(names, slow, strict=True))}
    return replace(update, after=(*update.after, follow), state=state)


STEP_OPERATIONS: Mapping[str, Callable[..., Update]] = {
    "accumulate": build_accumulate,
    "sam": build_sam,
    "agc": build_agc,
    "clip_norm": build_clip_norm,
    "lookahead": build_lookahead,
}
