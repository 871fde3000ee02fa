"""Residual blocks: basic and bottleneck, with the activation after or before the convolutions."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from trickbag.models.initialise import ZeroGammaNorm
from trickbag.models.resnet.layers import (
    Attention,
    Layer,
    activation,
    channel_attention,
    conv,
    drop_path,
    selective_kernel,
)

Block = Literal["basic", "bottleneck"]


@dataclass(frozen=True)
class Options:
    """What is the same in all blocks of a network; see `trickbag.models.resnet.build.resnet`."""

    block: Block
    stride_in_3x3: bool
    zero_gamma: bool
    preact: bool
    groups: int
    attention: Attention
    se_ratio: float
    blur_pool: bool


@dataclass(frozen=True)
class Place:
    """Where a block stands in a network: what differs from block to block."""

    inputs: int  # channels
    inner: int  # channels between the convolutions
    outputs: int  # channels
    stride: int
    downsample: nn.Module | None  # the shortcut's projection
    drop_path: float  # probability that the residual of an image is left out
    drop_block: Layer | None


class Residual(nn.Module):
    """A residual block with activations after its convolutions: relu(residual(x) + shortcut(x))."""

    def __init__(self, options: Options, place: Place) -> None:
        """Build the convolutions, what is done with their result before the addition, and the shortcut."""
        super().__init__()
        self.options = options
        self.build(place)
        self.se = channel_attention(options.attention, place.outputs, options.se_ratio)
        self.drop_path = drop_path(place.drop_path)
        self.downsample = place.downsample

    def build(self, place: Place) -> None:
        """Make the layers of the residual."""
        raise NotImplementedError

    def last_norm(self, channels: int) -> nn.Module:
        """The normalisation at the end of the residual."""
        return ZeroGammaNorm(channels) if self.options.zero_gamma else nn.BatchNorm2d(channels)

    def strides(self, stride: int) -> tuple[int, int]:
        """The stride of a convolution and of the blur that takes it over, if there is one."""
        return (1, stride) if self.options.blur_pool else (stride, 1)

    def kernels(self, inputs: int, outputs: int, stride: int, drop: Layer | None) -> tuple[nn.Module, ...]:
        """The 3x3 convolution, its normalisation and its activation; selective kernels bring their own."""
        if self.options.attention == "sk":
            convs = selective_kernel(
                inputs,
                outputs,
                stride,
                groups=self.options.groups,
                basic=self.options.block == "basic",
                blurred=self.options.blur_pool,
                drop=drop,
            )
            return convs, nn.Identity(), nn.Identity()
        step, blur_step = self.strides(stride)
        convs = conv(inputs, outputs, 3, step, self.options.groups)
        return convs, nn.BatchNorm2d(outputs), activation(outputs, drop, blur_step)

    def residual(self, x: Tensor) -> Tensor:
        """The convolutions on the way from `x` to what is added to the shortcut."""
        raise NotImplementedError

    def weighed(self, x: Tensor) -> Tensor:
        """A residual as it is added: with its channels scaled, and left out at random, where that is on."""
        if self.se is not None:
            x = self.se(x)
        return x if self.drop_path is None else self.drop_path(x)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] → [B, outputs, H / stride, W / stride]."""
        out = self.weighed(self.residual(x))
        out += x if self.downsample is None else self.downsample(x)
        return functional.relu(out, inplace=True)


class BasicBlock(Residual):
    """Two 3x3 convolutions; the first carries the stride."""

    def build(self, place: Place) -> None:
        """Make the layers of the residual."""
        self.conv1, self.bn1, self.act1 = self.kernels(
            place.inputs, place.inner, place.stride, place.drop_block
        )
        self.conv2 = conv(place.inner, place.outputs, 3)
        self.bn2 = self.last_norm(place.outputs)

    def residual(self, x: Tensor) -> Tensor:
        """Convolution, normalisation, relu, convolution, normalisation."""
        out = self.act1(self.bn1(self.conv1(x)))
        result: Tensor = self.bn2(self.conv2(out))
        return result


