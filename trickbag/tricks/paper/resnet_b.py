"""ResNet-B: the stride of a downsampling block moves to its 3x3 convolution."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="resnet_b",
    patch={"model.stride_in_3x3": True},
    card=Card(
        summary=(
            "In downsampling bottleneck blocks the stride of 2 moves from the first 1x1 convolution, which "
            "ignores three quarters of its input, to the 3x3 convolution. This is torchvision's resnet50."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 4, Figure 2a, Table 5",
        claims=(
            Claim(
                "He et al. 2018, Table 5",
                "ImageNet, ResNet-50 to ResNet-50-B: top-1 76.21 -> 76.66 (computed)",
                0.45,
            ),
            Claim(
                "GluonCV logs, single runs, last epoch",
                "ImageNet, ResNet-50 v1 to v1b, all else equal: top-1 77.33 -> 77.66 (computed)",
                0.33,
            ),
            Claim(
                "GluonCV model zoo",
                "ImageNet, ResNet-50 v1 to v1b: top-1 77.36 -> 77.67 (computed)",
                0.31,
            ),
        ),
        follows="Paper and released code agree.",
        hurts=(
            "Has no meaning on basic blocks (ResNet-18 and -34, the CIFAR ResNets), which have no 1x1 "
            "convolution: an error there. Many a baseline has it already (torchvision, timm, mmpretrain)."
        ),
        cost="FLOPs of ResNet-50 from 3.8 G to 4.1 G, parameters as before (Table 5).",
        needs="bottleneck blocks",
        suggests=(("resnet_b",),),
    ),
)
