"""ResNet-D: average pooling before the 1x1 convolution of the shortcut."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="resnet_d",
    patch={"model.avg_down": True},
    card=Card(
        summary=(
            "In the shortcut of a downsampling block a 2x2 average pooling does the stride of 2, before a "
            "1x1 convolution of stride 1, so that no input is ignored. ResNet-50-D is B, C and this "
            "together."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 4, Figure 2c, Table 5",
        claims=(
            Claim(
                "He et al. 2018, Table 5",
                "ImageNet, ResNet-50-C to ResNet-50-D: top-1 76.87 -> 77.16 (computed)",
                0.29,
            ),
            Claim(
                "He et al. 2018, Table 5",
                "ImageNet, ResNet-50 to ResNet-50-D (B, C and D together): top-1 76.21 -> 77.16 (computed)",
                0.95,
            ),
            Claim(
                "GluonCV logs, single runs, last epoch",
                "ImageNet, ResNet-50 v1c to v1d, all else equal: top-1 78.00 -> 78.47 (computed)",
                0.47,
            ),
            Claim(
                "GluonCV logs, single runs, last epoch",
                "ImageNet, ResNet-50 v1 to v1d (B, C and D together): top-1 77.33 -> 78.47 (computed)",
                1.14,
            ),
            Claim(
                "mmpretrain, single runs",
                "ImageNet, ResNetV1c-50 to ResNetV1d-50: top-1 77.01 -> 77.54 (computed)",
                0.53,
            ),
            Claim(
                "NAVER assembled-cnn, Table 7",
                "ImageNet, ResNet-50 to ResNet-50-D, cosine in both: top-1 76.87 -> 77.37",
                0.50,
            ),
            Claim(
                "timm, results at 224",
                "ImageNet, resnet50 (B) to resnet50d, recipe A1: top-1 80.382 -> 80.730 (computed)",
                0.35,
            ),
            Claim(
                "timm, results at 224",
                "ImageNet, resnet50 (B) to resnet50d, recipe A3: top-1 78.052 -> 78.742 (computed)",
                0.69,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, last step of the stack: top-1 82.9 -> 83.4",
                0.5,
            ),
        ),
        follows=(
            "Paper and released code agree; where the block does not downsample the code's pooling does "
            "nothing."
        ),
        hurts=(
            "Nowhere that was found: the most robust of the paper's tricks. Single runs throughout, though, "
            "and the published steps are on top of B and C, not D alone."
        ),
        cost=(
            "FLOPs as ResNet-50-C (4.3 G, Table 5); the paper's text: throughput 3 % below ResNet-50 for B, "
            "C and D."
        ),
        needs="projection shortcuts",
        suggests=(("resnet_b", "resnet_c", "resnet_d"),),
    ),
)
