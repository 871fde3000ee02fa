"""Step operations: how gradients are taken and applied, `build(context, update, **arguments)`."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import Tensor, nn

from trickbag.train.operations.arguments import Count, Positive
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
    return replace(update, before=(*update.before, lambda: nn.utils.clip_grad_norm_(parameters, max_norm)))


STEP_OPERATIONS: Mapping[str, Callable[..., Update]] = {
    "accumulate": build_accumulate,
    "clip_norm": build_clip_norm,
}
