"""The residual networks of the study: ImageNet and CIFAR ResNets, plain and with the tweaks B, C and D.

Everything is off by default: the plain net is the baseline of He et al. 2018, "Bag of Tricks" (section 4),
with the stride in the first 1x1 convolution (He et al. 2015). Parameter names are those of torchvision (whose
resnet50 has `stride_in_3x3`) and timm (resnet50c, resnet50d, …), so their weights can be loaded.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from trickbag.errors import InputError
from trickbag.models.initialise import Family, Init, ZeroGammaNorm
from trickbag.recipe import NotApplicable

Stem = Literal["imagenet", "small"]
Block = Literal["basic", "bottleneck"]
Norm = type[nn.BatchNorm2d]
Maker = Callable[[int, int, int, nn.Module | None], nn.Module]
"""(inputs, planes, stride, downsample) → residual block."""
Factory = Callable[..., nn.Module]
"""(num_classes, in_channels=3, *, arguments) → model; a recipe may set the keyword arguments."""


class ResNet(nn.Sequential, Family):
    """Stem, stages `layer1`, `layer2`, …, global average pooling, classifier: [B, C, H, W] → [B, K]."""

    def __init__(self, layers: dict[str, nn.Module], init: Init) -> None:
        """Put the named layers in order and remember how their weights begin."""
        super().__init__(OrderedDict(layers))
        self.init = init


class Residual(nn.Module):
    """A residual block: relu(residual(x) + shortcut(x))."""

    expansion: int
    downsample: nn.Module | None

    def residual(self, x: Tensor) -> Tensor:
        """What the block adds to the shortcut."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] → [B, planes * expansion, H / stride, W / stride]."""
        out = self.residual(x)
        out += x if self.downsample is None else self.downsample(x)
        return functional.relu(out, inplace=True)


class BasicBlock(Residual):
    """Two 3x3 convolutions; the first carries the stride."""

    expansion = 1

    def __init__(
        self, inputs: int, planes: int, stride: int, downsample: nn.Module | None, last_norm: Norm
    ) -> None:
        """From `inputs` to `planes` channels."""
        super().__init__()
        self.conv1 = _conv(inputs, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, planes, 3)
        self.bn2 = last_norm(planes)
        self.downsample = downsample

    def residual(self, x: Tensor) -> Tensor:
        """Convolution, normalisation, relu, convolution, normalisation."""
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        result: Tensor = self.bn2(self.conv2(out))
        return result


class Bottleneck(Residual):
    """1x1, 3x3 and 1x1 convolutions, the last with four times the channels; the first carries the stride.

    With the tweak B (`stride_in_3x3`) the 3x3 convolution carries it, and so sees the whole input.
    """

    expansion = 4

    def __init__(
        self,
        inputs: int,
        planes: int,
        stride: int,
        downsample: nn.Module | None,
        last_norm: Norm,
        stride_in_3x3: bool,
    ) -> None:
        """From `inputs` to 4 `planes` channels."""
        super().__init__()
        first, second = (1, stride) if stride_in_3x3 else (stride, 1)
        self.conv1 = _conv(inputs, planes, 1, first)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = _conv(planes, planes, 3, second)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = _conv(planes, planes * self.expansion, 1)
        self.bn3 = last_norm(planes * self.expansion)
        self.downsample = downsample

    def residual(self, x: Tensor) -> Tensor:
        """Three convolutions, each normalised, with a relu after the first and the second."""
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = functional.relu(self.bn2(self.conv2(out)), inplace=True)
        result: Tensor = self.bn3(self.conv3(out))
        return result


def resnet(
    num_classes: int,
    in_channels: int = 3,
    *,
    block: Block,
    layers: tuple[int, ...],
    channels: tuple[int, ...],
    width: float = 1.0,
    stem: Stem = "imagenet",
    stride_in_3x3: bool = False,
    deep_stem: bool = False,
    avg_down: bool = False,
    zero_gamma: bool = False,
    init: Init = "kaiming",
) -> nn.Module:
    """A ResNet whose stages have `layers` blocks of `channels` (times 4 at the end of a bottleneck).

    - `width` multiplies all channel counts (rounded, at least 1). Each stage after the first halves the size.
    - `stem`: imagenet, a 7x7 convolution of stride 2 and max pooling; small, one 3x3 convolution of stride 1.
    - `stride_in_3x3` (B): a downsampling bottleneck has its stride in the 3x3 convolution.
    - `deep_stem` (C): three 3x3 convolutions of 32, 32 and 64 channels, the first of stride 2, replace the
      7x7; in the small stem three 3x3 of stride 1 with the same ratio of channels (8, 8, 16) replace the one.
    - `avg_down` (D): the shortcut halves by 2x2 average pooling, then projects by a 1x1 of stride 1.
    - `zero_gamma`: the last normalisation of every residual block starts with gamma 0.
    - `init`: see `trickbag.models.initialise.initialise`.

    Raises InputError for `stride_in_3x3` with basic blocks and for impossible sizes.
    """
    _check(block, layers, channels, width, stride_in_3x3)
    norm = ZeroGammaNorm if zero_gamma else nn.BatchNorm2d
    make: Maker = partial(BasicBlock, last_norm=norm)
    if block == "bottleneck":
        make = partial(Bottleneck, last_norm=norm, stride_in_3x3=stride_in_3x3)

    planes = [_scaled(count, width) for count in channels]
    named = _stem(in_channels, _scaled(channels[0] / 2, width), planes[0], stem, deep_stem)
    inputs = planes[0]
    for i, (depth, count) in enumerate(zip(layers, planes, strict=True), start=1):
        outputs = count * (4 if block == "bottleneck" else 1)
        named[f"layer{i}"] = _stage(make, inputs, count, outputs, depth, 1 if i == 1 else 2, avg_down)
        inputs = outputs
    named |= {
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(inputs, num_classes),
    }
    return ResNet(named, init)


