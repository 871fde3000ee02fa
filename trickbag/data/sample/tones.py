"""Operations on grey levels with a magnitude for each image, as in AutoAugment (Cubuk et al. 2019).

Images uint8 [B, C, H, W] with 1 or 3 channels, in and out; magnitudes float32 [B], meant as in torchvision's
automatic augmentations, whose tensor operations give the same images.
"""

import torch
from torch import Tensor

_GREY = (0.2989, 0.587, 0.114)  # ITU-R BT.601 luma as torchvision rounds it


def brightness(x: Tensor, magnitude: Tensor) -> Tensor:
    """Images times 1 + magnitude."""
    return _bytes(x * _per_image(1 + magnitude))


def colour(x: Tensor, magnitude: Tensor) -> Tensor:
    """Images blended with their grey version, which counts -magnitude; grey images as they are."""
    return x if x.shape[1] == 1 else _blend(x, _grey(x), magnitude)


def contrast(x: Tensor, magnitude: Tensor) -> Tensor:
    """Images blended with their mean grey level, which counts -magnitude."""
    return _blend(x, _grey(x).mean((1, 2, 3), keepdim=True), magnitude)


def sharpness(x: Tensor, magnitude: Tensor) -> Tensor:
    """Images blended with their smoothed version, which counts -magnitude; the outermost pixels as they are.

    Smoothing takes the mean of 3 × 3 pixels, the middle one five times. Two row sums and exact integers in
    float32 do it at half the time of a convolution.
    """
    if min(x.shape[2:]) <= 2:
        return x
    out = x.float()
    inner = out[:, :, 1:-1, 1:-1]
    rows = (out[:, :, :-2] + out[:, :, 1:-1]).add_(out[:, :, 2:])
    smooth = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:])
    smooth.add_(inner, alpha=4).div_(13).round_()
    inner.addcmul_(smooth.sub_(inner), _per_image(-magnitude))
    return _bytes(out)


def posterize(x: Tensor, magnitude: Tensor) -> Tensor:
    """Images of which `magnitude` bits a value are kept, 0 to 8."""
    return x & _per_image((256 - (1 << 8 - magnitude.long())).to(torch.uint8))


def solarize(x: Tensor, magnitude: Tensor) -> Tensor:
    """Images whose values at or above the magnitude are inverted."""
    above = x >= _per_image(magnitude.ceil().to(torch.uint8))
    return above.to(torch.uint8).mul_(255).bitwise_xor_(x)  # half the time of torch.where


def autocontrast(x: Tensor, _: Tensor) -> Tensor:
    """Images whose channels are stretched to the whole range; those of one value as they are."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    flat = low == high
    scale = torch.where(flat, 1, (high - low).float() * (1 / 255))
    return _bytes((x - low.masked_fill(flat, 0)).float().div_(scale))


def equalize(x: Tensor, _: Tensor) -> Tensor:
    """Images whose channels have as even a histogram as PIL's ImageOps.equalize gives them."""
    values = x.flatten(2).long()
    histogram = torch.zeros(*x.shape[:2], 256, dtype=torch.int32, device=x.device)
    histogram.scatter_add_(2, values, torch.ones_like(values, dtype=torch.int32))
    last = 255 - histogram.flip(2).ne(0).byte().argmax(2, keepdim=True)  # the highest value that occurs
    step = (values.shape[2] - histogram.gather(2, last)).div_(255, rounding_mode="floor")
    below = histogram.cumsum(2, dtype=torch.int32) - histogram
    table = (below + step // 2).div_(step.clamp(min=1), rounding_mode="floor").clamp_(0, 255)
    table = torch.where(step == 0, torch.arange(256, dtype=torch.int32, device=x.device), table)
    return table.to(torch.uint8).gather(2, values).view_as(x)


def invert(x: Tensor, _: Tensor) -> Tensor:
    """Negative images."""
    return ~x


def identity(x: Tensor, _: Tensor) -> Tensor:
    """Images as they are."""
    return x


def grayscale(x: Tensor) -> Tensor:
    """The grey version uint8 [B, C, H, W] of RGB images, in every channel; grey images as they are."""
    return _grey(x).to(torch.uint8).expand(x.shape)


def _grey(x: Tensor) -> Tensor:
    """The grey version float32 [B, 1, H, W], in whole numbers."""
    if x.shape[1] == 1:
        return x.float()
    r, g, b = x.unbind(1)
    return (r * _GREY[0]).add_(g, alpha=_GREY[1]).add_(b, alpha=_GREY[2]).floor_()[:, None]


def _blend(x: Tensor, other: Tensor, magnitude: Tensor) -> Tensor:
    """(1 + magnitude) · x - magnitude · other."""
    return _bytes((x * _per_image(1 + magnitude)).addcmul_(other, _per_image(-magnitude)))


def _per_image(values: Tensor) -> Tensor:
    """Values [B] as [B, 1, 1, 1]."""
    return values.view(-1, 1, 1, 1)


def _bytes(x: Tensor) -> Tensor:
    """float32 images as uint8, clamped and truncated as torchvision does; in place."""
    return x.clamp_(0, 255).to(torch.uint8)
