"""Batch operations: what changes images and targets together, `build(context, **arguments)`."""

from collections.abc import Callable, Mapping

from torch.nn import functional

from trickbag.errors import InputError
from trickbag.mixing import cutmix, draw_box, draw_lambda, draw_patch, mixup, resize_mix
from trickbag.train.operations.arguments import Count, Positive, Share, Steps
from trickbag.train.seams import Batch, BatchOperation, Context


def build_progressive_resizing(
    context: Context, *, start: Share = 0.5, until: Steps | None = None, multiple: Count = 4
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


def build_cutmix(context: Context, *, alpha: Positive = 1.0) -> BatchOperation:
    """A box of another image, and as much of its target; the box's share 1 - lambda, lambda ~ Beta(alpha, alpha)."""

    def operation(batch: Batch) -> Batch:
        generator = context.streams.numpy("cutmix", batch.step)
        height, width = batch.x.shape[2:]
        box = draw_box(generator, draw_lambda(generator, alpha), height, width)
        x, y = cutmix(batch.x, batch.y, box, context.num_classes)
        return batch._replace(x=x, y=y)

    return operation


def build_resize_mix(context: Context, *, scale: tuple[Share, Share] = (0.1, 0.8)) -> BatchOperation:
    """Another image made smaller, its sides by a uniform share in `scale`, and as much of its target."""
    if not 0 < scale[0] <= scale[1]:
        raise InputError(f"resize_mix: scale is {scale}; it must be 0 < low <= high <= 1")

    def operation(batch: Batch) -> Batch:
        height, width = batch.x.shape[2:]
        box = draw_patch(context.streams.numpy("resize_mix", batch.step), scale, height, width)
        x, y = resize_mix(batch.x, batch.y, box, context.num_classes)
        return batch._replace(x=x, y=y)

    return operation


def build_mixup_or_cutmix(
    context: Context,
    *,
    mixup_alpha: Positive = 0.2,
    cutmix_alpha: Positive = 1.0,
    cutmix_share: Share = 0.5,
) -> BatchOperation:
    """Mixup or CutMix, drawn for each batch, CutMix with probability `cutmix_share`."""
    by_mixup = build_mixup(context, alpha=mixup_alpha)
    by_cutmix = build_cutmix(context, alpha=cutmix_alpha)

    def operation(batch: Batch) -> Batch:
        drawn = context.streams.numpy("mixup_or_cutmix", batch.step).random()
        return by_cutmix(batch) if drawn < cutmix_share else by_mixup(batch)

    return operation


BATCH_OPERATIONS: Mapping[str, Callable[..., BatchOperation]] = {
    "progressive_resizing": build_progressive_resizing,
    "mixup": build_mixup,
    "cutmix": build_cutmix,
    "resize_mix": build_resize_mix,
    "mixup_or_cutmix": build_mixup_or_cutmix,
}
