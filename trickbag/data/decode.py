"""From encoded bytes to pixels: 8-bit RGB, whatever the file holds."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from trickbag.errors import InputError

MAX_PIXELS = 89_478_485  # PIL's limit, above which it warns of a decompression bomb
_EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa"}

Pixels = NDArray[np.uint8]  # [height, width, 3]


def decode(data: bytes, where: str, *, upright: bool = False) -> Pixels:
    """The RGB pixels of an encoded image, uint8 [H, W, 3], as torchvision with PIL reads it.

    With `upright` the EXIF orientation is applied; the field's class-folder readers ignore it. Raises
    InputError with `where` for what is no image, is damaged, has more than 8 bits per channel, or more than
    `MAX_PIXELS` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"{image.width}×{image.height} pixels, more than {MAX_PIXELS:,}")
                if image.mode in _EIGHT_BIT:
                    rgb = image.convert("RGB")
                    return np.asarray(ImageOps.exif_transpose(rgb) if upright else rgb)
                mode = image.mode
    except Exception as error:  # PIL's decoders raise nearly everything on broken input
        raise InputError(f"{where}: the image cannot be read ({error}); replace or remove it") from error
    raise InputError(f"{where}: the image has mode {mode}; convert it to 8 bits per channel")


def square(pixels: Pixels, side: int) -> Pixels:
    """The centre square, uint8 [side, side, 3], after resizing the shorter side to `side`.

    As torchvision's Resize (antialiased bilinear) and CenterCrop. Only the part that is kept is resized, so
    that an image of 1×10000 pixels costs no more than others.
    """
    image = Image.fromarray(pixels)
    short = min(image.size)
    resized = [side * length // short for length in image.size]
    starts = [round((length - side) / 2) for length in resized]
    scales = [length / new for length, new in zip(image.size, resized, strict=True)]
    left, top = (start * scale for start, scale in zip(starts, scales, strict=True))
    right, bottom = ((start + side) * scale for start, scale in zip(starts, scales, strict=True))
    box = (left, top, min(right, image.width), min(bottom, image.height))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box=box))
