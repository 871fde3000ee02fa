"""Cutout: a square of every image is blanked."""

from trickbag.recipe import Card, Claim, Trick

_README = "DeVries and Taylor 2017, README of the released code, mean of 5 runs"

TRICK = Trick(
    name="cutout",
    patch={"sample.cutout": {"size": 0.5}},
    card=Card(
        summary=(
            "Blanks a square of every training image around a random pixel, half as wide as the image, with the "
            "mean colour. The network cannot lean on one part of an object."
        ),
        source="DeVries and Taylor 2017 (arXiv 1708.04552), Section 3",
        claims=(
            Claim(_README, "CIFAR-10, ResNet-18, 16 pixels: error 4.72 -> 3.99 (computed)", 0.73),
            Claim(_README, "CIFAR-100, ResNet-18, 8 pixels: error 22.46 -> 21.96 (computed)", 0.50),
            Claim(_README, "CIFAR-10, WideResNet-28-10, 16 pixels: error 3.87 -> 3.08 (computed)", 0.79),
            Claim(_README, "CIFAR-100, WideResNet-28-10, 8 pixels: error 18.8 -> 18.41 (computed)", 0.39),
            Claim(
                "Yun et al. 2019, README of the released code",
                "ImageNet, ResNet-50, 300 epochs: error 23.68 -> 22.93 (computed)",
                0.75,
            ),
            Claim(
                "Yun et al. 2019, README of the released code",
                "CIFAR-100, PyramidNet-200, 300 epochs: error 16.45 -> 16.53 (computed)",
                -0.08,
            ),
            Claim("PaddleClas docs", "ImageNet, ResNet50, alone: top-1 77.31 -> 78.01 (computed)", 0.70),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single run",
                "CUB-200-2011, VGG16 from scratch, on five other tricks: does not work, about -1",
            ),
        ),
        follows=(
            "Paper and code: the square's centre is uniform over the pixels, so that it may hang over the edge, and "
            "it is zero after normalisation, which is the training images' mean. 16 of 32 pixels is the paper's "
            "for CIFAR-10; it takes 8 for CIFAR-100 (size 0.25) and 20 for SVHN."
        ),
        hurts=(
            "Fine-grained classes told apart by a detail, which the square may hide; small networks that do not "
            "overfit. Too large a square for many classes (the paper halves it for CIFAR-100)."
        ),
        cost="None to speak of.",
        suggests=(("cutout",), ("trivial_augment", "cutout")),
    ),
)
