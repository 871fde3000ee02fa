"""Images in the object store: once per node, and read there by all its runs without a copy."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trickbag.data import ImageSet
from trickbag.data.plain import as_plain, of_plain


def pack(images: ImageSet) -> dict[str, Any] | None:
    """The images as arrays, which Ray shares between processes; None where each node reads them from its own disk."""
    plain = as_plain(images)
    return plain and {k: v.numpy() if isinstance(v, Tensor) else v for k, v in plain.items()}


def unpack(packed: dict[str, Any]) -> ImageSet:
    """The image set again; it shares the memory of the arrays."""
    with warnings.catch_warnings():
        # Arrays in the object store are read-only, which tensors cannot be; no part of trickbag writes to images.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return of_plain(
            {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in packed.items()}
        )
