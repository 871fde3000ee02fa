"""CutMix: a box of one image pasted into another, and as much of its target."""

from trickbag.recipe import Card, Claim, Trick

_README = "Yun et al. 2019, README of the released code"
_OPENMIXUP = "openmixup, ImageNet benchmark, median of the last epochs"

TRICK = Trick(
    name="cutmix",
    patch={"batch.cutmix": {"alpha": 1.0}},
    card=Card(
        summary=(
            "Pastes a random box of another image into every training image and mixes the targets by the areas. "
            "Like Cutout, but the hole is filled with something to learn from."
        ),
        source="Yun et al. 2019 (arXiv 1905.04899), Section 3.1, equation 1",
        claims=(
            Claim(_README, "ImageNet, ResNet-50, 300 epochs: error 23.68 -> 21.40 (computed)", 2.28),
            Claim(_README, "CIFAR-100, PyramidNet-200, 300 epochs: error 16.45 -> 14.23 (computed)", 2.22),
            Claim(_OPENMIXUP, "ResNet-18, 100 epochs: top-1 70.04 -> 68.95 (computed)", -1.09),
            Claim(_OPENMIXUP, "ResNet-18, 300 epochs: top-1 71.83 -> 71.01 (computed)", -0.82),
            Claim(_OPENMIXUP, "ResNet-50, 100 epochs: top-1 76.83 -> 77.17 (computed)", 0.34),
            Claim(_OPENMIXUP, "ResNet-50, 300 epochs: top-1 77.35 -> 78.69 (computed)", 1.34),
            Claim(_OPENMIXUP, "ResNet-101, 300 epochs: top-1 78.91 -> 80.59 (computed)", 1.68),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-10, ResNet-18, alpha 0.2, 200 epochs: accuracy 94.87 -> 96.11 (computed)",
                1.24,
            ),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-100, ResNet-18, alpha 0.2, 200 epochs: accuracy 76.42 -> 79.45 (computed)",
                3.03,
            ),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-100, ResNeXt-50, alpha 0.2, 1200 epochs: accuracy 81.32 -> 77.17 (computed)",
                -4.15,
            ),
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes (6 classes), pretrained ResNet-50, on Adam, warmup and cosine: "
                "accuracy 94.20 -> 94.20 (computed)",
                0.0,
            ),
            Claim("PaddleClas docs", "ImageNet, ResNet50, alone: top-1 77.31 -> 78.39 (computed)", 1.08),
        ),
        follows=(
            "torchvision's CutMix: one box per batch, the partner by rolling, targets mixed by the box as cut at "
            "the edges. Paper and released code: random partners; every batch on ImageNet, half of them on CIFAR "
            "(`mixup_or_cutmix` mixes every batch)."
        ),
        hurts=(
            "ResNet-18 loses on ImageNet even in 300 epochs: small networks have no capacity to spare. Objects that "
            "a box misses get a target of which nothing is to be seen. Training accuracy no longer reads as one."
        ),
        cost="None to speak of per step; wants a long schedule.",
        conflicts=("mixup", "resize_mix", "mixup_or_cutmix"),
        suggests=(("cutmix",), ("cutmix", "long_schedule")),
    ),
)
