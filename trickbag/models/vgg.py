"""The VGG nets with and without batch normalisation, for ImageNet's and for small images.

Simonyan and Zisserman 2014 (arXiv 1409.1556), table 1, columns A, B, D and E. Parameter names are those of
torchvision, so its weights can be loaded. Everything that is a trick is off by default, dropout included:
the paper (section 3.1) and torchvision have it, with rate 0.5.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from trickbag.models.family import Factory, Stem, check_sizes, dropout_layer, scaled
from trickbag.models.initialise import Family, Init

Head = Literal["classifier", "global_pool"]
CHANNELS = (64, 128, 256, 512, 512)
HIDDEN = 4096  # units of the classifier's two hidden layers
DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Weight layers → 3x3 convolutions of each stage."""


class VGG(nn.Sequential, Family):
    """Convolutions `features`, average pooling, `classifier`: [B, C, H, W] → [B, K]."""

    def __init__(self, layers: dict[str, nn.Module], init: Init, draws: bool) -> None:
        """Put the named layers in order; `draws` where one of them is dropout."""
        super().__init__(OrderedDict(layers))
        self.init, self.draws = init, draws


class PoolLarger(nn.MaxPool2d):
    """Maximum pooling that leaves maps of 2 pixels and fewer as they are."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, C, ⌈H / 2⌉, ⌈W / 2⌉], or x itself."""
        return x if min(x.shape[2:]) <= 2 else super().forward(x)


def vgg(
    num_classes: int,
    in_channels: int = 3,
    *,
    layers: tuple[int, ...],
    norm: bool = False,
    width: float = 1.0,
    stem: Stem = "imagenet",
    head: Head = "classifier",
    dropout: float = 0.0,
    init: Init = "kaiming",
) -> nn.Module:
    """A VGG net whose five stages have `layers` 3x3 convolutions and end in a 2x2 maximum pooling.

    - `norm`: batch normalisation after every convolution (the `_bn` variants, which came after the paper).
    - `width` multiplies all channel counts and the classifier's hidden units.
    - `stem`: imagenet, the net of the paper, whose classifier sees 7x7 pixels (32 is the smallest image);
      small, where the poolings between stages round up and leave maps of 2 pixels as they are, since 3x3
      convolutions see little more than padding on smaller ones; the last gives 1x1 to the classifier. 32x32
      is halved five times as usual, 8x8 works.
    - `head`: classifier, two hidden layers of 4096 units (at 224 pixels 119 to 124 million parameters, most of
      the net's); global_pool, one linear layer on the mean of each channel, as CIFAR nets have it.
    - `dropout`: rate after each hidden layer, or before the linear layer of global_pool; 0 is off.
    - `init`: see `trickbag.models.initialise.initialise`. Published nets draw the linear layers from
      N(0, 0.01) instead.

    Raises InputError for an impossible width or rate.
    """
    check_sizes("vgg", width, dropout)
    planes = [scaled(count, width) for count in CHANNELS]
    side = 7 if stem == "imagenet" and head == "classifier" else 1
    hidden = [scaled(HIDDEN, width)] * 2 if head == "classifier" else []
    named = {
        "features": nn.Sequential(*_features(in_channels, planes, layers, norm, stem == "small")),
        "avgpool": nn.AdaptiveAvgPool2d(side),
        "flatten": nn.Flatten(),
        "classifier": nn.Sequential(*_classifier(planes[-1] * side**2, hidden, num_classes, dropout)),
    }
    return VGG(named, init, draws=dropout > 0)


def _features(
    inputs: int, planes: list[int], layers: tuple[int, ...], norm: bool, small: bool
) -> Iterator[nn.Module]:
    """The convolutions, each with normalisation and relu, and a pooling after each stage."""
    for stage, (outputs, depth) in enumerate(zip(planes, layers, strict=True), start=1):
        for _ in range(depth):
            yield nn.Conv2d(inputs, outputs, 3, padding=1)
            if norm:
                yield nn.BatchNorm2d(outputs)
            yield nn.ReLU(inplace=True)
            inputs = outputs
        pool = PoolLarger if small and stage < len(layers) else nn.MaxPool2d
        yield pool(2, ceil_mode=small)


def _classifier(inputs: int, hidden: list[int], num_classes: int, dropout: float) -> Iterator[nn.Module]:
    """Hidden layers with relu and dropout, then the logits; without hidden layers dropout comes first."""
    if not hidden:
        yield dropout_layer(dropout)
    sizes = [inputs, *hidden]
    for before, after in pairwise(sizes):
        yield from (nn.Linear(before, after), nn.ReLU(inplace=True), dropout_layer(dropout))
    yield nn.Linear(sizes[-1], num_classes)


def _preset(name: str, layers: tuple[int, ...], norm: bool) -> Factory:
    """A catalogue factory: `vgg` with its shape filled in."""

    def build(
        num_classes: int,
        in_channels: int = 3,
        *,
        width: float = 1.0,
        stem: Stem = "imagenet",
        head: Head = "classifier",
        dropout: float = 0.0,
        init: Init = "kaiming",
    ) -> nn.Module:
        return vgg(
            num_classes,
            in_channels,
            layers=layers,
            norm=norm,
            width=width,
            stem=stem,
            head=head,
            dropout=dropout,
            init=init,
        )

    build.__name__ = build.__qualname__ = name
    about = f"VGG-{sum(layers) + 3}{' with batch normalisation' if norm else ''}"
    build.__doc__ = f"{about} (Simonyan and Zisserman 2014, table 1); the arguments are those of `vgg`."
    return build


VGGS: dict[str, Factory] = {
    name: _preset(name, layers, norm)
    for norm in (False, True)
    for name, layers in ((f"vgg{depth}{'_bn' * norm}", layers) for depth, layers in DEPTHS.items())
}