def _check(
    block: Block, layers: tuple[int, ...], channels: tuple[int, ...], width: float, stride_in_3x3: bool
) -> None:
    """Raise InputError for arguments that make no network."""
    if not layers or len(layers) != len(channels) or min(*layers, *channels, width) <= 0:
        raise InputError(
            f"resnet: layers {list(layers)} and channels {list(channels)} must be equally many counts ≥ 1, "
            f"width {width:g} a number above 0"
        )
    if block == "basic" and stride_in_3x3:
        raise NotApplicable(
            "resnet: stride_in_3x3 needs bottleneck blocks: "
            "a basic block has no 1x1 conv to move the stride from"
        )


def _scaled(count: float, width: float) -> int:
    """A channel count times the width, at least 1."""
    return max(1, round(count * width))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that changes the size by its stride only; the normalisation after it has the bias."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)


def _stem(inputs: int, middle: int, outputs: int, stem: Stem, deep: bool) -> dict[str, nn.Module]:
    """The layers before the first stage; a deep stem has `middle` channels in its first two convolutions."""
    imagenet = stem == "imagenet"
    stride = 2 if imagenet else 1
    conv: nn.Module = _conv(inputs, outputs, 7 if imagenet else 3, stride)
    if deep:
        conv = nn.Sequential(
            _conv(inputs, middle, 3, stride),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            _conv(middle, middle, 3),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            _conv(middle, outputs, 3),
        )
    layers = {"conv1": conv, "bn1": nn.BatchNorm2d(outputs), "relu": nn.ReLU(inplace=True)}
    return layers | ({"maxpool": nn.MaxPool2d(3, 2, padding=1)} if imagenet else {})


def _stage(
    make: Maker, inputs: int, planes: int, outputs: int, depth: int, stride: int, avg_down: bool
) -> nn.Sequential:
    """`depth` blocks, of which the first changes size and channels."""
    first = make(inputs, planes, stride, _downsample(inputs, outputs, stride, avg_down))
    return nn.Sequential(first, *(make(outputs, planes, 1, None) for _ in range(1, depth)))


def _downsample(inputs: int, outputs: int, stride: int, avg_down: bool) -> nn.Module | None:
    """The projection of a shortcut, where size or channels change.

    He et al. 2015 used parameter-free shortcuts (subsampling, zero padding) in their CIFAR nets. Here these
    project too, as GluonCV's CIFAR ResNets do, so that D has something to change.
    """
    if stride == 1 and inputs == outputs:
        return None
    if not avg_down:
        return nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
    # Odd sizes round up, as in the strided convolution of the residual; padding is left out of the mean.
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, _conv(inputs, outputs, 1), nn.BatchNorm2d(outputs))


def _preset(
    name: str, about: str, block: Block, layers: tuple[int, ...], channels: tuple[int, ...], usual_stem: Stem
) -> Factory:
    """A catalogue factory: `resnet` with its shape filled in."""

    def build(
        num_classes: int,
        in_channels: int = 3,
        *,
        width: float = 1.0,
        stem: Stem = usual_stem,
        stride_in_3x3: bool = False,
        deep_stem: bool = False,
        avg_down: bool = False,
        zero_gamma: bool = False,
        init: Init = "kaiming",
    ) -> nn.Module:
        return resnet(
            num_classes,
            in_channels,
            block=block,
            layers=layers,
            channels=channels,
            width=width,
            stem=stem,
            stride_in_3x3=stride_in_3x3,
            deep_stem=deep_stem,
            avg_down=avg_down,
            zero_gamma=zero_gamma,
            init=init,
        )

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"{about}; the arguments are those of `resnet`."
    return build


_IMAGENET: dict[int, tuple[Block, tuple[int, ...]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}

PRESETS: dict[str, Factory] = {
    f"resnet{depth}": _preset(
        f"resnet{depth}",
        f"ResNet-{depth} for ImageNet (He et al. 2015, table 1)",
        block,
        layers,
        (64, 128, 256, 512),
        "imagenet",
    )
    for depth, (block, layers) in _IMAGENET.items()
} | {
    f"resnet{depth}": _preset(
        f"resnet{depth}",
        f"ResNet-{depth} for CIFAR (He et al. 2015, section 4.2), with projection shortcuts",
        "basic",
        ((depth - 2) // 6,) * 3,
        (16, 32, 64),
        "small",
    )
    for depth in (20, 32, 44, 56, 110)
}
