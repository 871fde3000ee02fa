"""The stages of a residual network: rows of blocks, of which the first changes size and channels."""

from collections.abc import Sequence

from torch import nn

from trickbag.models.resnet.blocks import (
    BasicBlock,
    Block,
    Bottleneck,
    Options,
    Place,
    PreactivatedBasic,
    PreactivatedBottleneck,
    Residual,
)
from trickbag.models.resnet.layers import conv, drop_blocks

BLOCKS: dict[tuple[Block, bool], type[Residual]] = {
    ("basic", False): BasicBlock,
    ("bottleneck", False): Bottleneck,
    ("basic", True): PreactivatedBasic,
    ("bottleneck", True): PreactivatedBottleneck,
}
"""(kind, whether pre-activated) → class."""


def stages(
    options: Options,
    depths: Sequence[int],
    inputs: int,
    sizes: Sequence[tuple[int, int]],
    avg_down: bool,
    drop_path: float,
    drop_block: float,
) -> dict[str, nn.Module]:
    """`layer1`, `layer2`, …: `depths` blocks each, with `sizes` channels inside them and at their end.

    The rate of `drop_path` grows linearly from 0 in the first block of all to its value in the last (Huang et
    al. 2016, section 3, counts from 1 in the first; timm from 0).
    """
    rates = iter([drop_path * i / max(1, sum(depths) - 1) for i in range(sum(depths))])
    named: dict[str, nn.Module] = {}
    drops = drop_blocks(drop_block, len(depths))
    for i, (depth, (inner, outputs), drop) in enumerate(zip(depths, sizes, drops, strict=True)):
        blocks = []
        for j in range(depth):
            stride = 2 if i > 0 and j == 0 else 1
            down = _downsample(inputs, outputs, stride, avg_down, normalised=not options.preact)
            place = Place(inputs, inner, outputs, stride, down, next(rates), drop)
            blocks.append(BLOCKS[options.block, options.preact](options, place))
            inputs = outputs
        named[f"layer{i + 1}"] = nn.Sequential(*blocks)
    return named


def _downsample(inputs: int, outputs: int, stride: int, avg_down: bool, normalised: bool) -> nn.Module | None:
    """The projection of a shortcut, where size or channels change; `normalised` but in pre-activation nets.

    He et al. 2015 used parameter-free shortcuts (subsampling, zero padding) in their CIFAR nets. Here these
    project too, as GluonCV's CIFAR ResNets do, so that D has something to change.
    """
    if stride == 1 and inputs == outputs:
        return None
    norm = [nn.BatchNorm2d(outputs)] if normalised else []
    if not avg_down:
        return nn.Sequential(conv(inputs, outputs, 1, stride), *norm)
    # Odd sizes round up, as in the strided convolution of the residual; padding is left out of the mean.
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, conv(inputs, outputs, 1), *norm)
