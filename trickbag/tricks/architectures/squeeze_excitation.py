"""Squeeze-and-excitation: channels weighed by two small layers."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="squeeze_excitation",
    patch={"model.attention": "se"},
    card=Card(
        summary=(
            "Weighs the channels of every residual before it is added: their means over the image go "
            "through two small layers and a sigmoid, and scale the channels. The inner layer has a "
            "sixteenth of the channels, at least 8."
        ),
        source="Hu et al. 2018, Squeeze-and-Excitation Networks (arXiv 1709.01507), Section 3",
        claims=(
            Claim(
                "NAVER assembled-cnn, Table 7",
                (
                    "ImageNet, ResNet-50-D with label smoothing and mixup, 200 epochs: top-1 79.10 -> "
                    "79.71 (computed)"
                ),
                0.61,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, near the end of the stack: top-1 82.2 -> 82.9",
                0.7,
            ),
            Claim(
                "SKNet authors, README, 224 crop",
                "ImageNet, ResNeXt-50 to SENet-50: error 22.23 -> 21.12 (computed)",
                1.11,
            ),
            Claim(
                "weiaicunzai/pytorch-cifar100, README, single runs",
                "CIFAR-100, ResNet-18: error 24.39 -> 23.56 (computed)",
                0.83,
            ),
            Claim(
                "weiaicunzai/pytorch-cifar100, README, single runs",
                "CIFAR-100, ResNet-50: error 22.61 -> 21.42 (computed)",
                1.19,
            ),
        ),
        follows=(
            "timm's layer: the inner width is rounded to a multiple of 8, and both layers have biases. "
            "The paper's ratio, 1/16; ResNet-RS uses 1/4 (`model.se_ratio`). Biases begin at 0."
        ),
        hurts=(
            "In small networks the least inner width of 8 makes it relatively larger than in the paper. "
            "On accelerators it costs more time than its multiply-adds say, since pooling and scaling "
            "read every feature again."
        ),
        cost="ResNet-50: 25.6 M to 28.1 M parameters, multiply-adds as before.",
        needs="residual blocks",
        suggests=(("squeeze_excitation",), ("resnet_b", "resnet_c", "resnet_d", "squeeze_excitation")),
    ),
)
