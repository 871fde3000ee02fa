"""Inception-V3, the second network of He et al. 2018, for ImageNet's and for small images.

Szegedy et al. 2016 (arXiv 1512.00567), table 1 and figures 5 to 8. Parameter names are those of torchvision,
so its weights can be loaded. Everything that is a trick is off by default: the auxiliary head, and dropout
(torchvision has it before the classifier with rate 0.5).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trickbag.models.family import Stem, check_sizes, dropout_layer, scaled
from trickbag.models.initialise import Family, Init

Pair = tuple[int, int]


class Unit(nn.Module):
    """Convolution, batch normalisation, relu."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Pair, stride: int = 1, padding: Pair | None = None
    ) -> None:
        """Without `padding` a stride of 1 keeps the size and a stride of 2 pads nothing."""
        super().__init__()
        if padding is None:
            padding = (kernel[0] // 2, kernel[1] // 2) if stride == 1 else (0, 0)
        self.outputs = outputs
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)  # as in TensorFlow's net

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] → [B, outputs, H', W']."""
        return functional.relu(self.bn(self.conv(x)), inplace=True)


class Row(NamedTuple):
    """One convolution of a branch."""

    name: str
    channels: int  # at width 1
    kernel: Pair
    stride: int = 1


Branch = tuple[Row | tuple[Row, Row], ...]
"""Convolutions in sequence; a pair of them sees the same input, and their outputs are concatenated."""


class Mixed(nn.Module):
    """Branches side by side, the last behind a pooling: [B, inputs, H, W] → [B, outputs, H', W']."""

    def __init__(self, inputs: int, width: float, pool: nn.Module, *branches: Branch) -> None:
        """Every channel count of the branches is multiplied by `width`; an empty branch only pools."""
        super().__init__()
        self.pool = pool
        self.paths: list[list[tuple[str, ...]]] = []
        self.outputs = 0
        for branch in branches:
            self.paths.append([])
            count = inputs
            for step in branch:
                rows = (step,) if isinstance(step, Row) else step
                for row in rows:
                    self.add_module(
                        row.name, Unit(count, scaled(row.channels, width), row.kernel, row.stride)
                    )
                self.paths[-1].append(tuple(row.name for row in rows))
                count = sum(scaled(row.channels, width) for row in rows)
            self.outputs += count

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches' outputs."""
        last = len(self.paths) - 1
        return torch.cat(
            [self._along(path, self.pool(x) if i == last else x) for i, path in enumerate(self.paths)], 1
        )

    def _along(self, path: list[tuple[str, ...]], x: Tensor) -> Tensor:
        """The output of one branch."""
        for names in path:
            outputs = [getattr(self, name)(x) for name in names]
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return x


ONE, THREE, FIVE = (1, 1), (3, 3), (5, 5)
ROW_3, COLUMN_3, ROW_7, COLUMN_7 = (1, 3), (3, 1), (1, 7), (7, 1)


def _mean() -> nn.Module:
    """The pooling of a block that keeps the size."""
    return nn.AvgPool2d(3, stride=1, padding=1)


def _half() -> nn.Module:
    """The pooling of a block that halves the size."""
    return nn.MaxPool2d(3, stride=2)


def _block_a(inputs: int, width: float, pooled: int) -> Mixed:
    """Figure 5, at 35x35; as released, one branch keeps its 5x5 convolution."""
    return Mixed(
        inputs,
        width,
        _mean(),
        (Row("branch1x1", 64, ONE),),
        (Row("branch5x5_1", 48, ONE), Row("branch5x5_2", 64, FIVE)),
        (
            Row("branch3x3dbl_1", 64, ONE),
            Row("branch3x3dbl_2", 96, THREE),
            Row("branch3x3dbl_3", 96, THREE),
        ),
        (Row("branch_pool", pooled, ONE),),
    )


