"""Batch operations: what changes images and targets together, `build(context, **arguments)`."""

from collections.abc import Callable, Mapping

from torch.nn import functional

from trickbag.mixing import draw_lambda, mixup
from trickbag.train.operations.arguments import Positive, Share, Steps
from trickbag.train.seams import Batch, BatchOperation, Context


def build_progressive_resizing(
    context: Context, *, start: Share = 0.5, until: Steps | None = None, multiple: int = 4
) -> BatchOperation:
    """Train on smaller images first: from a share `start` of the side up to all of it at step `until`.

    The side grows linearly with the steps and is rounded to a multiple of `multiple`; `until` is four fifths
    of the training if null. Bilinear with antialiasing (fast.ai, Howard 2018; FFCV's ImageNet recipe).
    """
    last = max(1, round(0.8 * context.total_steps) if until is None else until)

    def operation(batch: Batch) -> Batch:
        share = start + (1 - start) * min(1.0, batch.step / last)
        size = [resized_side(side, share, multiple) for side in batch.x.shape[2:]]
        if size == list(batch.x.shape[2:]):
            return batch
        return batch._replace(
            x=functional.interpolate(batch.x, size, mode="bilinear", antialias=True, align_corners=False)
        )

    return operation


def resized_side(side: int, share: float, multiple: int) -> int:
    """A share of a side, rounded to a multiple, at least one multiple and at most the side."""
    return min(side, max(multiple, round(side * share / multiple) * multiple))


def build_mixup(context: Context, *, alpha: Positive = 0.2) -> BatchOperation:
    """Convex pairs of images and targets, one lambda ~ Beta(alpha, alpha) per batch."""

    def operation(batch: Batch) -> Batch:
        lam = draw_lambda(context.streams.numpy("mixup", batch.step), alpha)
        x, y = mixup(batch.x, batch.y, lam, context.num_classes)
        return batch._replace(x=x, y=y)

    return operation


BATCH_OPERATIONS: Mapping[str, Callable[..., BatchOperation]] = {
    "progressive_resizing": build_progressive_resizing,
    "mixup": build_mixup,
}
