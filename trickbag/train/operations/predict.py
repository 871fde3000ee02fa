"""Predict operations: how an image is classified at evaluation, `build(context, inner, **arguments)`."""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

from trickbag.train.operations.arguments import Positive
from trickbag.train.seams import Context, Network


def build_resize(context: Context, inner: Network, *, scale: Positive = 1.25) -> Network:
    """Classify the image enlarged by `scale` (FixRes, Touvron et al. 2019: test at a higher resolution)."""

    def network(x: Tensor) -> Tensor:
        size = [scaled_side(side, scale) for side in x.shape[2:]]
        return inner(functional.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False))

    return network


def scaled_side(side: int, scale: float) -> int:
    """A side times a scale, in whole pixels, at least one."""
    return max(1, round(side * scale))


def build_flip(context: Context, inner: Network) -> Network:
    """The mean of the logits of the image and of its mirror image."""

    def network(x: Tensor) -> Tensor:
        return (inner(x) + inner(x.flip(3))) / 2

    return network


PREDICT_OPERATIONS: Mapping[str, Callable[..., Network]] = {"resize": build_resize, "flip": build_flip}