def _block_b(inputs: int, width: float) -> Mixed:
    """Figure 10: from 35x35 to 17x17."""
    return Mixed(
        inputs,
        width,
        _half(),
        (Row("branch3x3", 384, THREE, 2),),
        (
            Row("branch3x3dbl_1", 64, ONE),
            Row("branch3x3dbl_2", 96, THREE),
            Row("branch3x3dbl_3", 96, THREE, 2),
        ),
        (),
    )


def _block_c(inputs: int, width: float, inner: int) -> Mixed:
    """Figure 6, at 17x17: 7x7 convolutions as rows and columns."""
    return Mixed(
        inputs,
        width,
        _mean(),
        (Row("branch1x1", 192, ONE),),
        (
            Row("branch7x7_1", inner, ONE),
            Row("branch7x7_2", inner, ROW_7),
            Row("branch7x7_3", 192, COLUMN_7),
        ),
        (
            Row("branch7x7dbl_1", inner, ONE),
            Row("branch7x7dbl_2", inner, COLUMN_7),
            Row("branch7x7dbl_3", inner, ROW_7),
            Row("branch7x7dbl_4", inner, COLUMN_7),
            Row("branch7x7dbl_5", 192, ROW_7),
        ),
        (Row("branch_pool", 192, ONE),),
    )


def _block_d(inputs: int, width: float) -> Mixed:
    """From 17x17 to 8x8."""
    return Mixed(
        inputs,
        width,
        _half(),
        (Row("branch3x3_1", 192, ONE), Row("branch3x3_2", 320, THREE, 2)),
        (
            Row("branch7x7x3_1", 192, ONE),
            Row("branch7x7x3_2", 192, ROW_7),
            Row("branch7x7x3_3", 192, COLUMN_7),
            Row("branch7x7x3_4", 192, THREE, 2),
        ),
        (),
    )


def _block_e(inputs: int, width: float) -> Mixed:
    """Figure 7, at 8x8: 3x3 convolutions as a row beside a column."""
    return Mixed(
        inputs,
        width,
        _mean(),
        (Row("branch1x1", 320, ONE),),
        (
            Row("branch3x3_1", 384, ONE),
            (Row("branch3x3_2a", 384, ROW_3), Row("branch3x3_2b", 384, COLUMN_3)),
        ),
        (
            Row("branch3x3dbl_1", 448, ONE),
            Row("branch3x3dbl_2", 384, THREE),
            (Row("branch3x3dbl_3a", 384, ROW_3), Row("branch3x3dbl_3b", 384, COLUMN_3)),
        ),
        (Row("branch_pool", 192, ONE),),
    )


Maker = Callable[[int, float], Mixed]
BEFORE: dict[str, Maker] = {
    "Mixed_5b": lambda inputs, width: _block_a(inputs, width, 32),
    "Mixed_5c": lambda inputs, width: _block_a(inputs, width, 64),
    "Mixed_5d": lambda inputs, width: _block_a(inputs, width, 64),
    "Mixed_6a": _block_b,
    "Mixed_6b": lambda inputs, width: _block_c(inputs, width, 128),
    "Mixed_6c": lambda inputs, width: _block_c(inputs, width, 160),
    "Mixed_6d": lambda inputs, width: _block_c(inputs, width, 160),
    "Mixed_6e": lambda inputs, width: _block_c(inputs, width, 192),
}
AFTER: dict[str, Maker] = {"Mixed_7a": _block_d, "Mixed_7b": _block_e, "Mixed_7c": _block_e}
"""The blocks before and after the place of the auxiliary head."""


