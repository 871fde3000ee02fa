"""Stratified choices of image ids: train and validation, and nested smaller training sets.

Both order the images of a class by a random key that depends on (seed, image id) alone, so no library's
shuffling algorithm can change a published split.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trickbag.errors import InputError
from trickbag.rng import Streams


def split(
    labels: Tensor, *, fraction: float, seed: int, num_classes: int, classes: Sequence[str] = ()
) -> tuple[Tensor, Tensor]:
    """Sorted ids (train, validation) with round(fraction · n) of each class, at least one on both sides.

    Raises InputError for a fraction outside (0, 1) or a class with fewer than two images.
    """
    if not 0 < fraction < 1:
        raise InputError(f"validation fraction {fraction} is not between 0 and 1")
    train, validation = [], []
    shuffled = _shuffled_classes(torch.arange(len(labels)), labels, range(num_classes), seed, "split")
    for label, ids in enumerate(shuffled):
        if len(ids) < 2:
            name = classes[label] if classes else label
            raise InputError(
                f"too few images for a class: class {name!r} has {len(ids)}; "
                "at least 2 are needed, one to train and one to validate"
            )
        cut = min(max(round(fraction * len(ids)), 1), len(ids) - 1)
        validation.append(ids[:cut])
        train.append(ids[cut:])
    return torch.cat(train).sort().values, torch.cat(validation).sort().values


def limit(train_ids: Tensor, labels: Tensor, count: int, seed: int) -> Tensor:
    """A stratified subset of `count` of the training ids, sorted; a smaller one lies inside a larger one.

    Image number r (from 0) of a class of n has priority r/n and the first `count` are taken: Adams's divisor
    method, which is house monotone (Balinski and Young 1982) and gives every class its first image first.
    """
    present = sorted(set(labels[train_ids].tolist()))
    if not len(present) <= count <= len(train_ids):
        raise InputError(
            f"a limit of {count} training images is not possible: "
            f"there are {len(train_ids)} of {len(present)} classes, and each class needs one"
        )
    shuffled = _shuffled_classes(train_ids, labels[train_ids], present, seed, "limit")
    priority = torch.cat([torch.arange(len(ids), dtype=torch.float64) / len(ids) for ids in shuffled])
    return torch.cat(shuffled)[priority.argsort(stable=True)[:count]].sort().values


def _shuffled_classes(
    ids: Tensor, labels: Tensor, classes: Sequence[int], seed: int, name: str
) -> list[Tensor]:
    """The ids of each class in random order (the keys of different ids differ: SplitMix64 is a bijection)."""
    order = Streams(seed).images(0, ids).bits(name)[:, 0].argsort()
    ids, labels = ids[order], labels[order]
    return [ids[labels == label] for label in classes]
