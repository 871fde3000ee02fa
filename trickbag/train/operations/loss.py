"""Loss operations: each wraps the loss within it, `build(context, inner, **arguments)`."""

from collections.abc import Callable, Mapping

from torch import Tensor

from trickbag.errors import InputError
from trickbag.losses import binary_cross_entropy, cross_entropy, distillation, smooth_targets
from trickbag.train.operations.arguments import Part, Positive, Share
from trickbag.train.seams import Batch, Context, Loss
from trickbag.train.teacher import load_teacher


def cross_entropy_loss(batch: Batch) -> Tensor:
    """The loss without operations: mean cross-entropy of the batch."""
    assert batch.outputs is not None
    return cross_entropy(batch.outputs, batch.y)


def build_binary_cross_entropy(context: Context, inner: Loss) -> Loss:
    """Binary cross-entropy of every class in place of the cross-entropy."""

    def loss(batch: Batch) -> Tensor:
        assert batch.outputs is not None
        return binary_cross_entropy(batch.outputs, batch.y)

    return loss


def build_label_smoothing(context: Context, inner: Loss, *, smoothing: Part = 0.1) -> Loss:
    """The inner loss on targets of which a share `smoothing` is spread over all classes."""

    def loss(batch: Batch) -> Tensor:
        return inner(batch._replace(y=smooth_targets(batch.y, smoothing, context.num_classes)))

    return loss


def build_auxiliary(context: Context, inner: Loss, *, weight: Positive = 0.4) -> Loss:
    """The inner loss, and `weight` times that of every auxiliary head (Szegedy et al. 2016, section 4)."""

    def loss(batch: Batch) -> Tensor:
        if not batch.auxiliary:
            raise InputError("loss.auxiliary: the network has no auxiliary head that answers in training")
        heads = [inner(batch._replace(outputs=outputs, auxiliary=())) for outputs in batch.auxiliary]
        return inner(batch) + weight * sum(heads[1:], heads[0])

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


LOSS_OPERATIONS: Mapping[str, Callable[..., Loss]] = {
    "binary_cross_entropy": build_binary_cross_entropy,
    "label_smoothing": build_label_smoothing,
    "auxiliary": build_auxiliary,
    "distillation": build_distillation,
}
