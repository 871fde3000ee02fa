"""Order operations: which images an epoch shows, `build(context, **arguments)`."""

from collections.abc import Callable, Mapping

from torch import Tensor

from trickbag.train.operations.arguments import Count
from trickbag.train.seams import Context, Order


def build_repeated_augmentation(context: Context, *, repeats: Count = 3) -> Order:
    """Every image `repeats` times in a row, each with draws of its own, and so many images less per epoch.

    Hoffer et al. 2020, "Augment your batch"; Berman et al. 2019, "MultiGrain". As in DeiT an epoch keeps its
    number of steps, so it shows 1 / `repeats` of the images.
    """

    def order(epoch: int, ids: Tensor) -> Tensor:
        return ids.repeat_interleave(repeats)[: len(ids)]

    return order


ORDER_OPERATIONS: Mapping[str, Callable[..., Order]] = {"repeated_augmentation": build_repeated_augmentation}