class Bottleneck(Residual):
    """1x1, 3x3 and 1x1 convolutions; the first carries the stride.

    With the tweak B (`stride_in_3x3`) the 3x3 convolution carries it, and so sees the whole input.
    """

    def build(self, place: Place) -> None:
        """Make the layers of the residual."""
        first, second = (1, place.stride) if self.options.stride_in_3x3 else (place.stride, 1)
        step, blur_step = self.strides(first)
        self.conv1 = conv(place.inputs, place.inner, 1, step)
        self.bn1 = nn.BatchNorm2d(place.inner)
        self.act1 = activation(place.inner, blur_stride=blur_step)
        self.conv2, self.bn2, self.act2 = self.kernels(place.inner, place.inner, second, place.drop_block)
        self.conv3 = conv(place.inner, place.outputs, 1)
        self.bn3 = self.last_norm(place.outputs)

    def residual(self, x: Tensor) -> Tensor:
        """Three convolutions, each normalised, with a relu after the first and the second."""
        out = self.act1(self.bn1(self.conv1(x)))
        out = self.act2(self.bn2(self.conv2(out)))
        result: Tensor = self.bn3(self.conv3(out))
        return result


class Preactivated(Residual):
    """A residual block with normalisation and relu before each convolution: residual(h) + shortcut.

    He et al. 2016, section 4.1: h = relu(norm(x)), and the shortcut is x itself; where it is projected, as
    size or channels change, the projection is of h.
    """

    bn1: nn.Module
    act1: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] → [B, outputs, H / stride, W / stride]."""
        active = self.act1(self.bn1(x))
        out = self.weighed(self.residual(active))
        out += x if self.downsample is None else self.downsample(active)
        return out


class PreactivatedBasic(Preactivated):
    """Two 3x3 convolutions; the first carries the stride."""

    def build(self, place: Place) -> None:
        """Make the layers of the residual."""
        step, blur_step = self.strides(place.stride)
        self.bn1 = nn.BatchNorm2d(place.inputs)
        self.act1 = activation(place.inputs)
        self.conv1 = conv(place.inputs, place.inner, 3, step)
        self.bn2 = nn.BatchNorm2d(place.inner)
        self.act2 = activation(place.inner, place.drop_block, blur_step)
        self.conv2 = conv(place.inner, place.outputs, 3)

    def residual(self, x: Tensor) -> Tensor:
        """Convolution, normalisation, relu, convolution."""
        out: Tensor = self.conv2(self.act2(self.bn2(self.conv1(x))))
        return out


class PreactivatedBottleneck(Preactivated):
    """1x1, 3x3 and 1x1 convolutions, with the stride as in `Bottleneck`."""

    def build(self, place: Place) -> None:
        """Make the layers of the residual."""
        first, second = (1, place.stride) if self.options.stride_in_3x3 else (place.stride, 1)
        step, blur_step = self.strides(first)
        self.bn1 = nn.BatchNorm2d(place.inputs)
        self.act1 = activation(place.inputs)
        self.conv1 = conv(place.inputs, place.inner, 1, step)
        self.bn2 = nn.BatchNorm2d(place.inner)
        self.act2 = activation(place.inner, blur_stride=blur_step)
        step, blur_step = self.strides(second)
        self.conv2 = conv(place.inner, place.inner, 3, step, self.options.groups)
        self.bn3 = nn.BatchNorm2d(place.inner)
        self.act3 = activation(place.inner, place.drop_block, blur_step)
        self.conv3 = conv(place.inner, place.outputs, 1)

    def residual(self, x: Tensor) -> Tensor:
        """Three convolutions, with normalisation and relu between them."""
        out = self.conv2(self.act2(self.bn2(self.conv1(x))))
        result: Tensor = self.conv3(self.act3(self.bn3(out)))
        return result
