"""Decoding image files with threads (PIL releases the interpreter lock while it decodes)."""

import io
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trickbag.errors import InputError

Item = TypeVar("Item")
_EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa"}


def decode(
    items: Sequence[Item], read: Callable[[Item], Image.Image], height: int, width: int
) -> NDArray[np.uint8]:
    """uint8 [N, 3, height, width] of the RGB images that `read` returns; the first bad item's error."""
    out = np.empty((len(items), 3, height, width), np.uint8)
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for i, image in enumerate(pool.map(read, items)):
            out[i] = np.asarray(image).transpose(2, 0, 1)
    return out


def open_rgb(
    source: Path | bytes, where: str, prepare: Callable[[Image.Image], Image.Image] | None = None
) -> Image.Image:
    """The 8-bit RGB image in a file or in bytes, after `prepare`; InputError with `where` if it has none.

    Orientation tags are ignored, as in the field's class-folder readers.
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            if image.mode in _EIGHT_BIT:
                rgb = image.convert("RGB")
                return prepare(rgb) if prepare else rgb
            mode = image.mode
    except Exception as error:  # PIL's decoders raise nearly everything on broken input
        raise InputError(f"{where}: the image cannot be read ({error}); replace or remove it") from error
    raise InputError(f"{where}: the image has mode {mode}; convert it to 8 bits per channel")
