"""Losses: cross-entropy with hard, soft and smoothed targets, and distillation.

All are computed in float32 or better whatever the logits are: in bfloat16 (8 bits of mantissa) a
log-softmax over 1000 classes loses the very differences that smoothing and a high temperature are about.
Float32 logits pass through untouched.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits [B, K] with targets int64 [B] or probabilities [B, K]."""
    logits = _precise(outputs)
    return functional.cross_entropy(logits, targets.to(logits.dtype) if targets.ndim == 2 else targets)


def binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of logits [B, K] with targets int64 [B] or probabilities [B, K], as a scalar.

    Summed over the classes and averaged over the images, so that its size is that of a cross-entropy. timm's
    recipes of Wightman et al. 2021 ("ResNet strikes back", section 2) average over the classes too, which an
    optimizer whose step does not depend on the gradient's size (LAMB) cannot tell.
    """
    logits = _precise(outputs)
    hard = functional.one_hot(targets, logits.shape[1]) if targets.ndim == 1 else targets
    total = functional.binary_cross_entropy_with_logits(logits, hard.to(logits.dtype), reduction="sum")
    return total / len(logits)


def smooth_targets(targets: Tensor, smoothing: float, num_classes: int) -> Tensor:
    """Targets int64 [B] or probabilities [B, K] with a share of them spread over all classes: float [B, K].

    (1 - e) target + e/K for `smoothing` e (Szegedy et al. 2016, and the released code of He et al. 2018).
    Equation 4 of He et al. leaves 1 - e on the true class and gives the K - 1 others e/(K - 1); for it pass
    `paper_smoothing(e, K)`.
    """
    hard = functional.one_hot(targets, num_classes).float() if targets.ndim == 1 else targets
    return hard * (1 - smoothing) + smoothing / num_classes


def paper_smoothing(smoothing: float, num_classes: int) -> float:
    """The `smoothing` at which `smooth_targets` is He et al. 2018, equation 4, with `smoothing`."""
    return smoothing * num_classes / (num_classes - 1)


def distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    hard_loss: Tensor,
    *,
    temperature: float = 20.0,
    hard_weight: float | None = 0.5,
) -> Tensor:
    """The hard loss and, at a temperature T, the cross-entropy of student [B, K] with teacher [B, K].

    soft = cross-entropy of softmax(student/T) with softmax(teacher/T); the factor T² makes up for its
    gradient, which shrinks as 1/T² (Hinton et al. 2015, section 2).

    - `hard_weight` a number h: h hard + (1 - h) T² soft, as in the released code of He et al. 2018 (h = 0.5).
    - None: hard + T² soft, their equation 6. It is twice the loss at h = 0.5, which acts like twice the
      learning rate; therefore it is not the default.

    Only the student receives a gradient.
    """
    teacher = functional.softmax(_precise(teacher_logits.detach()) / temperature, dim=1)
    soft = functional.cross_entropy(_precise(student_logits) / temperature, teacher) * temperature**2
    return hard_loss + soft if hard_weight is None else hard_weight * hard_loss + (1 - hard_weight) * soft


def _precise(logits: Tensor) -> Tensor:
    """The logits in float32, or as they are where that is more."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
