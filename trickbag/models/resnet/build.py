"""The general residual network: stem, stages of blocks, classifier, with every change as an argument."""

from collections import OrderedDict

from torch import nn

from trickbag.models.family import Stem, scaled
from trickbag.models.initialise import Family, Init
from trickbag.models.resnet.blocks import Block, Options
from trickbag.models.resnet.check import check_options, check_rates, check_sizes, check_stem
from trickbag.models.resnet.layers import Attention
from trickbag.models.resnet.stages import stages
from trickbag.models.resnet.stem import stem_layers, stem_pool


class ResNet(nn.Sequential, Family):
    """Stem, stages `layer1`, `layer2`, …, global average pooling, classifier: [B, C, H, W] → [B, K]."""

    def __init__(self, layers: dict[str, nn.Module], init: Init, draws: bool) -> None:
        """Put the named layers in order and remember how their weights begin and whether they draw."""
        super().__init__(OrderedDict(layers))
        self.init = init
        self.draws = draws


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
    preact: bool = False,
    groups: int = 1,
    base_width: int = 64,
    wide: float = 1.0,
    attention: Attention = "none",
    se_ratio: float = 1 / 16,
    blur_pool: bool = False,
    replace_stem_pool: bool = False,
    drop_path: float = 0.0,
    drop_block: float = 0.0,
    dropout: float = 0.0,
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
    - `preact`: normalisation and relu stand before each convolution (He et al. 2016, figure 1b).
    - `groups`, `base_width` (ResNeXt): the 3x3 of a bottleneck has `groups` groups of `base_width` channels
      where `channels` are 64, in proportion elsewhere (rounded down, at least 1).
    - `wide` (Zagoruyko and Komodakis 2016): in bottlenecks a factor on the channels of the 3x3, in networks
      of basic blocks on those of all stages, but not of the stem.
    - `attention`: se, eca or sk weigh the channels of each residual (`se_ratio`: inner channels of se).
    - `blur_pool`: strided convolutions and max pooling take every pixel, and a blur the stride (Zhang 2019).
    - `replace_stem_pool` (ResNet-RS): a 3x3 convolution of stride 2 in place of the max pooling.
    - `drop_path` (stochastic depth): the probability, in training, that an image skips the last residual; it
      grows linearly from 0 in the first block. `drop_block`: that squares of the features are zeroed, in the
      last two stages. `dropout`: that a feature of the classifier is. Each 0 ≤ p < 1; a network that has one
      of them draws from torch's default generator while training, and says so (`draws`).

    Raises InputError for combinations that mean nothing and for impossible sizes.
    """
    rates = {"drop_path": drop_path, "drop_block": drop_block, "dropout": dropout}
    counts = {"width": width, "groups": groups, "base_width": base_width, "wide": wide, "se_ratio": se_ratio}
    options = Options(block, stride_in_3x3, zero_gamma, preact, groups, attention, se_ratio, blur_pool)
    check_sizes(layers, channels, counts)
    check_rates(rates, sum(layers))
    check_options(options, base_width)
    check_stem(stem, options, replace_stem_pool, stages=len(layers))

    middle, inputs = scaled(channels[0] / 2, width), scaled(channels[0], width)
    named = stem_layers(
        in_channels, middle, inputs, imagenet=stem == "imagenet", deep=deep_stem, preact=preact
    )
    if stem == "imagenet":
        named["maxpool"] = stem_pool(inputs, replaced=replace_stem_pool, blurred=blur_pool)
    sizes = _stage_channels(block, channels, width, wide, groups, base_width)
    named |= stages(options, layers, inputs, sizes, avg_down, drop_path, drop_block)
    if preact:
        named |= {"norm": nn.BatchNorm2d(sizes[-1][1]), "relu": nn.ReLU(inplace=True)}
    named |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    if dropout:
        named["dropout"] = nn.Dropout(dropout)
    return ResNet(named | {"fc": nn.Linear(sizes[-1][1], num_classes)}, init, any(rates.values()))


def _stage_channels(
    block: Block, channels: tuple[int, ...], width: float, wide: float, groups: int, base_width: int
) -> list[tuple[int, int]]:
    """Of every stage the channels inside its blocks and at their end."""
    if block == "basic":
        return [(scaled(count * wide, width),) * 2 for count in channels]
    planes = [scaled(count, width) for count in channels]
    return [(max(1, int(count * base_width / 64 * wide)) * groups, count * 4) for count in planes]
