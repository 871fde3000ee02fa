"""Mixup: training on convex combinations of two images and their targets."""

from trickbag.recipe import Card, Claim, Trick

_OPENMIXUP = "openmixup, ImageNet benchmark, median of the last epochs"

TRICK = Trick(
    name="mixup",
    patch={"batch.mixup": {"alpha": 0.2}},
    card=Card(
        summary=(
            "Trains on weighted means of two images and of their targets, with the weight drawn from "
            "Beta(0.2, 0.2). A strong regulariser, which wants capacity and a long schedule."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 5.4, Table 6; after Zhang et al.",
        claims=(
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, ResNet-50-D, on label smoothing, also 120 to 200 epochs: top-1 78.31 -> 79.15 "
                "(computed)",
                0.84,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, Inception-V3, on label smoothing, also 120 to 200 epochs: top-1 78.40 -> 78.77 "
                "(computed)",
                0.37,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, MobileNet, on label smoothing, also 120 to 200 epochs: top-1 72.93 -> 73.28 "
                "(computed)",
                0.35,
            ),
            Claim(_OPENMIXUP, "ResNet-18, 100 epochs: top-1 70.04 -> 69.98 (computed)", -0.06),
            Claim(_OPENMIXUP, "ResNet-18, 300 epochs: top-1 71.83 -> 71.72 (computed)", -0.11),
            Claim(_OPENMIXUP, "ResNet-50, 100 epochs: top-1 76.83 -> 77.12 (computed)", 0.29),
            Claim(_OPENMIXUP, "ResNet-50, 300 epochs: top-1 77.35 -> 78.44 (computed)", 1.09),
            Claim(_OPENMIXUP, "ResNet-101, 100 epochs: top-1 78.18 -> 78.97 (computed)", 0.79),
            Claim(_OPENMIXUP, "ResNet-101, 300 epochs: top-1 78.91 -> 80.60 (computed)", 1.69),
            Claim(
                "NAVER assembled-cnn, Table 7",
                "ImageNet, ResNet-50-D, on label smoothing, also 120 to 200 epochs: top-1 78.35 -> 79.10",
                0.75,
            ),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 600 epochs, on label smoothing: top-1 79.114 -> 79.232",
                0.118,
            ),
            Claim("PaddleClas docs", "ImageNet, ResNet50, alone: top-1 77.31 -> 78.28 (computed)", 0.97),
            Claim(
                "GluonCV model zoo",
                "CIFAR-10, ResNet-20, also 200 to 220 epochs: accuracy 92.1 -> 92.9 (computed)",
                0.8,
            ),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-10, ResNet-18, alpha 1, 200 epochs: accuracy 94.87 -> 95.70 (computed)",
                0.83,
            ),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-100, ResNet-18, alpha 1, 200 epochs: accuracy 76.42 -> 78.52 (computed)",
                2.10,
            ),
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes (6 classes), pretrained ResNet-50 with Adam: accuracy 94.57 -> 94.03 "
                "(computed)",
                -0.54,
            ),
        ),
        follows=(
            "Paper: random pairs. Code: one weight per batch, partner = the batch reversed within each GPU. "
            "trickbag: one weight per batch, partner = the batch rolled by one; reversal pairs the middle "
            "image of an odd batch with itself and every other pair twice."
        ),
        hurts=(
            "ResNet-18 gains nothing on ImageNet even in 300 epochs; lost in fine-tuning with 6 classes. "
            "The paper has no 200-epoch run without mixup, so its gain is mixed with the longer schedule: "
            "compare with `long_schedule` alone. Lowers mIoU on ADE20K (Table 9: 38.75 to 37.99). Training "
            "accuracy no longer reads as one."
        ),
        cost="None to speak of per step; the paper gives it 200 epochs instead of 120, 1.67 times the run.",
        suggests=(("mixup",), ("mixup", "long_schedule")),
    ),
)
