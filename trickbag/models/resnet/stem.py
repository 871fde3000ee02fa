"""What stands before the first residual block."""

from torch import nn

from trickbag.models.resnet.layers import blur, conv


def stem_layers(
    inputs: int, middle: int, outputs: int, *, imagenet: bool, deep: bool, preact: bool
) -> dict[str, nn.Module]:
    """The convolutions of the stem, [B, inputs, H, W] → [B, outputs, …], by name.

    A deep stem has `middle` channels in its first two convolutions. Before pre-activation blocks the last
    normalisation and relu are left out, since the blocks begin with them.
    """
    stride = 2 if imagenet else 1
    first: nn.Module = conv(inputs, outputs, 7 if imagenet else 3, stride)
    if deep:
        first = nn.Sequential(
            conv(inputs, middle, 3, stride),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            conv(middle, middle, 3),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            conv(middle, outputs, 3),
        )
    if preact:
        return {"conv1": first}
    return {"conv1": first, "bn1": nn.BatchNorm2d(outputs), "relu": nn.ReLU(inplace=True)}


def stem_pool(channels: int, *, replaced: bool, blurred: bool) -> nn.Module:
    """The layer that halves the size after the convolutions of the ImageNet stem: 3x3 max pooling.

    `replaced` (ResNet-RS, Bello et al. 2021): a 3x3 convolution, normalisation and relu instead.
    `blurred` (Zhang 2019, section 3): the maximum, or the convolution, is taken at every pixel, then blurred.
    """
    if replaced:
        down = (
            [conv(channels, channels, 3), blur(channels, 2)] if blurred else [conv(channels, channels, 3, 2)]
        )
        return nn.Sequential(*down, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
    if blurred:
        return nn.Sequential(nn.MaxPool2d(3, 1, padding=1), blur(channels, 2))
    return nn.MaxPool2d(3, 2, padding=1)