class Auxiliary(nn.Module):
    """A second classifier in the middle of the net (figure 8): [B, inputs, H, W] → [B, K]."""

    def __init__(self, inputs: int, num_classes: int, width: float, stem: Stem) -> None:
        """At 299 pixels its 5x5 convolution sees the 17x17 map pooled to 5x5; small maps are brought to 5x5."""
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=3) if stem == "imagenet" else nn.AdaptiveAvgPool2d(5)
        self.conv0 = Unit(inputs, scaled(128, width), ONE)
        self.conv1 = Unit(self.conv0.outputs, scaled(768, width), FIVE, padding=(0, 0))
        self.fc = nn.Linear(self.conv1.outputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """The auxiliary logits."""
        logits: Tensor = self.fc(self.conv1(self.conv0(self.pool(x))).mean((2, 3)))
        return logits


class InceptionV3(Family):
    """Stem, eleven blocks, global average pooling, classifier."""

    def __init__(
        self, layers: dict[str, nn.Module], after: dict[str, nn.Module], auxiliary: nn.Module | None
    ) -> None:
        """The auxiliary head sees what `layers` give; `after` them come the last blocks and the classifier."""
        super().__init__()
        self.before, self.after = tuple(layers), tuple(after)
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.AuxLogits = auxiliary  # torchvision's place and name
        for name, layer in after.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """[B, C, H, W] → logits [B, K]; in training with an auxiliary head (logits, auxiliary logits)."""
        for name in self.before:
            x = getattr(self, name)(x)
        auxiliary = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        for name in self.after:
            x = getattr(self, name)(x)
        return x if auxiliary is None else (x, auxiliary)


def inception_v3(
    num_classes: int,
    in_channels: int = 3,
    *,
    width: float = 1.0,
    stem: Stem = "imagenet",
    auxiliary: bool = False,
    dropout: float = 0.0,
    init: Init = "kaiming",
) -> nn.Module:
    """Inception-V3.

    - `width` multiplies all channel counts.
    - `stem`: imagenet, for 299 pixels, of which the stem makes maps of 35x35 (75 is the smallest image); small,
      where no convolution of the stem has a stride, all are padded and nothing is pooled, so the blocks see
      the full size (32x32; 7 is the smallest image), and the auxiliary head works at any size.
    - `auxiliary`: a second classifier behind the blocks of 17x17 (section 4). In training the output is then
      (logits, auxiliary logits), for a loss that uses both; at evaluation it is the logits alone.
    - `dropout`: rate before the classifier; 0 is off.
    - `init`: see `trickbag.models.initialise.initialise`. Published nets begin with truncated normals.

    Raises InputError for an impossible width or rate.
    """
    check_sizes("inception_v3", width, dropout)
    layers, count = _stem(in_channels, width, stem)
    count = _blocks(layers, count, width, BEFORE)
    head = Auxiliary(count, num_classes, width, stem) if auxiliary else None
    after: dict[str, nn.Module] = {}
    count = _blocks(after, count, width, AFTER)
    after |= {
        "avgpool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "dropout": dropout_layer(dropout),
        "fc": nn.Linear(count, num_classes),
    }
    model = InceptionV3(layers, after, head)
    model.init, model.draws = init, dropout > 0
    return model


def _blocks(layers: dict[str, nn.Module], inputs: int, width: float, makers: Mapping[str, Maker]) -> int:
    """Add the blocks of `makers` to `layers`; the channels of the last."""
    for name, make in makers.items():
        layers[name] = block = make(inputs, width)
        inputs = block.outputs
    return inputs


def _stem(in_channels: int, width: float, stem: Stem) -> tuple[dict[str, nn.Module], int]:
    """The layers before the first block, and their channels."""
    counts = [scaled(count, width) for count in (32, 32, 64, 80, 192)]
    imagenet = stem == "imagenet"
    unpadded = (0, 0) if imagenet else (1, 1)
    layers: dict[str, nn.Module] = {
        "Conv2d_1a_3x3": Unit(in_channels, counts[0], THREE, 2 if imagenet else 1, unpadded),
        "Conv2d_2a_3x3": Unit(counts[0], counts[1], THREE, 1, unpadded),
        "Conv2d_2b_3x3": Unit(counts[1], counts[2], THREE),
        "maxpool1": _half() if imagenet else nn.Identity(),
        "Conv2d_3b_1x1": Unit(counts[2], counts[3], ONE),
        "Conv2d_4a_3x3": Unit(counts[3], counts[4], THREE, 1, unpadded),
        "maxpool2": _half() if imagenet else nn.Identity(),
    }
    return layers, counts[4]
