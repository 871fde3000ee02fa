"""The stores that a run's images come from: in memory where they are, streamed where they stay encoded."""

from typing import Any

import torch
from torch import Tensor

from trickbag.data import EncodedImages, MemoryStore, Store, StreamStore, channel_statistics
from trickbag.recipe import Machine
from trickbag.train.resolved import Resolved


def build_stores(
    resolved: Resolved, statistics: tuple[Tensor, Tensor] | None, machine: Machine, device: torch.device
) -> tuple[Store, Store]:
    """The stores of the training (and validation) images and of the test images, on a device.

    Both are normalised by the training images alone; or by the `statistics` that a pretrained network knows.
    """
    images = resolved.images
    known = statistics or channel_statistics(images, resolved.train_ids, machine.cache, machine.loaders)
    train = _store(images.train_images, images.train_labels, known, resolved, machine, device)
    return train, _store(images.test_images, images.test_labels, known, resolved, machine, device)


def _store(
    images: Tensor | EncodedImages,
    labels: Tensor,
    statistics: tuple[Tensor, Tensor],
    resolved: Resolved,
    machine: Machine,
    device: torch.device,
) -> Store:
    """The store of one part."""
    recipe = resolved.recipe
    shared: dict[str, Any] = {
        "device": device,
        "crop": recipe.data.crop,
        "channels_last": recipe.precision.channels_last,
    }
    if isinstance(images, Tensor):
        return MemoryStore.build(images, labels, statistics, **shared)
    return StreamStore.build(images, labels, statistics, threads=machine.loaders, **shared)
