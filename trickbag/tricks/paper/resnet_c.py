"""ResNet-C: three 3x3 convolutions instead of the 7x7 of the stem."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="resnet_c",
    patch={"model.deep_stem": True},
    card=Card(
        summary=(
            "Replaces the 7x7 convolution of the stem by three 3x3 convolutions with 32, 32 and 64 channels. "
            "On a small stem (CIFAR-sized images) these are three 3x3 convolutions of stride 1."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 4, Figure 2b, Table 5; after Inception-v2",
        claims=(
            Claim(
                "He et al. 2018, Table 5",
                "ImageNet, ResNet-50-B to ResNet-50-C: top-1 76.66 -> 76.87 (computed)",
                0.21,
            ),
            Claim(
                "GluonCV logs, single runs, last epoch",
                "ImageNet, ResNet-50 v1b to v1c, all else equal: top-1 77.66 -> 78.00 (computed)",
                0.34,
            ),
            Claim(
                "mmpretrain, single runs",
                "ImageNet, ResNet-50 (B) to ResNetV1c-50: top-1 76.55 -> 77.01 (computed)",
                0.46,
            ),
        ),
        follows=(
            "The paper's text gives stride 2 to the first and the second convolution; its Figure 2b and the "
            "released code only to the first. trickbag follows figure and code."
        ),
        hurts=(
            "The paper measured it only on top of B and only on ImageNet's large stem; alone, or on a small "
            "stem, nothing is published here."
        ),
        cost=(
            "FLOPs of ResNet-50-B from 4.1 G to 4.3 G (Table 5), all of it at the highest resolution, so "
            "memory and time grow as well."
        ),
        needs="a ResNet stem",
        suggests=(("resnet_b", "resnet_c"),),
    ),
)
