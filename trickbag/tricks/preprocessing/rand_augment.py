"""RandAugment: two random operations at one strength."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="rand_augment",
    patch={"sample.rand_augment": {"num_ops": 2, "magnitude": 9}},
    card=Card(
        summary=(
            "Changes every training image by two operations in a row, each drawn uniformly from 14, all at one "
            "strength. Two numbers to tune instead of the policy that AutoAugment searches for."
        ),
        source="Cubuk et al. 2020 (arXiv 1909.13719), Section 3",
        claims=(
            Claim(
                "ResNet-RS (arXiv 2103.07579), additive study (second-hand)",
                "ImageNet, ResNet-200, on EMA, label smoothing and stochastic depth: top-1 80.6 -> 81.0",
                0.4,
            ),
            Claim("PaddleClas docs", "ImageNet, ResNet50, alone: top-1 77.31 -> 77.70 (computed)", 0.39),
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes (6 classes), pretrained ResNet-50, on Adam, warmup, cosine and label smoothing: "
                "accuracy 93.67 -> 93.93 (computed)",
                0.26,
            ),
        ),
        follows=(
            "torchvision's RandAugment: N = 2, M = 9 of 31 levels, random signs, nearest neighbours. The paper's "
            "M runs to 10 for ImageNet, and larger networks want a larger one; timm's has other ranges and adds "
            "noise to the magnitude."
        ),
        hurts=(
            "One strength for all images: too weak or too strong for a given network until tuned. Short schedules; "
            "images whose class changes when they are turned or solarized."
        ),
        cost="Two operations per image, about twice TrivialAugment; and a strength to tune.",
        conflicts=("auto_augment", "trivial_augment", "augmix", "three_augment"),
        suggests=(("rand_augment",), ("rand_augment", "random_erasing")),
    ),
)
