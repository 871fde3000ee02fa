"""Resizing of single images, as torchvision does it with PIL: bilinear with antialiasing."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from trickbag.data.decoding.decode import Pixels

_WASTE = 4  # times the pixels that are kept, at most, are resized by torch
_INTERPOLATE = torch.ops.aten._upsample_bilinear2d_aa.out
_GRAIN = 32_768  # bytes, from which torch shares an operation among its threads


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """The image [H, W, 3] in another size: itself where it has that, and by `write_resized` where not."""
    if pixels.shape[:2] == (height, width):
        return pixels
    out = np.empty((height, width, 3), np.uint8)
    write_resized(pixels, out)
    return out


def write_resized(pixels: Pixels, out: Pixels) -> None:
    """Write the image [H, W, 3] into `out`, in its size, by torch's own kernel for bytes, in the calling thread.

    It is 3 to 4 times as fast as PIL's, from whose pixels a few differ by one, given what it wants: an image in
    one piece whose channels lie side by side, under strides that say so. `F.interpolate` calls this operator and
    takes no place to write to: another copy of each image.
    """
    if pixels.shape == out.shape:
        out[...] = pixels
    else:
        image = _channels_last(np.ascontiguousarray(pixels))
        _INTERPOLATE(image, out.shape[:2], False, None, None, out=_channels_last(out))


def _channels_last(pixels: Pixels) -> Tensor:
    """Pixels [H, W, 3] as torch sees an image, [1, 3, H, W]; the memory is shared."""
    return torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)


def fitted(pixels: Pixels, height: int, width: int) -> Pixels:
    """The centre of the image [H, W, 3], uint8 [height, width, 3], resized so far that it just covers that.

    For a square: the shorter side is resized to it, as torchvision's Resize and CenterCrop do. Of an image so
    long that most of it is cut off, only the part that is kept is resized.
    """
    h, w = pixels.shape[:2]
    wide = h * width <= w * height
    new = (height, w * height // h) if wide else (h * width // w, width)
    top, left = round((new[0] - height) / 2), round((new[1] - width) / 2)
    if new[0] * new[1] > _WASTE * height * width:
        return _part(pixels, new, (top, left, height, width))
    return resized(pixels, *new)[top : top + height, left : left + width]


def _part(pixels: Pixels, new: tuple[int, int], box: tuple[int, int, int, int]) -> Pixels:
    """The box (top, left, height, width) of the image resized to `new`, of which nothing else is made."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    top, left, height, width = box
    down, across = image.height / new[0], image.width / new[1]
    right, bottom = min((left + width) * across, image.width), min((top + height) * down, image.height)
    source = (left * across, top * down, right, bottom)
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR, box=source))


def write_mirrored(pixels: Pixels, out: Pixels) -> None:
    """Write the image [H, W, 3] into `out` with left and right exchanged: by torch, in an eighth of numpy's time.

    Piece by piece where torch may use several threads: they would be as many for each thread that calls this.
    """
    rows = len(pixels) if torch.get_num_threads() == 1 else max(1, (_GRAIN - 1) // pixels[0].nbytes)
    for at in range(0, len(pixels), rows):
        out[at : at + rows] = torch.from_numpy(pixels[at : at + rows]).flip(1).numpy()
