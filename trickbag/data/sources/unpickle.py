"""An unpickler for the CIFAR batch files that can build nothing but arrays and plain values."""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from trickbag.errors import InputError

# What Python 2's and Python 3's pickles of a numpy array name. The function is taken from numpy's own answer
# to "how are you pickled", since its module has moved.
_reconstruct: Callable[..., Any] = np.empty(0, np.uint8).__reduce__()[0]  # type: ignore[assignment]
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Refuses every class and function except the four above."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """The allowed constructor, else UnpicklingError."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only numpy arrays are allowed")
        return _ALLOWED[module, name]


def unpickle(data: bytes, where: str) -> dict[bytes, Any]:
    """The dictionary in a batch file (Python 2 strings become bytes); InputError for any other object."""
    try:
        content: dict[bytes, Any] = _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # broken pickles raise nearly everything
        said = str(error) or type(error).__name__
        raise InputError(f"{where}: refused to unpickle: {said}; use the official file") from error
    if not isinstance(content, dict):
        raise InputError(f"{where}: holds no dictionary; use the official file")
    return content
