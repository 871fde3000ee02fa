"""From encoded bytes to pixels: 8-bit RGB, whatever the file holds."""

import io
import warnings
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from trickbag.data.decoding.header import FORMATS, MAX_PIXELS, header
from trickbag.data.decoding.jpeg import Box, cutout
from trickbag.errors import InputError

MAX_SCANS = 100  # of a progressive JPEG; usual are 10, and each costs as much as another image
_EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa"}
_LITTLE = 2**38  # bytes times pixels below which no number of scans takes long

Pixels = NDArray[np.uint8]  # [height, width, 3]

# Odd but readable files are no news to whoever trains on them. Once and for good: catch_warnings changes the
# filters of the whole process, which is not safe where several threads decode.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Part(NamedTuple):
    """Pixels of an image, and the height and width of the whole of it."""

    pixels: Pixels
    size: tuple[int, int]


def decode(data: bytes, where: str, *, upright: bool = False) -> Pixels:
    """The RGB pixels of an encoded image, uint8 [H, W, 3], as torchvision with PIL reads it.

    With `upright` the EXIF orientation is applied; the field's class-folder readers ignore it. Raises InputError
    with `where` for what is no image, is damaged, has more than 8 bits per channel, or more than `MAX_PIXELS`
    pixels.
    """
    return decode_part(data, where, None, upright=upright).pixels


def decode_part(data: bytes, where: str, box: Box | None, *, upright: bool = False) -> Part:
    """What `decode` gives in a box (top, left, height, width), as far as it lies in the image; None: all of it.

    Of some files no more is decoded than the box and a little around it.
    """
    try:
        part = _by_simplejpeg(data, box, upright) if data.startswith(b"\xff\xd8") else None
        return part or _inside(_by_pil(data, upright), box)
    except UnidentifiedImageError:
        problem = f"it is none of {', '.join(FORMATS)}, or its beginning is damaged"
    except Exception as error:  # PIL's decoders raise nearly everything on broken input
        problem = " ".join(str(error).split()) or type(error).__name__
    raise InputError(f"{where}: the image cannot be read ({problem}); replace or remove it")


def _inside(pixels: Pixels, box: Box | None) -> Part:
    """The box of a whole image."""
    return Part(pixels if box is None else _cropped(pixels, *box), pixels.shape[:2])


def _cropped(pixels: Pixels, top: int, left: int, height: int, width: int) -> Pixels:
    """A box of pixels."""
    return pixels[top : top + height, left : left + width]


def _by_simplejpeg(data: bytes, box: Box | None, upright: bool) -> Part | None:
    """The pixels of a JPEG, the same as PIL's in less time; None for what PIL has to decide."""
    try:
        orientation = header(data)[1] if upright else 1
        cut = cutout(data, box) if box and orientation == 1 else None
        if box and cut:
            _check(*cut.size, data)
            pixels = simplejpeg.decode_jpeg(cut.data, "RGB", strict=cut.whole)
            return Part(_cropped(pixels, box[0] - cut.top, box[1] - cut.left, *box[2:]), cut.size)
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        _check(height, width, data)
        if colours not in ("YCbCr", "RGB", "Gray"):  # PIL has a formula of its own for CMYK
            return None
        return _inside(turned(simplejpeg.decode_jpeg(data, "RGB"), orientation), box)
    except ValueError as error:
        if isinstance(error, _TooMuchError):
            raise
        return None


def _by_pil(data: bytes, upright: bool) -> Pixels:
    """The pixels by PIL; raises nearly everything for what it cannot read."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check(image.height, image.width, data)
        if image.mode not in _EIGHT_BIT:
            raise ValueError(f"it has mode {image.mode}: convert it to 8 bits per channel")
        rgb = image.convert("RGB")
        return np.array(ImageOps.exif_transpose(rgb) if upright else rgb)


class _TooMuchError(ValueError):
    """More to decode than any photograph has."""


def _check(height: int, width: int, data: bytes) -> None:
    """Refuse what would take too much memory or time, before any of it is decoded."""
    if height * width > MAX_PIXELS:
        raise _TooMuchError(f"it has {width}×{height} pixels; at most {MAX_PIXELS:,} are decoded")
    if height * width * len(data) > _LITTLE and data.count(b"\xff\xda") > MAX_SCANS:
        raise _TooMuchError(f"it is made of more than {MAX_SCANS} scans")


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """The image [H, W, 3] as its EXIF orientation, 1 to 8, says that it is looked at."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[::rows, ::columns].copy()  # torch takes no array that is read backwards
