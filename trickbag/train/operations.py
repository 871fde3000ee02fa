"""The operations of the batch and loss seams: a part's pure function, bound to its stream and arguments."""

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor

from trickbag.losses import cross_entropy, distillation, smooth_targets
from trickbag.mixing import draw_lambda, mixup
from trickbag.train.seams import Batch, BatchOperation, Context, Loss
from trickbag.train.teacher import load_teacher

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


def build_mixup(context: Context, *, alpha: Positive = 0.2) -> BatchOperation:
    """Convex pairs of images and targets, one lambda ~ Beta(alpha, alpha) per batch."""

    def operation(batch: Batch) -> Batch:
        lam = draw_lambda(context.streams.numpy("mixup", batch.step), alpha)
        x, y = mixup(batch.x, batch.y, lam, context.num_classes)
        return batch._replace(x=x, y=y)

    return operation


def cross_entropy_loss(batch: Batch) -> Tensor:
    """The loss without operations: mean cross-entropy of the batch."""
    assert batch.outputs is not None
    return cross_entropy(batch.outputs, batch.y)


def build_label_smoothing(context: Context, inner: Loss, *, smoothing: Share = 0.1) -> Loss:
    """The inner loss on targets of which a share `smoothing` is spread over all classes."""

    def loss(batch: Batch) -> Tensor:
        return inner(batch._replace(y=smooth_targets(batch.y, smoothing, context.num_classes)))

    return loss


def build_distillation(
    context: Context,
    inner: Loss,
    *,
    teacher: str,
    temperature: Positive = 20.0,
    hard_weight: Share | None = 0.5,
) -> Loss:
    """The inner loss and the cross-entropy with a teacher's softened outputs, weighed."""
    network = load_teacher(teacher, context)

    def loss(batch: Batch) -> Tensor:
        assert batch.outputs is not None
        answers, hard = network(batch.x), inner(batch)
        return distillation(batch.outputs, answers, hard, temperature=temperature, hard_weight=hard_weight)

    return loss


BATCH_OPERATIONS: Mapping[str, Callable[..., BatchOperation]] = {"mixup": build_mixup}
LOSS_OPERATIONS: Mapping[str, Callable[..., Loss]] = {
    "label_smoothing": build_label_smoothing,
    "distillation": build_distillation,
}
