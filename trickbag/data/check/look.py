"""A look at one image: whether it decodes, whether it is the one that was indexed, and its perceptual hash."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import imagehash
import numpy as np
from PIL import Image
from torch import Tensor

from trickbag.data.decoding.decode import Pixels, decode
from trickbag.data.view import EncodedImages
from trickbag.errors import InputError

CHANGED = "damaged: its bytes are not those that were indexed (SHA-256 differs)"


class Look(NamedTuple):
    """What was seen of an image."""

    hash: int  # of 64 bits; 0 where something is wrong
    wrong: str = ""  # what is wrong with it


def looker(images: Tensor | EncodedImages) -> Callable[[int], Look]:
    """The function that looks at image `i` of a part; may be called from several threads."""
    if isinstance(images, EncodedImages):
        return partial(_look_at_encoded, images)
    return lambda i: Look(perceptual_hash(images[i].permute(1, 2, 0).numpy()))


def perceptual_hash(pixels: Pixels) -> int:
    """ImageHash's pHash, 64 bits, of uint8 [H, W, 1 or 3]; images that look alike differ in few bits.

    The image in grey is resized to 32×32, whatever its size was; a bit says whether one of the 8×8 lowest
    frequencies of its cosine transform is above their median.
    """
    grey = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    bits = imagehash.phash(Image.fromarray(grey)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _look_at_encoded(images: EncodedImages, i: int) -> Look:
    """A look at an encoded image, as it is stored: turned by no orientation tag."""
    where = images.encoded.where(i)
    try:
        data = images.encoded.read(i)
        indexed = images.index.sha256[i].tobytes()
        if any(indexed) and hashlib.sha256(data).digest() != indexed:  # zeros: it could not be read then
            return Look(0, CHANGED)
        pixels = decode(data, where)
    except OSError as error:
        return Look(0, f"cannot be read: {error.strerror or error}")
    except InputError as error:
        return Look(0, str(error).removeprefix(f"{where}: "))
    height, width = images.index.sizes[i].tolist()
    if pixels.shape[:2] != (height, width):
        found = f"{pixels.shape[1]}×{pixels.shape[0]}"
        return Look(0, f"the image is {found}, and its header or index says {width}×{height}")
    return Look(perceptual_hash(pixels))
