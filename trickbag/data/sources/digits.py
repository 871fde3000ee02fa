"""The embedded data set: scikit-learn's 1,797 handwritten digits, 8×8, one channel. Needs no download."""

import importlib
from pathlib import Path

import numpy as np
import torch

from trickbag.data.images import ImageSet
from trickbag.data.split import split

# Part of the data set's definition: another fraction or seed would be another data set.
_TEST_FRACTION = 0.2
_TEST_SEED = 0


def digits(root: Path | None = None) -> ImageSet:
    """The digits; a fixed stratified 20 % is the test set. Pixels 0 … 16 become min(16 v, 255)."""
    # Imported here since scikit-learn costs a second and 140 MB, and only the first run (see cache) needs it.
    bunch = importlib.import_module("sklearn.datasets").load_digits()
    images = np.minimum(np.rint(bunch.images * 16), 255).astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    train, test = (
        ids.numpy()
        for ids in split(torch.from_numpy(labels), fraction=_TEST_FRACTION, seed=_TEST_SEED, num_classes=10)
    )
    classes = tuple(str(name) for name in range(10))
    return ImageSet.of((images[train], labels[train]), (images[test], labels[test]), classes)
