"""ResNeXt: 3x3 convolutions in 32 groups, wider by as much as they get cheaper."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="resnext",
    patch={"model.groups": 32, "model.base_width": 4},
    card=Card(
        summary=(
            "Splits the 3x3 convolution of every bottleneck into 32 groups of 4 channels (8, 16, 32 in "
            "later stages) and doubles its channels, so that multiply-adds and parameters stay about "
            "the same."
        ),
        source="Xie et al. 2017, Aggregated Residual Transformations (arXiv 1611.05431), Section 3, Table 1",
        claims=(
            Claim(
                "Xie et al., README",
                "ImageNet, ResNet-50 to ResNeXt-50 32x4d: error 23.9 -> 22.2 (computed)",
                1.7,
            ),
            Claim(
                "Xie et al., README",
                "ImageNet, ResNet-101 to ResNeXt-101 32x4d: error 22.0 -> 21.2 (computed)",
                0.8,
            ),
            Claim(
                "weiaicunzai/pytorch-cifar100, README, single runs",
                "CIFAR-100, ResNet-50: error 22.61 -> 22.23 (computed)",
                0.38,
            ),
        ),
        follows=(
            "The paper's form C, with the stride where the plain block has it; the paper's own networks "
            "have it in the 3x3 convolution (`resnet_b`). Channels of a group grow with the stage and "
            "with `model.width`, rounded down, at least 1."
        ),
        hurts=(
            "Means nothing for basic blocks. Grouped convolutions run slower than their multiply-adds "
            "say, on processors most of all; where the stages begin with fewer than 64 channels the "
            "groups are of one channel."
        ),
        cost=(
            "ResNet-50: 25.0 M parameters and 3.8 G multiply-adds instead of 25.6 M and 3.9 G; time is "
            "another matter."
        ),
        needs="bottleneck blocks",
        suggests=(("resnext",), ("resnet_b", "resnext")),
    ),
)
